"""A teacher is asked about the same moments as its student, and what it says is learned, with or without labels."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("tensorflow", reason="training needs TensorFlow: pip install 'tinyaudio[train]'")

from tinyaudio.core.artifacts import Clip, FeatureSet
from tinyaudio.core.errors import ModelError, ProjectError
from tinyaudio.core.project import DistillationTable, ModelTable, Project, parse_project
from tinyaudio.core.spec import FrontendSpec
from tinyaudio.core.teaching import SoftTargets
from tinyaudio.dsp.frontend import design_frontend
from tinyaudio.learn.dataset import clip_reader, compute_features, join_features
from tinyaudio.learn.training import Backbone, ask_teacher, build_network, read_backbone, train
from tinyaudio.learn.training.augmentation import training_patches
from tinyaudio.learn.training.storage import keras_bytes
from tinyaudio.learn.training.targets import patch_weights, taught, training_targets
from tinyaudio.learn.training.teacher import first_clips, view_starts

TABLE = DistillationTable(teacher="teacher.keras", width_multiplier=0.1, blocks=2, activation="relu", classifier_l2=1e-4)


@pytest.fixture(scope="module")
def backbone(tmp_path_factory: pytest.TempPathFactory) -> Backbone:
    path = tmp_path_factory.mktemp("teacher") / "teacher.keras"
    spec = FrontendSpec(mel_bands=24, patch_frames=40, patch_hop_frames=20)
    path.write_bytes(keras_bytes(build_network(spec, ModelTable(width_multiplier=0.1, blocks=2, activation="relu"), classes=5, batch_size=1)))
    return read_backbone(path)


@pytest.fixture(scope="module")
def teaching(small_project: Project, small_features: FeatureSet, backbone: Backbone) -> SoftTargets:
    """Two clips without labels behind the others, heard by another front end than the student's."""
    originals = small_features.dataset.clips[:2]
    unlabelled = tuple(dataclasses.replace(clip, filename=f"unlabelled {clip.filename}", label="", split="train") for clip in originals)
    by_name = {f"unlabelled {clip.filename}": clip for clip in originals}
    read = clip_reader(small_project)

    def read_any(clip: Clip) -> np.ndarray:
        return read(by_name.get(clip.filename, clip))

    own = small_features.spec
    other = dataclasses.replace(own, mel_bands=24, patch_frames=40, hop_samples=128)
    dataset = dataclasses.replace(small_features.dataset, clips=unlabelled)
    student = join_features(small_features, compute_features(dataset, read_any, design_frontend(own, kernel=small_features.kernel)))
    heard = compute_features(student.dataset, read_any, design_frontend(other, kernel=small_features.kernel))
    return ask_teacher(student, heard, backbone, TABLE, unlabelled=2)


def test_every_training_patch_is_asked_about(teaching: SoftTargets) -> None:
    spec, clips = teaching.features.spec, teaching.features.dataset.clips
    assert teaching.patch_offsets[-1] == len(teaching.scores)
    for index, clip in enumerate(clips):
        start, stop = teaching.patch_offsets[index : index + 2]
        frames = teaching.features.frame_offsets[index + 1] - teaching.features.frame_offsets[index]
        assert stop - start == spec.patches_of(int(frames))
        np.testing.assert_allclose(teaching.scores[start:stop].sum(axis=1), 1.0 if clip.split == "train" else 0.0, atol=1e-5)
    assert 1 / 3 < teaching.teacher_accuracy <= 1.0
    np.testing.assert_array_equal(teaching.scores[teaching.patch_offsets[-3] :][:3], teaching.scores[:3])  # the same sound, without its label


def test_it_hears_the_same_moment() -> None:
    student = FrontendSpec(patch_frames=32, patch_hop_frames=16)
    longer = FrontendSpec(patch_frames=96)
    starts = view_starts(longer, student, patches=12, frames=208)
    middles = np.arange(12) * 16 + 16
    inside = (starts > 0) & (starts < 208 - 96)
    np.testing.assert_allclose(starts[inside] + 48, middles[inside], atol=1)
    assert starts.min() == 0
    assert starts.max() == 208 - 96
    finer = FrontendSpec(hop_samples=80, patch_frames=64)  # as long as 32 frames of the student, but for the last window
    assert view_starts(finer, student, patches=3, frames=200).tolist() == [0, 32, 64]


def test_labels_and_teacher_share_the_targets(teaching: SoftTargets) -> None:
    source = training_patches(teaching.features, unlabelled=teaching.unlabelled)
    hard = training_targets(source)
    targets = taught(hard, source, teaching, share=0.25)
    scores = teaching.scores[teaching.patch_offsets[source.clip_indices] + source.patch_indices]
    assert (~source.is_labelled).sum() > 0
    np.testing.assert_allclose(targets[source.is_labelled], (0.75 * hard + 0.25 * scores)[source.is_labelled], rtol=1e-5)
    np.testing.assert_array_equal(targets[~source.is_labelled], scores[~source.is_labelled])
    weights = patch_weights(source, is_balanced=True)
    assert (weights[~source.is_labelled] == 1.0).all()


def test_a_teacher_is_not_asked_about_silence(teaching: SoftTargets) -> None:
    source = training_patches(teaching.features, silence="uniform", unlabelled=teaching.unlabelled)
    quiet = dataclasses.replace(source, is_heard=np.arange(len(source.starts)) % 2 == 0)
    own = training_targets(quiet)
    targets = taught(own, quiet, teaching, share=0.7)
    np.testing.assert_array_equal(targets[1::2], own[1::2])
    assert (targets[1::2] == own[1::2, :1]).all()  # all classes alike
    assert np.abs(targets[::2] - own[::2]).max() > 0.0


def test_a_student_learns_from_it(small_project: Project, teaching: SoftTargets) -> None:
    table = small_project.train.model_copy(update={"epochs": 2, "batch_size": 64, "distillation": TABLE})
    student = train(teaching.features, small_project.model, table, teaching=teaching)
    assert student.labels == teaching.features.dataset.labels
    assert student.train_loss[1] < student.train_loss[0]


def test_a_teacher_that_lacks_layers_is_refused(small_features: FeatureSet, backbone: Backbone) -> None:
    with pytest.raises(ModelError, match="the teacher has nothing for block03_depthwise, block03_pointwise"):
        ask_teacher(small_features, small_features, backbone, TABLE.model_copy(update={"blocks": 3}))


def test_the_first_clips_are_whole(small_features: FeatureSet) -> None:
    few = first_clips(small_features, 3)
    assert (len(few.dataset.clips), len(few.frame_offsets)) == (3, 4)
    assert len(few.log_mel) == small_features.frame_offsets[3]


@pytest.mark.parametrize(
    ("toml", "message"),
    [
        ('teacher = "x.tflite"\n', r"train\.distillation\.frontend: must say what front end the teacher"),
        ('unlabelled = "sounds"\n', r"train\.distillation\.unlabelled: says nothing without"),
        ("share = 1.5\n", r"train\.distillation\.share: input should be less than or equal to 1"),
        ('frontend = {preset = "yamnett"}\n', r"train\.distillation\.frontend\.preset: there is no preset 'yamnett'"),
    ],
)
def test_mistaken_settings_are_named(tmp_path: Path, toml: str, message: str) -> None:
    with pytest.raises(ProjectError, match=message):
        parse_project(f'[project]\nname = "x"\n[train.distillation]\n{toml}', directory=tmp_path)
