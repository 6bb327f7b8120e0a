"""What keeps an INT8 autoencoder's AUC, and what loses it: trains once on the synthetic machine, writes docs/anomaly_quantization.md."""

from __future__ import annotations

import argparse
import contextlib
import io
import math
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinyaudio.core.artifacts import FeatureSet
from tinyaudio.core.files import write_text_atomically
from tinyaudio.core.metrics import roc_curve
from tinyaudio.core.new_project import new_project_files
from tinyaudio.core.project import PROJECT_FILE, load_project
from tinyaudio.core.residual import design_residual, residual_mean_squares, residual_scores
from tinyaudio.core.rounding import quantize_int8
from tinyaudio.dsp.audio import MachineSet, synthesize_machine_set
from tinyaudio.dsp.frontend import design_frontend
from tinyaudio.learn.dataset import PatchSet, clip_reader, compute_features, dequantized_log_mel, load_dataset, patch_features
from tinyaudio.learn.oracle import Oracle
from tinyaudio.learn.quantize import describe_model, representative_normal_patches
from tinyaudio.learn.training import FloatAutoencoder, import_tensorflow, load_keras_model, normal_patches, train_autoencoder

ROOT = Path(__file__).resolve().parents[1]
FAULT_DB = -12.0  # faint enough that something can be lost
_MEANING = (
    "Residuals must be taken between dequantized values: the two ends of the model differ in scale and zero point, and between int8 values that",
    "difference drowns the score. Ranges from a handful of patches clip what comes later. How weights are scaled and inputs rounded matters little",
    "for an autoencoder of this size. Headroom changes no AUC here; it keeps loud faults from being clipped.",
)
Scores = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """One trained autoencoder and the patches to score."""

    keras: bytes
    features: FeatureSet
    patch_set: PatchSet
    log_mel: NDArray[np.float32]  # [patches, rows, columns, 1], of the test split
    normal: NDArray[np.float32]  # the same of all normal training patches
    representative: NDArray[np.float32]  # with headroom


def prepare(directory: Path) -> tuple[Bench, Scores]:
    """Synthesize, train, and return the float model's scores as well."""
    synthesize_machine_set(directory, MachineSet(fault_db=FAULT_DB))
    (directory / PROJECT_FILE).write_text(new_project_files("anomaly", "bench")[PROJECT_FILE], encoding="utf-8")
    project = load_project(directory)
    features = compute_features(load_dataset(project), clip_reader(project), design_frontend(project.frontend, kernel="cmsis_q31"))
    trained = train_autoencoder(features, project.anomaly, project.train)
    patch_set = patch_features(features, "test")
    log_mel = dequantized_log_mel(patch_set.log_mel, log_fraction_bits=patch_set.log_fraction_bits, log_scale=1.0)[..., np.newaxis]
    bench = Bench(
        keras=trained.keras,
        features=features,
        patch_set=patch_set,
        log_mel=log_mel,
        normal=normal_patches(features, "train", project.anomaly),
        representative=representative_normal_patches(features, project.anomaly, project.quantize),
    )
    return bench, np.log2(FloatAutoencoder(trained).mean_squares(log_mel, log_scale=1.0))


def convert(bench: Bench, representative: NDArray[np.float32], *, per_channel: bool = True) -> bytes:
    """Return the autoencoder as INT8, its ranges taken from `representative`."""
    tf = import_tensorflow()
    converter = tf.lite.TFLiteConverter.from_keras_model(load_keras_model(bench.keras))
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = lambda: ([patch[np.newaxis]] for patch in representative)
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = converter.inference_output_type = tf.int8
    converter._experimental_disable_per_channel = not per_channel
    with contextlib.redirect_stdout(io.StringIO()):
        return bytes(converter.convert())


def truncated(values: NDArray[Any], *, scale: float, zero_point: int) -> NDArray[np.int8]:
    """Quantize as ``(x / scale + zero_point).astype(int8)`` does: towards zero, and what does not fit wraps around."""
    return (values / scale + zero_point).astype(np.int64).astype(np.int8)


def integer_scores(bench: Bench, tflite: bytes, *, quantized: Callable[..., NDArray[np.int8]] = quantize_int8, is_dequantized: bool = True) -> Scores:
    """Return the scores of the test patches, in the device's arithmetic but for what the arguments spoil."""
    ends, oracle = describe_model(tflite), Oracle(tflite)
    patches = quantized(bench.log_mel[..., 0], scale=ends.input_scale, zero_point=ends.input_zero_point)
    outputs = np.stack([oracle.run(patch)[1] for patch in patches])
    flat = patches.reshape(len(patches), -1)
    if not is_dequantized:
        return np.asarray(((flat.astype(np.float64) - outputs) ** 2).mean(axis=1))
    scale = design_residual(
        input_scale=ends.input_scale,
        input_zero_point=ends.input_zero_point,
        output_scale=ends.output_scale,
        output_zero_point=ends.output_zero_point,
        elements=math.prod(bench.features.spec.patch_shape),
    )
    return residual_scores(residual_mean_squares(flat, outputs, scale)).astype(np.float64)


def areas(bench: Bench, scores: Scores) -> dict[str, float]:
    """Return the AUC of patches, over all faults and of each."""
    labels = np.repeat([clip.label for clip in bench.patch_set.clips], np.diff(bench.patch_set.patch_offsets))
    faults = sorted(set(labels.tolist()) - {"normal"})
    chosen = {"all faults": np.ones(len(labels), np.bool_), **{fault: (labels == fault) | (labels == "normal") for fault in faults}}
    return {name: roc_curve(labels[inside] != "normal", scores[inside]).area for name, inside in chosen.items()}


def measure(directory: Path) -> dict[str, dict[str, float]]:
    """Return {recipe: {fault: AUC of patches}}."""
    bench, float_scores = prepare(directory)
    shipped = convert(bench, bench.representative)
    narrow = convert(bench, bench.normal)
    recipes = {
        "float": float_scores,
        "INT8 as `tinyaudio quantize` makes it": integer_scores(bench, shipped),
        "ranges without headroom (normal patches alone)": integer_scores(bench, narrow),
        "ranges from eight patches": integer_scores(bench, convert(bench, bench.normal[:8])),
        "one scale a tensor in place of one a channel": integer_scores(bench, convert(bench, bench.representative, per_channel=False)),
        "input truncated and wrapped, not rounded and clipped": integer_scores(bench, shipped, quantized=truncated),
        "input truncated and wrapped, ranges without headroom": integer_scores(bench, narrow, quantized=truncated),
        "residual between int8 values, not dequantized": integer_scores(bench, shipped, is_dequantized=False),
        "residual between int8 values, ranges without headroom": integer_scores(bench, narrow, is_dequantized=False),
    }
    return {name: areas(bench, scores) for name, scores in recipes.items()}


def page(figures: dict[str, dict[str, float]]) -> str:
    """Return the page."""
    names = list(figures["float"])
    rows = [f"| {recipe} | {' | '.join(f'{found[name]:.3f}' for name in names)} |" for recipe, found in figures.items()]
    return "\n".join(
        [
            "# What INT8 does to an autoencoder",
            "",
            f"AUC of patches on the synthetic machine, faults {-FAULT_DB:g} dB below the hum; one training, the rows differ in quantization",
            "and score alone. Written by `python scripts/bench_anomaly.py`.",
            "",
            f"| recipe | {' | '.join(names)} |",
            f"|---|{'---|' * len(names)}",
            *rows,
            "",
            *_MEANING,
            "",
        ]
    )


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, default=ROOT / "docs" / "anomaly_quantization.md")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        text = page(measure(Path(folder)))
    write_text_atomically(arguments.output, text)
    print(text)


if __name__ == "__main__":
    main()
