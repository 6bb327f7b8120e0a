"""Foreign models on TFLite Micro: what is said without its sources, and with a tree the same proof as of the compiler."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from tests.deploy.compiler.model_builder import ModelBuilder
from tests.deploy.compiler.streaming_cases import window
from tests.deploy.tflm_program import tree
from tests.golden_fixture import MODEL_FILE
from tests.pipeline.small_project import Silent
from tests.pipeline.test_model import KEYS, request
from tinyaudio.cli.app import app
from tinyaudio.core.board import load_board
from tinyaudio.core.errors import InputError, ModelError, NotYetSupportedError, ToolError
from tinyaudio.pipeline import compare_runtimes, compile_to_folder, inspect_model, verify_model
from tinyaudio.pipeline.model_file import RUNTIMES, check_runtime


@pytest.fixture
def without_sources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TINYAUDIO_TFLM_ROOT", raising=False)
    monkeypatch.setenv("TINYAUDIO_CACHE_DIR", str(tmp_path / "cache"))


@pytest.mark.usefixtures("without_sources")
@pytest.mark.parametrize("board_id", ["native", "mps2_an500", "stm32h7"])
def test_without_its_sources_the_way_to_get_them_is_told(board_id: str) -> None:
    with pytest.raises(ToolError, match="the runtime tflm needs tflite-micro") as caught:
        verify_model(request(board_id=board_id, runtime="tflm"), Silent())
    assert "TINYAUDIO_TFLM_ROOT" in caught.value.hint
    assert "--runtime aot" in caught.value.hint


@pytest.mark.usefixtures("without_sources")
def test_the_command_line_says_it_in_one_error() -> None:
    result = CliRunner().invoke(app, ["model", "bench", str(MODEL_FILE), "--runtime", "tflm", "--offline", "--json"])
    assert result.exit_code == 1
    assert json.loads(result.stdout)["error"]["type"] == "ToolError"


def test_what_runs_nothing_is_of_the_compiler(tmp_path: Path) -> None:
    with pytest.raises(NotYetSupportedError, match="'tflm' here") as caught:
        inspect_model(request(runtime="tflm"))
    assert "verify" in caught.value.hint
    with pytest.raises(NotYetSupportedError, match="'tflm' here"):
        compile_to_folder(request(runtime="tflm"), tmp_path)
    assert inspect_model(request(board_id="esp32s3")).facts["runtime"] == "aot"
    assert check_runtime(None, load_board("esp32s3"), known=RUNTIMES) == "tflm"


def test_the_vendor_s_kernels_are_a_choice_of_the_compiler_alone(tmp_path: Path) -> None:
    facts = inspect_model(request(board_id="mps2_an500", kernels="vendor")).facts
    assert (facts["vendor"], facts["predicted_instructions"]) == ("cmsis_nn", None)
    theirs = compile_to_folder(request(board_id="mps2_an500", kernels="vendor"), tmp_path / "theirs")
    assert "lib/tinyaudio_cmsis_nn/src/cmsis_nn.cc" in theirs.facts["files"]
    assert not any("cmsis_nn" in path for path in compile_to_folder(request(), tmp_path / "ours").facts["files"])
    with pytest.raises(InputError, match="TFLite Micro computes with its fastest kernels anyway"):
        verify_model(request(kernels="vendor", runtime="tflm"), Silent())
    with pytest.raises(InputError, match="no kernels 'fast' for a model alone"):
        inspect_model(request(kernels="fast"))


def test_an_operator_that_tflite_micro_lacks_is_named(tmp_path: Path) -> None:
    builder = ModelBuilder()
    source, result = (builder.tensor(name, (1, 4), scale=0.1) for name in ("in", "out"))
    builder.operator("TOPK_V2", [source], [result])
    path = tmp_path / "top.tflite"
    path.write_bytes(builder.build(inputs=[source], outputs=[result]))
    with pytest.raises(ModelError, match="TFLite Micro has no operator TOPK_V2"):
        verify_model(request(path=path, board_id="mps2_an500", runtime="tflm"), Silent())


def _ends_in(dtype: str) -> bytes:
    builder = ModelBuilder()
    source = builder.tensor("in", (1, 16), scale=0.1)
    inner = builder.tensor("inner", (1, 16), scale=0.1)
    result = builder.tensor("out", (1, 16), dtype=dtype, scale=() if dtype == "float32" else 0.1, zero_point=0 if dtype == "float32" else 128)
    builder.operator("RELU", [source], [inner])
    builder.operator("DEQUANTIZE" if dtype == "float32" else "QUANTIZE", [inner], [result])
    return builder.build(inputs=[source], outputs=[result])


def _prove(path: Path, board_id: str) -> dict[str, Any]:
    tree("" if board_id == "native" else "cmsis_nn")
    outcome = verify_model(request(path=path, board_id=board_id, runtime="tflm", inputs=24), Silent(), per_operator=True)
    assert outcome.passed, (outcome.facts["first_mismatches"], outcome.facts["budget_problems"])
    assert outcome.facts.keys() >= KEYS
    return outcome.facts


@pytest.mark.parametrize("board_id", ["native", "mps2_an500", "stm32h7"])
def test_with_a_tree_a_model_computes_what_the_reference_computes(board_id: str) -> None:
    facts = _prove(MODEL_FILE, board_id)
    assert facts["runtime"] == "tflm" and facts["model_kernels"].startswith("tflite-micro tree ")
    assert facts["distinct_outputs"] > 4
    assert 0 < facts["arena_bytes"] < 60_000
    if board_id != "native":
        costs = [operation["instructions"] for operation in facts["ops"]]
        assert min(costs) > 0
        assert sum(costs) == pytest.approx(facts["instructions_per_inference"], rel=0.02)


@pytest.mark.parametrize("dtype", ["float32", "uint8"])
def test_with_a_tree_other_outputs_are_compared_as_they_are(dtype: str, tmp_path: Path) -> None:
    path = tmp_path / "converted.tflite"
    path.write_bytes(_ends_in(dtype))
    assert _prove(path, "mps2_an500")["output"]["dtype"] == dtype


def test_with_a_tree_a_streaming_model_keeps_its_state_and_forgets_it(tmp_path: Path) -> None:
    path = tmp_path / "window.tflite"
    path.write_bytes(window(first=True))
    facts = _prove(path, "mps2_an500")
    assert facts["state_bytes"] > 0
    assert facts["distinct_outputs"] > 15


def test_with_a_tree_both_runtimes_stand_side_by_side() -> None:
    tree("cmsis_nn")
    facts = compare_runtimes(request(board_id="mps2_an500"), Silent()).facts
    assert (facts["runtime"], facts["aot"]["runtime"]) == ("tflm", "aot")
    assert facts["mismatches"] == facts["aot"]["mismatches"] == 0
    assert facts["macs"] == facts["aot"]["macs"]
