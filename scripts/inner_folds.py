"""How well classifiers on a frozen backbone predict folds that they were not fitted to: embeddings once, then as many fits as wanted."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from tinyaudio.core.project import AugmentationTable
from tinyaudio.learn.dataset import read_manifest
from tinyaudio.learn.training import embed, embedding_network, read_backbone
from tinyaudio.learn.training.augmentation import TrainingPatches, cut_patches, training_patches
from tinyaudio.learn.training.phases import classifier_of
from tinyaudio.learn.training.targets import balanced_classes, training_targets
from tinyaudio.pipeline import features_stage
from tinyaudio.pipeline.line import Line

_UNCHANGED = AugmentationTable(time_shift_frames=0, gain_db=0.0, time_mask_frames=0, frequency_mask_bands=0)
_LEAST_SCORE = 1e-6


@dataclass(frozen=True, slots=True)
class Embedded:
    """Every patch of every clip, silent ones included, as a frozen backbone sees it."""

    embeddings: npt.NDArray[np.float32]  # [patches, channels]
    targets: npt.NDArray[np.float32]  # [patches, classes]; all alike where nothing is heard
    source: TrainingPatches
    folds: npt.NDArray[np.str_]  # [clips], as the manifest says


@dataclass(frozen=True, slots=True)
class HeldOut:
    """What a classifier is worth on a fold that it was not fitted to."""

    loss: float  # cross-entropy of the clips, patch scores averaged
    accuracy: float  # of the clips


def embed_clips(line: Line, *, patch_frames: int, patch_hop_frames: int) -> Embedded:
    """Return the embeddings of all clips of a project with a backbone, whatever their split, cut as wanted; nothing is fitted."""
    project, features = line.project, features_stage(line).value
    features = replace(features, spec=replace(features.spec, patch_frames=patch_frames, patch_hop_frames=patch_hop_frames))
    backbone = read_backbone(project.directory / project.train.transfer.backbone)
    network, _ = embedding_network(features.spec, project.model, project.train.transfer, backbone)
    source = training_patches(features, silence="uniform", splits=("train", "validation", "test"))
    patches = cut_patches(source, np.arange(len(source.starts)), _UNCHANGED, np.random.default_rng(0))
    rows, _ = read_manifest(project.manifest_path, project.data)
    fold_of = {row.filename: str(row.split_value) for row in rows}
    folds = np.array([fold_of[clip.filename] for clip in features.dataset.clips])
    return Embedded(embed(network, patches), training_targets(source), source, folds)


def held_out(embedded: Embedded, *, fitted: tuple[str, ...], tested: str, l2: float) -> HeldOut:
    """Fit a classifier to the folds `fitted` and return what it is worth on `tested`."""
    fold_of_patch = embedded.folds[embedded.source.clip_indices]
    chosen, asked = np.isin(fold_of_patch, fitted), fold_of_patch == tested
    weights = balanced_classes(embedded.source.truth[chosen])
    _, kernel, bias = classifier_of(embedded.embeddings[chosen], embedded.targets[chosen], weights, l2=l2, is_exclusive=True)
    logits = embedded.embeddings[asked] @ kernel + bias
    scores = np.exp(logits - logits.max(axis=1, keepdims=True))
    scores /= scores.sum(axis=1, keepdims=True)
    clips, first, position = np.unique(embedded.source.clip_indices[asked], return_index=True, return_inverse=True)
    means = np.zeros((len(clips), scores.shape[1]))
    np.add.at(means, position, scores)
    means /= np.bincount(position)[:, np.newaxis]
    truth = embedded.source.truth[asked][first].argmax(axis=1)
    right = means[np.arange(len(clips)), truth]
    return HeldOut(loss=float(-np.log(np.maximum(right, _LEAST_SCORE)).mean()), accuracy=float((means.argmax(axis=1) == truth).mean()))
