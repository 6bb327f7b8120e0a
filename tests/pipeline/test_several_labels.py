"""Clips with several labels go the whole way: shortcuts and sigmoids on the device, thresholds by precision and by background."""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.mixtures import LABELS, write_mixtures
from tests.pipeline.small_project import Silent
from tinyaudio.core.artifacts import Calibration
from tinyaudio.pipeline import calibrate_stage, evaluate_stage, evaluation_metrics, judging, open_line, quantization_gate, run_line

pytest.importorskip("tensorflow", reason='training needs TensorFlow: pip install "tinyaudio[train]"')

PROJECT = """
[project]
name = "mixtures"
[data]
label_separator = "|"
[frontend]
mel_bands = 20
patch_frames = 32
patch_hop_frames = 16
[model]
architecture = "mobilenet_v2"
head = "sigmoid"
width_multiplier = 0.1
blocks = 3
[train]
epochs = 2
learning_rate = 0.01
label_smoothing = 0.0
[background]
hours = 0.02
[firmware]
false_alarms_per_hour = 100.0
smoothing_patches = 2
"""


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("mixtures")
    write_mixtures(directory, recordings={"train": 4, "validation": 2, "test": 2})
    (directory / "tinyaudio.toml").write_text(PROJECT)
    proof = run_line(open_line(directory, Silent()), "native")
    assert proof.passed
    assert proof.facts["accuracy"]["device"] == proof.facts["accuracy"]["int8"]
    assert np.array(proof.facts["confusion"]["device"]).shape == (3, 2, 2)
    _check_decided(proof.facts)
    return directory


def _check_decided(facts: dict[str, Any]) -> None:
    """The device decides each label by its own threshold, as INT8 on the host."""
    decided = facts["decided"]
    assert decided["rule"] == "every"
    assert set(decided["thresholds"]) == set(LABELS)
    assert decided["figures"]["device"] == decided["figures"]["int8"]
    assert set(decided["figures"]) == {"float", "int8", "device"}
    assert len(decided["clips"]) == facts["clips"]
    told = sum(len(clip["device"]) for clip in decided["clips"])
    assert told == sum(item["predicted"] for item in decided["figures"]["device"]["labels"].values())
    assert facts["mean_average_precision"]["device"] == pytest.approx(facts["mean_average_precision"]["int8"], abs=1e-12)


@pytest.fixture
def project(finished: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(finished, tmp_path / "project", symlinks=True))


def test_it_is_judged_by_its_mean_average_precision(project: Path) -> None:
    line = open_line(project, Silent())
    metrics = evaluation_metrics(line)
    assert metrics["judged_by"] == "mAP"
    assert list(metrics["headlines"]["int8"]) == ["mAP", "macro F1", "accuracy"]
    assert all(item["lower"] <= item["value"] <= item["upper"] for item in metrics["headlines"]["int8"].values())
    values = [value for value in metrics["average_precision"]["int8"].values() if value is not None]
    assert np.mean(values) == pytest.approx(metrics["headlines"]["int8"]["mAP"]["value"])
    loss = metrics["headlines"]["float"]["mAP"]["value"] - metrics["headlines"]["int8"]["mAP"]["value"]
    assert quantization_gate(line)["loss"] == pytest.approx(loss)


def test_thresholds_are_chosen_by_one_background_and_tested_with_another(project: Path) -> None:
    line = open_line(project, Silent())
    calibration = calibrate_stage(line).value
    assert len(calibration.class_thresholds) == len(LABELS)
    assert max(calibration.class_thresholds) <= 128
    rules = {rule["rule"]: rule for rule in evaluation_metrics(line)["decisions"]}
    assert set(rules) == {"one threshold", "a threshold each"}
    assert {item["threshold"] for item in rules["one threshold"]["labels"].values()} == {calibration.detection_threshold}
    rate = rules["one threshold"]["false_alarms_per_hour"]
    assert rate["lower"] <= rate["value"] <= rate["upper"]
    assert rules["one threshold"]["false_alarms"] == sum(item["false_alarms"] for item in rules["one threshold"]["labels"].values())
    stored = {name: line.store.directory / f"background_{name}.json" for name in ("calibrate", "test")}
    first, second = (path.read_text(encoding="utf-8") for path in stored.values())
    assert "synthetic scene 0" in first
    assert "synthetic scene 1" in second


def test_precision_and_false_alarms_may_both_be_asked_for(project: Path) -> None:
    toml = project / "tinyaudio.toml"
    alone = calibrate_stage(open_line(project, Silent())).value
    toml.write_text(toml.read_text().replace("false_alarms_per_hour = 100.0", "wanted_precision = 0.3"))
    precise = calibrate_stage(open_line(project, Silent())).value
    toml.write_text(toml.read_text() + "false_alarms_per_hour = 100.0\n")
    both = calibrate_stage(open_line(project, Silent())).value
    assert both.detection_threshold >= precise.detection_threshold
    assert all(mine >= other for mine, other in zip(both.class_thresholds, precise.class_thresholds, strict=True))
    assert alone.detection_threshold >= 0  # firmware.detection_threshold, 0.5, is the floor where no precision is wanted


def test_a_label_that_is_never_told_is_blamed_on_what_made_it_so(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    imprecise = Calibration(smoothing_patches=2, detection_threshold=0, class_thresholds=(128, 0, 0))
    monkeypatch.setattr(judging, "calibrate_for_precision", lambda *_: imprecise)
    toml = project / "tinyaudio.toml"
    text = toml.read_text()
    asked = {"by hand": f"class_thresholds = {{ {LABELS[0]} = 1.0 }}", "by precision": "wanted_precision = 0.9"}
    notes = {}
    for name, setting in asked.items():
        toml.write_text(text.replace("false_alarms_per_hour = 100.0", setting))
        progress = Silent()
        calibration = calibrate_stage(open_line(project, progress)).value
        assert 128 in calibration.class_thresholds
        notes[name] = [note for note in progress.notes if "never told" in note]
    assert notes["by hand"] == []
    assert "firmware.wanted_precision" in notes["by precision"][0]
    assert "background" not in notes["by precision"][0]


def test_what_was_learned_is_reused(project: Path) -> None:
    result = evaluate_stage(open_line(project, Silent()))
    assert result.reused
    assert dataclasses.is_dataclass(result.value)
    assert result.value.int8.truth is not None
