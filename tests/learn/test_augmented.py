"""Changed copies stand behind the clips, keep their split and go through the integer front end."""

from __future__ import annotations

import numpy as np

from tinyaudio.core.artifacts import FeatureSet, Int16Array
from tinyaudio.core.project import Project
from tinyaudio.dsp.frontend import compute_feature_rows, design_frontend
from tinyaudio.learn.dataset import augment_features, clip_features, clip_reader


def half(pcm: Int16Array, seed: int) -> tuple[Int16Array, str]:
    return pcm // 2, f'{{"seed": {seed}}}'


def test_copies_stand_behind_the_clips_and_leak_nowhere(small_project: Project, small_features: FeatureSet) -> None:
    tables, read = design_frontend(small_project.frontend, kernel="cmsis_q31"), clip_reader(small_project)
    result = augment_features(small_features, read, tables, half, versions=2, seed=1)
    clips, count = result.features.dataset.clips, len(small_features.dataset.clips)
    assert clips[:count] == small_features.dataset.clips
    np.testing.assert_array_equal(result.features.log_mel[: len(small_features.log_mel)], small_features.log_mel)
    training = small_features.dataset.of_split("train")
    assert [clip.filename for clip in clips[count:]] == [f"{clip.filename}#{version}" for clip in training for version in (1, 2)]
    assert {clip.split for clip in clips[count:]} == {"train"}
    assert result.features.dataset.of_split("test") == small_features.dataset.of_split("test")
    np.testing.assert_array_equal(clip_features(result.features, count), compute_feature_rows(tables, read(training[0]) // 2))
    assert len(set(result.draws.values())) == len(result.draws) == 2 * len(training)


def test_copies_depend_on_the_clip_and_not_on_its_place(small_project: Project, small_features: FeatureSet) -> None:
    tables, read = design_frontend(small_project.frontend, kernel="cmsis_q31"), clip_reader(small_project)
    one, more = (augment_features(small_features, read, tables, half, versions=versions, seed=1).draws for versions in (1, 2))
    assert one.items() <= more.items()
    both = augment_features(small_features, read, tables, half, versions=1, seed=1, splits=("train", "validation")).draws
    assert one.items() < both.items()
    assert augment_features(small_features, read, tables, half, versions=1, seed=2).draws != one
