"""What an anomaly detector's scores are worth: values of the line, and figures made from them."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from tinyaudio.core.artifacts import Float64Array, Int64Array
from tinyaudio.core.metrics import bootstrap_interval, partial_roc_area, roc_curve

#: Greatest false positive rate of the partial AUC (DCASE 2020 task 2).
PARTIAL_RATE = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class PatchScores:
    """Scores of all patches of the test split; the greater, the stranger."""

    predictor: str  # "float", "int8", "device", or "level": how far the loudness is from that of normal clips to learn from
    filenames: tuple[str, ...]
    conditions: tuple[str, ...]  # label of each clip
    groups: tuple[str, ...]
    machines: tuple[str, ...]  # "" where the manifest does not tell
    patch_offsets: Int64Array  # [clips + 1]
    scores: Float64Array  # [patches], octaves of the mean square residual in neper^2; of "level": nepers

    @property
    def clip_scores(self) -> Float64Array:
        """Mean over the patches of each clip."""
        return np.add.reduceat(self.scores, self.patch_offsets[:-1]) / np.diff(self.patch_offsets)

    @property
    def clip_of_patch(self) -> Int64Array:
        """Index of the clip of each patch."""
        return np.repeat(np.arange(len(self.filenames)), np.diff(self.patch_offsets))


@dataclass(frozen=True, slots=True, kw_only=True)
class AnomalyEvaluations:
    """The same patches scored by the float model, the INT8 model, and loudness alone."""

    float: PatchScores | None  # None: the model came finished, as INT8
    int8: PatchScores
    level: PatchScores


@dataclass(frozen=True, slots=True, kw_only=True)
class Suspect:
    """A clip that is called normal but does not sound like the others."""

    filename: str
    score: float  # mean over its patches, octaves; of "sound": of its distance from the others
    deviations: float  # standard deviations of the others above their mean
    reason: str = "score"  # its mean score, "alarm": a part of it by the threshold of the others, "sound": it is unlike what it had no part in


def suspicion(suspect: Suspect) -> str:
    """Return what is strange about a clip that is called normal, to stand behind "but"."""
    if suspect.reason == "alarm":
        return f"would be an alarm by the other clips: a part of it is {suspect.deviations:.1f} deviations above their smoothed scores"
    if suspect.reason == "sound":
        return f"sounds unlike the others, by {suspect.deviations:.1f} deviations"
    return f"its score is {suspect.deviations:.1f} deviations above that of the others"


@dataclass(frozen=True, slots=True, kw_only=True)
class AnomalyThreshold:
    """When the device raises an alarm, and what that was set by."""

    method: str  # "sigma" or "false_alarms"
    smoothing_patches: int
    threshold: int  # of the int8 score; the smoothed mean must reach it
    mean: float  # of smoothed normal scores, octaves
    deviation: float  # standard deviation of them
    seconds: float  # of normal sound it was set by
    recommended_seconds: float  # for an estimate that can be relied upon
    alarms_per_hour: float | None  # of sound without a gap, as a fit to the tail of normal scores predicts; None: too little sound to tell
    suspects: tuple[Suspect, ...]  # among the normal training and validation clips
    without_suspects: int | None = None  # what the threshold would be without those it was set by; None: there are none


@dataclass(frozen=True, slots=True, kw_only=True)
class DetectionFigures:
    """How well one kind of fault, or all on one machine, are told from normal sound."""

    name: str
    normal_clips: int
    faulty_clips: int
    auc: float  # of clips; NaN without clips of both kinds
    auc_interval: tuple[float, float]  # 95 %, bootstrap over whole groups
    partial_auc: float  # up to a false positive rate of 0.1, McClish's scale: 0.5 is chance
    patch_auc: float  # of patches


def detection_figures(evaluation: PatchScores, normal: Collection[str], *, seed: int = 1, draws: int = 400) -> tuple[DetectionFigures, ...]:
    """Return figures of all faults together, of each by itself, and of each machine where there are several.

    Parameters
    ----------
    evaluation
        Scores.
    normal
        Labels of normal clips.
    seed, draws
        Of the bootstrap.
    """
    faults = np.array([condition not in normal for condition in evaluation.conditions], np.bool_)
    every = np.ones(len(faults), np.bool_)
    subsets = {"all": every}
    for condition in dict.fromkeys(condition for condition in evaluation.conditions if condition not in normal):
        subsets[condition] = ~faults | (np.array(evaluation.conditions) == condition)
    machines = tuple(dict.fromkeys(evaluation.machines))
    if len(machines) > 1:
        subsets |= {f"machine {machine or '(not told)'}": np.array(evaluation.machines) == machine for machine in machines}
    return tuple(_figures(evaluation, faults, chosen, name, seed=seed, draws=draws) for name, chosen in subsets.items())


def patch_auc(evaluation: PatchScores, normal: Collection[str]) -> float:
    """Return the area under the ROC curve of patches; NaN without patches of both kinds."""
    faults = np.array([condition not in normal for condition in evaluation.conditions], np.bool_)
    return roc_curve(faults[evaluation.clip_of_patch], evaluation.scores).area


def _figures(evaluation: PatchScores, faults: NDArray[np.bool_], chosen: NDArray[np.bool_], name: str, *, seed: int, draws: int) -> DetectionFigures:
    places = np.flatnonzero(chosen)
    truth, scores = faults[places], evaluation.clip_scores[places]
    groups: Sequence[str] = [evaluation.groups[place] for place in places]
    inside = chosen[evaluation.clip_of_patch]
    return DetectionFigures(
        name=name,
        normal_clips=int((~truth).sum()),
        faulty_clips=int(truth.sum()),
        auc=roc_curve(truth, scores).area,
        auc_interval=bootstrap_interval(lambda drawn: roc_curve(truth[drawn], scores[drawn]).area, groups, seed=seed, draws=draws),
        partial_auc=partial_roc_area(truth, scores, greatest_rate=PARTIAL_RATE),
        patch_auc=roc_curve(faults[evaluation.clip_of_patch][inside], evaluation.scores[inside]).area,
    )


def smoothed_means(scores: Float64Array, patch_offsets: Int64Array, *, smoothing_patches: int) -> Float64Array:
    """Return, for each patch, the mean of the last `smoothing_patches` scores of its clip, or of as many as there are; float64[patches].

    As the device smooths; scores may have any unit.
    """
    parts = []
    for start, stop in pairwise(patch_offsets):
        sums = np.cumsum(np.append(0.0, scores[start:stop]))
        ends = np.arange(1, stop - start + 1)
        starts = np.maximum(ends - smoothing_patches, 0)
        parts.append((sums[ends] - sums[starts]) / (ends - starts))
    return np.concatenate(parts) if parts else np.zeros(0)


def is_number(value: float) -> float | None:
    """Return `value`, or None for NaN, which JSON has not."""
    return None if math.isnan(value) else value
