"""Where each buffer lies in the arena.

Buffers whose lifetimes meet must not overlap, but for one case: an operator that works in place may write its
output over its input, if the output starts where the input starts or in front of it; as far in front, at least, as
the output runs ahead of what has been read.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

ALIGNMENT_BYTES = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Buffer:
    """Memory that is needed from one step to another."""

    name: str
    bytes: int
    first: int  # step that writes it; -1: written before the first step
    last: int  # last step that needs it; the number of steps: needed after the last
    overwrites: tuple[str, ...] = ()  # names of the buffers it may overlap because its writer works in place
    lead_bytes: int = 0  # how far in front of those it must start at least


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """A buffer at its place."""

    buffer: Buffer
    offset: int  # bytes from the start of the arena, a multiple of ALIGNMENT_BYTES

    @property
    def end(self) -> int:
        """First byte behind it."""
        return self.offset + self.buffer.bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryPlan:
    """The arena."""

    arena_bytes: int  # a multiple of ALIGNMENT_BYTES
    placements: tuple[Placement, ...]  # in the order of the buffers given

    def offset(self, name: str) -> int:
        """Return the offset of the buffer `name`."""
        return next(placement.offset for placement in self.placements if placement.buffer.name == name)


#: Orders in which buffers are placed; the best result counts, the first of equals.
_STRATEGIES: tuple[Callable[[Buffer], tuple[int, ...]], ...] = (
    lambda buffer: (-buffer.bytes, buffer.first),
    lambda buffer: (-buffer.bytes * (buffer.last - buffer.first + 1), buffer.first),
    lambda buffer: (buffer.first, -buffer.bytes),
    lambda buffer: (-(buffer.last - buffer.first), -buffer.bytes, buffer.first),
    lambda buffer: (buffer.first == buffer.last, -buffer.last, -buffer.bytes),  # outputs before the inputs over which they may lie
)


def plan_memory(buffers: Sequence[Buffer]) -> MemoryPlan:
    """Return the smallest arena that greedy placement in one of several orders finds.

    Each order is tried several times: every buffer as low as it fits, and over the buffer that it may overwrite if it fits
    there; with all such pairs, and with those only that may start at the same byte.
    """
    at_start = [replace(buffer, overwrites=()) if buffer.lead_bytes else buffer for buffer in buffers]
    plans = [
        _place(sorted(tried, key=lambda buffer: (*strategy(buffer), buffer.name)), in_place_first=in_place_first)
        for tried in ((at_start, list(buffers)) if at_start != list(buffers) else (at_start,))
        for strategy in _STRATEGIES
        for in_place_first in (False, True)
    ]
    return _in_order(buffers, min(plans, key=_arena_bytes))


def refit(plan: MemoryPlan, buffers: Sequence[Buffer]) -> MemoryPlan:
    """Return the plan for `buffers`, in which all that are as large as in `plan` stay where they lie; others go where there is room."""
    known = {(placement.buffer.name, placement.buffer.bytes): placement.offset for placement in plan.placements}
    fixed = [Placement(buffer=one, offset=known[one.name, one.bytes]) for one in buffers if (one.name, one.bytes) in known]
    others = [buffer for buffer in buffers if (buffer.name, buffer.bytes) not in known]
    return _in_order(buffers, _place(others, in_place_first=False, placed=fixed))


def _in_order(buffers: Sequence[Buffer], placed: Sequence[Placement]) -> MemoryPlan:
    offsets = {placement.buffer.name: placement.offset for placement in placed}
    placements = tuple(Placement(buffer=buffer, offset=offsets[buffer.name]) for buffer in buffers)
    return MemoryPlan(arena_bytes=_arena_bytes(placements), placements=placements)


def _place(ordered: Sequence[Buffer], *, in_place_first: bool, placed: Sequence[Placement] = ()) -> list[Placement]:
    placed = list(placed)
    for buffer in ordered:
        neighbours = [other for other in placed if other.buffer.first <= buffer.last and buffer.first <= other.buffer.last]
        shared = {offset for other in neighbours if (offset := _shared_offset(buffer, other)) is not None}
        offsets = sorted({0, *(aligned(other.end) for other in neighbours), *(other.offset for other in neighbours), *shared})
        if in_place_first:
            offsets.sort(key=lambda offset: (offset not in shared, offset))
        candidates = (Placement(buffer=buffer, offset=offset) for offset in offsets)
        placed.append(next(candidate for candidate in candidates if all(may_coexist(candidate, other) for other in neighbours)))
    return placed


def _shared_offset(buffer: Buffer, other: Placement) -> int | None:
    """Return where `buffer` lies closest over `other`, if one of both may overwrite the other one and there is room."""
    if other.buffer.name in buffer.overwrites:
        offset = other.offset - aligned(buffer.lead_bytes)
        return offset if offset >= 0 else None
    return other.offset + aligned(other.buffer.lead_bytes) if buffer.name in other.buffer.overwrites else None


def may_coexist(one: Placement, other: Placement) -> bool:
    """Whether two buffers that are alive at the same step lie so that both keep their values."""
    if one.end <= other.offset or other.end <= one.offset:
        return True
    if other.buffer.name in one.buffer.overwrites:
        return one.offset + one.buffer.lead_bytes <= other.offset
    return one.buffer.name in other.buffer.overwrites and other.offset + other.buffer.lead_bytes <= one.offset


def covered_bytes(placements: Sequence[Placement]) -> int:
    """Return how many bytes belong to any of them."""
    covered, end = 0, 0
    for placement in sorted(placements, key=lambda one: one.offset):
        covered += max(0, placement.end - max(end, placement.offset))
        end = max(end, placement.end)
    return covered


def _arena_bytes(placements: Sequence[Placement]) -> int:
    return aligned(max((placement.end for placement in placements), default=0))


def aligned(offset: int) -> int:
    """Return the next multiple of ALIGNMENT_BYTES."""
    return -(-offset // ALIGNMENT_BYTES) * ALIGNMENT_BYTES
