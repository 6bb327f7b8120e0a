"""A table behind a table (LOGISTIC, then QUANTIZE ...) -> one table."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from tinyaudio.deploy.compiler.graph import Graph
from tinyaudio.deploy.compiler.ops.lookup import Lookup


def join_lookups(graph: Graph) -> Graph:
    """Join each lookup with the one behind it, if nothing else reads the value between them."""
    for second in graph.operations:
        if isinstance(second, Lookup):
            first = next((operation for operation in graph.operations if second.inputs[0] in operation.outputs), None)
            alone = graph.consumers(second.inputs[0]) == (second,) and second.inputs[0] not in graph.outputs
            if isinstance(first, Lookup) and alone:
                graph = _joined(graph, first, second)
    return graph


def _joined(graph: Graph, first: Lookup, second: Lookup) -> Graph:
    between = np.array(first.results, first.output_dtype).view(np.uint8)
    results = tuple(second.results[value] for value in between.tolist())
    joined = replace(first, outputs=second.outputs, output_dtype=second.output_dtype, results=results)
    # It takes the place of the second one in the list of joined operators, so that a third one finds it.
    operations = tuple(joined if operation is first else operation for operation in graph.operations if operation is not second)
    return replace(graph, operations=operations)
