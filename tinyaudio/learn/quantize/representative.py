"""Which audio sets the ranges of the INT8 model."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from tinyaudio.core.artifacts import FeatureSet, Float64Array
from tinyaudio.core.project import QuantizeTable
from tinyaudio.learn.dataset import PatchSet, dequantized_log_mel, patch_features


def representative_patches(features: FeatureSet, table: QuantizeTable) -> npt.NDArray[np.float32]:
    """Return the log-mel, float32[patches, *patch_shape, 1], of all patches of the chosen training clips.

    All patches of a clip are taken, the quiet ones too: they set the lower end of the input's range. See `spread_over_classes`
    and `spread_over_sounds` for ``quantize.choice``.
    """
    patch_set = patch_features(features, "train")
    ordered = spread_over_sounds(patch_set) if table.choice == "coverage" else spread_over_classes(patch_set, seed=table.seed)
    starts, stops = patch_set.patch_offsets[:-1], patch_set.patch_offsets[1:]
    chosen = np.concatenate([np.arange(starts[index], stops[index]) for index in ordered[: table.representative_clips]])
    log_mel = dequantized_log_mel(patch_set.log_mel[chosen], log_fraction_bits=patch_set.log_fraction_bits, log_scale=patch_set.log_scale)
    return log_mel[..., np.newaxis]


def spread_over_classes(patch_set: PatchSet, *, seed: int) -> list[int]:
    """Return all clips in an order drawn by `seed`, the classes in turn: any number of the first covers these as evenly as it can."""
    by_label: dict[str, list[int]] = {}
    for index in np.random.default_rng([seed, 0]).permutation(len(patch_set.clips)):
        by_label.setdefault(patch_set.clips[index].label, []).append(int(index))
    queues = [by_label[label] for label in sorted(by_label)]
    return [queue[turn] for turn in range(max(map(len, queues), default=0)) for queue in queues if turn < len(queue)]


def spread_over_sounds(patch_set: PatchSet) -> list[int]:
    """Return all clips so that any number of the first covers the sounds as widely as it can; nothing is drawn.

    First the most usual clip, then always the one that is farthest from all before. A clip is told by the lowest, the mean and
    the highest value of each band, since the lowest and highest set the ranges.

    References
    ----------
    T. F. Gonzalez, "Clustering to minimize the maximum intercluster distance", Theoretical Computer Science 38 (1985), 293-306.
    """
    described = _described(patch_set)
    nearest = np.square(described).sum(axis=1)  # to the middle of all
    ordered = [int(nearest.argmin())]
    distance = np.full(len(described), np.inf)
    while len(ordered) < len(described):
        distance = np.minimum(distance, np.square(described - described[ordered[-1]]).sum(axis=1))
        distance[ordered[-1]] = -1.0
        ordered.append(int(distance.argmax()))
    return ordered


def _described(patch_set: PatchSet) -> Float64Array:
    """Return numbers that tell each clip, float64[clips, 3 * bands], each with mean 0 and deviation 1 over the clips."""
    band_axis = _band_axis(patch_set)
    rows = []
    for start, stop in zip(patch_set.patch_offsets[:-1], patch_set.patch_offsets[1:], strict=True):
        by_band = np.moveaxis(patch_set.log_mel[start:stop], band_axis, -1).reshape(-1, patch_set.log_mel.shape[band_axis])
        rows.append(np.concatenate([by_band.min(axis=0), by_band.mean(axis=0), by_band.max(axis=0)]))
    described = np.array(rows, np.float64)
    return np.asarray((described - described.mean(axis=0)) / np.maximum(described.std(axis=0), 1e-9))


def _band_axis(patch_set: PatchSet) -> int:
    return 1 if patch_set.is_bands_first else 2
