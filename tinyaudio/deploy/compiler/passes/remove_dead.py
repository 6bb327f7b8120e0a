"""Operators whose results nobody reads -> nothing."""

from __future__ import annotations

from dataclasses import replace

from tinyaudio.deploy.compiler.graph import Graph, Operation


def remove_dead(graph: Graph) -> Graph:
    """Keep the operators on whose results the model's outputs depend."""
    needed = {graph.storage(index) for index in graph.outputs}
    kept: list[Operation] = []
    for operation in reversed(graph.operations):
        if any(graph.storage(index) in needed for index in operation.outputs):
            needed.update(graph.storage(index) for index in operation.inputs if index >= 0)
            kept.append(operation)
    return replace(graph, operations=tuple(reversed(kept)))
