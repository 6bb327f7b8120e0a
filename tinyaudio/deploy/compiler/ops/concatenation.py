"""CONCATENATION."""

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Concatenation(Operation):
    """Tensors one behind the other along an axis."""

    axis: int

    def lower(self, graph: Graph) -> tuple[Kernel, ...]:
        """Return one move an input."""
        target_strides = strides_of(graph.tensor(self.outputs[0]).shape)
        kernels, position = [], 0
        for index in self.inputs:
            shape = graph.tensor(index).shape
            grid = Grid(
                sizes=shape, source_strides=strides_of(shape), target_strides=target_strides, target_offset=position * target_strides[self.axis]
            )
            kernels.append(move(graph, grid, source=index, target=self.outputs[0]))
            position += shape[self.axis]
        return tuple(kernels)

    def fold(self, constants: Sequence[npt.NDArray[Any]]) -> tuple[npt.NDArray[Any], ...]:
        """Concatenate the constants."""
        return (np.concatenate(constants, axis=self.axis),)


def read(view: OperatorView) -> Concatenation:
    """Read and check a CONCATENATION; all parts have one quantization, for the reference only moves them."""
    view.expect_arity(inputs=tuple(range(1, 65)))
    parts = [view.input(position) for position in range(len(view.inputs))]
    output = view.tensors[view.outputs[0]]
    if any(part.data is None for part in parts):
        for part in parts:
            view.expect_equal_quantization(view.int8_values(part), view.output())
    options = view.options(tflite.ConcatenationOptions, tflite.BuiltinOptions.ConcatenationOptions)
    if options.FusedActivationFunction() != tflite.ActivationFunctionType.NONE:
        view.fail("its fused activation is not supported")
    axis = view.axis(options.Axis(), rank=len(output.shape))
    for part in parts:
        if part.dtype != output.dtype or part.shape[:axis] + part.shape[axis + 1 :] != output.shape[:axis] + output.shape[axis + 1 :]:
            view.fail(f"tensor {part.describe()} does not fit {output.describe()}")
    if len({len(part.shape) for part in parts} | {len(output.shape)}) != 1:
        view.fail("its inputs have different numbers of dimensions")
    view.expect_output_shape((*output.shape[:axis], sum(part.shape[axis] for part in parts), *output.shape[axis + 1 :]))
    return Concatenation(index=view.index, kind=view.kind, inputs=view.inputs, outputs=view.outputs, axis=axis)
