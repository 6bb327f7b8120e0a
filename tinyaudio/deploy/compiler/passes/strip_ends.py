"""QUANTIZE at the input and DEQUANTIZE or QUANTIZE at the output -> nothing: the model takes and gives int8."""

from __future__ import annotations

from dataclasses import replace

from tinyaudio.core.errors import ModelError
from tinyaudio.deploy.compiler.graph import Graph, Operation
from tinyaudio.deploy.compiler.ops.quantize import Dequantize

_CONVERSIONS = ("QUANTIZE", "DEQUANTIZE")


def strip_ends(graph: Graph) -> Graph:
    """Remove the conversions between the model's ends and the int8 values within, for firmware that has int8 at both ends.

    Raises
    ------
    ModelError
        If an end is not int8 and no conversion that stands alone leads there.
    """
    readers = graph.consumers(graph.inputs[0])
    if graph.tensor(graph.inputs[0]).dtype != "int8" and len(readers) == 1 and _converts(readers[0]):
        graph = replace(graph, inputs=readers[0].outputs, operations=_without(graph, readers[0]))
    last = next((operation for operation in graph.operations if operation.outputs == graph.outputs), None)
    if graph.tensor(graph.outputs[0]).dtype != "int8" and last is not None and _converts(last):
        graph = replace(graph, outputs=last.inputs, operations=_without(graph, last))
    for what, index in (("input", graph.inputs[0]), ("output", graph.outputs[0])):
        tensor = graph.tensor(index)
        if tensor.dtype != "int8" or tensor.data is not None:
            raise ModelError(f"the model's {what} is not int8", hint=f"export with inference_{what}_type = int8", where=f"tensor {tensor.describe()}")
    return graph


def _converts(operation: Operation) -> bool:
    return isinstance(operation, Dequantize) or operation.kind in _CONVERSIONS


def _without(graph: Graph, removed: Operation) -> tuple[Operation, ...]:
    return tuple(operation for operation in graph.operations if operation is not removed)
