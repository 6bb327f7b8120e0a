"""What operators of two tensors share: one of them may be repeated along some dimensions or be constant."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tinyaudio.deploy.compiler.arithmetic import Bounds
from tinyaudio.deploy.compiler.graph import Argument, Graph, Operation, Pointer, Tensor
from tinyaudio.deploy.compiler.moves import Grid, operand, strides_of
from tinyaudio.deploy.compiler.view import OperatorView

MAX_DIMENSIONS = 4  # kGridDimensions of elementwise.h, after neighbours are joined


@dataclass(frozen=True, slots=True, kw_only=True)
class PairOperation(Operation):
    """An operator of two tensors, value by value."""

    def pointers(self, graph: Graph) -> tuple[Argument, ...]:
        """Return the arguments for both inputs and the output."""
        first, second = (operand(graph, index, role=role) for index, role in zip(self.inputs, ("first", "second"), strict=True))
        return first, second, Pointer(tensor=self.outputs[0])

    def grid(self, graph: Graph) -> tuple[tuple[int, ...], ...]:
        """Return sizes, and strides through both inputs, of the grid that the output fills densely."""
        first, second = (graph.tensor(index) for index in self.inputs)
        grid = broadcast_grid(first.shape, second.shape)
        missing = MAX_DIMENSIONS - len(grid.sizes)
        return (1,) * missing + grid.sizes, (0,) * missing + grid.source_strides, (0,) * missing + grid.target_strides

    def overwritable(self, graph: Graph) -> tuple[int, ...]:
        """Return the inputs that the output may overwrite: activations as large as the output."""
        output = graph.tensor(self.outputs[0])
        return tuple(
            position
            for position, index in enumerate(self.inputs)
            if graph.tensor(index).data is None and graph.tensor(index).elements == output.elements
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class BinaryOperation(PairOperation):
    """One that holds its results within bounds."""

    bounds: Bounds


def broadcast_shape(one: Sequence[int], other: Sequence[int]) -> tuple[int, ...] | None:
    """Return the shape of the result of two shapes; None if they do not fit."""
    rank = max(len(one), len(other))
    pairs = list(zip(_extended(one, rank), _extended(other, rank), strict=True))
    return None if any(a != b and 1 not in (a, b) for a, b in pairs) else tuple(max(a, b) for a, b in pairs)


def broadcast_grid(one: Sequence[int], other: Sequence[int]) -> Grid:
    """Return the grid over the result; the first tensor is its source, the second its target."""
    sizes = broadcast_shape(one, other) or ()
    strides = [
        tuple(0 if size == 1 else stride for size, stride in zip(shape, strides_of(shape), strict=True))
        for shape in (_extended(one, len(sizes)), _extended(other, len(sizes)))
    ]
    return Grid(sizes=sizes, source_strides=strides[0], target_strides=strides[1]).joined()


def read_operands(view: OperatorView) -> tuple[Tensor, Tensor, Tensor]:
    """Check and return both inputs and the output."""
    view.expect_arity(inputs=(2,))
    first, second = (view.int8_values(view.input(position)) for position in (0, 1))
    shape = broadcast_shape(first.shape, second.shape)
    if shape is None:
        view.fail(f"tensors {first.describe()} and {second.describe()} do not fit together")
    view.expect_output_shape(shape)
    if len(broadcast_grid(first.shape, second.shape).sizes) > MAX_DIMENSIONS:
        view.fail(f"tensors {first.describe()} and {second.describe()} are repeated along too many dimensions")
    return first, second, view.output()


def _extended(shape: Sequence[int], rank: int) -> tuple[int, ...]:
    return (1,) * (rank - len(shape)) + tuple(shape)
