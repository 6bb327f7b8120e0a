"""Recurrent operators, operators that choose, reduce and stack, and dilations spelled out: bit for bit as the reference computes them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import tflite

from tests.deploy.compiler.dilated_cases import DILATED_CASES, spelled_out
from tests.deploy.compiler.host_models import HostModels, reference_outputs, shared_directory, varied_inputs
from tests.deploy.compiler.model_builder import ModelBuilder
from tests.deploy.compiler.recurrent_cases import RECURRENT_CASES, lstm, svdf
from tests.deploy.compiler.reducing_cases import REDUCING_CASES, chosen, reduce, stack_again
from tests.deploy.compiler.value_cases import pair, table
from tinyaudio.core.errors import ModelError
from tinyaudio.deploy.compiler import compile_model, read_graph

INPUTS = 24
OPERATORS = RECURRENT_CASES | REDUCING_CASES | DILATED_CASES


@pytest.fixture(scope="module")
def host_models(tmp_path_factory: pytest.TempPathFactory) -> HostModels:
    return HostModels({name: build() for name, build in OPERATORS.items()}, shared_directory(tmp_path_factory, "more-operators"), dsp=True)


@pytest.mark.parametrize("name", OPERATORS)
def test_operator_is_bit_exact(host_models: HostModels, name: str) -> None:
    input_ = host_models.compiled[name].input_
    inputs = varied_inputs(input_.elements, INPUTS, seed=len(name))
    expected = reference_outputs(OPERATORS[name](), inputs)
    assert len(np.unique(expected)) > 2, "a constant output proves nothing"
    np.testing.assert_array_equal(host_models.run(name, inputs)[0], expected)


@pytest.mark.parametrize("name", RECURRENT_CASES)
def test_a_recurrent_model_keeps_its_state(host_models: HostModels, name: str) -> None:
    compiled = host_models.compiled[name]
    assert compiled.state_bytes > 0
    inputs = np.repeat(varied_inputs(compiled.input_.elements, 3, seed=2)[2:], 6, axis=0)
    outputs, _ = host_models.run(name, inputs)
    assert name == "svdf_int16_one_step" or (outputs[0] != outputs[-1]).any()
    again, _ = host_models.run(name, inputs)
    np.testing.assert_array_equal(again, outputs)  # a new program begins with the first values


def test_the_whole_state_is_in_the_arena() -> None:
    assert compile_model(lstm(2, 3, 5), name="lstm").state_bytes == 5 + 2 * 5
    assert compile_model(svdf(4, 3, 2, 6, dtype="int16"), name="svdf").state_bytes == 2 * 3 * 2 * 6


def test_a_spelled_out_dilation_is_one_convolution() -> None:
    graph = read_graph(DILATED_CASES["dilated_valid"]())
    assert [operation.kind for operation in graph.operations] == ["CONV_2D"]
    compiled = compile_model(DILATED_CASES["dilated_sequence"](), name="sequence")
    assert [op.kind for op in compiled.ops] == ["CONV_2D"]
    assert all(place.tensor < graph.file_tensors + 4 for step in compiled.steps for place in (*step.inputs, step.output))


def _shared_state() -> bytes:
    model = ModelBuilder()
    values = model.tensor("values", (1, 4), scale=0.1)
    features = model.tensor("features", (3, 4), scale=0.01, data=np.ones((3, 4)))
    times = model.tensor("times", (3, 2), scale=0.01, data=np.ones((3, 2)))
    bias = model.tensor("bias", (3,), dtype="int32", scale=0.001, data=np.zeros(3))
    state = model.tensor("state", (1, 6), scale=0.1, variable=True)
    targets = [model.tensor(f"output_{number}", (1, 3), scale=0.1) for number in (0, 1)]
    for target in targets:
        model.operator("SVDF", [values, features, times, bias, state], [target], "SVDFOptions", Rank=1)
    return model.build(inputs=[values], outputs=targets[1:])


#: name -> (builds the model, what the error says)
BAD: dict[str, tuple[Callable[[], bytes], str]] = {
    "peephole": (lambda: lstm(2, 3, 4, changes=[(9, 12)]), "LSTM .*it has peepholes"),
    "projection": (lambda: lstm(2, 3, 4, changes=[(16, 5)]), "LSTM .*it has a projection"),
    "layer normalization": (lambda: lstm(2, 3, 4, changes=[(20, 12)]), "LSTM .*it has layer normalization"),
    "coupled gates": (lambda: lstm(2, 3, 4, changes=[(1, -1)]), "LSTM .*its input 1 is missing"),
    "no bias": (lambda: lstm(2, 3, 4, changes=[(13, -1)]), "LSTM .*its input 13 is missing"),
    "weights of another shape": (lambda: lstm(2, 3, 4, changes=[(2, 6)]), r"LSTM .*'weights_6'.* must have the shape \[4, 3\]"),
    "cell of another type": (lambda: lstm(2, 3, 4, changes=[(19, 18)]), "LSTM .*'hidden'.* must be an int16 cell"),
    "cell of any scale": (lambda: lstm(2, 3, 4, cell_power=2), "LSTM .*'cell'.* has the scale 4.0"),
    "activation": (lambda: lstm(2, 3, 4, activation=tflite.ActivationFunctionType.RELU), "LSTM .*activation is not TANH"),
    "tiny limit": (lambda: lstm(2, 3, 4, clip=1e-9), "LSTM .*less than a step"),
    "limit nan": (lambda: lstm(2, 3, 4, clip=float("nan")), "LSTM .*within nan"),
    "shared state": (_shared_state, r"SVDF .*its state, tensor 'state' int8\[1, 6\], is not its own"),
    "axes": (lambda: reduce("REDUCE_MAX", (2, 3), (0, 1), output=(0.06, 4)), "REDUCE_MAX .*quantized differently"),
    "too many axes": (lambda: reduce("SUM", (2,) * 8, (0, 2, 4, 6)), "SUM .*are too many"),
    "sum of too many": (lambda: reduce("SUM", (1 << 12,), (0,), output=(1e-8, 0)), "SUM .*can leave int32"),
    "squared scales": (
        lambda: pair("SQUARED_DIFFERENCE", (6,), (6,), (6,), scales=(1e-30, 1e30, 1.0), constant=True),
        "SQUARED_DIFFERENCE .*(differ too much|factor)",
    ),
    "prelu scales": (lambda: pair("PRELU", (6,), (6,), (6,), scales=(100.0, 100.0, 1e-3), constant=True), "PRELU .*too small"),
    "elu scale": (lambda: table("ELU", scale=0.1, output=(1e-45, 0)), "ELU .*too small"),
    "unequal scales": (lambda: pair("MAXIMUM", (6,), (6,), (6,), constant=True), "MAXIMUM .*quantized differently"),
    "free batch size": (
        lambda: spelled_out((1, 10, 3), 5, (1, 3), (1, 2), ((0, 0), (0, 0)), flat=True, batches=1),
        r"CONV_2D .*stands for 2 batches, as the batch size is free",
    ),
    "int16 state": (lambda: svdf(4, 3, 2, 6, dtype="int16", state_zero_point=32767), "SVDF .*int16 with the zero point 32767"),
    "padding": (
        lambda: spelled_out((7, 8, 4), 6, (3, 3), (2, 2), ((2, 3), (2, 2)), (1, 0)),
        "SPACE_TO_BATCH_ND .*it pads",
    ),
    "dilated stride": (lambda: spelled_out((9, 9, 3), 4, (3, 3), (3, 3), ((0, 0), (0, 0)), stride=2), "CONV_2D .*no part of a dilated"),
    "front crop": (lambda: spelled_out((8, 9, 3), 4, (3, 3), (2, 3), ((0, 0), (0, 0)), front_crop=1), "BATCH_TO_SPACE_ND .*crops"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_operator_is_one_clear_error(name: str) -> None:
    build, message = BAD[name]
    with pytest.raises(ModelError, match=message) as caught:
        compile_model(build(), name="bad")
    assert caught.value.hint and "operator" in str(caught.value)


def test_what_the_bad_ones_are_made_of_compiles() -> None:
    for tflite_bytes in (lstm(2, 3, 4), reduce("SUM", (2, 3), (0,)), stack_again((2, 3), 0, 0, (1, 0)), chosen("MAXIMUM", (6,), (6,), (6,))):
        assert compile_model(tflite_bytes, name="good").ops
