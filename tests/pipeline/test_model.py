"""Foreign models: said what they cost, written as C++, proven on every emulated board; and what is refused."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from tests.deploy.compiler.host_models import reference_outputs
from tests.deploy.compiler.model_builder import ModelBuilder
from tests.deploy.compiler.streaming_cases import window
from tests.golden_fixture import MODEL_FILE
from tests.host_cpp.toolchain import compile_host, run_host
from tests.pipeline.small_project import Silent
from tinyaudio.cli.app import app
from tinyaudio.core.board import load_board
from tinyaudio.core.errors import InputError, ModelError, NotYetSupportedError, SpecError
from tinyaudio.core.new_board import write_new_board
from tinyaudio.deploy.compiler import compile_model
from tinyaudio.learn.oracle import ReferenceModel
from tinyaudio.pipeline import ModelOutcome, ModelRequest, compile_to_folder, inspect_model, model_inputs, verify_model
from tinyaudio.pipeline.model import arena_timeline
from tinyaudio.pipeline.model_file import estimate_budget, read_model

KEYS = {
    "model",
    "board",
    "runtime",
    "inputs",
    "mismatches",
    "max_abs_diff",
    "instructions_per_inference",
    "macs",
    "arena_bytes",
    "code_bytes",
    "weights_bytes",
    "ops",
}


def request(**changes: Any) -> ModelRequest:
    return replace(ModelRequest(path=MODEL_FILE, board_id="native", inputs=12, offline=True), **changes)


@cache
def bench_on(board_id: str) -> ModelOutcome:
    return verify_model(request(board_id=board_id), Silent(), per_operator=True)


@pytest.mark.parametrize("board_id", ["native", "mps2_an500", "stm32h7"])
def test_a_model_computes_on_every_emulated_board_what_the_reference_computes(board_id: str) -> None:
    outcome = bench_on(board_id)
    facts = outcome.facts
    assert outcome.passed
    assert facts.keys() >= KEYS
    assert (facts["inputs"], facts["mismatches"], facts["max_abs_diff"], facts["log"]) == (12, 0, 0.0, [])
    assert facts["distinct_outputs"] > 4
    assert json.loads(json.dumps(facts)).keys() == facts.keys()


@pytest.mark.parametrize("board_id", ["mps2_an500", "stm32h7"])
def test_operators_cost_together_what_the_model_costs(board_id: str) -> None:
    facts = bench_on(board_id).facts
    costs = [operation["instructions"] for operation in facts["ops"]]
    assert min(costs) > 0
    assert sum(costs) == pytest.approx(facts["instructions_per_inference"], rel=0.02)
    assert 36_000 >= facts["code_bytes"] > facts["model_code_bytes"] > 1_000


def test_both_emulators_count_alike() -> None:
    counts = [bench_on(board_id).facts["instructions_per_inference"] for board_id in ("mps2_an500", "stm32h7")]
    assert counts[0] == pytest.approx(counts[1], rel=0.01)


def test_a_host_counts_time_and_says_so() -> None:
    facts = bench_on("native").facts
    assert facts["instructions_per_inference"] is None
    assert facts["nanoseconds_per_inference"] > 0
    assert facts["ops"][0].keys() >= {"nanoseconds", "predicted_instructions"}


@pytest.mark.parametrize("board_id", ["native", "mps2_an500"])
def test_a_streaming_model_keeps_its_state_and_forgets_it(tmp_path: Path, board_id: str) -> None:
    path = tmp_path / "window.tflite"
    path.write_bytes(window(first=True))
    outcome = verify_model(request(path=path, board_id=board_id, inputs=30), Silent(), per_operator=True)
    assert outcome.passed, outcome.facts["first_mismatches"]
    assert outcome.facts["state_bytes"] > 0
    assert outcome.facts["distinct_outputs"] > 20


def test_the_reference_forgets() -> None:
    reference = ReferenceModel(window(first=True))
    inputs = np.random.default_rng(5).integers(-128, 128, (3, 3)).astype(np.int8)
    first = [reference.run(values, tensor=0)[0] for values in inputs]
    carried = reference.run(inputs[0], tensor=0)[0]
    reference.forget()
    again = [reference.run(values, tensor=0)[0] for values in inputs]
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(carried, first[0])


def test_a_difference_is_found_and_named(monkeypatch: pytest.MonkeyPatch) -> None:
    true_run = ReferenceModel.run

    def wrong(self: ReferenceModel, values: Any, *, tensor: int) -> tuple[Any, Any]:
        output, logits = true_run(self, values, tensor=tensor)
        output, logits = output.copy(), logits.copy()
        logits[1] ^= 3
        return output, logits

    monkeypatch.setattr(ReferenceModel, "run", wrong)
    result = CliRunner().invoke(app, ["model", "verify", str(MODEL_FILE), "--board", "native", "--inputs", "3", "--offline", "--json"])
    assert result.exit_code == 3
    facts = json.loads(result.stdout)
    assert (facts["mismatches"], facts["output_mismatches"], facts["logits_mismatches"]) == (3, 0, 3)
    assert 1 <= facts["max_abs_diff"] <= 3
    assert facts["first_mismatches"][0]["tensor"] == "logits" and facts["first_mismatches"][0]["element_index"] == 1


def test_inspecting_builds_nothing_and_draws_the_arena(tmp_path: Path) -> None:
    outcome = inspect_model(request(board_id="stm32h7"), picture=tmp_path / "arena.svg")
    facts = outcome.facts
    assert outcome.passed and facts.keys() >= KEYS and facts["code_bytes"] is None
    assert facts["predicted_instructions"] == sum(operation["predicted_instructions"] for operation in facts["ops"])
    assert (tmp_path / "arena.svg").read_bytes() == _drawn_again(tmp_path)
    with pytest.raises(InputError, match=re.escape("cannot draw a .gif")):
        inspect_model(request(), picture=tmp_path / "arena.gif")


def _drawn_again(folder: Path) -> bytes:
    inspect_model(request(), picture=folder / "again.svg")
    return (folder / "again.svg").read_bytes()


def test_predictions_are_near_what_is_measured() -> None:
    facts = bench_on("mps2_an500").facts
    assert facts["predicted_instructions"] == pytest.approx(facts["instructions_per_inference"], rel=0.1)


def test_a_model_as_cpp_compiles_by_itself(tmp_path: Path) -> None:
    outcome = compile_to_folder(request(), tmp_path)
    main = tmp_path / "main.cc"
    main.write_text(
        '#include <stdio.h>\n#include "generated/model.h"\nusing namespace tinyaudio_model;\n'
        "int main() { while (fread(input(), 1, kInputElements, stdin) == kInputElements) "
        "{ invoke(); fwrite(output(), 1, kOutputElements, stdout); } }\n"
    )
    sources = [main, *sorted((tmp_path / "generated").glob("*.cc")), *sorted((tmp_path / "lib" / "tinyaudio_nn" / "src").glob("*.cc"))]
    binary = compile_host(tmp_path / "main", sources, include_dirs=[tmp_path, *sorted(tmp_path.glob("lib/*/include"))])
    inputs = np.random.default_rng(4).integers(-128, 128, (5, outcome.compiled.input_.elements)).astype(np.int8)
    outputs = np.frombuffer(run_host(binary, stdin=inputs.tobytes()), np.int8).reshape(5, -1)
    np.testing.assert_array_equal(outputs, reference_outputs(MODEL_FILE.read_bytes(), inputs))


def wide_model(values: int) -> bytes:
    """Addition of a large tensor to itself: nothing but RAM."""
    builder = ModelBuilder()
    image = builder.tensor("image", (1, values), scale=0.5)
    total = builder.tensor("total", (1, values), scale=1.0)
    builder.operator("ADD", [image, image], [total], "AddOptions")
    return builder.build(inputs=[image], outputs=[total])


def test_what_does_not_fit_is_refused_with_how_much_is_missing(tmp_path: Path) -> None:
    path = tmp_path / "wide.tflite"
    path.write_bytes(wide_model(600_000))
    outcome = inspect_model(request(path=path, board_id="stm32h7"))
    assert not outcome.passed
    assert any(
        re.search(r"arena of the model, \d+ bytes: .*axi_sram has \d+ left \(\d+ too few\)", problem)
        for problem in outcome.facts["budget"]["problems"]
    )
    with pytest.raises(ModelError, match=r"does not fit stm32h7: .*too few"):
        verify_model(request(path=path, board_id="stm32h7"), Silent())
    result = CliRunner().invoke(app, ["model", "inspect", str(path), "--board", "mps2_an500", "--json"])
    assert result.exit_code == 3
    problem = json.loads(result.stdout)["budget"]["problems"][0]
    assert re.search(r"RAM: about [\d,]+ bytes needed, [\d,]+ more than the budget of mps2_an500 \(524,288\)", problem)


def test_the_estimate_holds_flash_against_the_budget() -> None:
    board = load_board("mps2_an500")
    compiled = compile_model(MODEL_FILE.read_bytes(), name="golden")
    assert not estimate_budget(board, compiled, code_bytes=10_000).problems
    over = estimate_budget(board, compiled, code_bytes=board.budget.flash_bytes).problems
    flash_bytes = board.budget.flash_bytes
    sentence = f"flash: about {compiled.weights_bytes + flash_bytes:,} bytes needed, {compiled.weights_bytes:,} more than the budget of mps2_an500"
    assert over == (f"{sentence} ({flash_bytes:,}); the weights alone {compiled.weights_bytes:,}",)


def test_inputs_saturate_are_real_and_are_random() -> None:
    compiled = compile_model(MODEL_FILE.read_bytes(), name="golden")
    real = np.full((3, compiled.input_.elements), 5, np.int8)
    made = model_inputs.make_inputs(compiled.input_, 40, seed=1, real=real)
    kinds = [item.kind for item in made]
    assert {kind: kinds.count(kind) for kind in kinds} == {"saturating": 5, "real": 18, "random": 17}
    assert [index for index, item in enumerate(made) if item.begins] == [0, 5, 23]
    assert set(np.unique(np.concatenate([item.values for item in made[:3]]))) == {-128, 127}
    again = model_inputs.make_inputs(compiled.input_, 40, seed=1, real=real)
    assert all(np.array_equal(one.values, other.values) for one, other in zip(made, again, strict=True))
    assert len(model_inputs.make_inputs(compiled.input_, 1, seed=1)) == 1
    with pytest.raises(InputError, match="0 inputs"):
        model_inputs.make_inputs(compiled.input_, 0, seed=1)


def test_bad_requests(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="cannot be read"):
        inspect_model(request(path=tmp_path / "nothing.tflite"))
    text = tmp_path / "text.tflite"
    text.write_text("no model")
    with pytest.raises(ModelError, match="TFL3"):
        inspect_model(request(path=text))
    with pytest.raises(NotYetSupportedError, match="'tflm'"):
        inspect_model(request(runtime="tflm"))
    with pytest.raises(SpecError, match="no preset"):
        verify_model(request(preset="yam"), Silent())
    with pytest.raises(ModelError, match="no whole frames of 10 features"):
        verify_model(request(preset="mfcc"), Silent())
    with pytest.raises(InputError, match="no WAV or FLAC"):
        verify_model(request(preset="yamnet", audio=tmp_path), Silent())
    with pytest.raises(InputError, match="--board: esp32s3 has no emulator") as caught:
        verify_model(request(board_id="esp32s3"), Silent())
    assert "mps2_an500" in caught.value.hint


@pytest.mark.parametrize("command", ["inspect", "compile", "verify", "bench"])
def test_a_board_of_ones_own_is_found_in_the_folder_boards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str) -> None:
    write_new_board("shed", like="native", folder=tmp_path / "boards")
    monkeypatch.chdir(tmp_path)
    inputs = ["--inputs", "2", "--offline"] if command in ("verify", "bench") else []
    arguments = ["model", command, str(MODEL_FILE), "--board", "shed", "--json", *inputs]
    for project in ([], ["--project", str(tmp_path)]):
        result = CliRunner().invoke(app, [*arguments, *project])
        assert result.exit_code == 0, result.stderr
        assert json.loads(result.stdout)["board"] == "shed"
    assert CliRunner().invoke(app, [*arguments, "--project", str(tmp_path / "elsewhere")]).exit_code == 1


def test_models_of_several_ends_are_refused_with_the_reason(tmp_path: Path) -> None:
    builder = ModelBuilder()
    ends = [builder.tensor(name, (1, 4), scale=0.5) for name in ("one", "other", "total")]
    builder.operator("ADD", ends[:2], ends[2:], "AddOptions")
    path = tmp_path / "two.tflite"
    path.write_bytes(builder.build(inputs=ends[:2], outputs=ends[2:]))
    result = CliRunner().invoke(app, ["model", "inspect", str(path), "--json"])
    assert result.exit_code == 1
    error = json.loads(result.stdout)["error"]
    assert error["type"] == "ModelError"
    assert "2 inputs" in error["message"]


def test_weights_are_packed_for_size_or_for_speed() -> None:
    facts = {word: inspect_model(request(optimize=word)).facts for word in (None, "size", "speed")}
    assert [facts[word]["optimize"] for word in (None, "size", "speed")] == ["size", "size", "speed"]
    assert facts[None]["weights_bytes"] == facts["size"]["weights_bytes"] < facts["speed"]["weights_bytes"]
    with pytest.raises(InputError, match="cannot optimize for 'both'"):
        inspect_model(request(optimize="both"))
    for word in ("speed", "ram"):
        with pytest.raises(InputError, match="takes the weights as they are"):
            verify_model(request(board_id="mps2_an500", runtime="tflm", optimize=word), Silent())


def test_operators_that_pass_rows_on_are_one_row_that_names_them_all() -> None:
    usual, small = (inspect_model(request(optimize=word)).facts for word in ("size", "ram"))
    assert small["optimize"] == "ram" and small["arena_bytes"] < usual["arena_bytes"]
    joined = [operation for operation in small["ops"] if operation["parts"]]
    assert joined and all(len(operation["parts"]) == operation["kind"].count(" + ") + 1 for operation in joined)
    places = [index for operation in small["ops"] for index in operation["parts"] or [operation["index"]]]
    assert places == [operation["index"] for operation in usual["ops"]]
    assert sum(operation["macs"] for operation in small["ops"]) == sum(operation["macs"] for operation in usual["ops"])
    predicted = [sum(operation["predicted_instructions"] for operation in facts["ops"]) for facts in (usual, small)]
    assert predicted[0] * 0.95 < predicted[1] < predicted[0] * 1.1


def test_the_picture_of_the_arena_names_joined_operators_shortly() -> None:
    file = read_model(MODEL_FILE, optimize="ram")
    timeline = arena_timeline(file.tflite, file.compiled, title="small")
    assert any(re.fullmatch(r"\d+ to \d+, row by row", step) for step in timeline.steps)
    assert max(map(len, timeline.steps)) < 30
