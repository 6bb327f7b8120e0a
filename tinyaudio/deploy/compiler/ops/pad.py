"""PAD and PADV2."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from tinyaudio.deploy.compiler.graph import Graph, Kernel, Numbers, Operation, Pointer
from tinyaudio.deploy.compiler.moves import Grid, move, strides_of
from tinyaudio.deploy.compiler.view import OperatorView
from tinyaudio.deploy.compiler.window import MAX_PADDING

_MAX_RANK = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Pad(Operation):
    """One value in front of and behind each dimension. The input is the tensor alone."""

    amounts: tuple[tuple[int, int], ...]  # (in front, behind) for each dimension of the input
    value: int

    def lower(self, graph: Graph) -> tuple[Kernel, ...]:
        """Return `fill`, and a move of the input into the middle."""
        values, output = graph.tensor(self.inputs[0]), graph.tensor(self.outputs[0])
        strides = strides_of(output.shape)
        grid = Grid(
            sizes=values.shape,
            source_strides=strides_of(values.shape),
            target_strides=strides,
            target_offset=sum(before * stride for (before, _), stride in zip(self.amounts, strides, strict=True)),
        )
        fill = Kernel(function="fill", header="move.h", arguments=(Pointer(tensor=output.index), Numbers(values=(output.elements, self.value))))
        return fill, move(graph, grid, source=values.index, target=output.index)

    def fold(self, constants: Sequence[npt.NDArray[Any]]) -> tuple[npt.NDArray[Any], ...]:
        """Pad the constant."""
        return (np.pad(constants[0], self.amounts, constant_values=self.value),)


def read(view: OperatorView) -> Pad:
    """Read and check a PAD, which fills with the zero point, or a PADV2, which names its value."""
    view.expect_arity(inputs=(2,) if view.kind == "PAD" else (2, 3))
    values = view.moved()
    numbers = view.integers(1)
    if not 1 <= len(values.shape) <= _MAX_RANK or len(numbers) != 2 * len(values.shape):
        view.fail(f"it has {len(numbers)} paddings for the input {values.describe()}; up to {_MAX_RANK} dimensions are supported")
    if any(not 0 <= number <= MAX_PADDING for number in numbers):
        view.fail(f"its paddings {list(numbers)} are outside 0 to {MAX_PADDING}")
    amounts = tuple(zip(numbers[::2], numbers[1::2], strict=True))
    view.expect_output_shape(tuple(before + size + after for size, (before, after) in zip(values.shape, amounts, strict=True)))
    return Pad(index=view.index, kind=view.kind, inputs=(values.index,), outputs=view.outputs, amounts=amounts, value=_value(view))


def _value(view: OperatorView) -> int:
    output = view.tensors[view.outputs[0]]
    if not view.has_input(2):
        return output.zero_point if output.quantization is not None else 0
    given = view.input(2)
    if given.data is None or given.elements != 1 or given.dtype != output.dtype:
        view.fail(f"tensor {given.describe()} must be one constant of the type of {output.describe()}")
    if given.dtype == "int8":
        view.expect_equal_quantization(view.int8_values(given), view.int8_values(output))
    return int(given.data.ravel()[0])
