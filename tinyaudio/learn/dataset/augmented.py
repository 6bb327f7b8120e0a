"""Changed copies of the training clips through the integer front end, as clips of their own."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Collection

import numpy as np

from tinyaudio.core.artifacts import AugmentedFeatures, Clip, FeatureSet, Int16Array, Split
from tinyaudio.core.canonical import sha256_bytes
from tinyaudio.dsp.frontend import FrontendTables
from tinyaudio.learn.dataset.features import ClipReader, Progress, compute_features

#: From samples and a seed to a changed copy and what was drawn for it.
Augment = Callable[[Int16Array, int], tuple[Int16Array, str]]

_TRAIN: tuple[Split, ...] = ("train",)


def augment_features(
    features: FeatureSet,
    read: ClipReader,
    tables: FrontendTables,
    augment: Augment,
    *,
    versions: int,
    seed: int,
    splits: Collection[Split] = _TRAIN,
    on_progress: Progress | None = None,
) -> AugmentedFeatures:
    """Return `features` with `versions` changed copies of each clip of `splits` behind them.

    A copy is called ``<filename>#<version>`` and keeps label, group and split, so that nothing leaks. Its seed is made from
    `seed`, the clip's content and the version: adding a clip changes no other one's copies.

    Parameters
    ----------
    features
        Of the recordings as they are.
    read
        Returns the samples of a clip.
    tables
        The front end that `features` were computed with.
    augment
        Changes samples; see `dsp.audio.AudioAugmenter`.
    versions, seed, splits
        How many copies, drawn how, of which clips.
    on_progress
        Called with (copies done, copies in all).
    """
    copies: list[Clip] = []
    samples: dict[str, Int16Array] = {}
    draws: dict[str, str] = {}
    originals = [clip for clip in features.dataset.clips if clip.split in splits]
    for clip in originals:
        for version in range(1, versions + 1):
            filename = f"{clip.filename}#{version}"
            clip_seed = int(sha256_bytes(f"{seed} {version} {clip.pcm_sha256}".encode())[:8], 16)
            samples[filename], draws[filename] = augment(read(clip), clip_seed)
            content = np.ascontiguousarray(samples[filename], dtype="<i2").tobytes()
            copies.append(dataclasses.replace(clip, filename=filename, samples=samples[filename].size, pcm_sha256=sha256_bytes(content)))
        if on_progress is not None:
            on_progress(len(copies), len(originals) * versions)
    dataset = dataclasses.replace(features.dataset, clips=tuple(copies))
    return AugmentedFeatures(features=join_features(features, compute_features(dataset, lambda clip: samples[clip.filename], tables)), draws=draws)


def join_features(first: FeatureSet, second: FeatureSet) -> FeatureSet:
    """Return the clips of both, one front end's, the second behind the first."""
    log_mel = np.concatenate([first.log_mel, second.log_mel])
    offsets = np.concatenate([first.frame_offsets, second.frame_offsets[1:] + first.frame_offsets[-1]])
    log_mel.flags.writeable = offsets.flags.writeable = False
    clips = (*first.dataset.clips, *second.dataset.clips)
    return dataclasses.replace(first, dataset=dataclasses.replace(first.dataset, clips=clips), log_mel=log_mel, frame_offsets=offsets)
