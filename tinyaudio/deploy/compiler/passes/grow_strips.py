"""Scratch of depthwise convolutions: as much as the arena has to spare while they run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from tinyaudio.deploy.compiler.chain_strips import grown_chain, strips_cost
from tinyaudio.deploy.compiler.graph import Graph, Operation
from tinyaudio.deploy.compiler.memory import ALIGNMENT_BYTES, Buffer, MemoryPlan, aligned, plan_memory, refit
from tinyaudio.deploy.compiler.ops.depthwise_conv_2d import DepthwiseConvolution
from tinyaudio.deploy.compiler.ops.row_chain import RowChain
from tinyaudio.deploy.compiler.schedule import Step, buffer_name, buffers_of, schedule, scratch_name

# An arena may take memory for strips if with less of it inferences would be slower by more than this.
_WORTH_IT = 0.005
_PARTS = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """A graph with all that follows from it."""

    graph: Graph
    steps: tuple[Step, ...]
    plan: MemoryPlan
    least_scratch_bytes: tuple[int, ...]  # of each step: with a strip of one row

    @property
    def strips_cost(self) -> float:
        """Instructions of an inference that go into strips."""
        return sum(strips_cost(kernel) for step in self.steps for kernel in step.kernels)


def grow_strips(graph: Graph, *, smallest: bool = False) -> Planned:
    """Let depthwise convolutions make more rows at a time where the arena has memory to spare for them.

    The arena is the smallest one with `smallest`. Else it may be as large as if most convolutions could not write over their inputs,
    where that makes inferences faster.
    """
    positions = [place for place, operation in enumerate(graph.operations) if isinstance(operation, DepthwiseConvolution | RowChain)]
    least = _planned(_with_strips(graph, dict.fromkeys(positions, 0)))
    if smallest:
        return _grown(least, positions, least.plan.arena_bytes)
    room = max(0, _generous_plan(least).arena_bytes - least.plan.arena_bytes)
    limits = sorted({least.plan.arena_bytes + aligned(room * part // _PARTS) for part in range(_PARTS + 1)})
    tried = _grown(least, positions, limits[-1])
    enough = tried.strips_cost + _WORTH_IT * sum(step.macs for step in least.steps)
    for limit in limits[:-1]:
        smaller = _grown(least, positions, limit)
        if smaller.strips_cost <= enough:
            return smaller
    return tried


def _generous_plan(least: Planned) -> MemoryPlan:
    """Return the plan without the outputs that take more than a depthwise convolution must to lie over their inputs."""
    apart = {
        buffer_name(least.graph, step.operation.outputs[0])
        for step in least.steps
        if step.lead_bytes or step.kernels[0].function in ("pointwise", "conv_2d")
    }
    buffers = buffers_of(least.graph, least.steps)
    return plan_memory([replace(one, overwrites=()) if one.name in apart else one for one in buffers])


def _grown(least: Planned, positions: Sequence[int], limit_bytes: int) -> Planned:
    """Return the graph with larger strips, whose arena is at most `limit_bytes`, no less than the one of `least`."""
    graph = least.graph
    grown = _planned(_with_strips(graph, {place: _spare_bytes(least.plan, place, limit_bytes) for place in positions}), least)
    if grown.plan.arena_bytes <= limit_bytes:
        return grown
    # Memory is spare in pieces only: then chains take it first, and everything else the largest piece that is left.
    for place in positions:
        if isinstance(graph.operations[place], RowChain):
            tried = _planned(_with_strips(least.graph, {place: _spare_bytes(least.plan, place, limit_bytes)}), least)
            least = tried if tried.plan.arena_bytes <= limit_bytes else least
    graph = _with_strips(least.graph, {place: _largest_gap_bytes(least.plan, place, limit_bytes) for place in positions})
    steps = schedule(graph)
    return replace(least, graph=graph, steps=steps, plan=refit(least.plan, buffers_of(graph, steps)))


def _planned(graph: Graph, least: Planned | None = None) -> Planned:
    steps = schedule(graph)
    scratch = tuple(step.scratch_bytes for step in steps) if least is None else least.least_scratch_bytes
    return Planned(graph=graph, steps=steps, plan=plan_memory(buffers_of(graph, steps)), least_scratch_bytes=scratch)


def _spare_bytes(plan: MemoryPlan, step: int, arena_bytes: int) -> int:
    """Return how much of an arena nothing but the scratch of `step` occupies at that step."""
    alive = {place.buffer.name: place.buffer for place in plan.placements if place.buffer.first <= step <= place.buffer.last}
    tensors = {name: buffer for name, buffer in alive.items() if name != scratch_name(step)}
    # An output that may lie over its input needs no memory of its own, but for what it runs ahead.
    in_place = [buffer for buffer in tensors.values() if buffer.first == step and any(name in tensors for name in buffer.overwrites)]
    saved = sum(max(_saved_bytes(buffer, tensors[name].bytes) for name in buffer.overwrites if name in tensors) for buffer in in_place)
    taken = sum(aligned(buffer.bytes) for buffer in tensors.values()) - saved // ALIGNMENT_BYTES * ALIGNMENT_BYTES
    return max(0, arena_bytes - taken)


def _saved_bytes(output: Buffer, source_bytes: int) -> int:
    return output.bytes + source_bytes - max(output.bytes, aligned(output.lead_bytes) + source_bytes)


def _largest_gap_bytes(plan: MemoryPlan, step: int, arena_bytes: int) -> int:
    """Return the largest piece of an arena that nothing but the scratch of `step` occupies at that step."""
    alive = [place for place in plan.placements if place.buffer.first <= step <= place.buffer.last and place.buffer.name != scratch_name(step)]
    largest, free_from = 0, 0
    for place in sorted(alive, key=lambda one: one.offset):
        largest, free_from = max(largest, place.offset - free_from), max(free_from, aligned(place.end))
    return max(largest, arena_bytes - free_from)


def _with_strips(graph: Graph, sizes: Mapping[int, int]) -> Graph:
    def grown(operation: Operation, scratch_bytes: int) -> Operation:
        if isinstance(operation, DepthwiseConvolution):
            return replace(operation, strip_bytes=scratch_bytes)
        return grown_chain(operation, graph, limit_bytes=scratch_bytes) if isinstance(operation, RowChain) else operation

    operations = tuple(grown(one, sizes[place]) if place in sizes else one for place, one in enumerate(graph.operations))
    return replace(graph, operations=operations)
