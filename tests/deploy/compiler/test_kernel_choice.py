"""Which kernel computes an operator, and with how much scratch."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.deploy.compiler.cases import CASES, average_pool, convolution, transposed
from tests.golden_fixture import MODEL_FILE
from tinyaudio.deploy.compiler import Graph, compile_model, read_graph
from tinyaudio.deploy.compiler.memory import plan_memory
from tinyaudio.deploy.compiler.ops.conv_2d import Convolution
from tinyaudio.deploy.compiler.ops.depthwise_conv_2d import DepthwiseConvolution
from tinyaudio.deploy.compiler.passes import simplify
from tinyaudio.deploy.compiler.passes.grow_strips import grow_strips
from tinyaudio.deploy.compiler.passes.narrow_convolution import narrow_convolution
from tinyaudio.deploy.compiler.schedule import buffers_of, schedule


def test_a_small_convolution_of_one_channel_becomes_depthwise() -> None:
    graph = read_graph(CASES["conv_3x3_stride_2"]())
    narrowed = narrow_convolution(graph)
    (before,), (after,) = graph.operations, narrowed.operations
    assert isinstance(before, Convolution) and isinstance(after, DepthwiseConvolution)
    old, new = graph.tensor(before.inputs[1]), narrowed.tensor(after.inputs[1])
    assert old.data is not None and new.data is not None and new.shape == (1, 3, 3, 8)
    assert new.data[0, 1, 2, 5] == old.data[5, 1, 2, 0]
    assert old.quantization is not None and new.quantization == replace(old.quantization, axis=3)


def _kernels(tflite: bytes) -> list[str]:
    return [operation.kernel for operation in compile_model(tflite, name="case", optimize="speed").ops]


@pytest.mark.parametrize(("gain", "depthwise", "plain"), [(1.0, "depthwise_3x3", "conv_rows"), (900.0, "depthwise_conv_2d", "conv_2d")])
def test_a_requantization_that_cannot_be_proven_short_takes_the_general_kernel(gain: float, depthwise: str, plain: str) -> None:
    """A large gain means a shift to the left."""
    assert _kernels(convolution((8, 6, 4), 0, (3, 3), gain=gain, depth_multiplier=1)) == [depthwise]
    assert _kernels(convolution((8, 6, 4), 6, (3, 3), gain=gain)) == [plain]
    assert _kernels(convolution((8, 6, 1), 6, (3, 3), gain=gain)) == [depthwise if gain == 1.0 else plain]


@pytest.mark.parametrize(
    "tflite",
    [
        convolution((8, 6, 3), 6, (3, 3)),  # groups of four channels
        convolution((8, 6, 4), 5, (3, 3)),  # pairs of outputs
        convolution((8, 6, 4), 6, (4, 3)),  # at most three rows
        convolution((8, 7, 4), 6, (3, 3), dilation=(1, 2)),
        convolution((8, 2, 4), 6, (3, 2), padding="valid"),  # a single output in a row
        convolution((4, 6, 132), 6, (3, 3), stride=(1, 2)),  # the next pixel out of reach
    ],
)
def test_what_rows_cannot_do_is_gathered(tflite: bytes) -> None:
    assert _kernels(tflite) == ["conv_2d"]


def test_phases_of_a_transposed_convolution_read_rows() -> None:
    assert _kernels(transposed((4, 5, 8), 4, (3, 3))) == ["conv_rows"]


def test_phases_with_two_columns_multiply_two_neighbours_at_once() -> None:
    assert _kernels(transposed((4, 8, 8), 4, (3, 3))) == ["conv_twins"]
    assert _kernels(transposed((4, 8, 8), 1, (3, 3))) == ["conv_twins"]  # both columns in one
    (operation,) = compile_model(transposed((4, 8, 8), 4, (3, 3)), name="case", optimize="size").ops
    assert operation.kernel != "conv_twins"  # it takes weights of two bytes


@pytest.mark.parametrize(
    "tflite",
    [
        transposed((4, 6, 8), 4, (3, 3)),  # blocks of four pixels
        transposed((4, 8, 12), 4, (3, 3)),  # groups of eight channels
        transposed((4, 8, 8), 4, (7, 3), stride=(1, 2)),  # at most three rows
        transposed((4, 8, 8), 4, (5, 3), stride=(5, 2)),  # at most four phases
        transposed((4, 8, 8), 4, (3, 3), output=(7, 16)),  # as many rows for each phase
        transposed((4, 8, 8), 4, (3, 3), gain=900.0),  # a shift to the left
        transposed((4, 8, 64), 4, (3, 3)),  # sums of more than 21 bits
    ],
)
def test_what_twins_cannot_do_takes_other_kernels(tflite: bytes) -> None:
    (kernel,) = _kernels(tflite)
    assert kernel in ("conv_rows", "conv_2d")


@pytest.mark.parametrize(
    ("tflite", "kernel"),
    [
        (average_pool((5, 5, 8), (5, 5), (1, 1), padding="valid"), "mean"),
        (average_pool((5, 5, 6), (5, 5), (1, 1), padding="valid"), "average_pool_2d"),  # groups of four channels
        (average_pool((5, 5, 8), (5, 4), (1, 1), padding="valid"), "average_pool_2d"),  # more than one output
        (average_pool((16, 16, 8), (16, 16), (1, 1), padding="valid"), "average_pool_2d"),  # sums of more than 16 bits
    ],
)
def test_the_average_of_a_whole_image_is_a_mean(tflite: bytes, kernel: str) -> None:
    assert _kernels(tflite) == [kernel]


def _arena_bytes(graph: Graph) -> int:
    return plan_memory(buffers_of(graph, schedule(graph))).arena_bytes


def test_strips_take_what_the_arena_has_to_spare_and_no_more() -> None:
    graph = simplify(read_graph(MODEL_FILE.read_bytes()))
    operations = tuple(replace(one, strip_bytes=0) if isinstance(one, DepthwiseConvolution) else one for one in graph.operations)
    least = replace(graph, operations=operations)
    grown = grow_strips(graph, smallest=True).graph
    assert _arena_bytes(grown) == _arena_bytes(least)
    scratch = [[step.scratch_bytes for step in schedule(one) if isinstance(step.operation, DepthwiseConvolution)] for one in (least, grown)]
    assert sum(scratch[1]) > sum(scratch[0]) and all(more >= less for less, more in zip(*scratch, strict=True))
