"""Scratch of depthwise convolutions: as much as the arena has to spare while they run."""

from __future__ import annotations

from dataclasses import replace

from tinyaudio.deploy.compiler.graph import Graph
from tinyaudio.deploy.compiler.memory import ALIGNMENT_BYTES, MemoryPlan, plan_memory
from tinyaudio.deploy.compiler.ops.depthwise_conv_2d import DepthwiseConvolution
from tinyaudio.deploy.compiler.schedule import buffers_of, schedule


def grow_strips(graph: Graph) -> Graph:
    """Let depthwise convolutions make more rows at a time where that does not make the arena larger."""
    graph = _with_strips(graph, dict.fromkeys(range(len(graph.operations)), 0))
    plan = _plan(graph)
    grown = _with_strips(graph, {position: _spare_bytes(plan, position) for position in range(len(graph.operations))})
    if _plan(grown).arena_bytes <= plan.arena_bytes:
        return grown
    # Memory may be spare in pieces only: then one operator after the other, as far as it goes.
    for position in range(len(graph.operations)):
        sizes = [_spare_bytes(plan, position) // part for part in (1, 2, 4)]
        tried = (_with_strips(graph, {position: size}) for size in sizes if isinstance(graph.operations[position], DepthwiseConvolution))
        graph = next((one for one in tried if _plan(one).arena_bytes <= plan.arena_bytes), graph)
    return graph


def _plan(graph: Graph) -> MemoryPlan:
    return plan_memory(buffers_of(graph, schedule(graph)))


def _spare_bytes(plan: MemoryPlan, step: int) -> int:
    """Return how much of the arena nothing but the scratch of `step` occupies at that step."""
    alive = {place.buffer.name: place.buffer for place in plan.placements if place.buffer.first <= step <= place.buffer.last}
    tensors = {name: buffer for name, buffer in alive.items() if buffer.first != buffer.last}
    # An output that may lie over its input needs no memory of its own.
    in_place = [buffer for buffer in tensors.values() if buffer.first == step and any(name in tensors for name in buffer.overwrites)]
    saved = sum(min(buffer.bytes, max(tensors[name].bytes for name in buffer.overwrites if name in tensors)) for buffer in in_place)
    taken = sum(-(-buffer.bytes // ALIGNMENT_BYTES) * ALIGNMENT_BYTES for buffer in tensors.values()) - saved // ALIGNMENT_BYTES * ALIGNMENT_BYTES
    return max(0, plan.arena_bytes - taken)


def _with_strips(graph: Graph, sizes: dict[int, int]) -> Graph:
    operations = tuple(
        replace(operation, strip_bytes=sizes[position]) if isinstance(operation, DepthwiseConvolution) and position in sizes else operation
        for position, operation in enumerate(graph.operations)
    )
    return replace(graph, operations=operations)
