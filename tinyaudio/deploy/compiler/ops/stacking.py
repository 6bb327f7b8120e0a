"""PACK and UNPACK: tensors stacked along a new axis, and taken apart again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import tflite

from tinyaudio.deploy.compiler.graph import Graph, Kernel, Operation
from tinyaudio.deploy.compiler.moves import Grid, move, strides_of
from tinyaudio.deploy.compiler.view import OperatorView

_MAX_PARTS = 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Pack(Operation):
    """Tensors of one shape stacked along a new axis."""

    axis: int

    def lower(self, graph: Graph) -> tuple[Kernel, ...]:
        """Return one move an input."""
        strides = strides_of(graph.tensor(self.outputs[0]).shape)
        shape = graph.tensor(self.inputs[0]).shape
        kept = (*strides[: self.axis], *strides[self.axis + 1 :])
        grids = (
            Grid(sizes=shape, source_strides=strides_of(shape), target_strides=kept, target_offset=position * strides[self.axis])
            for position in range(len(self.inputs))
        )
        return tuple(move(graph, grid, source=index, target=self.outputs[0]) for index, grid in zip(self.inputs, grids, strict=True))

    def fold(self, constants: Sequence[npt.NDArray[Any]]) -> tuple[npt.NDArray[Any], ...]:
        """Stack the constants."""
        return (np.stack(constants, axis=self.axis),)


@dataclass(frozen=True, slots=True, kw_only=True)
class Unpack(Operation):
    """The slices of a tensor along an axis, one an output, without that axis."""

    axis: int

    def lower(self, graph: Graph) -> tuple[Kernel, ...]:
        """Return one move an output."""
        source = graph.tensor(self.inputs[0])
        strides = strides_of(source.shape)
        kept = (*strides[: self.axis], *strides[self.axis + 1 :])
        shape = graph.tensor(self.outputs[0]).shape
        grids = (
            Grid(sizes=shape, source_strides=kept, target_strides=strides_of(shape), source_offset=position * strides[self.axis])
            for position in range(len(self.outputs))
        )
        return tuple(move(graph, grid, source=source.index, target=index) for index, grid in zip(self.outputs, grids, strict=True))

    def fold(self, constants: Sequence[npt.NDArray[Any]]) -> tuple[npt.NDArray[Any], ...]:
        """Take the constant apart."""
        return tuple(np.moveaxis(constants[0], self.axis, 0))


def read_pack(view: OperatorView) -> Pack:
    """Read and check a PACK of constants, or of int8 tensors of one quantization, for the reference only moves them."""
    view.expect_arity(inputs=tuple(range(1, _MAX_PARTS + 1)))
    parts = [view.input(position) for position in range(len(view.inputs))]
    output = view.tensors[view.outputs[0]]
    for part in parts:
        if part.shape != parts[0].shape or part.dtype != output.dtype:
            view.fail(f"tensor {part.describe()} does not fit {parts[0].describe()} and {output.describe()}")
    if any(part.data is None for part in parts):
        for part in parts:
            view.expect_equal_quantization(view.int8_values(part), view.output())
    options = view.options(tflite.PackOptions, tflite.BuiltinOptions.PackOptions)
    axis = view.axis(options.Axis(), rank=len(parts[0].shape) + 1)
    view.expect_output_shape((*parts[0].shape[:axis], len(parts), *parts[0].shape[axis:]))
    return Pack(index=view.index, kind=view.kind, inputs=view.inputs, outputs=view.outputs, axis=axis)


def read_unpack(view: OperatorView) -> Unpack:
    """Read and check an UNPACK."""
    view.expect_arity(inputs=(1,), outputs=len(view.outputs))
    values = view.moved()
    options = view.options(tflite.UnpackOptions, tflite.BuiltinOptions.UnpackOptions)
    axis = view.axis(options.Axis(), rank=len(values.shape))
    if len(view.outputs) != values.shape[axis]:
        view.fail(f"it has {len(view.outputs)} outputs for the {values.shape[axis]} parts of {values.describe()} along axis {axis}")
    for index in view.outputs:
        if view.tensors[index].shape != values.shape[:axis] + values.shape[axis + 1 :]:
            view.fail(f"tensor {view.tensors[index].describe()} does not fit {values.describe()}")
    return Unpack(index=view.index, kind=view.kind, inputs=view.inputs, outputs=view.outputs, axis=axis)
