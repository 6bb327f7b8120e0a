"""How patch scores become decisions on the device, as integers."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from tinyaudio.core.artifacts import Calibration, ExpectedOutputs, FeatureSet, QuantizedModel
from tinyaudio.core.decisions import ALWAYS, NEVER, thresholds_of
from tinyaudio.core.errors import ProjectError, StageError
from tinyaudio.core.project import FirmwareTable


def calibrate(quantized: QuantizedModel, table: FirmwareTable) -> Calibration:
    """Turn ``[firmware]`` into the integers of the model's output.

    A score ``s`` is ``output_scale * (q - output_zero_point)``, so the threshold is the smallest ``q`` with a score of at
    least ``detection_threshold``. The device compares without a division: it detects a class when the sum of `q` over the
    last `smoothing_patches` patches reaches ``smoothing_patches * detection_threshold``.

    Raises
    ------
    ProjectError
        If no int8 output can reach the threshold.
    """
    threshold = _steps(quantized, table.detection_threshold)
    if threshold > 127:
        reachable = quantized.output_scale * (127 - quantized.output_zero_point)
        raise ProjectError(
            f"detection_threshold is {table.detection_threshold}, but the model's scores end at {reachable:.4f}",
            hint="lower it",
            where="firmware.detection_threshold",
        )
    return Calibration(smoothing_patches=table.smoothing_patches, detection_threshold=max(-128, threshold))


def with_own_thresholds(calibration: Calibration, quantized: QuantizedModel, table: FirmwareTable) -> Calibration:
    """Return the calibration with what ``firmware.class_thresholds`` says of some labels, and as it was for all others.

    Raises
    ------
    ProjectError
        If it names a label that there is not.
    """
    if not table.class_thresholds:
        return calibration
    unknown = [label for label in table.class_thresholds if label not in quantized.labels]
    if unknown:
        raise ProjectError(f"there is no label {unknown[0]!r}", hint=f"labels: {', '.join(quantized.labels)}", where="firmware.class_thresholds")
    thresholds = dict(zip(quantized.labels, thresholds_of(calibration, len(quantized.labels)).tolist(), strict=True))
    for label, score in table.class_thresholds.items():
        thresholds[label] = NEVER if score == 1.0 else min(NEVER, max(ALWAYS, _steps(quantized, score)))
    return replace(calibration, class_thresholds=tuple(thresholds.values()))


def _steps(quantized: QuantizedModel, score: float) -> int:
    """Return the smallest int8 output whose score is at least `score`."""
    # A threshold that is a whole number of steps must not move up by a rounding error of the division.
    return math.ceil(score / quantized.output_scale - 1e-6) + quantized.output_zero_point


def calibrate_for_precision(quantized: QuantizedModel, expected: ExpectedOutputs, features: FeatureSet, table: FirmwareTable) -> Calibration:
    """Choose the thresholds that make ``firmware.wanted_precision`` of the decisions on the validation split right.

    Decisions are made as the device makes them, by moving sums: of the greatest one, or of each label by itself where a clip may
    have several. A decision is a label that is detected behind any patch of a clip, and counts once: by patches the long, sure sounds
    would be most of what is right, and one wrong patch a clip nothing. The lowest threshold that gives the wanted precision is taken, one
    for all labels and one for each.

    Parameters
    ----------
    quantized
        The model.
    expected
        Its outputs on the validation split.
    features
        Gives the truth.
    table
        ``[firmware]``.

    Raises
    ------
    StageError
        If `expected` belongs to another model or other clips.
    ProjectError
        If no threshold gives the wanted precision.
    """
    clips = features.dataset.of_split("validation")
    if expected.model_sha256 != quantized.sha256 or expected.filenames != tuple(clip.filename for clip in clips):
        raise StageError("the outputs are of another model or other clips", hint="run `tinyaudio calibrate` again", where="calibrate")
    means = smoothed_means(expected, smoothing_patches=table.smoothing_patches)
    truth = features.dataset.truth_of(clips)
    # Where a clip may have several labels, each is decided by itself, else only the best one.
    counted = np.ones(means.shape, np.bool_) if features.dataset.is_multi_label else np.eye(means.shape[1], dtype=np.bool_)[means.argmax(axis=1)]
    highest = np.maximum.reduceat(np.where(counted, means, -np.inf), expected.patch_offsets[:-1], axis=0)  # [clips, labels]
    threshold = lowest_threshold(highest, truth, wanted=table.wanted_precision)
    if threshold > 127:
        raise ProjectError(
            f"no threshold makes {table.wanted_precision:.0%} of the decisions on the validation split right",
            hint="ask for less, or train a better model",
            where="firmware.wanted_precision",
        )
    by_class = (lowest_threshold(scores, is_right, wanted=table.wanted_precision) for scores, is_right in zip(highest.T, truth.T, strict=True))
    return Calibration(smoothing_patches=table.smoothing_patches, detection_threshold=threshold, class_thresholds=tuple(by_class))


def smoothed_means(expected: ExpectedOutputs, *, smoothing_patches: int) -> npt.NDArray[np.float64]:
    """Return the mean int8 output over each patch and up to ``smoothing_patches - 1`` before it in its clip, float64[patches, labels]."""
    parts = []
    for start, stop in zip(expected.patch_offsets[:-1], expected.patch_offsets[1:], strict=True):
        summed = np.cumsum(expected.outputs[start:stop], axis=0, dtype=np.int64)
        before = np.zeros_like(summed)
        before[smoothing_patches:] = summed[:-smoothing_patches]
        counts = np.minimum(np.arange(1, len(summed) + 1), smoothing_patches)
        parts.append((summed - before) / counts[:, np.newaxis])
    return np.concatenate(parts)


def lowest_threshold(scores: npt.NDArray[np.float64], is_right: npt.NDArray[np.bool_], *, wanted: float) -> int:
    """Return the lowest int8 threshold from which on at least the share `wanted` is right; 128 if there is none."""
    for threshold in range(-128, 128):
        reached = scores >= threshold
        if reached.any() and is_right[reached].mean() >= wanted - 1e-12:
            return threshold
    return 128
