"""Detections, counted as the device tells them: once when a label comes up, not again while it stays."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np

from tinyaudio.core.alarms import DecisionFigures, LabelDecisions
from tinyaudio.core.artifacts import BoolArray, Calibration, ExpectedOutputs, Float64Array, Int64Array
from tinyaudio.core.decisions import NEVER, decide_clips, thresholds_of
from tinyaudio.core.errors import ProjectError
from tinyaudio.learn.calibrate.thresholds import smoothed_means

#: With fewer, none can be spared to count alarms that the thresholds were not chosen by.
FEWEST_SCENES = 10

_HIGHEST = 127  # of an int8 score
_ROUNDS = 5


def calibrate_for_alarms(background: ExpectedOutputs, *, hours: float, per_hour: float, smoothing_patches: int, is_exclusive: bool) -> Calibration:
    """Choose thresholds by which new background of this kind will raise about `per_hour` alarms an hour, of all labels together.

    One threshold for all labels, and one for each label by itself; the device decides by the latter. The lowest ones that are quiet
    enough on the scenes they are chosen by would not be on others: with ten labels, each just above what one hour happened to hold, the next hour
    holds something louder for some. So thresholds come in steps of strictness, and a step is judged by scenes that it was
    not chosen by: half of the scenes choose the thresholds, the alarms are counted on the other half, and the other way round, for five
    drawn halvings. The least strict step is taken whose count is within what is allowed. With
    fewer than ten scenes nothing is left out.

    A label that the model hears in the background whatever its threshold gets one that is never reached.

    Parameters
    ----------
    background
        What the model makes of sound in which nothing is to be detected.
    hours
        How long that is.
    per_hour
        Alarms allowed; less than one in all these hours means none.
    smoothing_patches
        Moving mean over so many patches.
    is_exclusive
        Whether only the best label counts; else each by itself.

    Raises
    ------
    ProjectError
        If half of the labels or more could never be told: even their highest threshold lets more through.
    """
    means = smoothed_means(background, smoothing_patches=smoothing_patches)
    counted = _best_only(means) if is_exclusive else np.ones(means.shape, np.bool_)
    by_label = _alarms_by_threshold(means, counted, background.patch_offsets)
    together = by_label.sum(axis=2, keepdims=True)
    (threshold,) = _thresholds_for(together, allowed=per_hour * hours)
    each = _thresholds_for(by_label, allowed=per_hour * hours)
    if 2 * np.count_nonzero(each == NEVER) >= len(each):
        raise ProjectError(
            f"even the highest threshold lets more than {per_hour:g} false alarms an hour through",
            hint="ask for more of them, smooth over more patches, or train with background as a label of its own",
            where="firmware.false_alarms_per_hour",
        )
    return Calibration(
        smoothing_patches=smoothing_patches, detection_threshold=int(min(threshold, _HIGHEST)), class_thresholds=tuple(int(value) for value in each)
    )


def stricter(first: Calibration, second: Calibration) -> Calibration:
    """Return the higher of each of the thresholds; where `first` has one for all labels only, that is each label's."""
    of_first = first.class_thresholds or (first.detection_threshold,) * len(second.class_thresholds)
    return Calibration(
        smoothing_patches=first.smoothing_patches,
        detection_threshold=max(first.detection_threshold, second.detection_threshold),
        class_thresholds=tuple(max(pair) for pair in zip(of_first, second.class_thresholds, strict=True)),
    )


def decision_figures(
    calibration: Calibration,
    tested: ExpectedOutputs,
    truth: BoolArray,
    *,
    labels: Sequence[str],
    background: ExpectedOutputs | None = None,
    hours: float = 0.0,
) -> tuple[DecisionFigures, ...]:
    """Return what the thresholds make of the test split and of background: with one for all labels, and with one each, if there are.

    The device decides by the last of them.

    Parameters
    ----------
    calibration
        The thresholds.
    tested
        What the model makes of the test split.
    truth
        Which labels each of its clips has, bool[clips, labels].
    labels
        Their names.
    background, hours
        Sound in which nothing is to be detected, other than the thresholds were chosen by, and how long it is.
    """
    rules = [("one threshold", replace(calibration, class_thresholds=()))]
    if calibration.class_thresholds:
        rules.append(("a threshold each", calibration))
    return tuple(
        DecisionFigures(
            rule=rule,
            smoothing_patches=calibration.smoothing_patches,
            labels=_label_decisions(
                labels,
                thresholds_of(deciding, len(labels)),
                truth,
                tested=_counts_by_clip(tested, decide_clips(tested, deciding).detected),
                background=None if background is None else _counts_by_clip(background, decide_clips(background, deciding).detected),
            ),
            background_hours=0.0 if background is None else hours,
        )
        for rule, deciding in rules
    )


def _label_decisions(
    labels: Sequence[str], thresholds: Int64Array, truth: BoolArray, *, tested: Int64Array, background: Int64Array | None
) -> tuple[LabelDecisions, ...]:
    """Return the figures of each label from its alarms in each clip, int64[clips, labels], of the test split and of background."""
    return tuple(
        LabelDecisions(
            label=label,
            threshold=int(thresholds[index]),
            clips=int(truth[:, index].sum()),
            found=int((tested[truth[:, index], index] > 0).sum()),
            mistaken=int(tested[~truth[:, index], index].sum()),
            alarms_by_scene=() if background is None else tuple(int(count) for count in background[:, index]),
        )
        for index, label in enumerate(labels)
    )


def alarm_counts(active: BoolArray, patch_offsets: Int64Array) -> Int64Array:
    """Return how often each label comes up, int64[labels]: it is active, bool[patches, labels], and was not one patch before in its clip."""
    before = np.zeros_like(active)
    before[1:] = active[:-1]
    before[patch_offsets[:-1]] = False
    return np.asarray((active & ~before).sum(axis=0), np.int64)


def _alarms_by_threshold(means: Float64Array, counted: BoolArray, patch_offsets: Int64Array) -> Int64Array:
    """Return the alarms at each threshold from -128 to 127, int64[256, scenes, labels]."""
    begins, first = np.zeros(len(means), np.bool_), patch_offsets[:-1]
    begins[first] = True
    counts = np.empty((_HIGHEST + 129, len(first), means.shape[1]), np.int64)
    for threshold in range(-128, _HIGHEST + 1):
        active = counted & (means >= threshold)
        comes_up = active.copy()
        comes_up[1:] &= ~active[:-1] | begins[1:, np.newaxis]
        counts[threshold + 128] = np.add.reduceat(comes_up, first, axis=0, dtype=np.int64)
    return counts


def _thresholds_for(alarms: Int64Array, *, allowed: float) -> Int64Array:
    """Return the thresholds, int64[columns], of the least strict step that is quiet enough; see `calibrate_for_alarms`.

    Parameters
    ----------
    alarms
        int64[256, scenes, columns], of `_alarms_by_threshold`.
    allowed
        Alarms of all columns together.
    """
    every = np.arange(alarms.shape[1])
    steps = _steps(allowed)
    for step in steps:
        heard = _left_out(alarms, step) if len(every) >= FEWEST_SCENES else _heard(alarms, _of_step(alarms, step), every)
        if heard.sum() <= allowed:
            return _of_step(alarms, step)
    return _of_step(alarms, steps[-1])


def _steps(allowed: float) -> list[int]:
    """Return steps of strictness: so many alarms for each column; below 0, none and so much higher a threshold."""
    return [*range(math.floor(allowed), 0, -1), *range(0, -256, -1)]


def _of_step(alarms: Int64Array, step: int) -> Int64Array:
    """Return the thresholds of a step, int64[columns]: the lowest from which on there are at most `step` alarms of that column.

    Lower ones may have fewer, where alarms run together. Below 0: the one from which on there are none, and so much higher.
    """
    too_many = alarms.sum(axis=1) > max(step, 0)
    highest = np.where(too_many.any(axis=0), len(too_many) - too_many[::-1].argmax(axis=0), 0)
    return np.asarray(np.minimum(highest - 128 + max(-step, 0), NEVER), np.int64)


def _left_out(alarms: Int64Array, step: int) -> Float64Array:
    """Return the alarms in each scene by thresholds chosen without it, float64[scenes]: means over the rounds."""
    heard, rng = np.zeros(alarms.shape[1]), np.random.default_rng(0)
    for _ in range(_ROUNDS):
        drawn = rng.permutation(alarms.shape[1])
        for half in (drawn[::2], drawn[1::2]):
            heard[half] += _heard(alarms, _of_step(np.delete(alarms, half, axis=1), step), half)
    return heard / _ROUNDS


def _heard(alarms: Int64Array, thresholds: Int64Array, scenes: Int64Array) -> Int64Array:
    """Return the alarms of all columns in each of `scenes`."""
    ever = thresholds < NEVER
    return np.asarray(alarms[(thresholds[ever] + 128)[np.newaxis], scenes[:, np.newaxis], np.flatnonzero(ever)[np.newaxis]].sum(axis=1), np.int64)


def _best_only(means: Float64Array) -> BoolArray:
    """Return where a label's mean is the greatest of its patch, the first among equals; bool[patches, labels]."""
    return np.asarray(np.eye(means.shape[1], dtype=np.bool_)[means.argmax(axis=1)])


def _counts_by_clip(outputs: ExpectedOutputs, active: BoolArray) -> Int64Array:
    offsets = outputs.patch_offsets
    return np.array([alarm_counts(active[start:stop], np.array([0, stop - start])) for start, stop in pairwise(offsets)])
