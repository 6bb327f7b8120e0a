"""READ_VARIABLE and ASSIGN_VARIABLE -> nothing, where the value can be read or made in the variable's own memory."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from tinyaudio.deploy.compiler.graph import Graph, Operation
from tinyaudio.deploy.compiler.ops.variable import AssignVariable, ReadVariable


def share_variables(graph: Graph) -> Graph:
    """Let readers read variables where they lie, and let the writer of a new value write it there.

    A read value may lie in the variable if nobody reads it after a new value was assigned. A new value may be made in
    the variable if nobody reads the old one any more when it is made.
    """
    return _assign_in_place(_read_in_place(graph))


def _read_in_place(graph: Graph) -> Graph:
    sources: dict[int, int] = {}
    for read in graph.operations:
        if isinstance(read, ReadVariable) and not _is_end(graph, read.outputs[0]):
            assigned = [position for position, other in enumerate(graph.operations) if read.inputs[0] in other.outputs]
            last_reader = max((position for position, other in enumerate(graph.operations) if _reads(graph, other, read.outputs[0])), default=-1)
            # The assignment itself may be the last reader: a copy onto itself.
            if all(last_reader <= position or position < graph.operations.index(read) for position in assigned):
                sources[read.outputs[0]] = read.inputs[0]
    return graph.with_aliases(sources, _without(graph.operations, sources, ReadVariable))


def _assign_in_place(graph: Graph) -> Graph:
    sources: dict[int, int] = {}
    removed: list[Operation] = []
    for position, assign in enumerate(graph.operations):
        if not isinstance(assign, AssignVariable):
            continue
        value, state = graph.storage(assign.inputs[0]), assign.outputs[0]
        if value == state:
            removed.append(assign)  # the variable keeps its value
            continue
        writers = [place for place, other in enumerate(graph.operations) if value in map(graph.storage, other.outputs)]
        others = [other for other in graph.operations if state in other.outputs and other is not assign]
        if len(writers) != 1 or others or value in graph.state_tensors or _is_end(graph, value) or value in sources:
            continue
        readers = [place for place, other in enumerate(graph.operations) if _reads(graph, other, state)]
        # Who reads the variable behind the assignment wants the new value: old ones that are read later were copied.
        if writers[0] < position and all(place < writers[0] or place > position for place in readers):
            sources[value] = state
            removed.append(assign)
    return graph.with_aliases(sources, tuple(operation for operation in graph.operations if operation not in removed))


def _reads(graph: Graph, operation: Operation, tensor: int) -> bool:
    storage = graph.storage(tensor)
    return any(index >= 0 and graph.storage(index) == storage for index in operation.inputs)


def _is_end(graph: Graph, tensor: int) -> bool:
    return graph.storage(tensor) in {graph.storage(index) for index in (*graph.inputs, *graph.outputs)}


def _without(operations: Iterable[Operation], sources: Mapping[int, int], kind: type[Operation]) -> tuple[Operation, ...]:
    return tuple(operation for operation in operations if not (isinstance(operation, kind) and operation.outputs[0] in sources))
