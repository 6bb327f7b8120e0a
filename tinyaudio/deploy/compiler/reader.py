"""From the bytes of a ``.tflite`` file to a `Graph`: every index, shape, type and buffer is checked on the way.

The flatbuffers library checks nothing: a damaged file makes it raise one of many exceptions or return nonsense.
All reading therefore happens within one `guarded` call, and everything read is checked before it is used.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import tflite

from tinyaudio.core.errors import ModelError
from tinyaudio.core.tflite_metadata import guarded, open_model
from tinyaudio.deploy.compiler.dilation import find_chains, read_chain
from tinyaudio.deploy.compiler.graph import ABSENT, Graph, Operation, State, Tensor
from tinyaudio.deploy.compiler.ops import OPERATIONS
from tinyaudio.deploy.compiler.passes.fold_constants import fold_constants
from tinyaudio.deploy.compiler.tensors import EXPORT_AGAIN, RESOURCE, read_tensors
from tinyaudio.deploy.compiler.unsupported import unsupported_hint
from tinyaudio.deploy.compiler.variables import VARIABLE_OPERATORS, Variables, initial_subgraph
from tinyaudio.deploy.compiler.view import OperatorView

MAX_LIST_ENTRIES = 1 << 16  # of tensors, operators and buffers
EDGE_DTYPES = ("int8", "uint8", "int16", "int32", "float32")  # of the model's input and output


def read_graph(tflite_bytes: bytes) -> Graph:
    """Return the typed graph of a ``.tflite`` file.

    Operators whose inputs are all constant are computed on the way, so that those behind them find constants.

    Raises
    ------
    ModelError
        If the file is malformed, or uses an operator, type or option that is not supported. It names the tensor
        or the operator.
    """
    return guarded(lambda: _read_graph(tflite_bytes))


def _read_graph(tflite_bytes: bytes) -> Graph:
    model = open_model(tflite_bytes)
    if model.Version() != 3:
        raise ModelError(f"the schema's version is {model.Version()}, not 3", hint="export the model with a current TensorFlow", where=".tflite")
    if not 0 < model.SubgraphsLength() <= MAX_LIST_ENTRIES:
        raise ModelError(f"the model has {model.SubgraphsLength()} subgraphs", hint=EXPORT_AGAIN, where=".tflite")
    if not 0 < model.BuffersLength() <= MAX_LIST_ENTRIES:
        raise ModelError(f"the model has {model.BuffersLength()} buffers", hint=EXPORT_AGAIN, where=".tflite")
    subgraph = model.Subgraphs(0)
    views = _read_views(model, subgraph)
    tensors = list(views[0].tensors)
    variables = Variables(tensors)
    operations = _read_operations(model, [_over(view, tensors) for view in views], variables)
    graph = Graph(
        tensors=tuple(tensors),
        operations=operations,
        inputs=_tensor_indices(subgraph.InputsLength(), subgraph.Inputs, len(tensors), "inputs of the model"),
        outputs=_tensor_indices(subgraph.OutputsLength(), subgraph.Outputs, len(tensors), "outputs of the model"),
        file_tensors=subgraph.TensorsLength(),
        states=(*variables.states(), *_own_states(operations, tensors)),
    )
    _check_ends(graph)
    _check_states(graph)
    _check_data_flow(graph)
    return graph


def _over(view: OperatorView, tensors: Sequence[Tensor]) -> OperatorView:
    return OperatorView(index=view.index, kind=view.kind, inputs=view.inputs, outputs=view.outputs, tensors=tensors, source=view.source)


def _read_views(model: Any, subgraph: Any) -> list[OperatorView]:
    """Return the operators of a subgraph, with its tensors, before anything but indices and tensors is checked."""
    for what, count in (("tensors", subgraph.TensorsLength()), ("operators", subgraph.OperatorsLength())):
        if not 0 < count <= MAX_LIST_ENTRIES:
            raise ModelError(f"the model has {count} {what}", hint=EXPORT_AGAIN, where=".tflite")
    count = subgraph.TensorsLength()
    sources = [subgraph.Operators(index) for index in range(subgraph.OperatorsLength())]
    kinds = [_kind(model, source, index) for index, source in enumerate(sources)]
    inputs = [
        _tensor_indices(source.InputsLength(), source.Inputs, count, f"inputs of operator {index}", optional=True)
        for index, source in enumerate(sources)
    ]
    outputs = [_tensor_indices(source.OutputsLength(), source.Outputs, count, f"outputs of operator {index}") for index, source in enumerate(sources)]
    users: dict[int, str] = {}
    for index, kind in enumerate(kinds):
        for tensor in (*inputs[index], *outputs[index]):
            users.setdefault(tensor, f"operator {index} {kind}")
    ends = {
        *_tensor_indices(subgraph.InputsLength(), subgraph.Inputs, count, "inputs of the model"),
        *_tensor_indices(subgraph.OutputsLength(), subgraph.Outputs, count, "outputs of the model"),
    }
    tensors = read_tensors(model, subgraph, users=users, ends=ends)
    return [
        OperatorView(index=index, kind=kind, inputs=inputs[index], outputs=outputs[index], tensors=tensors, source=source)
        for index, (kind, source) in enumerate(zip(kinds, sources, strict=True))
    ]


def _read_operations(model: Any, views: Sequence[OperatorView], variables: Variables) -> tuple[Operation, ...]:
    operations: list[Operation] = []
    chains = find_chains(views)
    passed: set[int] = set()  # operators of chains that were read
    for view in views:
        if view.index in passed:
            continue
        if view.index in chains:
            operations += read_chain(chains[view.index], variables.tensors, _read_operation)
            passed.update(chains[view.index].between)
            continue
        if view.kind == "CALL_ONCE":
            number = initial_subgraph(view, model.SubgraphsLength())
            variables.initialize(view, _read_views(model, model.Subgraphs(number)))
            continue
        operation = variables.read_operation(view) if view.kind in VARIABLE_OPERATORS else _read_operation(view)
        if operation is not None and not fold_constants(operation, variables.tensors):
            operations.append(operation)
    return tuple(operations)


def _read_operation(view: OperatorView) -> Operation:
    read = OPERATIONS.get(view.kind)
    if read is None:
        view.fail("the operator is not supported", hint=unsupported_hint(view.kind, supported={*OPERATIONS, *VARIABLE_OPERATORS}))
    if not view.outputs:
        view.fail("it has no output", hint=EXPORT_AGAIN)
    for index in (*view.inputs, *view.outputs):
        if index != ABSENT and view.tensors[index].dtype == RESOURCE:
            view.fail(f"tensor {view.tensors[index].describe()} is the handle of a variable")
    return read(view)


def _kind(model: Any, source: Any, index: int) -> str:
    code_index = source.OpcodeIndex()
    if code_index >= model.OperatorCodesLength():
        raise ModelError(f"it names operator code {code_index} of {model.OperatorCodesLength()}", hint=EXPORT_AGAIN, where=f"operator {index}")
    code = model.OperatorCodes(code_index)
    builtin = max(int(code.BuiltinCode()), int(code.DeprecatedBuiltinCode()))
    if builtin == tflite.BuiltinOperator.CUSTOM:
        return f"CUSTOM {(code.CustomCode() or b'').decode('utf-8', errors='replace')!r}"
    return str(tflite.BUILTIN_OPCODE2NAME.get(builtin, f"number {builtin}"))


def _tensor_indices(count: int, element: Any, tensors: int, what: str, *, optional: bool = False) -> tuple[int, ...]:
    if count > MAX_LIST_ENTRIES:
        raise ModelError(f"there are {count}", hint=EXPORT_AGAIN, where=what)
    indices = tuple(int(element(position)) for position in range(count))
    for index in indices:
        if not (0 <= index < tensors or (optional and index == ABSENT)):
            raise ModelError(f"tensor {index} of {tensors} does not exist", hint=EXPORT_AGAIN, where=what)
    return indices


def _own_states(operations: Sequence[Operation], tensors: Sequence[Tensor]) -> tuple[State, ...]:
    """Return the states of recurrent operators; each starts at its zero point, as in TensorFlow Lite Micro."""
    indices = [index for operation in operations for index in operation.states]
    return tuple(
        State(tensor=index, initial=np.full(tensors[index].shape, tensors[index].zero_point, tensors[index].dtype))
        for index in dict.fromkeys(indices)
    )


def _check_states(graph: Graph) -> None:
    """What a recurrent operator keeps is its own: no other operator writes it, and it is no end of the model."""
    for operation in graph.operations:
        for index in operation.states:
            writers = [other for other in graph.operations if index in other.outputs]
            if writers != [operation] or index in (*graph.inputs, *graph.outputs):
                place = f"tensor {graph.tensors[index].describe()}"
                raise ModelError(f"its state, {place}, is not its own", hint=EXPORT_AGAIN, where=operation.where(graph))


def _check_ends(graph: Graph) -> None:
    """The model has one input and one output, both activations: int8, or of a type that QUANTIZE and DEQUANTIZE know."""
    for what, indices in (("input", graph.inputs), ("output", graph.outputs)):
        if len(indices) != 1:
            raise ModelError(f"the model has {len(indices)} {what}s; 1 is supported", hint="export a model with one input and one output", where=what)
        tensor = graph.tensors[indices[0]]
        if tensor.dtype not in EDGE_DTYPES or tensor.data is not None or (tensor.dtype == "int8" and tensor.quantization is None):
            hint = f"export with inference_{what}_type = int8"
            raise ModelError(f"the model's {what} is not a quantized activation", hint=hint, where=f"tensor {tensor.describe()}")


def _check_data_flow(graph: Graph) -> None:
    """Every activation is written once, before it is read."""
    written = {*graph.inputs, *graph.state_tensors}
    for operation in graph.operations:
        for index in operation.inputs:
            if index != ABSENT and graph.tensors[index].data is None and index not in written:
                raise ModelError(
                    f"it reads tensor {graph.tensors[index].name!r}, which nothing has written", hint=EXPORT_AGAIN, where=operation.where(graph)
                )
        for index in operation.outputs:
            if graph.tensors[index].data is not None or (index in written and index not in graph.state_tensors):
                raise ModelError("its output is a constant or was written before", hint=EXPORT_AGAIN, where=operation.where(graph))
            written.add(index)
    if graph.outputs[0] not in written:
        raise ModelError("no operator writes the model's output", hint=EXPORT_AGAIN, where=f"tensor {graph.tensors[graph.outputs[0]].name!r}")
