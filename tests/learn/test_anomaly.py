"""Autoencoders and thresholds: what was trained is what is exported, and thresholds hold what they promise."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from tinyaudio.core.anomaly import PatchScores, detection_figures, patch_auc, smoothed_means
from tinyaudio.core.errors import ModelError, StageError
from tinyaudio.core.metrics import partial_roc_area, roc_curve
from tinyaudio.core.project import AnomalyTable
from tinyaudio.core.spec import FrontendSpec
from tinyaudio.learn.anomaly import NormalScores, cluster_peaks, fit_tail, set_threshold, threshold_warnings

pytest.importorskip("tensorflow", reason='training needs TensorFlow: pip install "tinyaudio[train]"')

SPEC = FrontendSpec(mel_bands=16, patch_frames=16, patch_hop_frames=8)


@pytest.mark.parametrize("table", [AnomalyTable(), AnomalyTable(upsampling="resize", stages=2), AnomalyTable(architecture="dense_ae", bottleneck=8)])
def test_folding_the_normalization_changes_nothing(table: AnomalyTable) -> None:
    from tinyaudio.learn.training.autoencoder import build_autoencoder, fold_normalization

    trained = build_autoencoder(SPEC, table, is_normalized=True, batch_size=None)
    rng = np.random.default_rng(1)
    trained.set_weights([np.abs(rng.normal(size=weight.shape)).astype(np.float32) * 0.3 + 0.05 for weight in trained.get_weights()])
    folded = build_autoencoder(SPEC, table, is_normalized=False, batch_size=1)
    fold_normalization(trained, folded)
    assert not any("norm" in layer.name for layer in folded.layers)
    patch = rng.normal(size=(1, 16, 16, 1)).astype(np.float32)
    wanted = trained.predict_on_batch(patch)
    np.testing.assert_allclose(folded.predict_on_batch(patch), wanted, rtol=1e-3, atol=1e-3 * np.abs(wanted).max())


def test_a_patch_that_cannot_be_halved_is_refused() -> None:
    from tinyaudio.learn.training.autoencoder import build_autoencoder

    with pytest.raises(ModelError, match="a patch of 20x16 cannot be halved 3 times"):
        build_autoencoder(dataclasses.replace(SPEC, patch_frames=20), AnomalyTable(), is_normalized=True, batch_size=1)


def drawn(rng: np.random.Generator, *, clips: int, patches: int = 20, mean: float = -60.0, deviation: float = 2.0) -> NormalScores:
    scores = np.floor(rng.normal(mean, deviation, clips * patches) + 0.5)
    return NormalScores(
        filenames=tuple(f"{index}.wav" for index in range(clips)),
        patch_offsets=np.arange(clips + 1) * patches,
        scores=scores,
        seconds=clips * patches * 0.5,
        hop_seconds=0.5,
    )


def test_a_sigma_threshold_is_so_many_deviations_above_the_mean() -> None:
    found = set_threshold(drawn(np.random.default_rng(1), clips=100), drawn(np.random.default_rng(2), clips=10), AnomalyTable(), smoothing_patches=4)
    assert found.threshold == pytest.approx(-60 + 5 * 2 / 2, abs=1.2)  # four patches halve the deviation, but not at a clip's start
    assert found.mean * 16 == pytest.approx(-60, abs=0.2)
    assert found.seconds == 1_000.0
    assert found.suspects == ()
    assert threshold_warnings(found) == ()


@pytest.mark.parametrize("rate", [2.0, 20.0])
def test_a_wanted_rate_of_false_alarms_comes_about(rate: float) -> None:
    """The threshold is set by five hours of sound; in fifty others there are about as many alarms as wanted."""
    table = AnomalyTable(threshold="false_alarms", false_alarms_per_hour=rate)
    rng = np.random.default_rng(3)
    found = set_threshold(drawn(rng, clips=1, patches=36_000), drawn(rng, clips=3), table, smoothing_patches=4)
    later = drawn(rng, clips=1, patches=360_000)
    smoothed = smoothed_means(later.scores, later.patch_offsets, smoothing_patches=4)
    alarms = len(cluster_peaks(smoothed, later.patch_offsets, level=found.threshold - 1e-9, least_gap=4))
    hours = 360_000 * 0.5 / 3_600
    assert alarms / hours <= rate  # the threshold is a whole step: rounded up
    assert found.alarms_per_hour is not None
    assert found.alarms_per_hour / 4 <= alarms / hours <= 4 * found.alarms_per_hour


def test_a_tail_that_is_longer_asks_for_a_higher_threshold() -> None:
    rng = np.random.default_rng(4)
    light = drawn(rng, clips=200)
    heavy = dataclasses.replace(light, scores=np.floor(-60 + 2 * rng.standard_t(3, light.scores.size)))
    tails = [fit_tail(item, smoothing_patches=1) for item in (light, heavy)]
    assert tails[0] is not None
    assert tails[1] is not None
    assert tails[1].level(0.01) > tails[0].level(0.01)
    assert tails[0].alarms_per_hour(tails[0].level(0.5)) == pytest.approx(0.5)


def test_a_rate_cannot_be_fitted_to_a_handful_of_peaks() -> None:
    few = dataclasses.replace(drawn(np.random.default_rng(1), clips=6, patches=8), seconds=60.0)
    assert set_threshold(few, few, AnomalyTable(), smoothing_patches=4).alarms_per_hour is None
    with pytest.raises(StageError, match="fewer than 20 peaks"):
        set_threshold(few, few, AnomalyTable(threshold="false_alarms"), smoothing_patches=4)


def test_too_little_sound_is_refused_with_what_is_missing() -> None:
    with pytest.raises(StageError) as caught:
        set_threshold(drawn(np.random.default_rng(1), clips=4), drawn(np.random.default_rng(1), clips=4), AnomalyTable(), smoothing_patches=4)
    assert "40.0 s of normal sound" in caught.value.message
    assert "20.0 s more" in str(caught.value.hint)


def test_a_threshold_above_every_score_is_refused() -> None:
    scores = drawn(np.random.default_rng(1), clips=40, mean=80.0, deviation=30.0)
    with pytest.raises(StageError, match="above every score"):
        set_threshold(scores, scores, AnomalyTable(), smoothing_patches=1)


def test_an_abnormal_clip_among_the_normal_ones_is_named() -> None:
    training = drawn(np.random.default_rng(5), clips=30)
    training.scores[7 * 20 : 8 * 20] += 25.0
    found = set_threshold(drawn(np.random.default_rng(6), clips=100), training, AnomalyTable(), smoothing_patches=4)
    assert [suspect.filename for suspect in found.suspects] == ["7.wav"]
    assert any(sentence.startswith("7.wav is called normal") for sentence in threshold_warnings(found))


def test_little_sound_is_told_with_how_much_there_should_be() -> None:
    table = AnomalyTable(threshold="false_alarms", false_alarms_per_hour=0.1)
    found = set_threshold(drawn(np.random.default_rng(1), clips=100), drawn(np.random.default_rng(2), clips=3), table, smoothing_patches=4)
    assert found.recommended_seconds == 3_600.0
    assert "16.7 minutes of normal sound; an estimate of this kind wants 60.0" in threshold_warnings(found)[0]


def test_smoothing_stays_within_a_clip() -> None:
    scores = np.array([1.0, 3.0, 5.0, 10.0, 20.0])
    assert smoothed_means(scores, np.array([0, 3, 5]), smoothing_patches=2).tolist() == [1.0, 2.0, 4.0, 10.0, 15.0]


def test_figures_tell_faults_and_machines_apart() -> None:
    scores = PatchScores(
        predictor="int8",
        filenames=tuple("abcdef"),
        conditions=("normal", "normal", "normal", "crack", "crack", "hum"),
        groups=tuple("abcdef"),
        machines=("m1", "m2", "m1", "m1", "m2", "m2"),
        patch_offsets=np.arange(7) * 2,
        scores=np.repeat([0.0, 1.0, 0.5, 2.0, 3.0, 0.7], 2),
    )
    found = {item.name: item for item in detection_figures(scores, ("normal",), draws=50)}
    assert set(found) == {"all", "crack", "hum", "machine m1", "machine m2"}
    assert found["crack"].auc == 1.0
    assert found["hum"].auc == pytest.approx(2 / 3)
    assert (found["machine m2"].normal_clips, found["machine m2"].faulty_clips) == (1, 2)
    assert patch_auc(scores, ("normal",)) == pytest.approx(8 / 9)
    assert np.isnan(patch_auc(scores, ("normal", "crack", "hum")))


def test_the_partial_area_is_on_mcclishs_scale() -> None:
    rng = np.random.default_rng(1)
    truth = np.arange(20_000) % 2 == 0
    assert partial_roc_area(truth, rng.normal(size=truth.size), greatest_rate=0.1) == pytest.approx(0.5, abs=0.01)
    assert partial_roc_area(truth, truth.astype(float), greatest_rate=0.1) == pytest.approx(1.0)
    scores = rng.normal(size=truth.size) + truth
    assert partial_roc_area(truth, scores, greatest_rate=1.0) == pytest.approx(roc_curve(truth, scores).area)
