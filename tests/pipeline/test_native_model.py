"""The INT8 model as a program of this computer: equal to the interpreter, compiled once, done without where there is no compiler."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from tests.golden_fixture import MODEL_FILE
from tests.pipeline.small_project import Silent
from tests.pipeline.test_from_model import project
from tinyaudio.core.artifacts import Int8Array, QuantizedModel
from tinyaudio.core.errors import ModelError, ToolError
from tinyaudio.deploy.build import host_program
from tinyaudio.learn.oracle import Oracle
from tinyaudio.pipeline import evaluate_stage, native_model, open_line, quantize_stage
from tinyaudio.pipeline.native_model import NativePredictor, native_predictor

__all__ = ["project"]  # a fixture


@pytest.fixture
def quantized(project: Path) -> QuantizedModel:
    return quantize_stage(open_line(project, Silent())).value


def patches(quantized: QuantizedModel, count: int) -> Int8Array:
    return np.random.default_rng(3).integers(-128, 128, (count, *quantized.spec.patch_shape)).astype(np.int8)


def test_it_computes_what_the_interpreter_computes(quantized: QuantizedModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(native_model, "_RUN_PATCHES", 8)
    told: list[tuple[int, int]] = []
    predictor, inputs = NativePredictor(quantized, tmp_path / "native"), patches(quantized, 20)
    found = predictor.run(inputs, on_progress=lambda done, total: told.append((done, total)))
    oracle = Oracle(MODEL_FILE.read_bytes())
    wanted = [oracle.run(patch) for patch in inputs]
    np.testing.assert_array_equal(found.logits, [logits for logits, _ in wanted])
    np.testing.assert_array_equal(found.outputs, [outputs for _, outputs in wanted])
    assert found.compared == 16
    assert told == [(8, 20), (16, 20), (20, 20)]
    unchecked = predictor.run(inputs, compare=False)
    np.testing.assert_array_equal(unchecked.outputs, found.outputs)
    assert (unchecked.compared, predictor.compared) == (0, 16)
    assert predictor.run(inputs[:0]).outputs.shape == (0, len(quantized.labels))


def test_it_is_compiled_once(quantized: QuantizedModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    NativePredictor(quantized, tmp_path)
    made = (tmp_path / "run_model").stat().st_mtime_ns
    NativePredictor(quantized, tmp_path)
    assert (tmp_path / "run_model").stat().st_mtime_ns == made
    monkeypatch.setattr(host_program, "_FLAGS", (*host_program._FLAGS, "-g"))
    NativePredictor(quantized, tmp_path)
    assert (tmp_path / "run_model").stat().st_mtime_ns != made
    assert sorted(path.name for path in tmp_path.iterdir() if path.name.startswith("run")) == ["run_model", "run_model.key"]


def test_a_difference_is_an_error(quantized: QuantizedModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    predictor = NativePredictor(quantized, tmp_path)
    true_run = Oracle.run

    def other(oracle: Oracle, features: Int8Array) -> tuple[Int8Array, Int8Array]:
        logits, outputs = true_run(oracle, features)
        return logits ^ 1, outputs

    monkeypatch.setattr(Oracle, "run", other)
    with pytest.raises(ModelError, match=r"computes something else than tflite-micro .* for patch 0"):
        predictor.run(patches(quantized, 2))


def test_evaluate_runs_it_and_says_so(project: Path) -> None:
    evaluations = evaluate_stage(open_line(project, Silent())).value
    assert evaluations.int8_by.startswith("compiled C++ (g++ ")
    assert "patches compared with tflite-micro" in evaluations.int8_by
    assert (project / "runs" / "golden" / "native" / "run_model").is_file()


def test_without_a_compiler_the_interpreter_evaluates(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    compiled = evaluate_stage(open_line(project, Silent()))
    shutil.rmtree(project / "runs")
    monkeypatch.setattr("tinyaudio.core.tools.knowledge.shutil.which", lambda name: None)
    progress = Silent()
    interpreted = evaluate_stage(open_line(project, progress))
    assert interpreted.value.int8_by.startswith("tflite-micro")
    np.testing.assert_array_equal(interpreted.value.int8.scores, compiled.value.int8.scores)
    assert any("reference interpreter evaluates" in note and "not installed" in note for note in progress.notes)


def test_a_compiler_that_fails_is_told(quantized: QuantizedModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(host_program, "_FLAGS", ("-std=c++17", "-Werror", "-fno-such-flag"))
    assert isinstance(native_predictor(quantized, tmp_path), ToolError)
    assert not (tmp_path / "run_model").exists()
