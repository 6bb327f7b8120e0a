"""Representative audio: spread over the sounds it covers more with fewer clips, and its worth is measured."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

pytest.importorskip("tensorflow", reason="conversion needs TensorFlow: pip install 'tinyaudio[train]'")

from tinyaudio.core.artifacts import FeatureSet, TrainedModel
from tinyaudio.core.project import Project, QuantizeTable
from tinyaudio.learn.dataset import patch_features
from tinyaudio.learn.evaluate import measure_representatives
from tinyaudio.learn.quantize import representative_patches, spread_over_classes, spread_over_sounds
from tinyaudio.learn.quantize.representative import _described
from tinyaudio.learn.training import build_network
from tinyaudio.learn.training.storage import keras_bytes


def untrained(project: Project, features: FeatureSet) -> TrainedModel:
    network = build_network(features.spec, project.model, classes=3, batch_size=1)
    return TrainedModel(
        architecture="mobilenet_v1",
        labels=features.dataset.labels,
        spec=features.spec,
        kernel=features.kernel,
        frontend_fingerprint=features.frontend_fingerprint,
        keras=keras_bytes(network),
        parameters=1,
        epochs=1,
        best_epoch=1,
        train_loss=(1.0,),
        validation_loss=(1.0,),
        validation_accuracy=(0.0,),
    )


def farthest(described: np.ndarray, chosen: list[int]) -> float:
    """Return how far the clip that is least like the chosen ones is from them."""
    return float(np.sqrt(((described[:, np.newaxis] - described[chosen]) ** 2).sum(axis=2)).min(axis=1).max())


def test_the_least_alike_come_first(small_features: FeatureSet) -> None:
    patch_set = patch_features(small_features, "train")
    described = _described(patch_set)
    ordered = spread_over_sounds(patch_set)
    assert sorted(ordered) == list(range(len(patch_set.clips)))
    assert ordered == spread_over_sounds(patch_set)
    drawn = np.mean([farthest(described, spread_over_classes(patch_set, seed=seed)[:8]) for seed in range(10)])
    assert farthest(described, ordered[:8]) < 0.9 * drawn
    second = int(np.square(described - described[ordered[0]]).sum(axis=1).argmax())
    assert ordered[1] == second


def test_a_clip_is_told_by_its_bands_whichever_come_first(small_features: FeatureSet) -> None:
    frames_first = patch_features(small_features, "train")
    spec = dataclasses.replace(small_features.spec, patch_layout="bands_first")
    bands_first = patch_features(dataclasses.replace(small_features, spec=spec), "train")
    assert bands_first.log_mel.shape[1:] == frames_first.log_mel.shape[:0:-1]
    np.testing.assert_allclose(_described(bands_first), _described(frames_first))


def test_coverage_takes_whole_clips(small_features: FeatureSet) -> None:
    patch_set = patch_features(small_features, "train")
    chosen = spread_over_sounds(patch_set)[:2]
    patches = representative_patches(small_features, QuantizeTable(representative_clips=2, choice="coverage"))
    counts = np.diff(patch_set.patch_offsets)
    assert len(patches) == counts[chosen].sum()


def test_what_a_choice_is_worth_is_measured(small_project: Project, small_features: FeatureSet) -> None:
    progress: list[tuple[int, int]] = []
    report = measure_representatives(
        untrained(small_project, small_features),
        small_features,
        QuantizeTable(),
        sizes=(999,),
        seeds=1,
        on_progress=lambda done, total: progress.append((done, total)),
    )
    clips = len(small_features.dataset.of_split("train"))
    assert [(point.choice, point.clips) for point in report.points] == [("classes", clips), ("coverage", clips)]
    assert progress[-1] == (2, 2)
    first, second = report.points
    assert first.score_error == pytest.approx(second.score_error)  # all clips are all clips
    assert 0.0 < first.score_error < 0.2
    assert 0.0 <= first.same_verdicts <= 1.0
