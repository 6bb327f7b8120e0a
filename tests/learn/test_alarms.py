"""False alarms are counted as the device tells them, and thresholds keep them under what is allowed."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.learn.conftest import write_sound
from tests.learn.test_evaluate import recorded
from tinyaudio.core.alarms import DecisionFigures, LabelDecisions
from tinyaudio.core.artifacts import Calibration, ExpectedOutputs, FeatureSet
from tinyaudio.core.decisions import NEVER
from tinyaudio.core.errors import InputError, ProjectError, StageError
from tinyaudio.core.metrics import poisson_interval
from tinyaudio.core.project import BackgroundTable, Project, parse_project
from tinyaudio.dsp.audio import synthesize_background
from tinyaudio.dsp.frontend import design_frontend
from tinyaudio.learn.calibrate import background_outputs, calibrate_for_alarms, decision_figures, stricter
from tinyaudio.learn.calibrate.alarms import alarm_counts


def outputs_of(*clips: list[list[int]]) -> ExpectedOutputs:
    """Return outputs, a list of patches for each clip."""
    values = np.array([patch for clip in clips for patch in clip], np.int8)
    offsets = np.concatenate([[0], np.cumsum([len(clip) for clip in clips])]).astype(np.int64)
    names = tuple(str(index) for index in range(len(clips)))
    return ExpectedOutputs(model_sha256="1" * 64, oracle="test", filenames=names, logits=values, outputs=values, patch_offsets=offsets)


#: The first label comes up twice and stays once, then once more in another clip; the second once, lower.
NOISY = outputs_of([[60, 0], [70, 0], [-90, 0], [80, 0]], [[90, 0], [-90, 50]])


def test_an_alarm_is_a_label_that_comes_up() -> None:
    active = np.array([[1, 0], [1, 0], [0, 0], [1, 1], [1, 0], [0, 0]], np.bool_)
    assert alarm_counts(active, np.array([0, 4, 6])).tolist() == [3, 1]
    assert alarm_counts(active, np.array([0, 6])).tolist() == [2, 1]


@pytest.mark.parametrize(("per_hour", "together", "each"), [(0.1, 91, (91, 51)), (1.0, 81, (91, 51)), (2.0, 71, (81, 1)), (9.0, -128, (-128, -128))])
def test_the_lowest_threshold_that_is_quiet_enough(per_hour: float, together: int, each: tuple[int, int]) -> None:
    calibration = calibrate_for_alarms(NOISY, hours=1.0, per_hour=per_hour, smoothing_patches=1, is_exclusive=True)
    assert calibration.detection_threshold == together
    assert calibration.class_thresholds == each
    quiet = decision_figures(calibration, NOISY, np.zeros((2, 2), np.bool_), labels=("a", "b"), background=NOISY, hours=1.0)
    for figures in quiet:
        assert sum(figures.alarms_by_scene) <= per_hour  # of all labels together, whatever the rule
    longer = calibrate_for_alarms(NOISY, hours=2.0, per_hour=per_hour / 2, smoothing_patches=1, is_exclusive=True)
    assert longer == calibration


def scenes_with_flocks(seed: int, *, labels: int = 8) -> ExpectedOutputs:
    """Return 60 scenes of a minute: some sound like something, each for some label, over and over."""
    rng = np.random.default_rng(seed)
    scenes = []
    for _ in range(60):
        likeness = rng.exponential(3.0, size=labels)[np.newaxis]
        scenes.append(np.clip(rng.normal(-70.0, 12.0, size=(125, labels)) + likeness, -128, 127).round().astype(int).tolist())
    return outputs_of(*scenes)


@pytest.mark.parametrize("per_hour", [2.0, 6.0])
def test_the_wanted_rate_holds_on_background_that_the_thresholds_were_not_chosen_by(per_hour: float) -> None:
    hours = [scenes_with_flocks(seed) for seed in range(8)]
    truth, names = np.zeros((60, 8), np.bool_), tuple("abcdefgh")
    heard: dict[str, list[int]] = {}
    # Just above what one hour held, a threshold for each label lets 23 alarms through on the next for 2, and 56 for 6.
    for turn, chosen_by in enumerate(hours):
        calibration = calibrate_for_alarms(chosen_by, hours=1.0, per_hour=per_hour, smoothing_patches=3, is_exclusive=True)
        assert -100 < min(calibration.class_thresholds) <= max(calibration.class_thresholds) < 0  # not bought by never speaking
        tested = hours[(turn + 1) % len(hours)]
        for figures in decision_figures(calibration, tested, truth, labels=names, background=tested, hours=1.0):
            heard.setdefault(figures.rule, []).append(sum(figures.alarms_by_scene))
    assert len(heard) == 2
    for counts in heard.values():
        assert 0.3 * per_hour < np.mean(counts) < 1.5 * per_hour
        assert sum(count <= per_hour for count in counts) >= 6


def test_what_no_threshold_quiets_is_said() -> None:
    always = outputs_of([[127, 0]])
    with pytest.raises(ProjectError, match=r"more than 0\.5 false alarms an hour through"):
        calibrate_for_alarms(always, hours=1.0, per_hour=0.5, smoothing_patches=1, is_exclusive=True)


def test_a_label_that_is_always_heard_is_muted_and_the_others_are_not() -> None:
    always = outputs_of(*[[[127, 0, -90, -70]]] * 12, *[[[-128, 5, -90, -70]]] * 3)
    calibration = calibrate_for_alarms(always, hours=1.0, per_hour=3.0, smoothing_patches=1, is_exclusive=True)
    assert calibration.class_thresholds[0] == NEVER
    assert -128 <= max(calibration.class_thresholds[1:]) < 20


def test_labels_that_may_sound_at_once_are_decided_each_by_itself() -> None:
    tested = outputs_of([[60, 50], [60, 50]], [[-90, 50], [60, -90]], [[-90, -90]])
    truth = np.array([[True, True], [False, True], [True, False]])
    calibration = Calibration(smoothing_patches=1, detection_threshold=40, class_thresholds=(61, 45), is_exclusive=False)
    one, each = decision_figures(calibration, tested, truth, labels=("a", "b"))
    assert [(item.clips, item.found, item.mistaken) for item in one.labels] == [(2, 1, 1), (2, 2, 0)]
    assert [(item.clips, item.found, item.mistaken) for item in each.labels] == [(2, 0, 0), (2, 2, 0)]
    best_only, best_each = decision_figures(dataclasses.replace(calibration, is_exclusive=True), tested, truth, labels=("a", "b"))
    assert [(item.clips, item.found, item.mistaken) for item in best_only.labels] == [(2, 1, 1), (2, 1, 0)]
    assert [(item.clips, item.found, item.mistaken) for item in best_each.labels] == [(2, 0, 0), (2, 1, 0)]
    assert (one.background_hours, one.alarms_by_scene) == (0.0, ())


def test_with_two_wishes_the_higher_threshold_counts() -> None:
    first = Calibration(smoothing_patches=3, detection_threshold=5, class_thresholds=(1, 9))
    second = Calibration(smoothing_patches=3, detection_threshold=2, class_thresholds=(4, 4))
    assert stricter(first, second) == Calibration(smoothing_patches=3, detection_threshold=5, class_thresholds=(4, 9))
    for_all = Calibration(smoothing_patches=3, detection_threshold=3)
    assert stricter(for_all, second) == Calibration(smoothing_patches=3, detection_threshold=3, class_thresholds=(4, 4))


@pytest.mark.parametrize(("events", "lower", "upper"), [(0, 0.0, 3.689), (1, 0.0253, 5.572), (10, 4.795, 18.39)])
def test_the_interval_of_a_rate_matches_published_figures(events: int, lower: float, upper: float) -> None:
    assert poisson_interval(events, exposure=1.0) == pytest.approx((lower, upper), abs=1e-3)
    assert poisson_interval(events, exposure=4.0) == pytest.approx((lower / 4, upper / 4), abs=1e-3)
    with pytest.raises(InputError, match="in an exposure of 0"):
        poisson_interval(events, exposure=0.0)


def test_alarms_that_come_in_flocks_make_the_interval_wider() -> None:
    def interval(*alarms: int) -> tuple[float, float, float]:
        item = LabelDecisions(label="a", threshold=0, clips=1, found=1, mistaken=0, alarms_by_scene=alarms)
        figures = DecisionFigures(rule="one threshold", smoothing_patches=1, labels=(item,), background_hours=1.0)
        return figures.per_hour(figures.alarms_by_scene)

    spread, flock = interval(*[1] * 20, *[0] * 40), interval(20, *[0] * 59)
    assert spread[0] == flock[0] == 20.0
    assert flock[1] == 0.0 < spread[1]
    assert flock[2] >= 40.0 > spread[2]
    assert interval(*[0] * 60)[1:] == pytest.approx(poisson_interval(0, exposure=1.0))


def test_a_scene_is_its_number_and_seed() -> None:
    scene = synthesize_background(3, seed=1, sample_rate_hz=16_000, seconds=2.0)
    assert (scene.dtype, scene.size) == (np.int16, 32_000)
    np.testing.assert_array_equal(scene, synthesize_background(3, seed=1, sample_rate_hz=16_000, seconds=2.0))
    others = [synthesize_background(number, seed=1, sample_rate_hz=16_000, seconds=1.0) for number in range(12)]
    levels = [float(np.abs(other.astype(np.int64)).max()) for other in others]
    assert 32 < min(levels) < 0.2 * max(levels)
    assert max(levels) < 12_000


def run_background(features: FeatureSet, table: BackgroundTable, directory: Path, **settings: Any) -> ExpectedOutputs:
    model, _ = recorded(features)
    tables = design_frontend(features.spec, kernel=features.kernel)
    return background_outputs(model, tables, table, purpose=settings.get("purpose", "test"), directory=directory)


def test_recordings_of_ones_own_come_first_and_never_for_both_purposes(
    small_features: FeatureSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tinyaudio.learn.calibrate import background

    monkeypatch.setattr(background, "_quickest", lambda quantized, checked: lambda inputs: inputs.reshape(len(inputs), -1)[:, :3])
    monkeypatch.setattr(background, "oracle_version", lambda: "test")
    for index in range(3):
        write_sound(tmp_path / "quiet" / f"{index}.wav", seed=index, samples=16_000)
    table = BackgroundTable(hours=5.0 / 3_600.0, folder="quiet")
    tested = run_background(small_features, table, tmp_path)
    chosen = run_background(small_features, table, tmp_path, purpose="calibrate")
    assert tested.filenames == ("1.wav", "synthetic scene 1")
    assert chosen.filenames == ("0.wav", "2.wav", "synthetic scene 0")
    assert tested.patch_offsets[-1] == len(tested.outputs)
    (tmp_path / "quiet" / "1.wav").unlink()
    (tmp_path / "quiet" / "2.wav").unlink()
    with pytest.raises(InputError, match="has 1 recordings; one to calibrate by and one to test with"):
        run_background(small_features, table, tmp_path)


def test_background_of_another_front_end_is_refused(small_features: FeatureSet, small_project: Project, tmp_path: Path) -> None:
    import dataclasses

    other = dataclasses.replace(small_features, spec=dataclasses.replace(small_features.spec, mel_bands=24))
    with pytest.raises(StageError, match="for another front end"):
        run_background(other, BackgroundTable(hours=0.001), tmp_path)


def test_false_alarms_need_an_hour_to_be_counted_in(tmp_path: Path) -> None:
    with pytest.raises(ProjectError, match=r"background\.hours: is 0, so firmware\.false_alarms_per_hour has nothing"):
        parse_project('[project]\nname = "x"\n[firmware]\nfalse_alarms_per_hour = 1.0\n', directory=tmp_path)


def test_the_quick_kernels_are_the_oracles() -> None:
    pytest.importorskip("tensorflow", reason="TensorFlow Lite comes with it: pip install 'tinyaudio[train]'")
    from tinyaudio.learn.oracle import golden_vectors
    from tinyaudio.learn.quantize import BulkInterpreter

    golden = golden_vectors()
    np.testing.assert_array_equal(BulkInterpreter(golden.tflite).run(golden.features), golden.outputs)
