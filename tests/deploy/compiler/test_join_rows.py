"""Which operators are joined to chains, and how far an output may run ahead of what was read."""

from __future__ import annotations

import numpy as np
import pytest

from tests.deploy.compiler.model_builder import ModelBuilder
from tests.deploy.compiler.row_chain_cases import join_all, separable
from tinyaudio.deploy.compiler import Tensor, compile_model, read_graph
from tinyaudio.deploy.compiler.graph import Graph
from tinyaudio.deploy.compiler.ops.row_chain import RowChain, lead_bytes
from tinyaudio.deploy.compiler.passes import simplify
from tinyaudio.deploy.compiler.passes.join_rows import arena_bytes, join_rows, runs, without_strips
from tinyaudio.deploy.compiler.schedule import schedule
from tinyaudio.deploy.compiler.window import Extent, Window

WIDE = separable((48, 32, 1), (8, 16, 24, 24, 32))  # its first images are the largest


def _graph(tflite: bytes) -> Graph:
    return without_strips(simplify(read_graph(tflite)))


def _kept_shapes(graph: Graph) -> set[tuple[int, ...]]:
    return {graph.tensor(operation.outputs[0]).shape for operation in graph.operations}


def test_what_lies_between_joined_operators_is_not_in_memory() -> None:
    graph = _graph(WIDE)
    joined = join_rows(graph)
    assert arena_bytes(joined) < 0.6 * arena_bytes(graph)
    chains = [operation for operation in joined.operations if isinstance(operation, RowChain)]
    assert chains and [part for one in joined.operations for part in one.parts] == list(graph.operations)
    largest = max(graph.operations, key=lambda one: graph.tensor(one.outputs[0]).elements)
    assert graph.tensor(largest.outputs[0]).shape in _kept_shapes(graph) - _kept_shapes(joined)


def test_no_more_is_joined_than_makes_the_arena_smaller() -> None:
    graph = _graph(WIDE)
    joined, all_joined = join_rows(graph), join_all(graph)
    assert len(all_joined.operations) < len(joined.operations) < len(graph.operations)
    assert arena_bytes(joined) <= arena_bytes(all_joined)
    small = _graph(separable((6, 4, 1), (4, 48)))  # the last image is the largest: it must be there anyway
    assert join_rows(small) is small


def test_ram_and_size_compute_the_same() -> None:
    size, ram = (compile_model(WIDE, name="wide", optimize=optimize) for optimize in ("size", "ram"))
    assert ram.arena_bytes < 0.6 * size.arena_bytes
    assert (ram.macs, ram.weights_bytes) == (size.macs, size.weights_bytes)
    work = [sum(part.byte_macs + part.wide_macs + part.plain_macs for op in one.ops for part in op.work) for one in (size, ram)]
    assert work[0] == work[1] == size.macs


def test_a_chain_tells_which_operators_it_holds() -> None:
    compiled = compile_model(WIDE, name="wide", optimize="ram")
    chain = next(op for op in compiled.ops if " + " in op.kind)
    kinds = chain.kind.split(" + ")
    assert len(chain.work) == len(kinds) >= 2 and set(kinds) <= {"CONV_2D", "DEPTHWISE_CONV_2D"}
    assert chain.name.startswith(f"op{chain.index - len(kinds) + 1}_to_{chain.index}_")
    text = compiled.files["generated/model.cc"]
    function = text[: text.index(f"void {chain.name}()")].rpartition("\n\n")[2]
    assert [line.split()[1] for line in function.splitlines()[: len(kinds)]] == kinds


def test_an_image_that_is_read_twice_is_kept() -> None:
    model = ModelBuilder()
    shape, scale = (1, 8, 6, 4), 0.05
    image = model.tensor("image", shape, scale=scale, zero_point=3)
    weights = model.tensor("weights", (4, 1, 1, 4), scale=0.01, data=np.random.default_rng(1).integers(-127, 128, (4, 1, 1, 4)))
    places = [model.tensor(f"map_{number}", shape, scale=scale, zero_point=3) for number in range(3)]
    output = model.tensor("output", shape, scale=scale, zero_point=3)
    for source, target in zip([image, *places], places, strict=False):
        model.operator("CONV_2D", [source, weights, -1], [target], "Conv2DOptions", StrideH=1, StrideW=1)
    model.operator("ADD", [places[1], places[2]], [output], "AddOptions")
    graph = _graph(model.build(inputs=[image], outputs=[output]))
    assert sorted(runs(graph, schedule(graph))) == [(0, 1), (0, 2), (1, 2), (2, 3), (3, 4)]


def _tensor(shape: tuple[int, ...]) -> Tensor:
    return Tensor(index=0, name="", shape=shape, dtype="int8", quantization=None, data=None)


@pytest.mark.parametrize("seed", range(30))
def test_an_output_never_reaches_what_is_still_to_be_read(seed: int) -> None:
    """Walk through the rows of a chain: one byte less of lead would overwrite a row that was not read, or none is needed."""
    rng = np.random.default_rng(seed)
    heights, windows = [int(rng.integers(1, 30))], []
    for _ in range(int(rng.integers(1, 4))):
        size, stride = int(rng.integers(1, 5)), int(rng.integers(1, 4))
        before = int(rng.integers(0, size + 4))  # of a PAD, too: more than a window reaches
        extent = Extent(size=size, stride=stride, dilation=int(rng.integers(1, 3)), before=before, after=size)
        windows.append(Window(height=extent, width=extent))
        heights.append(max(1, extent.outputs_of(heights[-1])))
    rows = [int(rng.integers(1, 50)) for _ in range(2)]
    image, output = _tensor((1, heights[0], 1, rows[0])), _tensor((1, heights[-1], 1, rows[1]))

    read = needed = 0
    for y in range(heights[-1]):
        last = y
        for window, height in zip(reversed(windows), reversed(heights[:-1]), strict=True):
            below = last * window.height.stride + window.height.reach - 1 - window.height.before
            last = min(height - 1, below) if last >= 0 else -1
        read = max(read, last + 1)
        if y + 1 < heights[-1] and read < heights[0]:
            needed = max(needed, (y + 1) * rows[1] - read * rows[0])
    found = lead_bytes(windows, image, output)
    assert found >= needed
    assert found == needed or any(window.height.before or window.height.after for window in windows)


@pytest.mark.parametrize("stride", [1, 2])
def test_a_convolution_that_makes_more_channels_lies_over_its_input(stride: int) -> None:
    model = ModelBuilder()
    image = model.tensor("image", (1, 8, 8, 8), scale=0.05, zero_point=3)
    rng = np.random.default_rng(2)
    weights = model.tensor("weights", (16, 3, 3, 8), scale=0.002, data=rng.integers(-127, 128, (16, 3, 3, 8)))
    side = 8 // stride
    output = model.tensor("output", (1, side, side, 16), scale=0.05, zero_point=-3)
    model.operator("CONV_2D", [image, weights, -1], [output], "Conv2DOptions", StrideH=stride, StrideW=stride)
    compiled = compile_model(model.build(inputs=[image], outputs=[output]), name="over")
    both = 8 * 8 * 8 + side * side * 16
    scratch = sum(op.scratch_bytes for op in compiled.ops)
    assert compiled.arena_bytes < both + scratch
