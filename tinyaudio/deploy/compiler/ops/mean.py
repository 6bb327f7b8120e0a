"""MEAN over any axes."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import groupby

import numpy as np
import tflite

from tinyaudio.deploy.compiler.arithmetic import INT8_MAX, INT8_MIN, FixedPointMultiplier, mean_multiplier
from tinyaudio.deploy.compiler.fixed_point import multiply_by_quantized_multiplier
from tinyaudio.deploy.compiler.graph import Graph, Kernel, Numbers, Operation, Pointer
from tinyaudio.deploy.compiler.moves import strides_of
from tinyaudio.deploy.compiler.straight_line import StraightLine, straight_line
from tinyaudio.deploy.compiler.view import OperatorView

MOST_SUMMED = 255  # so that a sum of int8 fits 16 bits
MAX_GROUPS = 3  # kMeanDimensions of mean.h: of neighbouring dimensions that are kept, and of those that are averaged


@dataclass(frozen=True, slots=True, kw_only=True)
class Mean(Operation):
    """The mean over some axes. The input is the tensor alone."""

    axes: tuple[int, ...]

    def lower(self, graph: Graph) -> tuple[Kernel, ...]:
        """Return `mean`."""
        values, output = graph.tensor(self.inputs[0]), graph.tensor(self.outputs[0])
        kept, averaged = (groups(values.shape, self.axes, averaged=flag) for flag in (False, True))
        count = math.prod(size for size, _ in averaged)
        fixed = mean_multiplier(values.scale / output.scale, count=count)
        exact = (-count * values.zero_point, fixed.multiplier, fixed.right_shift, output.zero_point)
        line = _line(fixed, count=count, zero_points=(values.zero_point, output.zero_point))
        short = (line.multiplier, line.addend, line.right_shift) if line is not None else (0, 0, 0)
        numbers = (*_columns(kept), *_columns(averaged), *exact, *short)
        arguments = (Pointer(tensor=self.inputs[0]), Pointer(tensor=self.outputs[0]), Numbers(values=numbers))
        return (Kernel(function="mean", header="mean.h", arguments=arguments),)


def groups(shape: tuple[int, ...], axes: tuple[int, ...], *, averaged: bool) -> tuple[tuple[int, int], ...]:
    """Return (size, stride) of each run of neighbouring dimensions that are averaged, or of those that are kept."""
    dimensions = [(size, stride, axis in axes) for axis, (size, stride) in enumerate(zip(shape, strides_of(shape), strict=True)) if size > 1]
    runs = [(flag, list(run)) for flag, run in groupby(dimensions, key=lambda dimension: dimension[2])]
    return tuple((math.prod(size for size, _, _ in run), run[-1][1]) for flag, run in runs if flag == averaged)


def _line(fixed: FixedPointMultiplier, *, count: int, zero_points: tuple[int, int]) -> StraightLine | None:
    if count > MOST_SUMMED:
        return None
    sums = np.arange(INT8_MIN * count, INT8_MAX * count + 1)
    outputs = multiply_by_quantized_multiplier(sums - count * zero_points[0], fixed) + zero_points[1]
    return straight_line(np.clip(outputs, INT8_MIN, INT8_MAX), smallest=int(sums[0]))


def _columns(found: tuple[tuple[int, int], ...]) -> tuple[tuple[int, ...], tuple[int, ...]]:
    filled = ((1, 0),) * (MAX_GROUPS - len(found)) + found
    return tuple(size for size, _ in filled), tuple(stride for _, stride in filled)


def read(view: OperatorView) -> Mean:
    """Read and check a MEAN."""
    view.expect_arity(inputs=(2,))
    values, output = view.int8_activation(view.input(0)), view.output()
    rank = len(values.shape)
    axes = tuple(sorted({view.axis(axis, rank=rank) for axis in view.integers(1)}))
    options = view.options(tflite.ReducerOptions, tflite.BuiltinOptions.ReducerOptions)
    kept = tuple(1 if axis in axes else size for axis, size in enumerate(values.shape) if options.KeepDims() or axis not in axes)
    view.expect_output_shape(kept)
    if any(len(groups(values.shape, axes, averaged=flag)) > MAX_GROUPS for flag in (False, True)):
        view.fail(f"its axes {list(axes)} of {values.describe()} are too many")
    try:
        mean_multiplier(values.scale / output.scale, count=math.prod(values.shape[axis] for axis in axes))
    except ValueError as error:
        view.fail(str(error))
    return Mean(index=view.index, kind=view.kind, inputs=(values.index,), outputs=view.outputs, axes=axes)
