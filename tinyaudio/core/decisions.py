"""From scores to decisions: the one place that says which labels are detected. Integers only, the same as in the firmware, bit for bit.

Behind each patch the scores of the last ``smoothing_patches`` patches of the clip are added up, a label each. A label *reaches
its threshold* where ``sum >= threshold * count``, `count` being the patches in the sum; thresholds are whole steps of the model's
int8 output (Q8.0), -128 always reached, 128 never. Where a clip has one label the one with the greatest sum, the first of
equals, is detected if it reaches its own threshold, and no other is: a lower threshold does not help the second best. Where a
clip may have several, each is decided by itself. `firmware/lib/tinyaudio_app/src/scores.cc` is the same in C++.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from tinyaudio.core.artifacts import BoolArray, Calibration, ExpectedOutputs, Float64Array, Int64Array
from tinyaudio.core.canonical import fingerprint
from tinyaudio.core.errors import StageError

ALWAYS, NEVER = -128, 128  # thresholds that every int8 score reaches, and that none does


@dataclass(frozen=True, slots=True, kw_only=True)
class Decisions:
    """What follows from the scores of one clip's patches, or of several clips one behind the other."""

    sums: Int64Array  # [patches, labels], over the last `counts` patches of the clip
    counts: Int64Array  # [patches]
    detected: BoolArray  # [patches, labels]


def thresholds_of(calibration: Calibration, label_count: int) -> Int64Array:
    """Return the threshold of each label, int64[labels], in steps of the model's int8 output.

    Raises
    ------
    StageError
        If there is not one for each label, or one is no such step: the calibration is of another model.
    """
    thresholds = calibration.class_thresholds or (calibration.detection_threshold,) * label_count
    problems = []
    if len(thresholds) != label_count:
        problems.append(f"has {len(thresholds)} thresholds for {label_count} labels")
    wrong = [value for value in thresholds if not (isinstance(value, int) and ALWAYS <= value <= NEVER)]
    if wrong:
        problems.append(f"has a threshold of {wrong[0]}; whole numbers from {ALWAYS} to {NEVER} (never) are possible")
    if problems:
        raise StageError(f"the calibration {' and '.join(problems)}", hint="run `tinyaudio calibrate` again", where="calibrate")
    return np.array(thresholds, np.int64)


def calibration_fingerprint(calibration: Calibration, *, label_count: int, model_sha256: str, frontend_fingerprint: str) -> str:
    """Return the SHA-256 by which a device tells its calibration: what is decided how, and for which model behind which front end."""
    return fingerprint(
        {
            "rule": "best" if calibration.is_exclusive else "every",
            "smoothing_patches": calibration.smoothing_patches,
            "thresholds": thresholds_of(calibration, label_count).tolist(),
            "model": model_sha256,
            "frontend": frontend_fingerprint,
        }
    )


def decide(outputs: npt.NDArray[np.int8], calibration: Calibration) -> Decisions:
    """Return what a device decides behind each patch of one clip, int8 [patches, labels].

    Raises
    ------
    StageError
        If the calibration is of another model.
    """
    sums, counts = moving_sums(outputs, smoothing_patches=calibration.smoothing_patches)
    return Decisions(sums=sums, counts=counts, detected=detected_labels(sums, counts, calibration))


def decide_clips(outputs: ExpectedOutputs, calibration: Calibration) -> Decisions:
    """Return the same of several clips; each starts afresh."""
    parts = [decide(outputs.outputs[start:stop], calibration) for start, stop in pairwise(outputs.patch_offsets)]
    return Decisions(
        sums=np.concatenate([part.sums for part in parts]),
        counts=np.concatenate([part.counts for part in parts]),
        detected=np.concatenate([part.detected for part in parts]),
    )


def moving_sums(outputs: npt.NDArray[np.int8], *, smoothing_patches: int) -> tuple[Int64Array, Int64Array]:
    """Return (sums int64[patches, labels], counts int64[patches]): the scores of each patch and of up to ``smoothing_patches - 1`` before it."""
    summed = np.cumsum(outputs, axis=0, dtype=np.int64)
    before = np.zeros_like(summed)
    before[smoothing_patches:] = summed[:-smoothing_patches]
    return summed - before, np.minimum(np.arange(1, len(outputs) + 1), smoothing_patches)


def detected_labels(sums: Int64Array, counts: Int64Array, calibration: Calibration) -> BoolArray:
    """Return which labels are detected, bool[patches, labels], from sums of that shape over `counts` patches each, all at least 1."""
    return _detected(sums, thresholds_of(calibration, sums.shape[1]) * counts[:, np.newaxis], is_exclusive=calibration.is_exclusive)


def detected_means(means: Float64Array, thresholds: Sequence[int], *, scale: float, zero_point: int, is_exclusive: bool) -> BoolArray:
    """Return the same of a model without steps: moving means, float64[patches, labels], against ``scale * (threshold - zero_point)``."""
    steps = np.array(thresholds, np.float64)[np.newaxis]
    values = np.where(steps == NEVER, np.inf, np.where(steps == ALWAYS, -np.inf, scale * (steps - zero_point)))
    return _detected(means, values, is_exclusive=is_exclusive)


def _detected(values: npt.NDArray[np.int64] | Float64Array, thresholds: npt.NDArray[np.int64] | Float64Array, *, is_exclusive: bool) -> BoolArray:
    reached = values >= thresholds
    if is_exclusive and values.shape[1]:
        reached &= np.eye(values.shape[1], dtype=np.bool_)[values.argmax(axis=1)]
    return np.asarray(reached)


def detected_in_clips(detected: BoolArray, patch_offsets: Int64Array) -> BoolArray:
    """Return which labels were detected behind at least one patch of each clip, bool[clips, labels]."""
    return np.array([detected[start:stop].any(axis=0) for start, stop in pairwise(patch_offsets)], np.bool_)


def pack_labels(detected: BoolArray) -> bytes:
    """Return a set of labels, bool[labels], as devices tell it: bit ``i % 8`` of byte ``i // 8`` stands for label ``i``."""
    return np.packbits(detected, bitorder="little").tobytes()


def unpack_labels(data: bytes, label_count: int) -> BoolArray:
    """Return the set of labels, bool[labels], that `data` stands for.

    Raises
    ------
    ValueError
        If it has not as many bytes, or names labels that there are not.
    """
    bits = np.unpackbits(np.frombuffer(data, np.uint8), bitorder="little").astype(np.bool_)
    if len(data) != -(-label_count // 8) or bits[label_count:].any():
        raise ValueError(f"{data.hex()} is no set of {label_count} labels")
    return bits[:label_count]
