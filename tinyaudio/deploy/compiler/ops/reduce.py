"""REDUCE_MAX, REDUCE_MIN and SUM over any axes."""

from __future__ import annotations

from dataclasses import dataclass

import tflite

from tinyaudio.deploy.compiler.arithmetic import FixedPointMultiplier, quantize_multiplier
from tinyaudio.deploy.compiler.graph import Graph, Kernel, Numbers, Operation, Pointer, Tensor
from tinyaudio.deploy.compiler.moves import strides_of
from tinyaudio.deploy.compiler.view import OperatorView

MAX_GROUPS = 3  # kReduceDimensions of reduce.h: of neighbouring dimensions that are kept, and of those that are reduced
_Runs = tuple[tuple[int, int], ...]  # (size, stride) of each group


@dataclass(frozen=True, slots=True, kw_only=True)
class Reduction(Operation):
    """One value for all along some axes. The input is the tensor alone."""

    axes: tuple[int, ...]

    def columns(self, graph: Graph) -> tuple[tuple[int, ...], ...]:
        """Return sizes and strides of what is kept, then of what is reduced."""
        kept, reduced = runs(graph.tensor(self.inputs[0]).shape, self.axes)
        padded = [((1, 0),) * (MAX_GROUPS - len(found)) + found for found in (kept, reduced)]
        return tuple(tuple(pair[place] for pair in found) for found in padded for place in (0, 1))


@dataclass(frozen=True, slots=True, kw_only=True)
class ReduceExtreme(Reduction):
    """The largest or the smallest value."""

    def lower(self, graph: Graph) -> tuple[Kernel, ...]:
        """Return `reduce_max` or `reduce_min`."""
        arguments = (Pointer(tensor=self.inputs[0]), Pointer(tensor=self.outputs[0]), Numbers(values=self.columns(graph)))
        return (Kernel(function=self.kind.lower(), header="reduce.h", arguments=arguments),)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReduceSum(Reduction):
    """The sum."""

    fixed: FixedPointMultiplier  # scale of the input / scale of the output

    def lower(self, graph: Graph) -> tuple[Kernel, ...]:
        """Return `reduce_sum`."""
        values, output = graph.tensor(self.inputs[0]), graph.tensor(self.outputs[0])
        count = values.elements // output.elements
        numbers = (self.columns(graph), -count * values.zero_point, self.fixed.multiplier, self.fixed.right_shift, output.zero_point)
        arguments = (Pointer(tensor=self.inputs[0]), Pointer(tensor=self.outputs[0]), Numbers(values=numbers))
        return (Kernel(function="reduce_sum", header="reduce.h", arguments=arguments),)


def runs(shape: tuple[int, ...], axes: tuple[int, ...]) -> tuple[_Runs, _Runs]:
    """Return the runs of neighbouring dimensions that are kept, and those that are reduced; sizes of 1 belong to none."""
    found: tuple[list[tuple[int, int]], list[tuple[int, int]]] = ([], [])
    before: bool | None = None
    for axis, (size, stride) in enumerate(zip(shape, strides_of(shape), strict=True)):
        if size == 1:
            continue
        reduced = axis in axes
        runs_of_kind = found[reduced]
        if before == reduced:
            runs_of_kind[-1] = (runs_of_kind[-1][0] * size, stride)
        else:
            runs_of_kind.append((size, stride))
        before = reduced
    return tuple(found[0]), tuple(found[1])


def read_extreme(view: OperatorView) -> ReduceExtreme:
    """Read and check a REDUCE_MAX or REDUCE_MIN, which only choose."""
    values, axes = _read(view)
    view.expect_equal_quantization(values, view.output())
    return ReduceExtreme(index=view.index, kind=view.kind, inputs=(values.index,), outputs=view.outputs, axes=axes)


def read_sum(view: OperatorView) -> ReduceSum:
    """Read and check a SUM."""
    values, axes = _read(view)
    try:
        fixed = quantize_multiplier(values.scale / view.output().scale)
    except ValueError as error:
        view.fail(str(error), hint="export the model again; its scales do not fit together")
    count = values.elements // view.output().elements
    if 256 * count << max(0, -fixed.right_shift) >= 2**31:
        view.fail(f"its sums of {count} values can leave int32")
    return ReduceSum(index=view.index, kind=view.kind, inputs=(values.index,), outputs=view.outputs, axes=axes, fixed=fixed)


def _read(view: OperatorView) -> tuple[Tensor, tuple[int, ...]]:
    """Check and return the tensor and its axes."""
    view.expect_arity(inputs=(2,))
    values = view.int8_activation(view.input(0))
    rank = len(values.shape)
    axes = tuple(sorted({view.axis(axis, rank=rank) for axis in view.integers(1)}))
    keep = view.options(tflite.ReducerOptions, tflite.BuiltinOptions.ReducerOptions).KeepDims()
    view.output()
    view.expect_output_shape(tuple(1 if axis in axes else size for axis, size in enumerate(values.shape) if keep or axis not in axes))
    if any(len(found) > MAX_GROUPS for found in runs(values.shape, axes)):
        view.fail(f"its axes {list(axes)} of {values.describe()} are too many")
    return values, axes
