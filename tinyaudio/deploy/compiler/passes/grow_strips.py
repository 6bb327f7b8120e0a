"""Scratch of depthwise convolutions: as much as the arena has to spare while they run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from tinyaudio.deploy.compiler.chain_strips import grown_chain
from tinyaudio.deploy.compiler.graph import Graph, Operation
from tinyaudio.deploy.compiler.memory import ALIGNMENT_BYTES, Buffer, MemoryPlan, aligned, plan_memory, refit
from tinyaudio.deploy.compiler.ops.depthwise_conv_2d import DepthwiseConvolution
from tinyaudio.deploy.compiler.ops.row_chain import RowChain
from tinyaudio.deploy.compiler.schedule import Step, buffers_of, schedule, scratch_name


def grow_strips(graph: Graph) -> tuple[Graph, tuple[Step, ...], MemoryPlan]:
    """Let depthwise convolutions make more rows at a time where that does not make the arena larger; return the steps and their plan, too."""
    positions = [place for place, operation in enumerate(graph.operations) if isinstance(operation, DepthwiseConvolution | RowChain)]
    graph = _with_strips(graph, dict.fromkeys(positions, 0))
    least = _planned(graph)
    grown = _planned(_with_strips(graph, {place: _spare_bytes(least[2], place) for place in positions}))
    if grown[2].arena_bytes <= least[2].arena_bytes:
        return grown
    # Memory is spare in pieces only: then what gains most takes it first, and the others the largest piece that is left to them.
    for place in positions:
        if isinstance(graph.operations[place], RowChain):
            tried = _planned(_with_strips(least[0], {place: _spare_bytes(least[2], place)}))
            least = tried if tried[2].arena_bytes <= least[2].arena_bytes else least
    graph, _, plan = least
    graph = _with_strips(graph, {place: _largest_gap_bytes(plan, place) for place in positions})
    steps = schedule(graph)
    return graph, steps, refit(plan, buffers_of(graph, steps))


def _planned(graph: Graph) -> tuple[Graph, tuple[Step, ...], MemoryPlan]:
    steps = schedule(graph)
    return graph, steps, plan_memory(buffers_of(graph, steps))


def _spare_bytes(plan: MemoryPlan, step: int) -> int:
    """Return how much of the arena nothing but the scratch of `step` occupies at that step."""
    alive = {place.buffer.name: place.buffer for place in plan.placements if place.buffer.first <= step <= place.buffer.last}
    tensors = {name: buffer for name, buffer in alive.items() if name != scratch_name(step)}
    # An output that may lie over its input needs no memory of its own, but for what it runs ahead.
    in_place = [buffer for buffer in tensors.values() if buffer.first == step and any(name in tensors for name in buffer.overwrites)]
    saved = sum(max(_saved_bytes(buffer, tensors[name].bytes) for name in buffer.overwrites if name in tensors) for buffer in in_place)
    taken = sum(aligned(buffer.bytes) for buffer in tensors.values()) - saved // ALIGNMENT_BYTES * ALIGNMENT_BYTES
    return max(0, plan.arena_bytes - taken)


def _saved_bytes(output: Buffer, source_bytes: int) -> int:
    return output.bytes + source_bytes - max(output.bytes, aligned(output.lead_bytes) + source_bytes)


def _largest_gap_bytes(plan: MemoryPlan, step: int) -> int:
    """Return the largest piece of the arena that nothing but the scratch of `step` occupies at that step."""
    alive = [place for place in plan.placements if place.buffer.first <= step <= place.buffer.last and place.buffer.name != scratch_name(step)]
    largest, free_from = 0, 0
    for place in sorted(alive, key=lambda one: one.offset):
        largest, free_from = max(largest, place.offset - free_from), max(free_from, aligned(place.end))
    return max(largest, plan.arena_bytes - free_from)


def _with_strips(graph: Graph, sizes: Mapping[int, int]) -> Graph:
    def grown(operation: Operation, scratch_bytes: int) -> Operation:
        if isinstance(operation, DepthwiseConvolution):
            return replace(operation, strip_bytes=scratch_bytes)
        return grown_chain(operation, graph, limit_bytes=scratch_bytes) if isinstance(operation, RowChain) else operation

    operations = tuple(grown(one, sizes[place]) if place in sizes else one for place, one in enumerate(graph.operations))
    return replace(graph, operations=operations)
