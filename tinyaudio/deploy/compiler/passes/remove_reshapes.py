"""RESHAPE, and moves that leave every value where it is -> nothing: the output becomes another name of the input's memory."""

from __future__ import annotations

from tinyaudio.deploy.compiler.graph import Graph, Operation
from tinyaudio.deploy.compiler.ops.reshape import Reshape
from tinyaudio.deploy.compiler.ops.transpose import Transpose


def remove_reshapes(graph: Graph) -> Graph:
    """Remove every RESHAPE, SQUEEZE and EXPAND_DIMS, and each TRANSPOSE that only moves dimensions of size 1."""
    sources = {operation.outputs[0]: operation.inputs[0] for operation in graph.operations if _moves_nothing(operation, graph)}
    return graph.with_aliases(sources, tuple(operation for operation in graph.operations if operation.outputs[0] not in sources))


def _moves_nothing(operation: Operation, graph: Graph) -> bool:
    return isinstance(operation, Reshape) or (isinstance(operation, Transpose) and operation.grid(graph).is_one_run)
