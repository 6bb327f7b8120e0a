"""Clips that are called normal and are not like the others: by their scores, and by their sound where the model may have learned it.

By scores: a clip's mean score is held against the means of the others, the strangest first (B. Rosner, Technometrics 25 (1983),
165-172, one-sided: Grubbs's test over and over, each time without the clips that are stranger still, so that several do not hide
one another); and a clip whose smoothed score would be an alarm, by the mean and the deviation of the other clips, is named as
well, which finds a fault that is heard for a part of the clip.

By sound: a fault among the clips to train on is learned with them, and its score is then as low as any. So each clip is compared
with others that it had no part in (five folds of whole groups): the Mahalanobis distance of its patches' averages over time, one a
band, the covariance shrunk as O. Ledoit and M. Wolf do, J. of Multivariate Analysis 88 (2004), 365-411.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from tinyaudio.core.anomaly import Suspect, smoothed_means
from tinyaudio.core.artifacts import FeatureSet, Float64Array, Int64Array
from tinyaudio.core.residual import STEPS_AN_OCTAVE
from tinyaudio.learn.dataset import dequantized_log_mel, patch_features

BY_SCORE = 0.01  # chance that scores of a set without a fault, Gaussian, name any clip
BY_SOUND = 0.001  # the same of distances, whose upper tail is longer than a Gaussian's: measured, one set in fifty
_LEAST_DEVIATION = 0.5  # int8 steps: what is nearer than that is all the same
_ALARM_DEVIATIONS = 5.0  # at least, whatever the project's threshold
_LEAST_CLIPS = 3
LEAST_CLIPS_BY_SOUND = 20  # fewer do not tell how normal sound varies in all bands
_FOLDS = 5
_LEAST_VARIATION = 1e-3  # nepers, of a band
_LEAST_SCALED_VARIANCE = 1e-6  # keeps the covariance of clips that are all the same from being singular


@dataclass(frozen=True, slots=True, kw_only=True)
class NormalScores:
    """Int8 scores of patches of normal clips."""

    filenames: tuple[str, ...]
    patch_offsets: Int64Array  # [clips + 1]
    scores: Float64Array  # [patches], int8 steps
    seconds: float  # of sound
    hop_seconds: float  # between two patches

    @property
    def clip_means(self) -> Float64Array:
        """Mean score of each clip, int8 steps."""
        return np.add.reduceat(self.scores, self.patch_offsets[:-1]) / np.diff(self.patch_offsets)

    def without(self, filenames: Sequence[str]) -> NormalScores:
        """Return the scores of the other clips; the seconds in proportion to the patches."""
        kept = [index for index, name in enumerate(self.filenames) if name not in filenames]
        parts = [self.scores[self.patch_offsets[index] : self.patch_offsets[index + 1]] for index in kept]
        scores = np.concatenate(parts) if parts else np.zeros(0)
        return dataclasses.replace(
            self,
            filenames=tuple(self.filenames[index] for index in kept),
            patch_offsets=np.concatenate([[0], np.cumsum([len(part) for part in parts])]).astype(np.int64),
            scores=scores,
            seconds=self.seconds * len(scores) / max(len(self.scores), 1),
        )


def suspects_by_score(found: NormalScores, *, smoothing_patches: int, sigma: float) -> tuple[Suspect, ...]:
    """Return the clips whose scores are not like the others', the strangest first.

    Parameters
    ----------
    found
        Scores of clips that are called normal.
    smoothing_patches
        As the device smooths.
    sigma
        Deviations at which the device raises an alarm; less than five are taken for five.
    """
    if len(found.filenames) < _LEAST_CLIPS:
        return ()
    means = found.clip_means
    strange = outliers(means, chance=BY_SCORE)
    deviations = _deviations(means, strange)
    suspects = [_suspect(found, index, float(deviations[index]), reason="score") for index in strange]
    peaks = _peak_deviations(found, strange, smoothing_patches=smoothing_patches)
    for index in np.flatnonzero(peaks >= max(sigma, _ALARM_DEVIATIONS)):
        suspects.append(_suspect(found, int(index), float(peaks[index]), reason="alarm"))
    return tuple(sorted(suspects, key=lambda suspect: -suspect.deviations))


def suspects_by_sound(features: FeatureSet, normal: Sequence[str]) -> tuple[Suspect, ...]:
    """Return the clips to train and to calibrate with that sound unlike the others, the strangest first.

    Parameters
    ----------
    features
        Of the data set.
    normal
        Labels of normal clips; others are not looked at.
    """
    names, groups, vectors = [], [], []
    for split in ("train", "validation"):
        patch_set = patch_features(features, split)
        log_mel = dequantized_log_mel(patch_set.log_mel, log_fraction_bits=patch_set.log_fraction_bits, log_scale=patch_set.log_scale)
        over_time = log_mel.mean(axis=1 if features.spec.patch_layout == "frames_first" else 2, dtype=np.float64) / patch_set.log_scale
        for index, clip in enumerate(patch_set.clips):
            if clip.label in normal:
                names.append(clip.filename)
                groups.append(clip.group)
                vectors.append(over_time[patch_set.patch_offsets[index] : patch_set.patch_offsets[index + 1]])
    if len(names) < LEAST_CLIPS_BY_SOUND or len(set(groups)) < _FOLDS:
        return ()
    distances = held_out_distances(vectors, groups)
    strange = outliers(distances, chance=BY_SOUND)
    deviations = _deviations(distances, strange)
    suspects = [
        Suspect(filename=names[index], score=float(distances[index]) / STEPS_AN_OCTAVE, deviations=float(deviations[index]), reason="sound")
        for index in strange
    ]
    return tuple(sorted(suspects, key=lambda suspect: -suspect.deviations))


def outliers(values: Float64Array, *, chance: float) -> list[int]:
    """Return the places of values that are too high for the others, at most every second one.

    Parameters
    ----------
    values
        float64[n].
    chance
        That any is named where all come of one Gaussian.
    """
    from scipy.special import stdtrit  # slow to import

    places, named = np.argsort(values, kind="stable").tolist(), 0
    removed: list[int] = []
    for turn in range(1, (len(places) - 1) // 2 + 1):
        left = values[places]
        count = len(left)
        if count < _LEAST_CLIPS:
            break
        quantile = float(stdtrit(count - 2, 1.0 - chance / count))
        bound = (count - 1) * quantile / np.sqrt((count - 2 + quantile**2) * count)
        strangeness = (left[-1] - left.mean()) / max(float(left.std(ddof=1)), _LEAST_DEVIATION)
        removed.append(places.pop())
        if strangeness > bound:
            named = turn
    return removed[:named]


def held_out_distances(vectors: Sequence[Float64Array], groups: Sequence[str]) -> Float64Array:
    """Return how far each clip is from the clips of other folds, 16 log2 of the mean squared distance a component; float64[clips].

    Parameters
    ----------
    vectors
        Of each clip, float64[patches, components].
    groups
        Of each clip; a group is in one fold.
    """
    numbers = {group: index % _FOLDS for index, group in enumerate(dict.fromkeys(groups))}
    folds = np.array([numbers[group] for group in groups])
    distances = np.zeros(len(vectors))
    for fold in range(_FOLDS):
        heard = np.concatenate([vectors[index] for index in np.flatnonzero(folds != fold).tolist()])
        scale = heard.std(axis=0) + _LEAST_VARIATION
        mean, covariance = heard.mean(axis=0), _shrunk_covariance((heard - heard.mean(axis=0)) / scale)
        precision = np.linalg.inv(covariance)
        for index in np.flatnonzero(folds == fold).tolist():
            centred = (vectors[index] - mean) / scale
            squares = np.maximum((centred @ precision * centred).mean(axis=1), 1e-9)
            distances[index] = STEPS_AN_OCTAVE * np.log2(squares).mean()
    return distances


def _shrunk_covariance(centred: Float64Array) -> Float64Array:
    count, components = centred.shape
    sample = centred.T @ centred / count
    level = max(float(np.trace(sample)) / components, _LEAST_SCALED_VARIANCE)
    target = level * np.eye(components)
    spread = float(((sample - target) ** 2).sum())
    error = float(((centred**2).sum(axis=1) ** 2).sum()) / count**2 - float((sample**2).sum()) / count
    share = min(max(error, 1e-9 * spread) / max(spread, 1e-12), 1.0)
    shrunk: Float64Array = (1.0 - share) * sample + share * target
    return shrunk


def _deviations(values: Float64Array, strange: Sequence[int]) -> Float64Array:
    """Return how many standard deviations of those that are not strange each value is above their mean."""
    usual = np.delete(values, strange)
    return np.asarray((values - usual.mean()) / max(float(usual.std(ddof=1)) if len(usual) > 1 else 0.0, _LEAST_DEVIATION))


def _peak_deviations(found: NormalScores, strange: Sequence[int], *, smoothing_patches: int) -> Float64Array:
    """Return how far the highest smoothed score of each clip is above the smoothed scores of the others that are not strange.

    In standard deviations of those, float64[clips]; minus infinity for strange clips, which are named already. Windows that are not
    full scatter more and do not count, but of a clip that is shorter than a window.
    """
    smoothed = smoothed_means(found.scores, found.patch_offsets, smoothing_patches=smoothing_patches)
    parts = [smoothed[min(start + smoothing_patches, stop) - 1 : stop] for start, stop in pairwise(found.patch_offsets)]
    usual: NDArray[np.bool_] = np.ones(len(parts), np.bool_)
    usual[list(strange)] = False
    counts = np.array([len(part) for part in parts])
    sums, squares = np.array([part.sum() for part in parts]), np.array([(part**2).sum() for part in parts])
    deviations = np.full(len(parts), -np.inf)
    for index in np.flatnonzero(usual):
        usual[index] = False
        count = counts[usual].sum()
        if count > 1:
            mean = sums[usual].sum() / count
            variance = max(squares[usual].sum() / count - mean**2, _LEAST_DEVIATION**2)
            deviations[index] = (parts[index].max() - mean) / np.sqrt(variance)
        usual[index] = True
    return deviations


def _suspect(found: NormalScores, index: int, deviations: float, *, reason: str) -> Suspect:
    return Suspect(filename=found.filenames[index], score=float(found.clip_means[index]) / STEPS_AN_OCTAVE, deviations=deviations, reason=reason)
