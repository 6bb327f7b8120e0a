"""A large network on the host teaches a small one: its scores are what the student learns, also of clips without labels.

The teacher is a backbone, such as YAMNet at its full width and depth, with a classifier fitted to the labelled training
clips. It has a front end of its own; for each patch of the student it hears the sound around that patch's middle.

References
----------
G. Hinton, O. Vinyals, J. Dean, "Distilling the Knowledge in a Neural Network", 2015.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from tinyaudio.core.artifacts import FeatureSet, Int64Array, Split
from tinyaudio.core.errors import ModelError
from tinyaudio.core.project import AugmentationTable, DistillationTable, ModelTable
from tinyaudio.core.spec import FrontendSpec
from tinyaudio.core.teaching import SoftTargets
from tinyaudio.learn.dataset import clip_features, dequantized_log_mel
from tinyaudio.learn.training.augmentation import Silence, cut_patches, training_patches, validation_patches
from tinyaudio.learn.training.backbone import Backbone, transfer_weights
from tinyaudio.learn.training.networks import build_network
from tinyaudio.learn.training.phases import fit_classifier
from tinyaudio.learn.training.runtime import make_deterministic
from tinyaudio.learn.training.targets import training_targets

Progress = Callable[[int, int], None]
Float32Array = npt.NDArray[np.float32]

_BATCH = 64
_UNCHANGED = AugmentationTable(time_shift_frames=0, gain_db=0.0, time_mask_frames=0, frequency_mask_bands=0)


def ask_teacher(
    features: FeatureSet,
    heard: FeatureSet,
    backbone: Backbone,
    table: DistillationTable,
    *,
    unlabelled: int = 0,
    splits: Sequence[Split] = ("train",),
    silence: Silence = "drop",
    seed: int = 1,
    on_progress: Progress | None = None,
) -> SoftTargets:
    """Fit the teacher's classifier to the labelled clips of `splits`, and let it score the patches of all clips of `splits`.

    Parameters
    ----------
    features
        Of the student's front end, unlabelled clips last.
    heard
        Of the same clips, by the teacher's front end.
    backbone
        The teacher's convolutions.
    table
        ``[train.distillation]`` of the project.
    unlabelled
        How many clips have no label.
    splits
        What may be trained on.
    silence
        ``train.silence``: what the teacher learns of patches in which next to nothing is heard.
    seed
        Of TensorFlow; nothing is drawn.
    on_progress
        Called with (clips scored, clips in all).

    Raises
    ------
    ModelError
        If the backbone does not fit the network that ``train.distillation`` describes in every layer.
    """
    make_deterministic(seed)
    network = _network(heard.spec, backbone, table, classes=len(features.dataset.labels), is_exclusive=not features.dataset.is_multi_label)
    labelled = first_clips(heard, len(heard.dataset.clips) - unlabelled)
    source = training_patches(labelled, silence=silence, splits=splits)
    weights = np.ones(len(source.starts), np.float32)
    patches = cut_patches(source, np.arange(len(source.starts)), _UNCHANGED, np.random.default_rng(0))
    fit_classifier(network, patches, training_targets(source), weights, l2=table.classifier_l2)
    counts = [features.spec.patches_of(int(stop - start)) for start, stop in _frames(features)]
    scores, offsets = [], np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    for index, clip in enumerate(features.dataset.clips):
        asked = clip.split in splits
        scores.append(
            _score(network, _views(heard, index, features.spec, counts[index])) if asked else np.zeros((counts[index], len(features.dataset.labels)))
        )
        if on_progress is not None:
            on_progress(index + 1, len(features.dataset.clips))
    every = np.concatenate(scores).astype(np.float32)
    every.flags.writeable = offsets.flags.writeable = False
    return SoftTargets(
        features=features,
        unlabelled=unlabelled,
        scores=every,
        patch_offsets=offsets,
        teacher=backbone.name,
        teacher_accuracy=_accuracy(network, labelled),
    )


def first_clips(features: FeatureSet, count: int) -> FeatureSet:
    """Return the first `count` clips of `features`."""
    dataset = dataclasses.replace(features.dataset, clips=features.dataset.clips[:count])
    offsets = features.frame_offsets[: count + 1]
    return dataclasses.replace(features, dataset=dataset, log_mel=features.log_mel[: offsets[-1]], frame_offsets=offsets)


def _network(spec: FrontendSpec, backbone: Backbone, table: DistillationTable, *, classes: int, is_exclusive: bool) -> Any:
    model_table = ModelTable(
        width_multiplier=table.width_multiplier,
        blocks=table.blocks,
        activation=table.activation,
        dropout=0.0,
        head="softmax" if is_exclusive else "sigmoid",
    )
    network = build_network(spec, model_table, classes=classes, batch_size=None)
    drawn = transfer_weights(network, backbone).drawn
    if drawn:
        raise ModelError(
            f"the teacher has nothing for {', '.join(drawn[:4])}{' and others' if len(drawn) > 4 else ''}",
            hint="lower train.distillation.blocks to what the teacher has",
            where=backbone.name,
        )
    return network


def _views(heard: FeatureSet, index: int, student: FrontendSpec, patches: int) -> Float32Array:
    """Return what the teacher hears around the middle of each patch of the student, float32[patches, *patch_shape, 1]."""
    spec = heard.spec
    log_mel = dequantized_log_mel(clip_features(heard, index), log_fraction_bits=heard.log_fraction_bits, log_scale=spec.log_scale)
    missing = max(0, spec.patch_frames - len(log_mel))
    log_mel = np.pad(log_mel, ((0, missing), (0, 0)), constant_values=log_mel.min(initial=0.0))
    starts = view_starts(spec, student, patches=patches, frames=len(log_mel))
    views = log_mel[starts[:, np.newaxis] + np.arange(spec.patch_frames)]
    if spec.patch_layout == "bands_first":
        views = np.swapaxes(views, 1, 2)
    return np.asarray(views[..., np.newaxis], np.float32)


def view_starts(spec: FrontendSpec, student: FrontendSpec, *, patches: int, frames: int) -> Int64Array:
    """Return the first frame of the teacher's view of each of the student's patches: the same middle in time, within the clip."""
    middles = np.arange(patches) * student.patch_hop_frames * student.hop_samples + student.patch_samples / 2
    starts = np.rint((middles - spec.patch_samples / 2) / spec.hop_samples).astype(np.int64)
    return np.asarray(np.clip(starts, 0, frames - spec.patch_frames), np.int64)


def _score(network: Any, patches: Float32Array) -> Float32Array:
    return np.concatenate([network.predict_on_batch(patches[start : start + _BATCH]) for start in range(0, len(patches), _BATCH)])


def _accuracy(network: Any, labelled: FeatureSet) -> float:
    patches, truth = validation_patches(labelled)
    scores = _score(network, patches)
    if labelled.dataset.is_multi_label:
        return float(((scores >= 0.5) == truth).mean())
    return float(truth[np.arange(len(truth)), scores.argmax(axis=1)].mean())


def _frames(features: FeatureSet) -> list[tuple[int, int]]:
    return list(zip(features.frame_offsets[:-1], features.frame_offsets[1:], strict=True))
