"""From the bytes of a ``.tflite`` file to a `Graph`: every index, shape, type and buffer is checked on the way.

The flatbuffers library checks nothing: a damaged file makes it raise one of many exceptions or return nonsense.
All reading therefore happens within one `guarded` call, and everything read is checked before it is used.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt
import tflite

from tinyaudio.core.errors import ModelError
from tinyaudio.core.tflite_metadata import guarded, open_model
from tinyaudio.deploy.compiler.graph import ABSENT, Graph, Operation, Quantization, Tensor, operation_place
from tinyaudio.deploy.compiler.ops import OPERATIONS
from tinyaudio.deploy.compiler.view import OperatorView

MAX_TENSOR_ELEMENTS = 1 << 26  # 64 Mi values: more than any microcontroller holds, so a damaged shape
MAX_LIST_ENTRIES = 1 << 16  # of tensors, operators and buffers
_EXPORT_AGAIN = "the file is damaged; export or copy the model again"

_DTYPES = {
    tflite.TensorType.FLOAT32: "float32",
    tflite.TensorType.FLOAT16: "float16",
    tflite.TensorType.INT32: "int32",
    tflite.TensorType.UINT8: "uint8",
    tflite.TensorType.INT64: "int64",
    tflite.TensorType.BOOL: "bool",
    tflite.TensorType.INT16: "int16",
    tflite.TensorType.INT8: "int8",
    tflite.TensorType.FLOAT64: "float64",
    tflite.TensorType.UINT32: "uint32",
    tflite.TensorType.UINT16: "uint16",
}


def read_graph(tflite_bytes: bytes) -> Graph:
    """Return the typed graph of a ``.tflite`` file.

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
    if model.SubgraphsLength() != 1:
        raise ModelError(f"the model has {model.SubgraphsLength()} subgraphs; 1 is supported", hint="export it without control flow", where=".tflite")
    subgraph = model.Subgraphs(0)
    for what, count in (("tensors", subgraph.TensorsLength()), ("operators", subgraph.OperatorsLength()), ("buffers", model.BuffersLength())):
        if not 0 < count <= MAX_LIST_ENTRIES:
            raise ModelError(f"the model has {count} {what}", hint=_EXPORT_AGAIN, where=".tflite")
    tensors = tuple(_read_tensor(model, subgraph.Tensors(index), index) for index in range(subgraph.TensorsLength()))
    operations = tuple(_read_operation(model, subgraph.Operators(index), index, tensors) for index in range(subgraph.OperatorsLength()))
    graph = Graph(
        tensors=tensors,
        operations=operations,
        inputs=_tensor_indices(subgraph.InputsLength(), subgraph.Inputs, len(tensors), "inputs of the model"),
        outputs=_tensor_indices(subgraph.OutputsLength(), subgraph.Outputs, len(tensors), "outputs of the model"),
    )
    _check_data_flow(graph)
    return graph


def _read_tensor(model: Any, source: Any, index: int) -> Tensor:
    name = (source.Name() or b"").decode("utf-8", errors="replace")
    where = f"tensor {index} {name!r}"
    dtype = _DTYPES.get(source.Type())
    if dtype is None:
        raise ModelError(
            f"its element type {source.Type()} is not supported", hint="export the model with full-integer INT8 quantization", where=where
        )
    if source.Sparsity() is not None:
        raise ModelError("sparse tensors are not supported", hint="export the model without sparsity", where=where)
    shape = _read_shape(source, where)
    return Tensor(
        index=index,
        name=name or f"tensor_{index}",
        shape=shape,
        dtype=dtype,
        quantization=_read_quantization(source.Quantization(), shape, where, _is_integer(dtype)),
        data=_read_data(model, source.Buffer(), shape, dtype, where),
    )


def _is_integer(dtype: str) -> bool:
    return bool(np.issubdtype(np.dtype(dtype), np.integer))


def _read_shape(source: Any, where: str) -> tuple[int, ...]:
    rank = source.ShapeLength()
    if rank > 8:
        raise ModelError(f"it has {rank} dimensions", hint=_EXPORT_AGAIN, where=where)
    shape = tuple(int(source.Shape(axis)) for axis in range(rank))
    signature = tuple(int(source.ShapeSignature(axis)) for axis in range(min(source.ShapeSignatureLength(), 8)))
    # A free batch size is recorded as shape 1, signature -1; everything then runs with 1.
    if any(size < 0 for size in (*shape, *signature[1:])) or (signature[:1] == (-1,) and shape[:1] != (1,)):
        raise ModelError(f"its shape {list(signature or shape)} is dynamic", hint="export the model with a fixed batch size of 1", where=where)
    if any(size == 0 for size in shape):
        raise ModelError(f"its shape {list(shape)} has a size of zero", hint=_EXPORT_AGAIN, where=where)
    if math.prod(shape) > MAX_TENSOR_ELEMENTS:
        raise ModelError(f"its shape {list(shape)} is too large", hint=_EXPORT_AGAIN, where=where)
    return shape


def _read_quantization(source: Any, shape: tuple[int, ...], where: str, integer: bool) -> Quantization | None:
    if source is None or source.ScaleLength() == 0 or not integer:
        return None
    count = source.ScaleLength()
    if count > MAX_TENSOR_ELEMENTS:
        raise ModelError(f"it has {count} scales", hint=_EXPORT_AGAIN, where=where)
    scales = tuple(float(value) for value in source.ScaleAsNumpy())
    zero_points = tuple(int(value) for value in source.ZeroPointAsNumpy()) if source.ZeroPointLength() else (0,) * count
    for scale in scales:
        if not (math.isfinite(scale) and scale > 0):
            raise ModelError(f"its scale is {scale}; a scale is finite and positive", hint="export the model again", where=where)
    if len(zero_points) != count:
        raise ModelError(f"it has {count} scales and {len(zero_points)} zero points", hint=_EXPORT_AGAIN, where=where)
    axis = int(source.QuantizedDimension()) if count > 1 else 0
    if count > 1 and not (0 <= axis < len(shape) and shape[axis] == count):
        raise ModelError(f"it has {count} scales along axis {axis} of shape {list(shape)}", hint=_EXPORT_AGAIN, where=where)
    return Quantization(scales=scales, zero_points=zero_points, axis=axis)


def _read_data(model: Any, buffer_index: int, shape: tuple[int, ...], dtype: str, where: str) -> npt.NDArray[Any] | None:
    if buffer_index >= model.BuffersLength():
        raise ModelError(f"it names buffer {buffer_index} of {model.BuffersLength()}", hint=_EXPORT_AGAIN, where=where)
    buffer = model.Buffers(buffer_index)
    if buffer.Offset() > 1:
        raise ModelError("its data lies behind the FlatBuffer", hint="export the model smaller than 2 GB", where=where)
    if buffer.DataIsNone() or buffer.DataLength() == 0:
        return None
    wanted_bytes = math.prod(shape) * np.dtype(dtype).itemsize
    if buffer.DataLength() != wanted_bytes:
        raise ModelError(
            f"its buffer holds {buffer.DataLength()} bytes, its shape {list(shape)} needs {wanted_bytes}", hint=_EXPORT_AGAIN, where=where
        )
    little_endian = np.dtype(dtype).newbyteorder("<")
    data = np.frombuffer(buffer.DataAsNumpy().tobytes(), dtype=little_endian).astype(dtype).reshape(shape)
    data.flags.writeable = False
    return data


def _read_operation(model: Any, source: Any, index: int, tensors: tuple[Tensor, ...]) -> Operation:
    code_index = source.OpcodeIndex()
    if code_index >= model.OperatorCodesLength():
        raise ModelError(f"it names operator code {code_index} of {model.OperatorCodesLength()}", hint=_EXPORT_AGAIN, where=f"operator {index}")
    code = model.OperatorCodes(code_index)
    outputs = _tensor_indices(source.OutputsLength(), source.Outputs, len(tensors), f"outputs of operator {index}")
    inputs = _tensor_indices(source.InputsLength(), source.Inputs, len(tensors), f"inputs of operator {index}", optional=True)
    output_name = tensors[outputs[0]].name if outputs else ""
    kind = _kind(code)
    read = OPERATIONS.get(kind)
    if read is None:
        raise ModelError(
            "the operator is not supported",
            hint=f"supported operators: {', '.join(sorted(OPERATIONS))}",
            where=operation_place(index, kind, output_name),
        )
    return read(OperatorView(index=index, kind=kind, inputs=inputs, outputs=outputs, tensors=tensors, source=source))


def _kind(code: Any) -> str:
    builtin = max(int(code.BuiltinCode()), int(code.DeprecatedBuiltinCode()))
    if builtin == tflite.BuiltinOperator.CUSTOM:
        return f"CUSTOM {(code.CustomCode() or b'').decode('utf-8', errors='replace')!r}"
    return str(tflite.BUILTIN_OPCODE2NAME.get(builtin, f"number {builtin}"))


def _tensor_indices(count: int, element: Any, tensors: int, what: str, *, optional: bool = False) -> tuple[int, ...]:
    if count > MAX_LIST_ENTRIES:
        raise ModelError(f"there are {count}", hint=_EXPORT_AGAIN, where=what)
    indices = tuple(int(element(position)) for position in range(count))
    for index in indices:
        if not (0 <= index < tensors or (optional and index == ABSENT)):
            raise ModelError(f"tensor {index} of {tensors} does not exist", hint=_EXPORT_AGAIN, where=what)
    return indices


def _check_data_flow(graph: Graph) -> None:
    """Every activation is written once, before it is read; the model has one int8 input and one int8 output."""
    for what, indices in (("input", graph.inputs), ("output", graph.outputs)):
        if len(indices) != 1:
            raise ModelError(f"the model has {len(indices)} {what}s; 1 is supported", hint="export a model with one input and one output", where=what)
        tensor = graph.tensors[indices[0]]
        if tensor.dtype != "int8" or tensor.quantization is None or tensor.data is not None:
            hint = f"export with inference_{what}_type = int8"
            raise ModelError(f"the model's {what} is not a quantized int8 activation", hint=hint, where=f"tensor {tensor.describe()}")
    written = set(graph.inputs)
    for operation in graph.operations:
        for index in operation.inputs:
            if index != ABSENT and graph.tensors[index].data is None and index not in written:
                raise ModelError(
                    f"it reads tensor {graph.tensors[index].name!r}, which nothing has written", hint=_EXPORT_AGAIN, where=operation.where(graph)
                )
        for index in operation.outputs:
            if graph.tensors[index].data is not None or index in written:
                raise ModelError("its output is a constant or was written before", hint=_EXPORT_AGAIN, where=operation.where(graph))
            written.add(index)
    if graph.outputs[0] not in written:
        raise ModelError("no operator writes the model's output", hint=_EXPORT_AGAIN, where=f"tensor {graph.tensors[graph.outputs[0]].name!r}")
