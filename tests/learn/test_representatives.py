"""Representative audio: spread over the sounds it covers more with fewer clips, and its worth is measured."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

pytest.importorskip("tensorflow", reason="conversion needs TensorFlow: pip install 'tinyaudio[train]'")

from tinyaudio.core.artifacts import FeatureSet
from tinyaudio.core.project import Project, QuantizeTable
from tinyaudio.learn.dataset import patch_features
from tinyaudio.learn.evaluate import measure_representatives
from tinyaudio.learn.quantize import representative_patches, spread_over_classes, spread_over_sounds
from tinyaudio.learn.quantize.representative import _described
from tinyaudio.learn.training import train


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
    trained = train(small_features, small_project.model, small_project.train.model_copy(update={"epochs": 2}))
    progress: list[tuple[int, int]] = []
    report = measure_representatives(
        trained, small_features, QuantizeTable(), sizes=(2, 999), seeds=1, on_progress=lambda done, total: progress.append((done, total))
    )
    clips = len(small_features.dataset.of_split("train"))
    assert [(point.choice, point.clips) for point in report.points] == [(choice, size) for size in (2, clips) for choice in ("classes", "coverage")]
    assert progress[-1] == (4, 4)
    everything = report.points[2:]
    assert everything[0].score_error == pytest.approx(everything[1].score_error)  # all clips are all clips
    assert all(0.0 <= point.same_verdicts <= 1.0 and point.score_error < 0.2 for point in report.points)
    assert max(point.same_verdicts for point in everything) > 0.8
