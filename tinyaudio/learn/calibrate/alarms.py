"""Detections, counted as the device tells them: once when a label comes up, not again while it stays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np

from tinyaudio.core.alarms import DecisionFigures, LabelDecisions
from tinyaudio.core.artifacts import BoolArray, Calibration, ExpectedOutputs, Float64Array, Int64Array
from tinyaudio.core.decisions import NEVER, decide_clips, thresholds_of
from tinyaudio.core.errors import ProjectError
from tinyaudio.learn.calibrate.thresholds import smoothed_means


def calibrate_for_alarms(background: ExpectedOutputs, *, hours: float, per_hour: float, smoothing_patches: int, is_exclusive: bool) -> Calibration:
    """Choose the lowest thresholds from which on background raises at most `per_hour` alarms an hour.

    One threshold for all labels together, and one for each label by itself, each with `per_hour` alarms of its own; the device
    decides by the latter.

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
        If even the highest threshold lets more through.
    """
    means, offsets, allowed = smoothed_means(background, smoothing_patches=smoothing_patches), background.patch_offsets, per_hour * hours
    counted = _best_only(means) if is_exclusive else np.ones(means.shape, np.bool_)
    threshold = _lowest(means, counted, offsets, allowed=allowed)
    if threshold == NEVER:
        raise ProjectError(
            f"even the highest threshold lets more than {per_hour:g} false alarms an hour through",
            hint="ask for more of them, smooth over more patches, or train with background as a label of its own",
            where="firmware.false_alarms_per_hour",
        )
    columns = (slice(index, index + 1) for index in range(means.shape[1]))
    by_label = tuple(_lowest(means[:, column], counted[:, column], offsets, allowed=allowed) for column in columns)
    return Calibration(smoothing_patches=smoothing_patches, detection_threshold=threshold, class_thresholds=by_label)


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


def _lowest(means: Float64Array, counted: BoolArray, patch_offsets: Int64Array, *, allowed: float) -> int:
    """Return the lowest threshold from which on there are at most so many alarms; lower ones may have fewer, where alarms run together."""
    for threshold in range(127, -129, -1):
        if alarm_counts(counted & (means >= threshold), patch_offsets).sum() > allowed:
            return threshold + 1
    return -128


def _best_only(means: Float64Array) -> BoolArray:
    """Return where a label's mean is the greatest of its patch, the first among equals; bool[patches, labels]."""
    return np.asarray(np.eye(means.shape[1], dtype=np.bool_)[means.argmax(axis=1)])


def _counts_by_clip(outputs: ExpectedOutputs, active: BoolArray) -> Int64Array:
    offsets = outputs.patch_offsets
    return np.array([alarm_counts(active[start:stop], np.array([0, stop - start])) for start, stop in pairwise(offsets)])
