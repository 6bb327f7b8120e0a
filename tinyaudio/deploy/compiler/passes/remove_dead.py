"""Operators whose results nobody reads -> nothing."""

from __future__ import annotations

from dataclasses import replace

from tinyaudio.deploy.compiler.graph import Graph, Operation


def remove_dead(graph: Graph) -> Graph:
    """Keep the operators on whose results the model's outputs depend, in this inference or, through a variable, in a later one."""
    needed = {graph.storage(index) for index in graph.outputs}
    while True:
        kept = _needed_operations(graph, needed)
        read = {graph.storage(index) for operation in kept for index in operation.inputs if index >= 0} & graph.state_tensors
        if read <= needed:
            break
        needed |= read
    states = tuple(state for state in graph.states if state.tensor in needed)
    return replace(graph, operations=kept, states=states)


def _needed_operations(graph: Graph, results: set[int]) -> tuple[Operation, ...]:
    needed = set(results)
    kept: list[Operation] = []
    for operation in reversed(graph.operations):
        if any(graph.storage(index) in needed for index in operation.outputs):
            needed.update(graph.storage(index) for index in operation.inputs if index >= 0)
            kept.append(operation)
    return tuple(reversed(kept))
