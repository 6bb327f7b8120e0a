"""Each pass alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.deploy.compiler.cases import CASES, convolution
from tests.deploy.compiler.host_models import HostModels, reference_outputs, varied_inputs
from tests.deploy.compiler.model_builder import ModelBuilder
from tests.golden_fixture import MODEL_FILE
from tinyaudio.core.errors import ModelError
from tinyaudio.deploy.compiler import compile_model, read_graph
from tinyaudio.deploy.compiler.ops.conv_2d import Convolution
from tinyaudio.deploy.compiler.ops.lookup import Lookup
from tinyaudio.deploy.compiler.passes import simplify
from tinyaudio.deploy.compiler.passes.fold_padding import fold_padding
from tinyaudio.deploy.compiler.passes.fuse_activations import fuse_activations
from tinyaudio.deploy.compiler.passes.join_lookups import join_lookups
from tinyaudio.deploy.compiler.passes.remove_dead import remove_dead
from tinyaudio.deploy.compiler.passes.remove_reshapes import remove_reshapes
from tinyaudio.deploy.compiler.passes.strip_ends import strip_ends
from tinyaudio.deploy.compiler.passes.widen_depthwise import widen_depthwise
from tinyaudio.deploy.compiler.passes.widen_weights import MAX_GROWTH, widen_weights


def test_padding_is_folded_into_the_convolution_behind_it() -> None:
    graph = fold_padding(read_graph(CASES["conv_padded"]()))
    (operation,) = graph.operations
    assert isinstance(operation, Convolution)
    assert operation.inputs[0] == graph.inputs[0]
    assert (operation.window.height.before, operation.window.height.after) == (0, 1)
    assert (operation.window.width.before, operation.window.width.after) == (1, 2)


def test_padding_of_channels_stays_explicit() -> None:
    assert [operation.kind for operation in fold_padding(read_graph(CASES["pad_image"]())).operations] == ["PAD"]


def test_padding_in_front_of_same_adds_up() -> None:
    graph = fold_padding(read_graph(convolution((5, 5, 2), 2, (3, 3), padding="same", pads=((1, 0), (0, 2)))))
    (operation,) = graph.operations
    assert isinstance(operation, Convolution)
    assert (operation.window.height.before, operation.window.width.after) == (2, 3)


def test_a_padded_image_that_is_read_twice_is_kept() -> None:
    model = ModelBuilder()
    image = model.tensor("image", (1, 3, 3, 1), scale=0.1)
    amounts = model.tensor("amounts", (4, 2), dtype="int32", data=np.array([[0, 0], [1, 1], [1, 1], [0, 0]]))
    padded = model.tensor("padded", (1, 5, 5, 1), scale=0.1)
    model.operator("PAD", [image, amounts], [padded], "PadOptions")
    for name in ("one", "two"):
        weights = model.tensor(f"weights_{name}", (1, 3, 3, 1), scale=0.1, data=np.ones((1, 3, 3, 1)))
        output = model.tensor(name, (1, 3, 3, 1), scale=0.1)
        model.operator("CONV_2D", [padded, weights, -1], [output], "Conv2DOptions", Padding=1, StrideH=1, StrideW=1)
    tflite = model.build(inputs=[image], outputs=[output])
    assert [operation.kind for operation in fold_padding(read_graph(tflite)).operations] == ["PAD", "CONV_2D", "CONV_2D"]
    assert [op.kind for op in compile_model(tflite, name="twice").ops] == ["PAD", "CONV_2D"]


def test_reshapes_become_aliases() -> None:
    graph = remove_reshapes(read_graph(CASES["reshape_between"]()))
    assert [operation.kind for operation in graph.operations] == ["CONV_2D", "FULLY_CONNECTED", "SOFTMAX"]
    assert graph.storage(graph.operations[1].inputs[0]) == graph.operations[0].outputs[0]


def test_dead_operators_go() -> None:
    model = ModelBuilder()
    values = model.tensor("values", (1, 4), scale=0.1)
    dead = model.tensor("dead", (1, 4), scale=1 / 256, zero_point=-128)
    alive = model.tensor("alive", (1, 4), scale=1 / 256, zero_point=-128)
    for output, beta in ((dead, 1.0), (alive, 2.0)):
        model.operator("SOFTMAX", [values], [output], "SoftmaxOptions", Beta=beta)
    graph = remove_dead(read_graph(model.build(inputs=[values], outputs=[alive])))
    assert [operation.outputs for operation in graph.operations] == [(alive,)]


def test_depthwise_of_one_channel_becomes_a_convolution() -> None:
    graph = read_graph(CASES["depthwise_multiplier"]())
    (before,), (after,) = graph.operations, widen_depthwise(graph).operations
    assert isinstance(after, Convolution)
    old, new = graph.tensor(before.inputs[1]), widen_depthwise(graph).tensor(after.inputs[1])
    assert (old.shape, new.shape) == ((1, 5, 4, 8), (8, 5, 4, 1))
    assert old.data is not None and new.data is not None
    np.testing.assert_array_equal(new.data[:, :, :, 0], np.moveaxis(old.data[0], 2, 0))


def test_depthwise_of_more_channels_stays() -> None:
    graph = read_graph(CASES["depthwise_multiplier_3"]())
    assert widen_depthwise(graph).operations == graph.operations


def _clamped(code: str, *, scales: tuple[float, float] = (0.05, 0.05), twice: bool = False) -> bytes:
    """A convolution without an activation, and `code` behind it."""
    model = ModelBuilder()
    image = model.tensor("image", (1, 3, 3, 2), scale=0.05, zero_point=-3)
    weights = model.tensor("weights", (2, 1, 1, 2), scale=0.02, data=np.array([[100, -90], [55, 70]]))
    middle = model.tensor("middle", (1, 3, 3, 2), scale=scales[0], zero_point=-100)
    output = model.tensor("output", (1, 3, 3, 2), scale=scales[1], zero_point=-100)
    model.operator("CONV_2D", [image, weights, -1], [middle], "Conv2DOptions", StrideH=1, StrideW=1)
    model.operator(code, [middle], [output])
    if twice:
        model.operator("ADD", [middle, output], [model.tensor("sum", (1, 3, 3, 2), scale=0.1, zero_point=0)], "AddOptions")
    return model.build(inputs=[image], outputs=[4 if twice else output])


def test_activations_are_fused_as_bounds() -> None:
    graph = fuse_activations(read_graph(_clamped("RELU6")))
    (operation,) = graph.operations
    assert isinstance(operation, Convolution)
    assert operation.bounds == (-100, 20)
    assert operation.outputs == graph.outputs


@pytest.mark.parametrize("tflite", [_clamped("RELU", scales=(0.05, 0.04)), _clamped("RELU", twice=True)], ids=["rescaled", "read twice"])
def test_activations_that_do_more_stay(tflite: bytes) -> None:
    assert [operation.kind for operation in fuse_activations(read_graph(tflite)).operations][:2] == ["CONV_2D", "RELU"]


@pytest.mark.parametrize("code", ["RELU", "RELU6"])
def test_fused_activations_are_bit_exact(code: str, tmp_path: Path) -> None:
    tflite = _clamped(code)
    inputs = varied_inputs(18, 30, seed=3)
    outputs, _ = HostModels({"fused": tflite}, tmp_path, dsp=False).run("fused", inputs)
    np.testing.assert_array_equal(outputs, reference_outputs(tflite, inputs))


def test_tables_are_joined(tmp_path: Path) -> None:
    model = ModelBuilder()
    values = model.tensor("values", (1, 256), scale=0.05, zero_point=3)
    between = model.tensor("between", (1, 256), scale=1 / 256, zero_point=-128)
    output = model.tensor("output", (1, 256), dtype="uint8", scale=1 / 256, zero_point=0)
    model.operator("LOGISTIC", [values], [between])
    model.operator("QUANTIZE", [between], [output], "QuantizeOptions")
    tflite = model.build(inputs=[values], outputs=[output])
    (joined,) = join_lookups(read_graph(tflite)).operations
    assert isinstance(joined, Lookup)
    assert (joined.inputs, joined.outputs, joined.input_dtype, joined.output_dtype) == ((values,), (output,), "int8", "uint8")
    inputs = np.arange(-128, 128)[None]
    outputs, logits = HostModels({"joined": tflite}, tmp_path, dsp=False).run("joined", inputs)
    np.testing.assert_array_equal(outputs, reference_outputs(tflite, inputs))
    np.testing.assert_array_equal(logits, inputs)


def test_constants_are_folded() -> None:
    model = ModelBuilder()
    image = model.tensor("image", (1, 2, 2, 3), scale=0.05)
    raw = model.tensor("raw", (3, 4), scale=0.02, data=np.arange(12).reshape(3, 4))
    turned = model.tensor("turned", (4, 3), scale=0.02)
    shape = model.tensor("shape", (4,), dtype="int32", data=np.array([4, 1, 1, 3]))
    weights = model.tensor("weights", (4, 1, 1, 3), scale=0.02)
    output = model.tensor("output", (1, 2, 2, 4), scale=0.05)
    order = model.tensor("order", (2,), dtype="int32", data=np.array([1, 0]))
    model.operator("TRANSPOSE", [raw, order], [turned], "TransposeOptions")
    model.operator("RESHAPE", [turned, shape], [weights], "ReshapeOptions")
    model.operator("CONV_2D", [image, weights, -1], [output], "Conv2DOptions", StrideH=1, StrideW=1)
    graph = read_graph(model.build(inputs=[image], outputs=[output]))
    assert [operation.kind for operation in graph.operations] == ["CONV_2D"]
    data = graph.tensor(weights).data
    assert data is not None and data.reshape(4, 3).tolist() == np.arange(12).reshape(3, 4).T.tolist()


def test_what_a_free_batch_size_drags_in_is_folded() -> None:
    model = ModelBuilder()
    image = model.tensor("image", (1, 4, 3), scale=0.05)
    sizes = model.tensor("sizes", (3,), dtype="int32")
    numbers = [model.tensor(f"number_{n}", (1,), dtype="int32", data=np.array([n])) for n in (0, 1, 1)]
    batch = model.tensor("batch", (), dtype="int32")
    rest = model.tensor("rest", (), dtype="int32", data=np.array(12))
    packed = model.tensor("packed", (2,), dtype="int32")
    flat = model.tensor("flat", (1, 12), scale=0.05)
    output = model.tensor("output", (1, 12), scale=0.05)
    model.operator("SHAPE", [image], [sizes], "ShapeOptions")
    model.operator("STRIDED_SLICE", [sizes, *numbers], [batch], "StridedSliceOptions", ShrinkAxisMask=1)
    model.operator("PACK", [batch, rest], [packed], "PackOptions", ValuesCount=2)
    model.operator("RESHAPE", [image, packed], [flat], "ReshapeOptions")
    model.operator("RELU", [flat], [output])
    graph = read_graph(model.build(inputs=[image], outputs=[output]))
    assert [operation.kind for operation in graph.operations] == ["RESHAPE", "RELU"]
    data = graph.tensor(packed).data
    assert data is not None and data.tolist() == [1, 12]


def test_computing_on_constants_is_refused() -> None:
    model = ModelBuilder()
    image = model.tensor("image", (1, 4), scale=0.05)
    one, two = (model.tensor(name, (1, 4), scale=0.05, data=np.ones((1, 4))) for name in ("one", "two"))
    total, output = model.tensor("total", (1, 4), scale=0.05), model.tensor("output", (1, 4), scale=0.05)
    model.operator("ADD", [one, two], [total], "AddOptions")
    model.operator("ADD", [image, total], [output], "AddOptions")
    with pytest.raises(ModelError, match=r"operator 0 ADD .*'total'.*all its inputs are constant"):
        read_graph(model.build(inputs=[image], outputs=[output]))


def test_moves_of_single_dimensions_become_aliases() -> None:
    model = ModelBuilder()
    image = model.tensor("image", (1, 1, 5, 3), scale=0.05)
    turned, output = model.tensor("turned", (1, 5, 1, 3), scale=0.05), model.tensor("output", (1, 5, 1, 3), scale=0.05)
    order = model.tensor("order", (4,), dtype="int32", data=np.array([0, 2, 1, 3]))
    model.operator("TRANSPOSE", [image, order], [turned], "TransposeOptions")
    model.operator("RELU", [turned], [output])
    graph = remove_reshapes(read_graph(model.build(inputs=[image], outputs=[output])))
    assert [operation.kind for operation in graph.operations] == ["RELU"]
    assert graph.storage(turned) == image


def test_wide_weights_go_where_they_are_used_most() -> None:
    tflite = MODEL_FILE.read_bytes()
    graph = simplify(read_graph(tflite))
    widened = [getattr(operation, "wide_weights", None) for operation in widen_weights(graph, optimize="speed").operations]
    assert True in widened and False not in widened
    in_the_file = sum(graph.tensor(operation.inputs[1]).elements for operation in graph.operations if len(operation.inputs) > 1)
    plain = sum(constant.bytes for operation in graph.operations for kernel in operation.lower(graph) for constant in kernel.constants)
    compiled = compile_model(tflite, name="golden")
    assert compiled.weights_bytes <= max(MAX_GROWTH * in_the_file, plain)
    assert compile_model(tflite, name="golden", optimize="speed").weights_bytes > compiled.weights_bytes


def _with_ends(source: str, target: str) -> bytes:
    model = ModelBuilder()
    values = model.tensor("values", (1, 6), dtype=source, scale=() if source == "float32" else 0.05, zero_point=3)
    middle = model.tensor("middle", (1, 6), scale=0.05, zero_point=3)
    result = model.tensor("result", (1, 6), scale=0.04, zero_point=-9)
    output = model.tensor("output", (1, 6), dtype=target, scale=() if target == "float32" else 0.04, zero_point=9)
    model.operator("QUANTIZE", [values], [middle], "QuantizeOptions")
    model.operator("RELU", [middle], [result])
    model.operator("DEQUANTIZE" if target == "float32" else "QUANTIZE", [result], [output])
    return model.build(inputs=[values], outputs=[output])


@pytest.mark.parametrize(("source", "target"), [("float32", "float32"), ("uint8", "uint8"), ("float32", "uint8")])
def test_conversions_at_the_ends_are_left_out(source: str, target: str) -> None:
    tflite = _with_ends(source, target)
    assert [operation.kind for operation in strip_ends(read_graph(tflite)).operations] == ["RELU"]
    whole, stripped = compile_model(tflite, name="ends"), compile_model(tflite, name="ends", int8_ends=True)
    assert (whole.input_.dtype, whole.output_.dtype) == (source, target)
    assert (stripped.input_.dtype, stripped.output_.dtype) == ("int8", "int8")
    assert stripped.output_.name == "result"


def test_an_end_without_a_conversion_is_refused() -> None:
    model = ModelBuilder()
    values, output = model.tensor("values", (1, 6), dtype="float32"), model.tensor("output", (1, 6), dtype="float32")
    model.operator("RESHAPE", [values], [output], "ReshapeOptions")
    with pytest.raises(ModelError, match=r"'values' float32.*the model's input is not int8"):
        strip_ends(read_graph(model.build(inputs=[values], outputs=[output])))
