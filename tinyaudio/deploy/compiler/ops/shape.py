"""SHAPE and PACK, which models with a free batch size carry along: known when compiling, so they are folded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import tflite

from tinyaudio.deploy.compiler.graph import Graph, Kernel, Operation
from tinyaudio.deploy.compiler.view import OperatorView


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape(Operation):
    """The shape of a tensor; no input is left, for every shape is known."""

    sizes: tuple[int, ...]

    def lower(self, graph: Graph) -> tuple[Kernel, ...]:
        """Refuse: it is folded when it is read."""
        raise AssertionError(f"{self.where(graph)} was not folded")

    def fold(self, constants: Sequence[npt.NDArray[Any]]) -> tuple[npt.NDArray[Any], ...]:
        """Return the shape."""
        del constants
        return (np.array(self.sizes, np.int64),)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pack(Operation):
    """Constants stacked along a new axis."""

    axis: int

    def lower(self, graph: Graph) -> tuple[Kernel, ...]:
        """Refuse: it is folded when it is read."""
        raise AssertionError(f"{self.where(graph)} was not folded")

    def fold(self, constants: Sequence[npt.NDArray[Any]]) -> tuple[npt.NDArray[Any], ...]:
        """Stack the constants."""
        return (np.stack(constants, axis=self.axis),)


def read_shape(view: OperatorView) -> Shape:
    """Read a SHAPE."""
    view.expect_arity(inputs=(1,))
    if view.tensors[view.outputs[0]].dtype not in ("int32", "int64"):
        view.fail("its output is not int32")
    return Shape(index=view.index, kind=view.kind, inputs=(), outputs=view.outputs, sizes=view.input(0).shape)


def read_pack(view: OperatorView) -> Pack:
    """Read and check a PACK of constants."""
    view.expect_arity(inputs=tuple(range(1, 65)))
    parts = [view.input(position) for position in range(len(view.inputs))]
    if any(part.data is None or part.shape != parts[0].shape or part.dtype != parts[0].dtype for part in parts):
        view.fail("only constants of one type and shape can be packed")
    options = view.options(tflite.PackOptions, tflite.BuiltinOptions.PackOptions)
    axis = view.axis(options.Axis(), rank=len(parts[0].shape) + 1)
    return Pack(index=view.index, kind=view.kind, inputs=view.inputs, outputs=view.outputs, axis=axis)
