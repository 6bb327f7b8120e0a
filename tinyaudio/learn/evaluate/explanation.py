"""What a clip's verdict hangs on: parts of a patch are blanked, and the score that falls tells.

References
----------
M. D. Zeiler, R. Fergus, "Visualizing and Understanding Convolutional Networks", ECCV 2014, section 4.2 (occlusion).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tinyaudio.core.artifacts import FeatureSet, Float64Array, Int32Array
from tinyaudio.dsp.frontend import patches
from tinyaudio.learn.dataset import PatchSet, clip_features
from tinyaudio.learn.evaluate.scoring import Predictor

_BLOCK_FRAMES = 8
_BLOCK_BANDS = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """How much a class's score hangs on each part of one patch."""

    patch: int  # the clip's patch that speaks loudest for the class
    first_frame: int  # of that patch within the clip
    class_index: int
    score: float  # of the whole patch
    influence: Float64Array  # [blocks over time, blocks over bands]: what the score loses without this part; below 0: it gains


def explain_clip(predictor: Predictor, features: FeatureSet, clip_index: int, *, class_index: int) -> Explanation:
    """Return what the score of a class hangs on in the patch of a clip that has the highest.

    Parts of 8 frames by 8 bands are replaced by the patch's mean, one at a time.

    Parameters
    ----------
    predictor
        Scores patches; it is asked for one more patch than there are parts.
    features
        From the integer twin.
    clip_index
        Into the clips of the data set.
    class_index
        Whose score.
    """
    whole = patches(clip_features(features, clip_index), features.spec)
    scores = predictor.predict(_patch_set(features, whole))[:, class_index]
    patch = int(scores.argmax())
    is_frames_first = features.spec.patch_layout == "frames_first"
    rows_first = whole[patch] if is_frames_first else whole[patch].T
    blanked = _blanked(rows_first)
    asked = blanked if is_frames_first else np.swapaxes(blanked, 1, 2)
    without = predictor.predict(_patch_set(features, asked))[:, class_index]
    shape = tuple(-(-size // block) for size, block in zip(rows_first.shape, (_BLOCK_FRAMES, _BLOCK_BANDS), strict=True))
    return Explanation(
        patch=patch,
        first_frame=patch * features.spec.patch_hop_frames,
        class_index=class_index,
        score=float(scores[patch]),
        influence=np.asarray(scores[patch] - without, np.float64).reshape(shape),
    )


def _blanked(patch: Int32Array) -> Int32Array:
    """Return a copy of `patch`, int32[frames, bands], for each block, with that block at the patch's mean."""
    mean = np.int32(round(float(patch.mean())))
    copies = []
    for frame in range(0, patch.shape[0], _BLOCK_FRAMES):
        for band in range(0, patch.shape[1], _BLOCK_BANDS):
            copy = patch.copy()
            copy[frame : frame + _BLOCK_FRAMES, band : band + _BLOCK_BANDS] = mean
            copies.append(copy)
    return np.stack(copies)


def _patch_set(features: FeatureSet, log_mel: Int32Array) -> PatchSet:
    return PatchSet(
        clips=(),
        log_mel=log_mel,
        label_indices=np.zeros(len(log_mel), np.int64),
        truth=np.zeros((len(log_mel), len(features.dataset.labels)), np.bool_),
        patch_offsets=np.array([0, len(log_mel)], np.int64),
        log_fraction_bits=features.log_fraction_bits,
        log_scale=features.spec.log_scale,
    )
