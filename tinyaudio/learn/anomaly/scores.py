"""Scores of patches: exactly as the device makes them, by the float model, and by loudness alone."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from tinyaudio.core.anomaly import AnomalyEvaluations, PatchScores
from tinyaudio.core.artifacts import ExpectedOutputs, FeatureSet, Float64Array, Int8Array, QuantizedModel, Split, TrainedModel
from tinyaudio.core.errors import StageError
from tinyaudio.core.one_class import OneClassTables, one_class_scores, one_class_values
from tinyaudio.core.project import Project
from tinyaudio.core.residual import STEPS_AN_OCTAVE, ResidualScale, design_residual, mean_square_bytes, residual_mean_squares, residual_scores
from tinyaudio.learn.anomaly.one_class import float_octaves
from tinyaudio.learn.dataset import PatchSet, dequantized_log_mel, machines_by_file, patch_features, quantized_patches
from tinyaudio.learn.oracle import Oracle, oracle_version
from tinyaudio.learn.quantize import BulkInterpreter
from tinyaudio.learn.training import FloatAutoencoder, normal_patches

Progress = Callable[[int, int], None]
Float32Array = NDArray[np.float32]

_CHECKED_PATCHES = 6  # of each split
_LEAST_MEAN_SQUARE = 2.0**-16  # neper^2; what the device resolves


def residual_scale_of(quantized: QuantizedModel) -> ResidualScale:
    """Return the integers of the score of `quantized`."""
    return design_residual(
        input_scale=quantized.input_scale,
        input_zero_point=quantized.input_zero_point,
        output_scale=quantized.output_scale,
        output_zero_point=quantized.output_zero_point,
        elements=math.prod(quantized.spec.patch_shape),
        log_scale=quantized.spec.log_scale,
    )


class ScoreOracle:
    """What the device must tell of one patch of `quantized`, by the proven interpreter and the twin of its score.

    Raises
    ------
    ToolError, ModelError
        See `Oracle`.
    """

    def __init__(self, quantized: QuantizedModel) -> None:
        self._oracle, self._tables = Oracle(quantized.tflite), quantized.one_class
        self._scale = residual_scale_of(quantized) if quantized.one_class is None else None

    def run(self, features: Int8Array) -> tuple[Int8Array, Int8Array]:
        """Return (value as bytes, int8[4]; score, int8[1]) of a patch, int8[*patch_shape]: the value is the mean square
        residual of an autoencoder, that of `one_class_values` of an embedding.
        """
        output = self._oracle.run(features)[1].reshape(1, -1)
        if self._tables is not None:
            values = one_class_values(output, self._tables)
            return mean_square_bytes(values)[0], one_class_scores(values, self._tables)
        assert self._scale is not None
        mean_square = residual_mean_squares(features.reshape(1, -1), output, self._scale)
        return mean_square_bytes(mean_square)[0], residual_scores(mean_square)

    def forget(self) -> None:
        """See `Oracle.forget`."""
        self._oracle.forget()


def expected_scores(
    quantized: QuantizedModel, features: FeatureSet, *, split: Split = "test", on_progress: Progress | None = None
) -> ExpectedOutputs:
    """Compute what the device tells of every patch of `split`: the mean square residual as its logits, the score as its output.

    Raises
    ------
    StageError
        If model and features are of different front ends.
    ToolError, ModelError
        See `Oracle`.
    """
    if quantized.frontend_fingerprint != features.frontend_fingerprint:
        raise StageError("the model was made for another front end than these features", hint="train again with `tinyaudio train`", where="evaluate")
    oracle = ScoreOracle(quantized)
    patch_set = patch_features(features, split)
    patches = quantized_patches(quantized, patch_set)
    quick = None if split == "test" or quantized.one_class is None else _quick_scores(quantized.tflite, quantized.one_class, patches, oracle)
    mean_squares, scores = quick or (np.zeros((len(patches), 4), np.int8), np.zeros((len(patches), 1), np.int8))
    for index, patch in enumerate(patches if quick is None else patches[:0]):
        mean_squares[index], scores[index] = oracle.run(patch)
        if on_progress is not None:
            on_progress(index + 1, len(patches))
    mean_squares.flags.writeable = scores.flags.writeable = False
    return ExpectedOutputs(
        model_sha256=quantized.sha256,
        oracle=oracle_version(),
        filenames=tuple(clip.filename for clip in patch_set.clips),
        logits=mean_squares,
        outputs=scores,
        patch_offsets=patch_set.patch_offsets,
    )


def _quick_scores(tflite: bytes, tables: OneClassTables, patches: Int8Array, oracle: ScoreOracle) -> tuple[Int8Array, Int8Array] | None:
    """Return values and scores of `patches` by TensorFlow Lite, which is quicker; None unless it equals the oracle on some of them.

    Enough to set a threshold by; what the device is compared with is always the oracle's.
    """
    values = one_class_values(BulkInterpreter(tflite).run(patches), tables)
    scores = one_class_scores(values, tables)
    some = np.unique(np.linspace(0, len(patches) - 1, _CHECKED_PATCHES).astype(np.int64)) if len(patches) else np.zeros(0, np.int64)
    told = mean_square_bytes(values)
    if any(not np.array_equal(oracle.run(patches[index])[0], told[index]) for index in some):
        return None
    return told, scores[:, np.newaxis]


def score_test_split(project: Project, trained: TrainedModel | None, features: FeatureSet, expected: ExpectedOutputs) -> AnomalyEvaluations:
    """Return the scores of the test split by the float model, where there is one, the INT8 model and loudness."""
    patch_set = patch_features(features, "test")
    log_mel = dequantized_log_mel(patch_set.log_mel, log_fraction_bits=patch_set.log_fraction_bits, log_scale=patch_set.log_scale)
    scale = features.spec.log_scale
    usual_level = float(normal_patches(features, "validation" if trained is None else "train", project.anomaly).mean())
    machines = machines_by_file(project)
    by_float = None
    if trained is not None:
        by_float = _named("float", _float_octaves(trained, log_mel[..., np.newaxis], log_scale=scale), patch_set, machines)
    return AnomalyEvaluations(
        float=by_float,
        int8=_named("int8", expected.outputs[:, 0].astype(np.float64) / STEPS_AN_OCTAVE, patch_set, machines),
        level=_named("level", np.abs(log_mel.mean(axis=(1, 2)).astype(np.float64) - usual_level) / scale, patch_set, machines),
    )


def _float_octaves(trained: TrainedModel, log_mel: Float32Array, *, log_scale: float) -> Float64Array:
    if trained.one_class is not None:
        return float_octaves(trained, log_mel)
    mean_squares = FloatAutoencoder(trained).mean_squares(log_mel, log_scale=log_scale)
    return np.asarray(np.log2(np.maximum(mean_squares, _LEAST_MEAN_SQUARE)))


def _named(predictor: str, scores: Float64Array, patch_set: PatchSet, machines: Mapping[str, str]) -> PatchScores:
    clips = patch_set.clips
    return PatchScores(
        predictor=predictor,
        filenames=tuple(clip.filename for clip in clips),
        conditions=tuple(clip.label for clip in clips),
        groups=tuple(clip.group for clip in clips),
        machines=tuple(machines.get(clip.filename, "") for clip in clips),
        patch_offsets=patch_set.patch_offsets,
        scores=scores,
    )
