"""Convolutions one behind the other -> one operator that passes rows on, where that makes the arena smaller."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from tinyaudio.deploy.compiler.graph import Graph, Operation
from tinyaudio.deploy.compiler.memory import aligned, plan_memory
from tinyaudio.deploy.compiler.ops.depthwise_conv_2d import DepthwiseConvolution
from tinyaudio.deploy.compiler.ops.row_chain import Link, can_be_link, chain, row_kernel
from tinyaudio.deploy.compiler.schedule import Step, buffer_name, buffers_of, logits_index, schedule

_MOST_LINKS = 12
_MOST_PLANS = 6  # that are tried, from the smallest arena on


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """Operators `first` to `end` - 1 as one step."""

    first: int
    end: int
    bytes: int  # all that must be in memory while it runs, were nothing lost between the buffers
    hidden_elements: int  # of the tensors that are never in memory as a whole


def join_rows(graph: Graph) -> Graph:
    """Replace runs of operators by chains: those that make the arena smallest, and of several such choices the one that joins least."""
    tight = without_strips(graph)
    sections = _sections(tight)
    if all(section.end == section.first + 1 for section in sections):
        return graph
    best, best_bytes = graph, arena_bytes(tight)
    limits = sorted({section.bytes for section in sections if section.bytes >= _least_peak(sections, len(graph.operations))})
    for limit in limits[:_MOST_PLANS]:
        if limit >= best_bytes:
            break
        joined = with_chains(tight, [(one.first, one.end) for one in _choice(sections, len(graph.operations), limit)])
        joined_bytes = arena_bytes(joined)
        if joined_bytes < best_bytes:
            best, best_bytes = joined, joined_bytes
    return best


def without_strips(graph: Graph) -> Graph:
    """Return the graph with the least scratch: depthwise convolutions make one row at a time."""
    operations = tuple(replace(one, strip_bytes=0) if isinstance(one, DepthwiseConvolution) else one for one in graph.operations)
    return replace(graph, operations=operations)


def arena_bytes(graph: Graph) -> int:
    """Return the size of the arena."""
    return plan_memory(buffers_of(graph, schedule(graph))).arena_bytes


def _sections(graph: Graph) -> list[Section]:
    """Return all sections: each operator alone, and each run of operators that can be joined."""
    steps = schedule(graph)
    buffers = {buffer.name: buffer for buffer in buffers_of(graph, steps)}
    sections = []
    for first, end in runs(graph, steps):
        step = steps[first] if end == first + 1 else _chain_step(graph, steps[first:end])
        hidden = [operation.outputs[0] for operation in graph.operations[first : end - 1]]
        unseen = {buffer_name(graph, index) for index in hidden}
        alive = {
            name: buffer.bytes
            for name, buffer in buffers.items()
            if buffer.first < end and buffer.last >= first and name not in unseen and not name.startswith("scratch")
        }
        total = sum(aligned(size) for size in alive.values()) + aligned(step.scratch_bytes)
        output = buffer_name(graph, step.operation.outputs[0])
        shared = [buffer_name(graph, step.operation.inputs[place]) for place in step.in_place]
        for source in shared:
            if source in buffers and buffers[source].last < end and source != output:
                together = max(aligned(step.lead_bytes) + alive[source], alive[output])
                total -= max(0, aligned(alive[source]) + aligned(alive[output]) - aligned(together))
                break
        elements = sum(graph.tensor(index).elements for index in hidden)
        sections.append(Section(first=first, end=end, bytes=total, hidden_elements=elements))
    return sections


def _chain_step(graph: Graph, steps: tuple[Step, ...]) -> Step:
    links = [(step.operation, step.kernels[0]) for step in steps if isinstance(step.operation, Link)]
    operation = chain([link for link, _ in links])
    return Step(operation=operation, kernels=operation.assembled(graph, [row_kernel(link, kernel, graph) for link, kernel in links]))


def _links(graph: Graph, first: int, end: int) -> tuple[Link, ...]:
    return tuple(operation for operation in graph.operations[first:end] if isinstance(operation, Link))


def runs(graph: Graph, steps: tuple[Step, ...]) -> Iterator[tuple[int, int]]:
    """Yield (first, end) of each operator alone and of each run of operators that can be joined; `steps` are those of the graph."""
    operations = graph.operations
    kept = {graph.storage(index) for index in (*graph.inputs, *graph.outputs, logits_index(graph), *graph.state_tensors)}
    kept |= {index for pair in graph.aliases for index in pair}
    links = [can_be_link(step.operation, step.kernels) for step in steps]

    def joins(first: Operation, second: Operation) -> bool:
        between = first.outputs[0]
        return second.inputs[0] == between and between not in kept and graph.consumers(between) == (second,)

    for first in range(len(operations)):
        yield first, first + 1
        for end in range(first + 2, min(len(operations), first + _MOST_LINKS) + 1):
            if not (links[end - 2] and links[end - 1] and joins(operations[end - 2], operations[end - 1])):
                break
            yield first, end


def _least_peak(sections: list[Section], operations: int) -> int:
    """Return the least peak of any choice of sections that covers all operators."""
    peaks = [0, *[1 << 62] * operations]
    for section in sorted(sections, key=lambda one: one.first):
        peaks[section.end] = min(peaks[section.end], max(peaks[section.first], section.bytes))
    return peaks[operations]


def _choice(sections: list[Section], operations: int, limit: int) -> list[Section]:
    """Return the sections that cover all operators, none above `limit` bytes, which join least."""
    best: list[tuple[int, list[Section]] | None] = [(0, []), *[None] * operations]
    for section in sorted(sections, key=lambda one: one.first):
        before, behind = best[section.first], best[section.end]
        if before is None or section.bytes > limit:
            continue
        if behind is None or before[0] + section.hidden_elements < behind[0]:
            best[section.end] = (before[0] + section.hidden_elements, [*before[1], section])
    whole = best[operations]
    assert whole is not None, "the limit is no smaller than the least peak"
    return whole[1]


def with_chains(graph: Graph, bounds: Sequence[tuple[int, int]]) -> Graph:
    """Return the graph with the operators of each (first, end) as one; `bounds` cover all operators."""
    operations = tuple(graph.operations[first] if end == first + 1 else chain(_links(graph, first, end)) for first, end in bounds)
    return replace(graph, operations=operations)
