"""Random changes of training patches, seeded by epoch.

They act on the features of the integer twin: a training epoch sees what the device would see, shifted, louder or
softer, and partly blanked. A gain needs the log-mel itself: behind level normalization or a cosine transform it is left
out, and no patch is told for silent.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from tinyaudio.core.artifacts import BoolArray, FeatureSet, Int64Array, Split
from tinyaudio.core.project import AugmentationTable
from tinyaudio.core.spec import FrontendSpec
from tinyaudio.learn.dataset import clip_features, dequantized_log_mel, patch_features

Float32Array = npt.NDArray[np.float32]
Silence = Literal["drop", "uniform"]

_SILENCE_BELOW_LOUDEST_DB = 30.0  # a patch this far below the loudest of its clip teaches nothing of its label


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingPatches:
    """What is trained on, ready to be cut at any frame."""

    spec: FrontendSpec
    log_mel: Float32Array  # [frames of all training clips, feature_bands], nepers times log_scale
    starts: Int64Array  # [patches], first frame of each patch as the device cuts it
    first_frames: Int64Array  # [patches], first frame of the patch's clip
    last_starts: Int64Array  # [patches], last frame a patch of that clip can start at
    truth: BoolArray  # [patches, labels], the labels of the patch's clip
    is_exclusive: bool  # whether a clip has exactly one
    is_labelled: BoolArray  # [patches]; False: `truth` says nothing, only a teacher does
    is_heard: npt.NDArray[np.bool_]  # [patches]; False: next to nothing is heard, so that its label says nothing of it
    clip_indices: Int64Array  # [patches], into the clips of the features
    patch_indices: Int64Array  # [patches], within the clip as the device cuts it
    filenames: tuple[str, ...]  # [patches], of the clips


def training_patches(
    features: FeatureSet, *, silence: Silence = "drop", splits: Sequence[Split] = ("train",), unlabelled: int = 0
) -> TrainingPatches:
    """Collect the patches that are trained on.

    Parameters
    ----------
    features
        From the integer twin.
    silence
        ``"drop"`` leaves patches out in which next to nothing is heard.
    splits
        Which clips.
    unlabelled
        How many of the last clips have no label.
    """
    spec, dataset = features.spec, features.dataset
    frames: list[Float32Array] = []
    columns: list[tuple[int, int, int, int, int, bool]] = []
    truths = dataset.truth_of(dataset.clips)
    filenames: list[str] = []
    frame_count = 0
    for index, clip in enumerate(dataset.clips):
        if clip.split not in splits:
            continue
        log_mel = dequantized_log_mel(clip_features(features, index), log_fraction_bits=features.log_fraction_bits, log_scale=spec.log_scale)
        last = frame_count + len(log_mel) - spec.patch_frames
        for patch, is_heard in enumerate(_is_heard(log_mel, spec)):
            if is_heard or silence == "uniform":
                start = frame_count + patch * spec.patch_hop_frames
                columns.append((start, frame_count, last, index, patch, bool(is_heard)))
                filenames.append(clip.filename)
        frames.append(log_mel)
        frame_count += len(log_mel)
    starts, first_frames, last_starts, clip_indices, patch_indices, is_heard = np.array(columns, np.int64).T
    return TrainingPatches(
        spec=spec,
        log_mel=np.concatenate(frames),
        starts=starts,
        first_frames=first_frames,
        last_starts=last_starts,
        truth=truths[clip_indices],
        is_exclusive=not dataset.is_multi_label,
        is_labelled=clip_indices < len(dataset.clips) - unlabelled,
        is_heard=is_heard.astype(np.bool_),
        clip_indices=clip_indices,
        patch_indices=patch_indices,
        filenames=tuple(filenames),
    )


def mix_up(patches: Float32Array, targets: Float32Array, *, concentration: float, rng: np.random.Generator) -> tuple[Float32Array, Float32Array]:
    """Return patches and targets mixed with those of another patch of the batch (H. Zhang et al., "mixup", ICLR 2018).

    The share of each is drawn from Beta(`concentration`, `concentration`) and made the larger one, so that a patch stays
    what it mainly is.
    """
    partner = rng.permutation(len(patches))
    share = rng.beta(concentration, concentration, size=len(patches))
    share = np.maximum(share, 1.0 - share).astype(np.float32)
    mixed = [share.reshape(-1, *[1] * (array.ndim - 1)) * (array - array[partner]) + array[partner] for array in (patches, targets)]
    return mixed[0], mixed[1]


def validation_patches(features: FeatureSet) -> tuple[Float32Array, BoolArray]:
    """Return the patches of the validation split as the device cuts them, float32[patches, frames, bands, 1], and bool[patches, labels]."""
    patch_set = patch_features(features, "validation")
    log_mel = dequantized_log_mel(patch_set.log_mel, log_fraction_bits=patch_set.log_fraction_bits, log_scale=patch_set.log_scale)
    return log_mel[..., np.newaxis], patch_set.truth


def cut_patches(source: TrainingPatches, chosen: Int64Array, table: AugmentationTable, rng: np.random.Generator) -> Float32Array:
    """Return the `chosen` patches, each changed at random: float32[chosen, *patch_shape, 1]."""
    shift = rng.integers(-table.time_shift_frames, table.time_shift_frames + 1, size=chosen.size)
    starts = np.clip(source.starts[chosen] + shift, source.first_frames[chosen], source.last_starts[chosen])
    batch = source.log_mel[starts[:, np.newaxis] + np.arange(source.spec.patch_frames)]
    if table.gain_db and _is_log_mel(source.spec):
        batch = change_gain(batch, rng.uniform(-table.gain_db, table.gain_db, size=chosen.size), spec=source.spec)
    for axis, longest in ((1, table.time_mask_frames), (2, table.frequency_mask_bands)):
        _mask(batch, axis, min(longest, batch.shape[axis] // 2), rng)
    if source.spec.patch_layout == "bands_first":
        batch = np.swapaxes(batch, 1, 2)
    result: Float32Array = batch[..., np.newaxis].astype(np.float32)
    return result


def change_gain(log_mel: Float32Array, gain_db: npt.NDArray[np.float64], *, spec: FrontendSpec) -> Float32Array:
    """Return the log-mel, [patches, frames, bands], of the same sound with another gain.

    The offset stays where it is: ``ln(g * (exp(x) - offset) + offset)`` with ``g = 10 ** (dB / 20)`` for a magnitude
    spectrum and ``10 ** (dB / 10)`` for power. Exact but for the front end's integer rounding and clipping.
    """
    factor = 10.0 ** (gain_db / (20.0 if spec.spectrum == "magnitude" else 10.0))
    mel = _mel(log_mel, spec)
    changed: Float32Array = np.log(factor.astype(np.float32)[:, np.newaxis, np.newaxis] * mel + np.float32(spec.log_offset))
    return changed * np.float32(spec.log_scale)


def _is_log_mel(spec: FrontendSpec) -> bool:
    return spec.level_normalization == "none" and spec.cepstral_coefficients == 0


def _mel(log_mel: Float32Array, spec: FrontendSpec) -> Float32Array:
    mel: Float32Array = np.maximum(np.exp(log_mel / np.float32(spec.log_scale)) - np.float32(spec.log_offset), np.float32(0.0))
    return mel


def _mask(batch: Float32Array, axis: int, longest: int, rng: np.random.Generator) -> None:
    """Blank one stretch of up to `longest` frames or bands of each patch with the patch's mean, in place (SpecAugment)."""
    if longest < 1:
        return
    lengths = rng.integers(0, longest + 1, size=len(batch))
    first = rng.integers(0, batch.shape[axis] - lengths + 1)
    position = np.arange(batch.shape[axis])
    inside = (position >= first[:, np.newaxis]) & (position < (first + lengths)[:, np.newaxis])
    is_blank = inside[:, :, np.newaxis] if axis == 1 else inside[:, np.newaxis, :]
    np.copyto(batch, batch.mean(axis=(1, 2), keepdims=True), where=is_blank)


def _is_heard(log_mel: Float32Array, spec: FrontendSpec) -> npt.NDArray[np.bool_]:
    """Return for each patch of a clip whether its mean mel value comes within 30 dB of the clip's loudest patch."""
    count = spec.patches_of(len(log_mel))
    if not _is_log_mel(spec):
        return np.ones(count, np.bool_)
    frames = _mel(log_mel, spec).mean(axis=1)
    level = np.array([frames[patch * spec.patch_hop_frames :][: spec.patch_frames].mean() for patch in range(count)])
    per_decade = 20.0 if spec.spectrum == "magnitude" else 10.0
    return np.asarray(level >= level.max(initial=0.0) * 10.0 ** (-_SILENCE_BELOW_LOUDEST_DB / per_decade))
