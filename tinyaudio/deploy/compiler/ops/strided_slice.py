"""STRIDED_SLICE and SLICE."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy.typing as npt
import tflite

from tinyaudio.deploy.compiler.graph import Graph, Kernel, Operation
from tinyaudio.deploy.compiler.moves import MAX_DIMENSIONS, Grid, move, strides_of
from tinyaudio.deploy.compiler.view import OperatorView


@dataclass(frozen=True, slots=True, kw_only=True)
class StridedSlice(Operation):
    """Every so many values of each dimension, from one position on."""

    starts: tuple[int, ...]
    steps: tuple[int, ...]
    counts: tuple[int, ...]  # dimensions that the output leaves out have the count 1

    def lower(self, graph: Graph) -> tuple[Kernel, ...]:
        """Return a move."""
        strides = strides_of(graph.tensor(self.inputs[0]).shape)
        grid = Grid(
            sizes=self.counts,
            source_strides=tuple(stride * step for stride, step in zip(strides, self.steps, strict=True)),
            target_strides=strides_of(self.counts),
            source_offset=sum(stride * start for stride, start in zip(strides, self.starts, strict=True)),
        )
        return (move(graph, grid, source=self.inputs[0], target=self.outputs[0]),)

    def fold(self, constants: Sequence[npt.NDArray[Any]]) -> tuple[npt.NDArray[Any], ...] | None:
        """Slice the constant; the output's shape is set by whoever reads it."""
        values = constants[0]
        for axis, (start, step, count) in enumerate(zip(self.starts, self.steps, self.counts, strict=True)):
            values = values.take([start + step * position for position in range(count)], axis=axis)
        return (values.reshape(self.folded_shape),)

    folded_shape: tuple[int, ...]  # of the output


def read(view: OperatorView) -> StridedSlice:
    """Read and check a STRIDED_SLICE without new axes or an ellipsis."""
    view.expect_arity(inputs=(4,))
    values = view.moved()
    rank = len(values.shape)
    begins, ends, steps = (view.integers(position) for position in (1, 2, 3))
    if not 1 <= rank <= MAX_DIMENSIONS or {len(begins), len(ends), len(steps)} != {rank}:
        view.fail(f"its begin, end and strides do not fit the input {values.describe()}")
    options = view.options(tflite.StridedSliceOptions, tflite.BuiltinOptions.StridedSliceOptions)
    if options.EllipsisMask() or options.NewAxisMask() or options.Offset():
        view.fail("an ellipsis, a new axis or ends as offsets are not supported")
    if any(step == 0 for step in steps):
        view.fail(f"its strides are {list(steps)}")
    ranges = []
    for axis, size in enumerate(values.shape):
        start, stop, step = _range(
            begins[axis], ends[axis], steps[axis], size, begin_free=_bit(options.BeginMask(), axis), end_free=_bit(options.EndMask(), axis)
        )
        if _bit(options.ShrinkAxisMask(), axis):
            stop, step = start + 1, 1
        ranges.append(range(start, stop, step))
        if not ranges[-1] or not (0 <= ranges[-1][0] < size and 0 <= ranges[-1][-1] < size):
            view.fail(f"it takes nothing of dimension {axis} of {values.describe()}")
    shape = tuple(len(taken) for axis, taken in enumerate(ranges) if not _bit(options.ShrinkAxisMask(), axis))
    view.expect_output_shape(shape)
    return StridedSlice(
        index=view.index,
        kind=view.kind,
        inputs=(values.index,),
        outputs=view.outputs,
        starts=tuple(taken.start for taken in ranges),
        steps=tuple(taken.step for taken in ranges),
        counts=tuple(len(taken) for taken in ranges),
        folded_shape=shape,
    )


def read_slice(view: OperatorView) -> StridedSlice:
    """Read and check a SLICE; a size of -1 takes all that follows."""
    view.expect_arity(inputs=(3,))
    values = view.moved()
    begins, sizes = view.integers(1), view.integers(2)
    if not 1 <= len(values.shape) <= MAX_DIMENSIONS or {len(begins), len(sizes)} != {len(values.shape)}:
        view.fail(f"its begin and size do not fit the input {values.describe()}")
    counts = tuple(whole - begin if size == -1 else size for whole, begin, size in zip(values.shape, begins, sizes, strict=True))
    if any(begin < 0 or count < 1 or begin + count > whole for whole, begin, count in zip(values.shape, begins, counts, strict=True)):
        view.fail(f"its begin {list(begins)} and size {list(sizes)} do not fit the input {values.describe()}")
    view.expect_output_shape(counts)
    return StridedSlice(
        index=view.index,
        kind=view.kind,
        inputs=(values.index,),
        outputs=view.outputs,
        starts=begins,
        steps=(1,) * len(counts),
        counts=counts,
        folded_shape=counts,
    )


def _bit(mask: int, axis: int) -> bool:
    return bool(mask & (1 << axis))


def _range(begin: int, end: int, step: int, size: int, *, begin_free: bool, end_free: bool) -> tuple[int, int, int]:
    """Return the positions along one dimension, as Python's slices take them."""
    return slice(None if begin_free else begin, None if end_free else end, step).indices(size)
