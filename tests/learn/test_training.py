"""A very small real training, to INT8 and against the oracle."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("tensorflow", reason="training needs TensorFlow: pip install 'tinyaudio[train]'")

from tinyaudio.core.artifacts import Dataset, FeatureSet, QuantizedModel, TrainedModel
from tinyaudio.core.errors import ProjectError, StageError
from tinyaudio.core.presets import load_preset, preset_names
from tinyaudio.core.project import AugmentationTable, ModelTable, Project, parse_project
from tinyaudio.core.spec import FrontendSpec
from tinyaudio.dsp.frontend import design_frontend
from tinyaudio.learn.dataset import clip_reader, compute_features, patch_features, quantized_patches
from tinyaudio.learn.evaluate import evaluate_float, evaluate_int8
from tinyaudio.learn.oracle import expected_outputs
from tinyaudio.learn.quantize import quantize
from tinyaudio.learn.training import build_network, load_keras_model, train
from tinyaudio.learn.training.augmentation import change_gain, cut_patches, mix_up, training_patches, validation_patches
from tinyaudio.learn.training.checkpoint import Checkpoint, History, Progressed
from tinyaudio.learn.training.loop import _not_a_number
from tinyaudio.learn.training.predictor import dynamic_batch
from tinyaudio.learn.training.targets import balanced_classes, training_targets
from tinyaudio.learn.training.temperature import fit_temperature, scale_temperature


@pytest.fixture(scope="module")
def trained(small_project: Project, small_features: FeatureSet) -> TrainedModel:
    """Trained until it tells most clips apart, on any processor: after half as long one clip more or less was the difference."""
    return train(small_features, small_project.model, small_project.train.model_copy(update={"epochs": 24}))


@pytest.fixture(scope="module")
def quantized(small_project: Project, small_features: FeatureSet, trained: TrainedModel) -> QuantizedModel:
    return quantize(trained, small_features, small_project.quantize)


def test_it_learns(trained: TrainedModel, small_features: FeatureSet) -> None:
    assert trained.train_loss[-1] < 0.8 * trained.train_loss[0]
    assert len(trained.train_loss) == len(trained.validation_loss) == len(trained.validation_accuracy) == trained.epochs
    assert trained.validation_loss[trained.best_epoch - 1] == min(trained.validation_loss)
    assert evaluate_float(trained, small_features).accuracy >= 0.6  # chance is 1/3


def test_int8_keeps_the_accuracy_and_the_oracle_agrees(trained: TrainedModel, quantized: QuantizedModel, small_features: FeatureSet) -> None:
    expected = expected_outputs(quantized, small_features)
    result, reference = evaluate_int8(quantized, expected, small_features), evaluate_float(trained, small_features)
    assert abs(result.accuracy - reference.accuracy) <= 2 / len(reference.filenames)
    assert np.abs(result.scores - reference.scores).mean() < 0.05
    assert expected.outputs.shape == expected.logits.shape == (expected.patch_offsets[-1], 3)
    assert np.array_equal(expected.logits.argmax(axis=1), expected.outputs.argmax(axis=1))


def test_training_repeats_with_its_seed(small_project: Project, small_features: FeatureSet) -> None:
    short = small_project.train.model_copy(update={"epochs": 2})
    first, second = (train(small_features, small_project.model, short) for _ in range(2))
    assert first == second
    third = train(small_features, small_project.model, short.model_copy(update={"seed": 2}))
    assert third.keras != first.keras


def test_progress_ends_at_its_total_even_when_stopped_early(small_project: Project, small_features: FeatureSet) -> None:
    progress: list[tuple[int, int]] = []
    table = small_project.train.model_copy(update={"epochs": 6, "patience": 1, "learning_rate": 1e-7})
    model = train(small_features, small_project.model, table, on_progress=lambda done, total: progress.append((done, total)))
    assert progress[-1] == (6, 6)
    assert [done for done, _ in progress[:-1]] == list(range(1, model.epochs + 1))


def test_the_stored_model_gives_the_same_numbers(trained: TrainedModel, small_features: FeatureSet) -> None:
    model = load_keras_model(trained.keras)
    assert model.input_shape == (1, 32, 20, 1)
    assert model.count_params() == trained.parameters


def test_a_damaged_stored_model_is_a_clear_error() -> None:
    with pytest.raises(StageError, match="cannot be read"):
        load_keras_model(b"PK\x03\x04 no")


def test_a_loss_that_is_no_number_stops_the_training(small_project: Project, small_features: FeatureSet, monkeypatch: pytest.MonkeyPatch) -> None:
    def poisoned(*arguments: Any) -> Any:
        patches = cut_patches(*arguments)
        patches[0, 3, 3, 0] = np.nan
        return patches

    monkeypatch.setattr("tinyaudio.learn.training.loop.cut_patches", poisoned)
    with pytest.raises(StageError, match=r"the loss is nan in batch 1 of epoch 1: the features of audio/\w+\.wav are not numbers"):
        train(small_features, small_project.model, small_project.train)


def without_split(features: FeatureSet, split: str) -> FeatureSet:
    clips = tuple(dataclasses.replace(clip, split="test") if clip.split == split else clip for clip in features.dataset.clips)
    dataset = Dataset(labels=features.dataset.labels, sample_rate_hz=features.dataset.sample_rate_hz, clips=clips)
    return dataclasses.replace(features, dataset=dataset)


@pytest.mark.parametrize("split", ["train", "validation"])
def test_an_empty_split_is_refused(small_project: Project, small_features: FeatureSet, split: str) -> None:
    with pytest.raises(StageError, match=f"the split '{split}' is empty"):
        train(without_split(small_features, split), small_project.model, small_project.train)


@pytest.mark.parametrize(("width", "channels"), [(0.25, 256), (0.125, 128), (1.0, 1024), (0.05, 52)])
def test_the_width_multiplier_scales_the_channels(width: float, channels: int) -> None:
    model = build_network(FrontendSpec(), ModelTable(width_multiplier=width), classes=10, batch_size=1)
    assert model.get_layer("pool").input.shape[-1] == channels
    assert model.output_shape == (1, 10)


def test_the_default_network_has_thirteen_blocks_and_fits_a_microcontroller() -> None:
    model = build_network(FrontendSpec(), ModelTable(), classes=10, batch_size=1)
    assert sum(layer.name.endswith("_depthwise") for layer in model.layers) == 13
    assert 200_000 < model.count_params() < 250_000


def test_gain_on_the_log_mel_is_gain_on_the_sound() -> None:
    rng = np.random.default_rng(1)
    for spectrum, power in (("magnitude", 1.0), ("power", 2.0)):
        spec = FrontendSpec(spectrum=spectrum)  # type: ignore[arg-type]
        mel = rng.uniform(0.0, 0.5, size=(2, 4, 5))
        before, after = (np.log(mel * factor + spec.log_offset).astype(np.float32) for factor in (1.0, 0.5**power))
        assert np.allclose(change_gain(before, np.full(2, 20 * np.log10(0.5)), spec=spec), after, atol=1e-4)


def test_gain_knows_the_scale_of_the_logarithm() -> None:
    mel = np.random.default_rng(1).uniform(0.0, 0.5, size=(2, 4, 5))
    spec = FrontendSpec(spectrum="power", log_scale=10.0 / np.log(10.0))
    before, after = (10.0 * np.log10(mel * factor + spec.log_offset).astype(np.float32) for factor in (1.0, 0.1))
    assert np.allclose(change_gain(before, np.full(2, -10.0), spec=spec), after, atol=1e-3)


def test_models_learn_from_coefficients_in_the_layout_of_the_spec(small_project: Project, small_features: FeatureSet) -> None:
    spec = FrontendSpec(
        mel_bands=20,
        cepstral_coefficients=8,
        level_normalization="running",
        log_scale=4.3,
        patch_frames=32,
        patch_hop_frames=16,
        patch_layout="bands_first",
    )
    tables = design_frontend(spec, kernel="cmsis_q31")
    features = compute_features(small_features.dataset, clip_reader(small_project), tables)
    trained = train(features, small_project.model, small_project.train.model_copy(update={"epochs": 1}))
    assert load_keras_model(trained.keras).input_shape == (1, 8, 32, 1)
    quantized = quantize(trained, features, small_project.quantize)
    patch_set = patch_features(features, "test")
    assert patch_set.log_mel.shape[1:] == (8, 32)
    steps = patch_set.log_mel / 2.0**16 * 4.3 / quantized.input_scale + quantized.input_zero_point
    difference = quantized_patches(quantized, patch_set) - np.clip(steps, -128, 127)
    assert np.max(np.abs(difference)) <= 0.5 + 1e-6
    source = training_patches(features)
    assert source.starts.size == sum(  # no patch is told for silent
        spec.patches_of(spec.frames_of(clip.samples)) for clip in features.dataset.clips if clip.split == "train"
    )
    table = AugmentationTable(time_shift_frames=0, gain_db=10.0, time_mask_frames=0, frequency_mask_bands=0)
    cut = cut_patches(source, np.array([3]), table, np.random.default_rng(1))
    start = source.starts[3]
    np.testing.assert_array_equal(cut[0, :, :, 0].T, source.log_mel[start : start + 32])


def test_every_preset_has_a_network() -> None:
    for name in preset_names():
        spec = load_preset(name)
        assert build_network(spec, ModelTable(), classes=10, batch_size=1).input_shape == (1, *spec.patch_shape, 1)


def test_patches_of_training_stay_within_their_clip(small_features: FeatureSet) -> None:
    source = training_patches(small_features)
    chosen = np.arange(source.starts.size)
    table = AugmentationTable(time_shift_frames=1_000, gain_db=0.0, time_mask_frames=0, frequency_mask_bands=0)
    cut = cut_patches(source, chosen, table, np.random.default_rng(1))[..., 0]
    for patch in (0, 50, chosen.size - 1):
        candidates = [source.log_mel[start : start + 32] for start in range(source.first_frames[patch], source.last_starts[patch] + 1)]
        assert any(np.array_equal(cut[patch], candidate) for candidate in candidates)


def test_without_augmentation_patches_are_those_of_the_device(small_features: FeatureSet) -> None:
    source = training_patches(small_features)
    table = AugmentationTable(time_shift_frames=0, gain_db=0.0, time_mask_frames=0, frequency_mask_bands=0)
    cut = cut_patches(source, np.array([3]), table, np.random.default_rng(1))
    assert np.array_equal(cut[0, ..., 0], source.log_mel[source.starts[3] : source.starts[3] + 32])


def test_augmentation_repeats_with_its_seed(small_features: FeatureSet) -> None:
    source = training_patches(small_features)
    chosen = np.arange(8)
    first, second, other = (cut_patches(source, chosen, AugmentationTable(), np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert np.array_equal(first, second)
    assert not np.array_equal(first, other)


def test_silent_stretches_are_not_trained_on(small_features: FeatureSet) -> None:
    floor = round(np.log(small_features.spec.log_offset) * 2**small_features.log_fraction_bits)
    log_mel = small_features.log_mel.copy()
    start, stop = small_features.frame_offsets[0:2]
    log_mel[start + 10 : stop] = floor  # the rest of the first clip is digital silence
    before = training_patches(small_features).starts.size
    after = training_patches(dataclasses.replace(small_features, log_mel=log_mel))
    lost = before - after.starts.size
    assert small_features.dataset.clips[0].split == "train"
    assert 0 < lost < small_features.spec.patches_of(int(stop - start))


def test_rare_classes_weigh_more() -> None:
    balanced = balanced_classes(np.eye(2, dtype=np.bool_)[[0, 0, 0, 1]])
    assert balanced[:3].sum() == pytest.approx(balanced[3])
    assert balanced.mean() == pytest.approx(1.0)


def test_the_validation_split_may_be_trained_on_to_the_last_epoch(small_project: Project, small_features: FeatureSet) -> None:
    table = small_project.train.model_copy(update={"epochs": 3, "patience": 1, "learning_rate": 1e-7, "validation": "include"})
    model = train(small_features, small_project.model, table)
    assert model.best_epoch == model.epochs == 3
    both = training_patches(small_features, splits=("train", "validation"))
    assert both.starts.size > training_patches(small_features).starts.size


def test_silence_is_taught_to_say_nothing(small_features: FeatureSet) -> None:
    floor = round(np.log(small_features.spec.log_offset) * 2**small_features.log_fraction_bits)
    log_mel = small_features.log_mel.copy()
    start, stop = small_features.frame_offsets[0:2]
    log_mel[start + 10 : stop] = floor
    source = training_patches(dataclasses.replace(small_features, log_mel=log_mel), silence="uniform")
    assert source.starts.size == training_patches(small_features, silence="uniform").starts.size
    targets = training_targets(source)
    assert 0 < (~source.is_heard).sum() < source.starts.size
    np.testing.assert_allclose(targets[~source.is_heard], 1 / 3)
    assert (targets[source.is_heard] == source.truth[source.is_heard]).all()


def test_mixed_patches_stay_mainly_what_they_are() -> None:
    rng = np.random.default_rng(1)
    patches, targets = rng.normal(size=(64, 4, 3, 1)).astype(np.float32), np.eye(4, dtype=np.float32)[np.arange(64) % 4]
    mixed, labels = mix_up(patches, targets, concentration=0.4, rng=np.random.default_rng(2))
    assert mixed.dtype == labels.dtype == np.float32
    np.testing.assert_allclose(labels.sum(axis=1), 1.0, rtol=1e-6)
    assert (np.take_along_axis(labels, targets.argmax(axis=1)[:, None], axis=1) >= 0.5 - 1e-6).all()
    share = labels[0].max()
    other = next(index for index in range(64) if np.allclose(share * patches[0] + (1 - share) * patches[index], mixed[0], atol=1e-5))
    np.testing.assert_allclose(share * targets[0] + (1 - share) * targets[other], labels[0], atol=1e-6)


def test_a_loss_without_a_guilty_clip_names_some(small_features: FeatureSet) -> None:
    patches = training_patches(small_features).filenames
    error = _not_a_number(float("nan"), 7, 2, patches=np.zeros((3, 2, 2, 1), np.float32), filenames=list(patches[:3]))
    assert "batch 7 of epoch 2, with patches of" in error.message
    assert patches[0] in error.message


class Interrupted(Exception):  # noqa: N818 - stands for Ctrl-C, which pytest would take for its own
    pass


@pytest.mark.parametrize("at_epoch", [1, 3])
def test_an_interrupted_training_goes_on_to_the_same_model(small_project: Project, small_features: FeatureSet, tmp_path: Path, at_epoch: int) -> None:
    table = small_project.train.model_copy(update={"epochs": 5})
    model_table = small_project.model.model_copy(update={"dropout": 0.3})

    def stop(done: int, total: int) -> None:
        if done == at_epoch:
            raise Interrupted

    file = tmp_path / "train.checkpoint"
    whole = train(small_features, model_table, table)
    with pytest.raises(Interrupted):
        train(small_features, model_table, table, checkpoint_file=file, on_progress=stop)
    assert file.exists()
    epochs: list[int] = []
    resumed = train(small_features, model_table, table, checkpoint_file=file, on_progress=lambda done, _: epochs.append(done))
    assert epochs[0] == at_epoch + 1
    assert resumed == whole
    assert not file.exists()


def test_a_checkpoint_of_another_training_or_a_damaged_one_is_not_used(tmp_path: Path) -> None:
    history = History(train_loss=[1.0], validation_loss=[1.0], validation_accuracy=[0.5], best_epoch=1)
    kept = Checkpoint(tmp_path / "x", "this")
    kept.save(Progressed(history=history, best_weights=[np.ones(3)]))
    found = kept.load()
    assert found is not None
    assert found.history == history
    assert Checkpoint(tmp_path / "x", "that").load() is None
    (tmp_path / "x").write_bytes((tmp_path / "x").read_bytes()[:100])
    assert kept.load() is None


@pytest.mark.parametrize("is_exclusive", [True, False])
def test_the_temperature_that_was_put_in_is_found(is_exclusive: bool) -> None:
    rng = np.random.default_rng(1)
    honest = rng.normal(0.0, 2.0, size=(20_000, 3))
    if is_exclusive:
        shares = np.exp(honest) / np.exp(honest).sum(axis=1, keepdims=True)
        truth = np.eye(3, dtype=np.bool_)[(shares.cumsum(axis=1) < rng.uniform(size=(20_000, 1))).sum(axis=1)]
    else:
        truth = rng.uniform(size=honest.shape) < 1.0 / (1.0 + np.exp(-honest))
    assert fit_temperature(honest * 2.5, truth, is_exclusive=is_exclusive) == pytest.approx(2.5, rel=0.05)
    assert fit_temperature(honest * 0.4, truth, is_exclusive=is_exclusive) == pytest.approx(0.4, rel=0.05)


def test_scores_become_honest_and_no_verdict_changes(small_features: FeatureSet, trained: TrainedModel) -> None:
    model = dynamic_batch(load_keras_model(trained.keras))
    patches, truth = validation_patches(small_features)
    before = model.predict_on_batch(patches)
    temperature = scale_temperature(model, patches, truth, is_exclusive=True)
    after = model.predict_on_batch(patches)
    assert trained.temperature == 1.0 != temperature
    np.testing.assert_array_equal(before.argmax(axis=1), after.argmax(axis=1))
    assert -np.log(after[truth]).mean() < -np.log(before[truth]).mean()


def test_a_temperature_needs_patches_that_were_not_trained_on(tmp_path: Path) -> None:
    with pytest.raises(ProjectError, match=r"train\.temperature_scaling: is fitted to the validation split"):
        parse_project('[project]\nname = "x"\n[train]\nvalidation = "include"\ntemperature_scaling = true\n', directory=tmp_path)
