"""Clips that are called normal and are not: faint faults are named, also those that the model learned, and usual sound is left alone."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from tests.learn.test_anomaly import drawn
from tinyaudio.core.anomaly import Suspect
from tinyaudio.core.artifacts import Float64Array
from tinyaudio.core.project import AnomalyTable
from tinyaudio.core.spec import FrontendSpec
from tinyaudio.dsp.audio import synthesize_machine_clip
from tinyaudio.dsp.frontend import compute_feature_rows, design_frontend, patches
from tinyaudio.learn.anomaly import set_threshold, suspects_by_score, threshold_warnings
from tinyaudio.learn.anomaly.suspects import held_out_distances, outliers

SPEC = FrontendSpec(window_samples=1024, hop_samples=512, fft_samples=1024, mel_bands=32, mel_low_hz=60.0, patch_frames=16, patch_hop_frames=16)


@pytest.mark.parametrize("count", [5, 12, 40])
def test_usual_scores_are_left_alone(count: int) -> None:
    rng = np.random.default_rng(count)
    named = sum(bool(outliers(rng.normal(-60.0, 1.5, count), chance=0.01)) for _ in range(400))
    assert named <= 12  # 4 are expected


@pytest.mark.parametrize(("count", "planted", "above"), [(8, 3, 20.0), (20, 1, 8.0), (40, 4, 8.0)])
def test_several_strange_clips_do_not_hide_one_another(count: int, planted: int, above: float) -> None:
    rng = np.random.default_rng(1)
    for _ in range(20):
        values = rng.normal(-60.0, 1.2, count)
        values[:planted] += above
        assert set(outliers(values, chance=0.01)) >= set(range(planted))


def test_values_that_are_all_the_same_have_no_outlier() -> None:
    assert outliers(np.full(20, -60.0), chance=0.01) == []
    assert outliers(np.array([-60.0, -20.0]), chance=0.01) == []


def test_a_fault_that_is_heard_for_a_part_of_the_clip_is_named() -> None:
    found = drawn(np.random.default_rng(3), clips=40)
    assert suspects_by_score(found, smoothing_patches=4, sigma=5.0) == ()
    found.scores[7 * 20 + 5 : 7 * 20 + 9] += 9.0  # 1.8 on average, which is four deviations of a clip's mean: too little by itself
    (suspect,) = suspects_by_score(found, smoothing_patches=4, sigma=5.0)
    assert (suspect.filename, suspect.reason) == ("7.wav", "alarm")
    assert suspects_by_score(found, smoothing_patches=4, sigma=20.0) == ()  # the project wants fewer alarms


def test_the_threshold_without_the_suspects_is_told() -> None:
    calibration = drawn(np.random.default_rng(6), clips=100)
    clean = set_threshold(calibration, None, AnomalyTable(), smoothing_patches=4)
    calibration.scores[: 3 * 20] += 30.0
    found = set_threshold(calibration, None, AnomalyTable(), smoothing_patches=4)
    assert {suspect.filename for suspect in found.suspects} == {"0.wav", "1.wav", "2.wav"}
    assert found.without_suspects is not None
    assert abs(found.without_suspects - clean.threshold) <= 1 < found.threshold - clean.threshold
    assert f"without these clips the threshold would be {found.without_suspects} in place of {found.threshold}" in threshold_warnings(found)
    assert clean.without_suspects is None


def test_what_sounds_unlike_the_others_is_told_with_what_to_do() -> None:
    scores, table = drawn(np.random.default_rng(6), clips=100), AnomalyTable()
    heard = Suspect(filename="7.wav", score=1.0, deviations=12.0, reason="sound")
    told = threshold_warnings(set_threshold(scores, None, table, smoothing_patches=4, by_sound=[heard]))
    assert told[0] == "7.wav is called normal, but sounds unlike the others, by 12.0 deviations; listen to it"
    assert "train again" in told[1]
    at_site = threshold_warnings(set_threshold(scores, None, table, smoothing_patches=4, by_sound=[heard]), is_trained_on=False)
    assert "take out of the folder what is not normal" in at_site[1]
    assert not any("train again" in sentence for sentence in at_site)
    many = [dataclasses.replace(heard, filename=f"{index}.wav") for index in range(13)]
    told = threshold_warnings(set_threshold(scores, None, table, smoothing_patches=4, by_sound=many))
    assert told[10].startswith("so are 3 other clips")


def test_a_fault_that_was_learned_with_the_others_is_heard() -> None:
    """Every clip against clips of other folds: one fault of each kind, 12 dB below the hum, among 36 normal clips."""
    tables, faults = design_frontend(SPEC, kernel="portable_q31"), ("bearing", "cavitation", "tone")

    def vectors(label: str, session: int) -> Float64Array:
        pcm = synthesize_machine_clip(label, seed=1, session=session, take=0, samples=32_000, fault_db=-12.0)
        features: Float64Array = patches(compute_feature_rows(tables, pcm), SPEC).astype(np.float64).mean(axis=1) / 2.0**tables.log_fraction_bits
        return features

    clips = [vectors("normal", session) for session in range(36)]
    groups = [f"session {index}" for index in range(36)]
    assert outliers(held_out_distances(clips, groups), chance=0.001) == []
    planted = [*clips[:33], *(vectors(fault, 40) for fault in faults)]
    assert sorted(outliers(held_out_distances(planted, groups), chance=0.001)) == [33, 34, 35]


@pytest.mark.parametrize("level", [0.0, 1.5])
def test_clips_that_are_all_the_same_are_no_riddle(level: float) -> None:
    """Copies of one steady tone: nothing varies, and a covariance of nothing cannot be inverted."""
    clips, groups = [np.full((3, 8), level) for _ in range(25)], [str(index) for index in range(25)]
    assert outliers(held_out_distances(clips, groups), chance=0.001) == []
    clips[7] = clips[7] + 1.0
    assert outliers(held_out_distances(clips, groups), chance=0.001) == [7]
