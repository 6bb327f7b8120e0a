"""The golden project: a tiny model, signals, and what `tflite-micro` computes for them. Needs neither TensorFlow nor training.

`tests/make_golden_model.py` makes the two files; this module reads them.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from tinyaudio.core.artifacts import QuantizedModel
from tinyaudio.core.spec import FrontendSpec, KernelId
from tinyaudio.dsp.frontend import compute_stages, design_feature_quantization, design_frontend, patches, quantize_features

GOLDEN = Path(__file__).parent / "golden"
MODEL_FILE = GOLDEN / "tiny_mobilenet.tflite"
VECTORS_FILE = GOLDEN / "tiny_mobilenet.npz"

#: The default front end with a third of the patch, so that clips are short.
SPEC = FrontendSpec(patch_frames=32, patch_hop_frames=16)
LABELS = ("chirp", "clicks", "noise", "tone")
SIGNALS = ("chirp", "clicks", "noise", "tone", "silence", "full_scale")


@dataclass(frozen=True, slots=True, kw_only=True)
class GoldenVectors:
    """Signals and the outputs of the oracle, a patch each."""

    model: QuantizedModel
    pcm: dict[str, npt.NDArray[np.int16]]  # signal -> [samples]
    features: dict[str, npt.NDArray[np.int8]]  # signal -> [patches, patch_frames, mel_bands]
    logits: dict[str, npt.NDArray[np.int8]]  # signal -> [patches, labels]
    outputs: dict[str, npt.NDArray[np.int8]]  # signal -> [patches, labels]
    oracle: str


@cache
def golden_vectors() -> GoldenVectors:
    tflite = MODEL_FILE.read_bytes()
    with np.load(VECTORS_FILE) as stored:
        arrays = dict(stored)
    assert str(arrays["model_sha256"]) == hashlib.sha256(tflite).hexdigest(), "the vectors are not of this model; run tests/make_golden_model.py"
    return GoldenVectors(
        model=QuantizedModel(
            tflite=tflite,
            sha256=hashlib.sha256(tflite).hexdigest(),
            labels=LABELS,
            spec=SPEC,
            kernel="cmsis_q31",
            frontend_fingerprint=str(arrays["frontend_fingerprint"]),
            input_scale=float(arrays["input_scale"]),
            input_zero_point=int(arrays["input_zero_point"]),
            output_scale=float(arrays["output_scale"]),
            output_zero_point=int(arrays["output_zero_point"]),
            ops=tuple(str(name) for name in arrays["ops"]),
        ),
        pcm={name: arrays[f"pcm_{name}"] for name in SIGNALS},
        features={name: arrays[f"features_{name}"] for name in SIGNALS},
        logits={name: arrays[f"logits_{name}"] for name in SIGNALS},
        outputs={name: arrays[f"outputs_{name}"] for name in SIGNALS},
        oracle=str(arrays["oracle"]),
    )


@cache
def golden_vectors_of(kernel: KernelId) -> GoldenVectors:
    """Return the golden vectors behind another FFT kernel: the twin's features of it, and what the oracle computes of these."""
    golden = golden_vectors()
    if kernel == golden.model.kernel:
        return golden
    pytest.importorskip("tflite_micro", reason="the reference interpreter is not installed: pip install tinyaudio[train]")
    from tinyaudio.learn.oracle import Oracle, oracle_version

    tables, oracle = design_frontend(SPEC, kernel=kernel), Oracle(golden.model.tflite)
    quantization = design_feature_quantization(golden.model.input_scale, golden.model.input_zero_point, log_fraction_bits=tables.log_fraction_bits)
    features = {name: patches(quantize_features(compute_stages(tables, pcm).post, quantization), SPEC) for name, pcm in golden.pcm.items()}
    answers = {name: [oracle.run(patch) for patch in of_signal] for name, of_signal in features.items()}
    return replace(
        golden,
        model=replace(golden.model, kernel=kernel, frontend_fingerprint=tables.fingerprint),
        features=features,
        logits={name: np.array([logits for logits, _ in of_signal]) for name, of_signal in answers.items()},
        outputs={name: np.array([outputs for _, outputs in of_signal]) for name, of_signal in answers.items()},
        oracle=oracle_version(),
    )
