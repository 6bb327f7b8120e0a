"""The threshold of the smoothed score, from normal sound that was not trained on.

``sigma``: mean plus so many standard deviations. ``false_alarms``: the score that normal sound reaches at a wanted rate, by a
generalized Pareto distribution fitted to what lies above the 90 % quantile (peaks over threshold; probability-weighted
moments, J. R. M. Hosking and J. R. Wallis, Technometrics 29 (1987), 339-349). Neighbouring patches are alike and are smoothed
together, so that exceedances come in clusters. An alarm is one cluster, and the fit is made to the peaks of clusters (S. Coles,
"An Introduction to Statistical Modeling of Extreme Values", 2001, section 5.3). Rates are of sound without a gap: the few windows
at the start of a clip that are not full yet count for mean and deviation, but not for the tail.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from tinyaudio.core.anomaly import AnomalyThreshold, Suspect, smoothed_means, suspicion
from tinyaudio.core.artifacts import ExpectedOutputs, FeatureSet, Float64Array, Int64Array
from tinyaudio.core.errors import StageError
from tinyaudio.core.project import AnomalyTable
from tinyaudio.core.residual import STEPS_AN_OCTAVE
from tinyaudio.learn.anomaly.suspects import NormalScores, suspects_by_score

_TAIL_SHARE = 0.1  # of the smoothed scores, that the fit is made to
_LEAST_PEAKS = 20
_PEAK_QUANTILE = 0.7  # the fit is made to the peaks above it: the lower ones are what is left of clusters, and no tail
_SHAPES = (-0.1, 0.5)  # of the Pareto distribution: a lighter tail would end not far away, a heavier one is a handful of outliers
_EXTRAPOLATION = 10.0  # a rate may be this much lower than one event in the sound that was heard
_RELATIVE_ERROR = 0.5  # of the standard deviation: how well a sigma threshold should be known
_TOLD_SUSPECTS = 10


def normal_scores(outputs: ExpectedOutputs, features: FeatureSet, table: AnomalyTable) -> NormalScores:
    """Return the scores of the normal clips among `outputs`."""
    clips = {clip.filename: clip for clip in features.dataset.clips}
    names: list[str] = []
    parts: list[Float64Array] = []
    for index, filename in enumerate(outputs.filenames):
        if clips[filename].label in table.normal:
            names.append(filename)
            parts.append(outputs.outputs[outputs.patch_offsets[index] : outputs.patch_offsets[index + 1], 0].astype(np.float64))
    spec = features.spec
    return NormalScores(
        filenames=tuple(names),
        patch_offsets=np.concatenate([[0], np.cumsum([len(part) for part in parts])]).astype(np.int64),
        scores=np.concatenate(parts) if parts else np.zeros(0),
        seconds=sum(clips[name].samples for name in names) / spec.sample_rate_hz,
        hop_seconds=spec.patch_hop_frames * spec.hop_samples / spec.sample_rate_hz,
    )


def set_threshold(
    calibration: NormalScores,
    training: NormalScores | None,
    table: AnomalyTable,
    *,
    smoothing_patches: int,
    place: str = "the validation split",
    by_sound: Sequence[Suspect] = (),
) -> AnomalyThreshold:
    """Return the threshold by `calibration`, normal sound that was not trained on; `training` is only searched for suspects.

    `place` is where that sound is, for messages; `by_sound` are suspects of `suspects_by_sound`.

    Raises
    ------
    StageError
        If there is less sound than ``anomaly.minimum_seconds``, or no int8 score can reach the threshold.
    """
    missing = table.minimum_seconds - calibration.seconds
    if missing > 0.0:
        raise StageError(
            f"{calibration.seconds:.1f} s of normal sound in {place}, {table.minimum_seconds:g} s are needed to set a threshold",
            hint=f"record {missing:.1f} s more, or lower anomaly.minimum_seconds",
            where="anomaly.minimum_seconds",
        )
    smoothed = smoothed_means(calibration.scores, calibration.patch_offsets, smoothing_patches=smoothing_patches)
    tail = fit_tail(calibration, smoothing_patches=smoothing_patches)
    wanted = _wanted(smoothed, tail, table)
    if wanted is None:
        raise StageError(
            f"the normal scores have fewer than {_LEAST_PEAKS} peaks in their upper tenth, too few to fit a rate of false alarms to",
            hint=f'record more normal sound for {place}, or set anomaly.threshold = "sigma"',
            where="anomaly.threshold",
        )
    threshold = max(-128, math.ceil(wanted - 1e-9))
    by_score = [
        suspects_by_score(scores, smoothing_patches=smoothing_patches, sigma=table.sigma) for scores in (training, calibration) if scores is not None
    ]
    suspects = _each_once((*(suspect for found in by_score for suspect in found), *by_sound))
    if threshold > 127:
        strangest = f", {suspects[0].filename} above all" if suspects else ""
        raise StageError(
            f"the threshold would be {wanted / STEPS_AN_OCTAVE:.1f} octaves, above every score",
            hint=f"listen to the normal clips of {place}{strangest}: some of them cannot be normal",
            where="anomaly.threshold",
        )
    return AnomalyThreshold(
        method=table.threshold,
        smoothing_patches=smoothing_patches,
        threshold=threshold,
        mean=float(smoothed.mean()) / STEPS_AN_OCTAVE,
        deviation=float(smoothed.std()) / STEPS_AN_OCTAVE,
        seconds=calibration.seconds,
        recommended_seconds=recommended_seconds(table, smoothing_patches=smoothing_patches, hop_seconds=calibration.hop_seconds),
        alarms_per_hour=None if tail is None else tail.alarms_per_hour(float(threshold)),
        suspects=suspects,
        without_suspects=_without(calibration, suspects, table, smoothing_patches=smoothing_patches),
    )


def _wanted(smoothed: Float64Array, tail: Tail | None, table: AnomalyTable) -> float | None:
    """Return where the threshold should be, int8 steps; None if there is too little in the tail to tell."""
    if table.threshold == "sigma":
        return float(smoothed.mean()) + table.sigma * float(smoothed.std())
    return None if tail is None else tail.level(table.false_alarms_per_hour)


def _each_once(suspects: Iterable[Suspect]) -> tuple[Suspect, ...]:
    """Return the suspects, the strangest first; of several for one clip the strangest."""
    found: dict[str, Suspect] = {}
    for suspect in sorted(suspects, key=lambda suspect: -suspect.deviations):
        found.setdefault(suspect.filename, suspect)
    return tuple(found.values())


def _without(calibration: NormalScores, suspects: Sequence[Suspect], table: AnomalyTable, *, smoothing_patches: int) -> int | None:
    """Return what the threshold would be without the suspects among `calibration`; None if there are none, or too little is left."""
    rest = calibration.without([suspect.filename for suspect in suspects])
    if len(rest.filenames) in (0, len(calibration.filenames)):
        return None
    smoothed = smoothed_means(rest.scores, rest.patch_offsets, smoothing_patches=smoothing_patches)
    wanted = _wanted(smoothed, fit_tail(rest, smoothing_patches=smoothing_patches), table)
    return None if wanted is None else max(-128, math.ceil(wanted - 1e-9))


def threshold_warnings(threshold: AnomalyThreshold, *, is_trained_on: bool = True) -> tuple[str, ...]:
    """Return what may be wrong with the sound that the threshold was set by, one sentence each.

    `is_trained_on`: it belongs to the data set; else it is a site's, which no model has learned.
    """
    found = [f"{suspect.filename} is called normal, but {suspicion(suspect)}; listen to it" for suspect in threshold.suspects[:_TOLD_SUSPECTS]]
    if len(threshold.suspects) > _TOLD_SUSPECTS:
        found.append(f"so are {len(threshold.suspects) - _TOLD_SUSPECTS} other clips; --json and the report name them all")
    if any(suspect.reason == "sound" for suspect in threshold.suspects):
        advice = "a model learns the faults that it is given: take out of the manifest what is not normal, and train again"
        found.append(advice if is_trained_on else "take out of the folder what is not normal, and calibrate again")
    if threshold.without_suspects is not None and threshold.without_suspects != threshold.threshold:
        found.append(f"without these clips the threshold would be {threshold.without_suspects} in place of {threshold.threshold}")
    if threshold.seconds < threshold.recommended_seconds:
        minutes = f"{threshold.seconds / 60:.1f} minutes of normal sound; an estimate of this kind wants {threshold.recommended_seconds / 60:.1f}"
        found.append(f"the threshold was set by {minutes}")
    return tuple(found)


def recommended_seconds(table: AnomalyTable, *, smoothing_patches: int, hop_seconds: float) -> float:
    """Return how much normal sound a threshold of this kind should be set by.

    ``sigma``: the error of mean + k s from n independent values is ``s sqrt((1 + k^2 / 2) / n)``; it should be no more than
    half of s. ``false_alarms``: the rate is extrapolated by no more than a factor of ten.
    """
    if table.threshold == "sigma":
        return (1.0 + table.sigma**2 / 2.0) / _RELATIVE_ERROR**2 * smoothing_patches * hop_seconds
    return 3_600.0 / table.false_alarms_per_hour / _EXTRAPOLATION


@dataclass(frozen=True, slots=True, kw_only=True)
class Tail:
    """What lies above a high quantile of smoothed normal scores: a generalized Pareto distribution, and how often it is visited."""

    start: float
    scale: float
    shape: float
    clusters_per_hour: float  # visits above `start`

    def alarms_per_hour(self, level: float) -> float:
        """Return how often the score is expected to rise to `level`, at or above `start`."""
        excess = max(level - self.start, 0.0) / self.scale
        if abs(self.shape) < 1e-6:
            return self.clusters_per_hour * math.exp(-excess)
        inside = 1.0 + self.shape * excess
        return self.clusters_per_hour * math.pow(inside, -1.0 / self.shape) if inside > 0.0 else 0.0

    def level(self, alarms_per_hour: float) -> float:
        """Return the score that is reached `alarms_per_hour` times an hour, at least `start`."""
        ratio = max(self.clusters_per_hour / alarms_per_hour, 1.0)
        if abs(self.shape) < 1e-6:
            return self.start + self.scale * math.log(ratio)
        return self.start + self.scale * (math.pow(ratio, self.shape) - 1.0) / self.shape


def fit_tail(calibration: NormalScores, *, smoothing_patches: int) -> Tail | None:
    """Fit the tail of smoothed normal scores, in int8 steps; None if there are too few peaks in it."""
    smoothed, offsets = _full_windows(calibration, smoothing_patches)
    if not len(smoothed):
        return None
    level = float(np.quantile(smoothed, 1.0 - _TAIL_SHARE))
    peaks = np.sort(cluster_peaks(smoothed, offsets, level=level, least_gap=smoothing_patches))
    if len(peaks) < _LEAST_PEAKS:
        return None
    # Smoothed scores are whole steps over the window's length: the tail begins half-way to the next one.
    start = float(peaks[int(_PEAK_QUANTILE * len(peaks))]) + 0.5 / smoothing_patches
    excesses = peaks[peaks > start] - start
    if len(excesses) < _LEAST_PEAKS // 2:
        return None
    ranks = (np.arange(1, len(excesses) + 1) - 0.35) / len(excesses)
    first, second = float(excesses.mean()), float((excesses * (1.0 - ranks)).mean())
    # Hosking and Wallis write k for the negative of the shape.
    shape = float(np.clip(2.0 - first / max(first - 2.0 * second, 1e-9), *_SHAPES))
    scale = max(first * (1.0 - shape), 1e-6)
    hours = len(smoothed) * calibration.hop_seconds / 3_600.0
    return Tail(start=start, scale=scale, shape=shape, clusters_per_hour=len(excesses) / hours)


def _full_windows(calibration: NormalScores, smoothing_patches: int) -> tuple[Float64Array, Int64Array]:
    """Return the smoothed scores over full windows, and where those of each clip begin."""
    smoothed = smoothed_means(calibration.scores, calibration.patch_offsets, smoothing_patches=smoothing_patches)
    parts = [smoothed[start:stop][smoothing_patches - 1 :] for start, stop in pairwise(calibration.patch_offsets)]
    return np.concatenate(parts), np.concatenate([[0], np.cumsum([len(part) for part in parts])]).astype(np.int64)


def cluster_peaks(smoothed: Float64Array, patch_offsets: Int64Array, *, level: float, least_gap: int) -> Float64Array:
    """Return the peaks of the clusters above `level`: what is no more than `least_gap` patches of one clip apart is one cluster."""
    peaks = []
    for start, stop in pairwise(patch_offsets):
        places = np.flatnonzero(smoothed[start:stop] > level)
        for cluster in np.split(places, np.flatnonzero(np.diff(places) > least_gap) + 1):
            if len(cluster):
                peaks.append(float(smoothed[start + cluster].max()))
    return np.array(peaks)
