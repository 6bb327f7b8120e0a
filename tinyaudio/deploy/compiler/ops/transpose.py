"""TRANSPOSE."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy.typing as npt

from tinyaudio.deploy.compiler.graph import Graph, Kernel, Operation
from tinyaudio.deploy.compiler.moves import MAX_DIMENSIONS, Grid, move, strides_of
from tinyaudio.deploy.compiler.view import OperatorView


@dataclass(frozen=True, slots=True, kw_only=True)
class Transpose(Operation):
    """The same values with the dimensions in another order."""

    order: tuple[int, ...]  # dimension of the input for each dimension of the output

    def grid(self, graph: Graph) -> Grid:
        """Return the move."""
        shape = graph.tensor(self.outputs[0]).shape
        strides = strides_of(graph.tensor(self.inputs[0]).shape)
        return Grid(sizes=shape, source_strides=tuple(strides[axis] for axis in self.order), target_strides=strides_of(shape))

    def lower(self, graph: Graph) -> tuple[Kernel, ...]:
        """Return a move."""
        return (move(graph, self.grid(graph), source=self.inputs[0], target=self.outputs[0]),)

    def fold(self, constants: Sequence[npt.NDArray[Any]]) -> tuple[npt.NDArray[Any], ...]:
        """Transpose the constant."""
        return (constants[0].transpose(self.order),)


def read(view: OperatorView) -> Transpose:
    """Read and check a TRANSPOSE."""
    view.expect_arity(inputs=(2,))
    values = view.moved()
    order = view.integers(1)
    if len(values.shape) > MAX_DIMENSIONS or sorted(order) != list(range(len(values.shape))):
        view.fail(f"its order {list(order)} does not fit the input {values.describe()}")
    view.expect_output_shape(tuple(values.shape[axis] for axis in order))
    return Transpose(index=view.index, kind=view.kind, inputs=(values.index,), outputs=view.outputs, order=order)
