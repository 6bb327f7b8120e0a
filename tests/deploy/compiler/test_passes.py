"""Each pass alone."""

from __future__ import annotations

import numpy as np

from tests.deploy.compiler.cases import CASES, convolution
from tests.deploy.compiler.model_builder import ModelBuilder
from tinyaudio.deploy.compiler import compile_model, read_graph
from tinyaudio.deploy.compiler.ops.conv_2d import Convolution
from tinyaudio.deploy.compiler.passes.fold_padding import fold_padding
from tinyaudio.deploy.compiler.passes.remove_dead import remove_dead
from tinyaudio.deploy.compiler.passes.remove_reshapes import remove_reshapes
from tinyaudio.deploy.compiler.passes.widen_depthwise import widen_depthwise


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
