"""Streaming models: what they keep from step to step, bit for bit, and how they forget it."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from tests.deploy.compiler.host_models import HostModels, reference_outputs, shared_directory, varied_inputs
from tests.deploy.compiler.streaming_cases import STREAMING_CASES, StreamingModel, window
from tinyaudio.core.errors import ModelError
from tinyaudio.deploy.compiler import compile_model, read_graph
from tinyaudio.deploy.compiler.passes.share_variables import share_variables

STEPS = 40


@pytest.fixture(scope="module")
def host_models(tmp_path_factory: pytest.TempPathFactory) -> HostModels:
    return HostModels({name: build() for name, build in STREAMING_CASES.items()}, shared_directory(tmp_path_factory, "streaming"), dsp=False)


@pytest.mark.parametrize("name", STREAMING_CASES)
def test_every_step_is_bit_exact(host_models: HostModels, name: str) -> None:
    inputs = varied_inputs(host_models.compiled[name].input_.elements, STEPS, seed=len(name))
    outputs, _ = host_models.run(name, inputs)
    np.testing.assert_array_equal(outputs, reference_outputs(STREAMING_CASES[name](), inputs))
    assert host_models.compiled[name].state_bytes > 0


def test_reset_forgets(tmp_path: Path) -> None:
    tflite = window(first=True)
    model = HostModels({"window": tflite}, tmp_path / "plain", dsp=False).compiled["window"]
    text = model.files["generated/model.cc"]
    forgetful = text.replace("    if (!is_reset) {\n        reset();\n    }", "    reset();")
    assert forgetful != text
    inputs = varied_inputs(3, 5, seed=2)
    each_first = np.concatenate([reference_outputs(tflite, row[None]) for row in inputs])
    source = tmp_path / "plain" / "window" / "generated" / "model.cc"
    source.write_text(forgetful, encoding="utf-8")
    runner = HostModels.rebuild({"window": model}, tmp_path / "plain")
    np.testing.assert_array_equal(runner.run("window", inputs)[0], each_first)


def test_variables_are_read_and_written_where_they_lie() -> None:
    operations = share_variables(read_graph(window(first=True))).operations
    assert [operation.kind for operation in operations] == ["CONCATENATION", "STRIDED_SLICE", "ADD"]


@pytest.mark.parametrize(("name", "copies"), [("late_reader", 2), ("swapped", 3), ("delayed", 2), ("accumulator", 1)])
def test_copies_stay_where_they_are_needed(name: str, copies: int) -> None:
    kinds = [operation.kind for operation in share_variables(read_graph(STREAMING_CASES[name]())).operations]
    assert sum(kind in ("READ_VARIABLE", "ASSIGN_VARIABLE") for kind in kinds) == copies


def test_a_variable_that_nobody_reads_takes_no_memory() -> None:
    model = StreamingModel()
    image, past = model.values("image", (2, 3)), model.handle("past")
    total = model.add(image, image, (2, 3))
    model.assign(past, total)
    compiled = compile_model(model.build(inputs=[image], outputs=[model.add(total, image, (2, 3))]), name="unread")
    assert compiled.state_bytes == 0 and "is_reset" not in compiled.files["generated/model.cc"]


def _unknown_handle(model: StreamingModel, image: int) -> None:
    model.read(model.tensor("nothing", (), dtype="resource"), (2, 3))


def _another_size(model: StreamingModel, image: int) -> None:
    past = model.handle("past")
    model.assign(past, image)
    model.read(past, (2, 4))


def _float_variable(model: StreamingModel, image: int) -> None:
    value = model.tensor("real", (2, 3), dtype="float32")
    model.operator("READ_VARIABLE", [model.handle("past")], [value], "ReadVariableOptions")


def _computing_subgraph(model: StreamingModel, image: int) -> None:
    graph = StreamingModel()
    graph.add(graph.values("one", (1, 2)), graph.values("two", (1, 2)), (1, 2))
    model.subgraphs.append(graph)
    model.operator("CALL_ONCE", [], [], "CallOnceOptions", InitSubgraphIndex=1)


def _missing_subgraph(model: StreamingModel, image: int) -> None:
    model.operator("CALL_ONCE", [], [], "CallOnceOptions", InitSubgraphIndex=3)


def _late_call(model: StreamingModel, image: int) -> None:
    model.assign(model.handle("past"), image)
    model.initialize(past=np.zeros((2, 3)))


def _first_value_of_another_size(model: StreamingModel, image: int) -> None:
    model.initialize(past=np.zeros((2, 2)))
    model.assign(model.handle("past"), image)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (_unknown_handle, "READ_VARIABLE .*'nothing'.* is not the handle"),
        (_another_size, "READ_VARIABLE .* does not fit the variable 'past'"),
        (_float_variable, "READ_VARIABLE .*'real' float32.* must be int8"),
        (_computing_subgraph, "ADD .*may only assign constants"),
        (_missing_subgraph, "CALL_ONCE.*subgraph 3 of 1"),
        (_late_call, "CALL_ONCE.*after variables were used"),
        (_first_value_of_another_size, r"variable 'past'.*first value is int8\[2, 2\]"),
    ],
)
def test_bad_streaming_models(spoil: object, message: str) -> None:
    model = StreamingModel()
    image = model.values("image", (2, 3))
    assert callable(spoil)
    spoil(model, image)
    tflite = model.build(inputs=[image], outputs=[model.add(image, image, (2, 3))])
    with pytest.raises(ModelError, match=re.compile(message)):
        read_graph(tflite)
