"""Kernels that only move values: what TRANSPOSE, STRIDED_SLICE, CONCATENATION, SPLIT and variables lower to.

A move runs over a grid of at most `MAX_DIMENSIONS` dimensions, with a stride (in values) through the source and one
through the target for each. Neighbouring dimensions that both sides walk through evenly are joined first.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tinyaudio.deploy.compiler.graph import Argument, Arrays, Constant, Graph, Kernel, Numbers, Pointer

MAX_DIMENSIONS = 5  # kMoveDimensions of move.h


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """Where a move reads and writes, in values."""

    sizes: tuple[int, ...]
    source_strides: tuple[int, ...]
    target_strides: tuple[int, ...]
    source_offset: int = 0
    target_offset: int = 0

    def joined(self) -> Grid:
        """Return the same move in as few dimensions as possible, those of size 1 left out."""
        joined: list[tuple[int, int, int]] = []
        for size, source, target in zip(self.sizes, self.source_strides, self.target_strides, strict=True):
            if size == 1:
                continue
            if joined and joined[-1][1] == size * source and joined[-1][2] == size * target:
                joined[-1] = (joined[-1][0] * size, source, target)
            else:
                joined.append((size, source, target))
        sizes, sources, targets = zip(*(joined or [(1, 1, 1)]), strict=True)
        return Grid(sizes=sizes, source_strides=sources, target_strides=targets, source_offset=self.source_offset, target_offset=self.target_offset)

    @property
    def is_one_run(self) -> bool:
        """Whether it copies one contiguous run of values."""
        grid = self.joined()
        return len(grid.sizes) == 1 and grid.source_strides == (1,) and grid.target_strides == (1,)


def strides_of(shape: Sequence[int]) -> tuple[int, ...]:
    """Return the distance, in values, between neighbours along each dimension of a dense tensor."""
    strides, step = [], 1
    for size in reversed(shape):
        strides.append(step)
        step *= size
    return tuple(reversed(strides))


def copy(graph: Graph, *, source: int, target: int) -> Kernel:
    """Return the kernel that copies a whole int8 tensor."""
    size = graph.tensor(source).elements
    return move(graph, Grid(sizes=(size,), source_strides=(1,), target_strides=(1,)), source=source, target=target)


def move(graph: Graph, grid: Grid, *, source: int, target: int) -> Kernel:
    """Return the kernel for `grid` between two int8 tensors."""
    joined = grid.joined()
    reads = operand(graph, source, role=f"operand_{source}", offset=joined.source_offset)
    writes = Pointer(tensor=target, offset_bytes=joined.target_offset)
    if joined.is_one_run:
        return Kernel(function="copy", header="move.h", arguments=(reads, writes, Numbers(values=(joined.sizes[0],))))
    missing = MAX_DIMENSIONS - len(joined.sizes)
    numbers = Numbers(values=((1,) * missing + joined.sizes, (0,) * missing + joined.source_strides, (0,) * missing + joined.target_strides))
    return Kernel(function="move", header="move.h", arguments=(reads, writes, numbers))


def operand(graph: Graph, index: int, *, role: str, offset: int = 0) -> Argument:
    """Return the argument that points at an int8 tensor: an activation from `offset` on, or a whole constant."""
    data = graph.tensor(index).data
    if data is None:
        return Pointer(tensor=index, offset_bytes=offset)
    assert offset == 0, "parts of constants are taken while folding"
    return Arrays(constants=(Constant(role=role, c_type="int8_t", values=data.ravel()),))
