"""Reading: what a good file gives, and one clear error for every kind of bad one."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import tflite

from tests.deploy.compiler.cases import CASES
from tests.deploy.compiler.model_builder import ModelBuilder
from tinyaudio.core.errors import ModelError
from tinyaudio.deploy.compiler import compile_model, read_graph
from tinyaudio.deploy.compiler.ops import OPERATIONS
from tinyaudio.deploy.compiler.unsupported import HINTS, unsupported_hint


def test_graph_of_a_good_model() -> None:
    graph = read_graph(CASES["reshape_between"]())
    assert [operation.kind for operation in graph.operations] == ["CONV_2D", "RESHAPE", "FULLY_CONNECTED", "SOFTMAX"]
    image, weights = graph.tensor(graph.inputs[0]), graph.tensor(graph.operations[0].inputs[1])
    assert (image.name, image.shape, image.dtype, image.zero_point) == ("image", (1, 3, 4, 2), "int8", 2)
    assert weights.quantization is not None and len(weights.quantization.scales) == 3 and weights.quantization.axis == 0
    assert weights.data is not None and weights.data.shape == (3, 1, 1, 2) and not weights.data.flags.writeable


class _Parts:
    """A good convolution whose parts a test may spoil before it is built."""

    def __init__(self) -> None:
        self.image: dict[str, object] = {"shape": (1, 4, 4, 2), "scale": 0.1, "zero_point": 3}
        self.weights: dict[str, object] = {"shape": (3, 3, 3, 2), "scale": (0.01, 0.02, 0.03), "data": np.ones((3, 3, 3, 2))}
        self.bias: dict[str, object] = {"shape": (3,), "dtype": "int32", "scale": (0.001,), "data": np.zeros(3)}
        self.output: dict[str, object] = {"shape": (1, 4, 4, 3), "scale": 0.5, "zero_point": 0}
        self.code = "CONV_2D"
        self.options_name = "Conv2DOptions"
        self.options: dict[str, int] = {"StrideH": 1, "StrideW": 1}
        self.operator_inputs: tuple[int, ...] = (0, 1, 2)
        self.operator_outputs: tuple[int, ...] = (3,)
        self.model_inputs: tuple[int, ...] = (0,)
        self.model_outputs: tuple[int, ...] = (3,)

    def build(self) -> bytes:
        model = ModelBuilder()
        for name in ("image", "weights", "bias", "output"):
            model.tensor(name, **getattr(self, name))
        model.operator(self.code, self.operator_inputs, self.operator_outputs, self.options_name, **self.options)
        return model.build(inputs=self.model_inputs, outputs=self.model_outputs)


def test_the_unspoilt_convolution_compiles() -> None:
    assert compile_model(_Parts().build(), name="good").macs == 16 * 3 * 18


def _set(part: str, **values: object) -> Callable[[_Parts], None]:
    def spoil(parts: _Parts) -> None:
        target = getattr(parts, part)
        if isinstance(target, dict):
            target.update(values)

    return spoil


def _assign(attribute: str, value: object) -> Callable[[_Parts], None]:
    return lambda parts: setattr(parts, attribute, value)


BAD: dict[str, tuple[Callable[[_Parts], None], str]] = {
    "scale of zero": (_set("image", scale=0.0), "tensor 0 'image' of operator 0 CONV_2D: its scale is 0.0"),
    "scale of NaN": (_set("weights", scale=(0.01, float("nan"), 0.03)), "tensor 1 'weights' of operator 0 CONV_2D: its scale is nan"),
    "negative scale": (_set("output", scale=-0.5), "tensor 3 'output' of operator 0 CONV_2D: its scale is -0.5"),
    "infinite scale": (_set("output", scale=float("inf")), "tensor 3 'output' of operator 0 CONV_2D: its scale is inf"),
    "axis out of range": (_set("weights", axis=7), "tensor 1 'weights' of operator 0 CONV_2D: it has 3 scales along axis 7"),
    "wrong axis": (_set("weights", axis=1), "operator 0 CONV_2D .*'weights'.* along axis 1"),
    "scales too few": (_set("weights", scale=(0.1, 0.2)), "tensor 1 'weights' of operator 0 CONV_2D: it has 2 scales"),
    "zero points too few": (_set("weights", zero_point=(0, 0)), "3 scales and 2 zero points"),
    "zero points of weights": (_set("weights", zero_point=(0, 1, 0)), "zero points other than 0"),
    "zero point outside int8": (_set("image", zero_point=200), "operator 0 CONV_2D .*zero point 200"),
    "zero size": (_set("image", shape=(1, 0, 4, 2)), "tensor 0 'image' of operator 0 CONV_2D: its shape .* size of zero"),
    "dynamic size": (_set("image", shape=(1, -1, 4, 2)), "tensor 0 'image' of operator 0 CONV_2D: its shape .* is dynamic"),
    "dynamic height": (_set("image", signature=(1, -1, 4, 2)), "tensor 0 'image' of operator 0 CONV_2D: its shape .* is dynamic"),
    "huge shape": (_set("image", shape=(1, 40_000, 40_000, 2)), "tensor 0 'image' of operator 0 CONV_2D: its shape .* too large"),
    "batch of two": (_set("image", shape=(2, 4, 4, 2)), "operator 0 CONV_2D .*must have the shape"),
    "buffer too short": (_set("weights", data=np.ones(50)), "tensor 1 'weights' of operator 0 CONV_2D: its buffer holds 50 bytes"),
    "weights not constant": (_set("weights", data=None), "operator 0 .*'weights'"),
    "float input": (_set("image", dtype="float32"), "operator 0 CONV_2D .*'image' float32.* must be an int8 activation"),
    "unquantized input": (_set("image", scale=()), "'image'.* must be quantized"),
    "bias of int8": (_set("bias", dtype="int8"), "operator 0 CONV_2D .*'bias' int8"),
    "bias too short": (_set("bias", shape=(2,), data=np.zeros(2)), "operator 0 CONV_2D .*'bias'"),
    "bias too large": (_set("bias", data=np.full(3, 2**31 - 1)), "operator 0 CONV_2D .*channel 0 can leave int32"),
    "wrong output shape": (_set("output", shape=(1, 4, 5, 3)), "operator 0 CONV_2D .*'output'.* must have the shape"),
    "channels do not fit": (_set("weights", shape=(3, 3, 3, 1), data=np.ones(27)), "'weights'.* does not fit"),
    "stride of zero": (_set("options", StrideH=0), "operator 0 CONV_2D .*its stride is 0"),
    "negative dilation": (_set("options", DilationWFactor=-1), "operator 0 CONV_2D .*its dilation is -1"),
    "unknown activation": (_set("options", FusedActivationFunction=4), "activation 4 is not supported"),
    "unknown padding": (_set("options", Padding=9), "padding 9"),
    "options of another operator": (_assign("options_name", "DepthwiseConv2DOptions"), "operator 0 CONV_2D .*options"),
    "tensor index out of range": (_assign("operator_inputs", (0, 1, 17)), "inputs of operator 0: tensor 17 of 4"),
    "missing input": (_assign("operator_inputs", (0, -1, 2)), "its input 1 is missing"),
    "no outputs": (_assign("operator_outputs", ()), "operator 0 CONV_2D .*no output"),
    "output is a constant": (_assign("operator_outputs", (2,)), "operator 0 CONV_2D"),
    "model output out of range": (_assign("model_outputs", (99,)), "outputs of the model: tensor 99"),
    "two inputs": (_assign("model_inputs", (0, 0)), "the model has 2 inputs"),
    "nothing written": (_assign("model_inputs", (3,)), "operator 0 CONV_2D .*'image', which nothing has written"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_model_names_tensor_or_operator(name: str) -> None:
    spoil, message = BAD[name]
    parts = _Parts()
    spoil(parts)
    with pytest.raises(ModelError, match=message) as caught:
        compile_model(parts.build(), name="bad")
    assert caught.value.hint


def test_a_part_left_in_real_numbers_asks_for_another_conversion() -> None:
    parts = _Parts()
    _set("image", dtype="float32")(parts)
    with pytest.raises(ModelError) as caught:
        compile_model(parts.build(), name="bad")
    assert "left it in real numbers" in caught.value.hint and "convert again" in caught.value.hint


def test_unsupported_operator_lists_the_supported_ones() -> None:
    parts = _Parts()
    parts.code, parts.options_name, parts.options = "L2_NORMALIZATION", "L2NormOptions", {}
    with pytest.raises(ModelError, match=r"operator 0 L2_NORMALIZATION \(output tensor 'output'\): the operator is not supported") as caught:
        read_graph(parts.build())
    assert all(kind in caught.value.hint for kind in OPERATIONS)


@pytest.mark.parametrize(
    ("kind", "advice"),
    [
        ("BATCH_MATMUL", "attention"),
        ("WHILE", "unroll=True"),
        ("SPACE_TO_BATCH_ND", "fixed batch size of 1"),
        ("ARG_MAX", "end the model at its scores"),
        ("EXP", "real numbers"),
        ("CUSTOM 'AudioSpectrogram'", "custom operators"),
    ],
)
def test_unsupported_operator_says_what_to_do(kind: str, advice: str) -> None:
    assert advice in unsupported_hint(kind, supported=OPERATIONS)


def test_no_supported_operator_is_called_unsupported() -> None:
    advised = {kind for _, kinds in HINTS for kind in kinds}
    assert not advised & OPERATIONS.keys()
    assert advised <= set(tflite.BUILTIN_OPCODE2NAME.values())


@pytest.mark.parametrize("data", [b"", b"TFL3", b"RIFF....WAVE", b"\xff\xff\xff\x7fTFL3", b"\x08\0\0\0TFL3"])
def test_not_a_model(data: bytes) -> None:
    with pytest.raises(ModelError):
        read_graph(data)


def test_softmax_with_another_output_scale_is_refused() -> None:
    model = ModelBuilder()
    values = model.tensor("values", (1, 4), scale=0.1)
    output = model.tensor("output", (1, 4), scale=0.1)
    model.operator("SOFTMAX", [values], [output], "SoftmaxOptions", Beta=1.0)
    with pytest.raises(ModelError, match=r"operator 0 SOFTMAX .*1/256"):
        read_graph(model.build(inputs=[values], outputs=[output]))
