"""The whole line of an anomaly detector on a small machine set; the firmware runs as a child process, under the same checks."""

from __future__ import annotations

import dataclasses
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.cli.test_commands import the_json, tinyaudio
from tests.pipeline.small_project import line_of
from tests.report.values import kernel_comparison
from tinyaudio.bench.hil import run_hil
from tinyaudio.core.artifacts import HilReport
from tinyaudio.core.errors import InputError, StageError
from tinyaudio.core.residual import residual_mean_squares, residual_scores
from tinyaudio.dsp.audio import MachineSet, synthesize_machine_set
from tinyaudio.learn.anomaly import residual_scale_of
from tinyaudio.learn.dataset import patch_features, quantized_patches
from tinyaudio.pipeline import (
    LiveRequest,
    anomaly_evaluate_stage,
    anomaly_gate,
    calibrate_stage,
    evaluate_stage,
    hil_stage,
    live_stage,
    quantize_stage,
    render_stage,
    run_line,
    sensitivity_facts,
)
from tinyaudio.pipeline.data import features_stage, project_board
from tinyaudio.pipeline.firmware import USUAL_FIRMWARE
from tinyaudio.pipeline.judging import expected_stage, threshold_stage
from tinyaudio.pipeline.learning import train_stage
from tinyaudio.pipeline.proof import stream_clips, write_proof

pytest.importorskip("tensorflow", reason='training needs TensorFlow: pip install "tinyaudio[train]"')

SMALL_MACHINE = MachineSet(
    train_sessions=12, validation_sessions=5, test_sessions=4, fault_sessions=2, takes=1, clip_samples=40_000, faults=("bearing", "tone")
)
PROJECT = """
[project]
name = "pump"
task = "anomaly"

[frontend]
window_samples = 1024
hop_samples = 512
fft_samples = 1024
mel_bands = 32
mel_low_hz = 60.0
patch_frames = 16
patch_hop_frames = 8

[anomaly]
channels = 8
bottleneck = 16
minimum_seconds = 10.0

[train]
epochs = 10
batch_size = 16
"""


@pytest.fixture(scope="module")
def pump(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("pump")
    synthesize_machine_set(directory, SMALL_MACHINE)
    (directory / "tinyaudio.toml").write_text(PROJECT)
    proof = run_line(line_of(directory), "native")
    assert proof.passed
    (directory / "facts.json").write_text(json.dumps(proof.facts))
    return directory


@pytest.fixture
def project(pump: Path, tmp_path: Path) -> Path:
    return shutil.copytree(pump, tmp_path / "pump")


def test_every_score_of_the_device_is_that_of_the_twin(pump: Path) -> None:
    facts = json.loads((pump / "facts.json").read_text())
    assert facts["mismatches"] == {"frontend": 0, "model": 0, "decisions": 0}
    compared = {stage["stage"]: stage["elements"] for stage in facts["stages"]}
    assert compared["outputs"] == facts["patches"] > 0
    assert compared["logits"] == 4 * facts["patches"]
    assert facts["auc"]["device"] == facts["auc"]["int8"] > 0.95
    assert facts["alarms"]["normal"]["alarms"] == 0
    assert set(facts["alarms"]) == {"bearing", "normal", "tone"}
    page = Path(facts["report"]).read_text()
    assert "What was trained is what runs" in page
    assert page.count("<audio") == 4
    assert "strangest of the normal clips" in page
    assert "least strange of the faulty clips" in page


def test_a_device_that_scores_otherwise_is_found(pump: Path) -> None:
    """The proof could fail: other scores are expected of the device than it has."""
    line = line_of(pump)
    expected = expected_stage(line)
    wrong = dataclasses.replace(expected.value, outputs=expected.value.outputs + np.int8(1))
    line.seen["expected_stage"] = dataclasses.replace(expected, stored=dataclasses.replace(expected.stored, value=wrong))
    proof = hil_stage(line, "native", depth="virtual")
    assert not proof.passed
    assert proof.facts["mismatches"]["model"] == proof.facts["patches"]


def test_a_fault_of_the_device_and_kernels_that_differ_are_in_the_verdict(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def after_a_fault(*arguments: Any, **options: Any) -> HilReport:
        return dataclasses.replace(run_hil(*arguments, **options), log=("error: fault at <pc>",))

    monkeypatch.setattr("tinyaudio.pipeline.proof.run_hil", after_a_fault)
    line = line_of(project)
    proof = hil_stage(line, "native", depth="fake")
    assert not proof.passed
    text = proof.page.read_text()
    verdict = text[text.index('class="card verdict failed"') : text.index("</section>")]
    assert "The device faulted: fault at &lt;pc&gt;" in verdict
    assert "What was trained is what runs" not in text

    monkeypatch.undo()
    streamed = stream_clips(line, project_board(line.project, "native"), depth="fake", port=None, request=USUAL_FIRMWARE)
    proof = write_proof(line, streamed, kernel_comparison=kernel_comparison(differs=True))
    assert not proof.passed
    text = proof.page.read_text()
    verdict = text[text.index('class="card verdict failed"') : text.index("</section>")]
    assert "The fast kernels and the plain ones differ." in verdict
    assert json.loads((proof.page.parent / "report.json").read_text())["ab"]["first"]["filename"] == "<knock>.wav"


def test_int8_keeps_what_float_knows(pump: Path) -> None:
    line = line_of(pump)
    assert anomaly_gate(line)["ok"]
    evaluations = anomaly_evaluate_stage(line).value
    assert evaluations.float is not None
    distance = np.abs(evaluations.float.scores - evaluations.int8.scores)
    assert np.median(distance) < 0.05  # octaves; a step is 1/16
    assert distance.max() < 0.3


def test_scores_are_those_of_dequantized_residuals(pump: Path) -> None:
    """By the oracle's reconstructions, in floating point, from the int8 tensors on."""
    from tinyaudio.learn.oracle import Oracle

    line = line_of(pump)
    quantized = quantize_stage(line).value
    patches = quantized_patches(quantized, patch_features(features_stage(line).value, "test"))[:5]
    outputs = np.stack([Oracle(quantized.tflite).run(patch)[1] for patch in patches])
    flat = patches.reshape(5, -1)
    real = quantized.input_scale * (flat.astype(float) - quantized.input_zero_point)
    real -= quantized.output_scale * (outputs.astype(float) - quantized.output_zero_point)
    mean_squares = residual_mean_squares(flat, outputs, residual_scale_of(quantized))
    np.testing.assert_allclose(mean_squares / 2.0**16, (real**2).mean(axis=1), rtol=0.01)
    np.testing.assert_array_equal(residual_scores(mean_squares), expected_stage(line).value.outputs[:5, 0])


def test_another_threshold_needs_no_training_and_changes_the_firmware(project: Path) -> None:
    usual = line_of(project)
    before, threshold = render_stage(usual, "native")[0].fingerprint, calibrate_stage(usual).value.detection_threshold
    toml = project / "tinyaudio.toml"
    toml.write_text(toml.read_text().replace("channels = 8", "channels = 8\nsigma = 12.0"))
    line = line_of(project)
    assert calibrate_stage(line).value.detection_threshold > threshold
    assert train_stage(line).reused
    assert not threshold_stage(line).reused
    assert render_stage(line, "native")[0].fingerprint != before


def test_too_little_calibration_sound_is_refused(project: Path) -> None:
    toml = project / "tinyaudio.toml"
    toml.write_text(toml.read_text().replace("minimum_seconds = 10.0", "minimum_seconds = 100.0"))
    with pytest.raises(StageError, match=r"12\.5 s of normal sound"):
        calibrate_stage(line_of(project))


def test_the_commands_tell_what_they_found(pump: Path) -> None:
    calibrated = the_json(tinyaudio("calibrate", "--project", str(pump), "--json"))
    assert calibrated["metrics"]["threshold"]["int8"] == calibrated["metrics"]["detection_threshold"]
    told = tinyaudio("evaluate", "--project", str(pump))
    assert "loudness" in told.stdout


def test_the_fake_answers_like_the_firmware(pump: Path) -> None:
    facts = hil_stage(line_of(pump), "native", depth="fake").facts
    assert facts["mismatches"] == {"frontend": 0, "model": 0, "decisions": 0}
    real = json.loads((pump / "facts.json").read_text())
    assert facts["auc"] == real["auc"]
    assert facts["alarms"] == real["alarms"]


def test_live_sound_is_scored_as_the_twin_scores_it(pump: Path) -> None:
    fault = sorted((pump / "audio").glob("*bearing*.wav"))[0]
    proof = live_stage(line_of(pump), LiveRequest(board_id="native", microphone=fault), on_detection=lambda _: None)
    assert proof.passed
    assert not any(proof.facts["mismatches"].values())
    assert [item["label"] for item in proof.facts["detections"]][:1] == ["anomaly"]


def test_what_needs_classes_says_so(pump: Path) -> None:
    with pytest.raises(InputError, match="needs classes"):
        evaluate_stage(line_of(pump))
    with pytest.raises(InputError, match="an anomaly detector has none"):
        sensitivity_facts(line_of(pump))
