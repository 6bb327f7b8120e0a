"""SPLIT and SPLIT_V."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

import numpy as np
import numpy.typing as npt

from tinyaudio.deploy.compiler.graph import Graph, Kernel, Operation
from tinyaudio.deploy.compiler.moves import Grid, move, strides_of
from tinyaudio.deploy.compiler.view import OperatorView

_MAX_PARTS = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Split(Operation):
    """The parts of a tensor along an axis, one an output. The input is the tensor alone."""

    axis: int
    sizes: tuple[int, ...]  # of the parts along the axis

    def lower(self, graph: Graph) -> tuple[Kernel, ...]:
        """Return one move an output."""
        source = graph.tensor(self.inputs[0])
        strides = strides_of(source.shape)
        kernels = []
        for index, end, size in zip(self.outputs, accumulate(self.sizes), self.sizes, strict=True):
            shape = graph.tensor(index).shape
            grid = Grid(sizes=shape, source_strides=strides, target_strides=strides_of(shape), source_offset=(end - size) * strides[self.axis])
            kernels.append(move(graph, grid, source=source.index, target=index))
        return tuple(kernels)

    def fold(self, constants: Sequence[npt.NDArray[Any]]) -> tuple[npt.NDArray[Any], ...]:
        """Split the constant."""
        return tuple(np.split(constants[0], list(accumulate(self.sizes))[:-1], axis=self.axis))


def read_split(view: OperatorView) -> Split:
    """Read and check a SPLIT into equal parts; inputs are the axis and the tensor."""
    view.expect_arity(inputs=(2,), outputs=_parts(view))
    return _split(view, values_position=1, axis_position=0)


def read_split_v(view: OperatorView) -> Split:
    """Read and check a SPLIT_V; inputs are the tensor, the parts' sizes (as the outputs' shapes tell) and the axis."""
    view.expect_arity(inputs=(3,), outputs=_parts(view))
    return _split(view, values_position=0, axis_position=2)


def _parts(view: OperatorView) -> int:
    if not 1 <= len(view.outputs) <= _MAX_PARTS:
        view.fail(f"it has {len(view.outputs)} outputs; 1 to {_MAX_PARTS} are supported")
    return len(view.outputs)


def _split(view: OperatorView, *, values_position: int, axis_position: int) -> Split:
    values = view.moved(values_position)
    numbers = view.integers(axis_position)
    if len(numbers) != 1:
        view.fail(f"its axis is {list(numbers)}")
    axis = view.axis(numbers[0], rank=len(values.shape))
    outputs = [view.tensors[index] for index in view.outputs]
    for output in outputs:
        if output.shape[:axis] + output.shape[axis + 1 :] != values.shape[:axis] + values.shape[axis + 1 :] or len(output.shape) != len(values.shape):
            view.fail(f"tensor {output.describe()} does not fit {values.describe()}")
    sizes = tuple(output.shape[axis] for output in outputs)
    if sum(sizes) != values.shape[axis] or (view.kind == "SPLIT" and len(set(sizes)) != 1):
        view.fail(f"its parts {list(sizes)} do not fit {values.describe()}")
    return Split(index=view.index, kind=view.kind, inputs=(values.index,), outputs=view.outputs, axis=axis, sizes=sizes)
