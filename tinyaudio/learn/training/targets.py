"""What the network should say of each training patch, and how much that counts."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from tinyaudio.core.artifacts import BoolArray
from tinyaudio.core.teaching import SoftTargets
from tinyaudio.learn.training.augmentation import TrainingPatches

Float32Array = npt.NDArray[np.float32]

_MOST_WEIGHT = 10.0  # of a rare label's patches over those that lack it


def training_targets(source: TrainingPatches) -> Float32Array:
    """Return what the network should say of each patch, float32[patches, labels].

    Its labels; where nothing is heard all alike if one of them must be named, none if none need be.
    """
    of_silence = np.float32(1.0 / source.truth.shape[1] if source.is_exclusive else 0.0)
    return np.where(source.is_heard[:, np.newaxis], source.truth.astype(np.float32), of_silence)


def patch_weights(source: TrainingPatches, *, is_balanced: bool) -> Float32Array:
    """Return the weight of each patch, [patches], or of each patch and label, [patches, labels], where these do not exclude each other.

    If `is_balanced` the classes weigh the same in sum, and the patches that have a label as much as those that lack it, up to
    ten times their number. The mean is 1, and so is the weight of what has no label.
    """
    weights = np.ones(len(source.truth) if source.is_exclusive else source.truth.shape, np.float32)
    if is_balanced:
        truth = source.truth[source.is_labelled]
        weights[source.is_labelled] = balanced_classes(truth) if source.is_exclusive else balanced_labels(truth)
    return weights


def balanced_classes(truth: BoolArray) -> Float32Array:
    """Return weights, [patches], with which each class weighs the same."""
    by_class = len(truth) / (truth.shape[1] * np.maximum(truth.sum(axis=0), 1))
    return np.asarray(by_class[truth.argmax(axis=1)], np.float32)


def balanced_labels(truth: BoolArray) -> Float32Array:
    """Return weights, [patches, labels], with which having a label weighs as much as lacking it, up to ten times its number."""
    counts = np.maximum(truth.sum(axis=0), 1)
    weights = np.where(truth, np.clip((len(truth) - counts) / counts, 1.0, _MOST_WEIGHT), 1.0)
    return np.asarray(weights / weights.mean(axis=0), np.float32)


def taught(targets: Float32Array, source: TrainingPatches, teaching: SoftTargets, *, share: float) -> Float32Array:
    """Return targets with a teacher: it has a `share` in what is said of labelled patches, and all of the others.

    Where next to nothing is heard, the targets stay: what a teacher makes of silence is no knowledge, and weighs much in a mean over patches.

    Parameters
    ----------
    targets
        Of `training_targets`.
    source
        The patches, of the features of `teaching`.
    teaching
        The teacher's scores.
    share
        0 to 1.
    """
    scores = teaching.scores[teaching.patch_offsets[source.clip_indices] + source.patch_indices]
    told = np.where(source.is_labelled[:, np.newaxis], (1.0 - share) * targets + share * scores, scores)
    return np.asarray(np.where(source.is_heard[:, np.newaxis], told, targets), np.float32)
