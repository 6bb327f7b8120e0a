"""RESHAPE -> nothing: its output becomes another name of its input's memory."""

from __future__ import annotations

from dataclasses import replace

from tinyaudio.deploy.compiler.graph import Graph
from tinyaudio.deploy.compiler.ops.reshape import Reshape


def remove_reshapes(graph: Graph) -> Graph:
    """Remove every RESHAPE: in memory, a tensor and its reshaped copy are the same bytes.

    Readers keep their tensor, whose shape they were written for; `Graph.storage` says whose memory it is.
    """
    source: dict[int, int] = {}
    for operation in graph.operations:
        if isinstance(operation, Reshape):
            source[operation.outputs[0]] = source.get(operation.inputs[0], operation.inputs[0])
    return replace(
        graph,
        operations=tuple(operation for operation in graph.operations if not isinstance(operation, Reshape)),
        aliases=tuple(sorted(source.items())),
    )
