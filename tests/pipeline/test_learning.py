"""The stages that need no board: a backbone, an interruption, thresholds, the evaluation page and its gate."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from tests.pipeline.small_project import PROJECT, SMALL_SET, Silent
from tinyaudio.core.errors import InputError, ModelError, ProjectError
from tinyaudio.dsp.audio import synthesize_set, write_wav
from tinyaudio.pipeline import (
    calibrate_stage,
    dataset_stage,
    evaluate_stage,
    evaluation_page,
    open_line,
    quantization_gate,
    quantize_stage,
    robustness_facts,
    train_stage,
)
from tinyaudio.pipeline.line import Advance, Line

pytest.importorskip("tensorflow", reason='training needs TensorFlow: pip install "tinyaudio[train]"')


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("learning")
    synthesize_set(directory, SMALL_SET)
    (directory / "tinyaudio.toml").write_text(PROJECT)
    evaluate_stage(open_line(directory, Silent()))
    return directory


@pytest.fixture
def project(trained: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(trained, tmp_path / "project", symlinks=True))


def with_settings(directory: Path, text: str) -> Line:
    (directory / "tinyaudio.toml").write_text(PROJECT.replace("epochs = 2\n", 'epochs = 2\nvalidation = "select"\n') + text)
    return open_line(directory, Silent())


def test_the_page_is_written_beside_the_stages(project: Path) -> None:
    page = evaluation_page(open_line(project, Silent()))
    assert page == project / "runs" / "small" / "evaluation.html"
    text = page.read_text(encoding="utf-8")
    for words in ("Side by side", "In worse conditions", "layer by layer", "<td>CONV_2D</td>"):
        assert words in text
    facts = robustness_facts(open_line(project, Silent()))
    assert evaluate_stage(open_line(project, Silent())).value.int8_by in text
    assert "tflite-micro" in facts["int8_by"] or "TensorFlow Lite" in facts["int8_by"]
    assert [item["condition"] for item in facts["conditions"]][:2] == ["as recorded", "pink noise, 20 dB SNR"]
    for item in facts["conditions"]:
        for name in ("float", "int8"):
            assert 0.0 <= item[name]["lower"] <= item[name]["value"] <= item[name]["upper"] <= 1.0
            assert item[name]["lower"] < item[name]["upper"]


def test_a_loss_beyond_the_gate_is_not_ok(project: Path) -> None:
    line = with_settings(project, "[quantize]\nmaximum_loss = 0.02\n")
    evaluations = evaluate_stage(line)
    assert evaluations.value.float is not None
    worse = dataclasses.replace(evaluations.value.int8, accuracy=evaluations.value.float.accuracy - 0.05)
    stored = dataclasses.replace(evaluations.stored, value=dataclasses.replace(evaluations.value, int8=worse))
    line.seen["evaluate_stage"] = dataclasses.replace(evaluations, stored=stored)
    gate = quantization_gate(line)
    assert (gate["ok"], gate["allowed"]) == (False, 0.02)
    assert gate["loss"] == pytest.approx(0.05)
    assert quantization_gate(open_line(project, Silent()))["loss"] <= 1.0


def test_a_backbone_of_another_front_end_is_refused(project: Path) -> None:
    (project / "backbone.keras").write_bytes(train_stage(open_line(project, Silent())).value.keras)
    line = with_settings(project, '[train.transfer]\nbackbone = "backbone.keras"\n[train.transfer.frontend]\npreset = "yamnet_power"\n')
    with pytest.raises(ModelError, match=r"the project has spectrum = 'magnitude'; the backbone spectrum = 'power'"):
        train_stage(line)
    fitting = with_settings(project, '[train.transfer]\nbackbone = "backbone.keras"\n[train.transfer.frontend]\npreset = "yamnet"\n')
    result = train_stage(fitting)
    assert result.value.epochs == 1
    assert "backbone" in result.inputs


class Stopping(Silent):
    """A user who presses Ctrl-C after the first epoch."""

    @contextmanager
    def task(self, description: str) -> Iterator[Advance]:
        def advance(done: int, total: int) -> None:
            if description == "training":
                raise KeyboardInterrupt

        yield advance


def test_an_interrupted_training_goes_on(project: Path) -> None:
    wanted = train_stage(open_line(project, Silent())).stored.fingerprint
    (project / "runs" / "small" / "train.json").unlink()
    with pytest.raises(KeyboardInterrupt):
        train_stage(open_line(project, Stopping()))
    assert (project / "runs" / "small" / "train.checkpoint").is_file()
    line = open_line(project, Silent())
    assert train_stage(line).stored.fingerprint == wanted
    assert isinstance(line.progress, Silent)
    assert any("interrupted training" in note for note in line.progress.notes)
    assert not (project / "runs" / "small" / "train.checkpoint").exists()


def test_a_threshold_needs_a_split_that_was_not_trained_on(project: Path) -> None:
    line = with_settings(project, "[firmware]\nwanted_precision = 0.2\nsmoothing_patches = 2\n")
    calibration = calibrate_stage(line).value
    assert calibration.smoothing_patches == 2
    assert -128 <= calibration.detection_threshold <= 127
    assert len(calibration.class_thresholds) == 3
    toml = project / "tinyaudio.toml"
    toml.write_text(toml.read_text().replace('"select"', '"include"'))
    with pytest.raises(ProjectError, match="was trained on"):
        calibrate_stage(open_line(project, Silent()))


def test_a_student_is_taught_also_without_labels(project: Path) -> None:
    (project / "teacher.keras").write_bytes(train_stage(open_line(project, Silent())).value.keras)
    (project / "unlabelled").mkdir()
    tested = next(clip for clip in dataset_stage(open_line(project, Silent())).value.clips if clip.split == "test")
    shutil.copy(project / tested.filename, project / "unlabelled" / "a.wav")
    settings = (
        '[train.distillation]\nteacher = "teacher.keras"\nunlabelled = "unlabelled"\nwidth_multiplier = 0.1\nblocks = 2\nactivation = "relu6"\n'
        '[train.distillation.frontend]\npreset = "yamnet"\n'
    )
    with pytest.raises(InputError, match=f"is the same sound as {tested.filename}, of the split 'test'"):
        train_stage(with_settings(project, settings))
    pcm = np.random.default_rng(1).integers(-3_000, 3_000, size=40_000).astype(np.int16)
    write_wav(project / "unlabelled" / "a.wav", pcm, sample_rate_hz=16_000)
    line = with_settings(project, settings)
    result = train_stage(line)
    assert "taught" in result.inputs
    assert quantize_stage(line).value.labels == ("alarm", "engine", "siren")
    again = with_settings(project, settings)
    assert train_stage(again).reused
    other_rate = settings.replace('preset = "yamnet"', 'preset = "yamnet"\nsample_rate_hz = 8000\nmel_high_hz = 3800.0')
    with pytest.raises(ProjectError, match="the teacher hears at 8000 Hz, the project at 16000 Hz"):
        train_stage(with_settings(project, other_rate))
