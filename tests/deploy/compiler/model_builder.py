"""Write small .tflite files through the schema's own builders: odd shapes without TensorFlow, in microseconds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import flatbuffers
import numpy as np
import tflite

_TYPES = {
    "int8": tflite.TensorType.INT8,
    "uint8": tflite.TensorType.UINT8,
    "int16": tflite.TensorType.INT16,
    "int32": tflite.TensorType.INT32,
    "int64": tflite.TensorType.INT64,
    "float32": tflite.TensorType.FLOAT32,
    "resource": tflite.TensorType.RESOURCE,
}


@dataclass(kw_only=True)
class _Tensor:
    name: str
    shape: tuple[int, ...]
    dtype: str
    scales: tuple[float, ...]
    zero_points: tuple[int, ...]
    axis: int
    data: bytes | None
    signature: tuple[int, ...] | None
    variable: bool


@dataclass(kw_only=True)
class _Operator:
    code: int
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    options_type: int
    options: Callable[[Any], int] | None


@dataclass
class ModelBuilder:
    """Collects tensors and operators; nothing is checked, so that broken models can be written as well."""

    tensors: list[_Tensor] = field(default_factory=list)
    operators: list[_Operator] = field(default_factory=list)
    subgraphs: list[ModelBuilder] = field(default_factory=list)  # further ones, numbered from 1; they have no inputs and outputs

    def tensor(
        self,
        name: str,
        shape: Sequence[int],
        *,
        dtype: str = "int8",
        scale: float | Sequence[float] = (),
        zero_point: int | Sequence[int] = 0,
        axis: int = 0,
        data: np.ndarray | None = None,
        signature: Sequence[int] | None = None,
        variable: bool = False,
    ) -> int:
        scales = (scale,) if isinstance(scale, float) else tuple(scale)
        zero_points = (zero_point,) * len(scales) if isinstance(zero_point, int) else tuple(zero_point)
        self.tensors.append(
            _Tensor(
                name=name,
                shape=tuple(shape),
                dtype=dtype,
                scales=scales,
                zero_points=zero_points,
                axis=axis,
                data=None if data is None else np.ascontiguousarray(data, dtype=dtype).tobytes(),
                signature=None if signature is None else tuple(signature),
                variable=variable,
            )
        )
        return len(self.tensors) - 1

    def operator(self, code: str, inputs: Sequence[int], outputs: Sequence[int], options: str = "", **values: Any) -> None:
        """Add an operator; `values` are the options' fields by their names in the schema's builder."""
        number = getattr(tflite.BuiltinOperator, code)

        def write(builder: Any) -> int:
            fields = {name: builder.CreateString(value) if isinstance(value, str) else value for name, value in values.items()}
            getattr(tflite, f"{options}Start")(builder)
            for name, value in fields.items():
                getattr(tflite, f"{options}Add{name}")(builder, value)
            return int(getattr(tflite, f"{options}End")(builder))

        self.operators.append(
            _Operator(
                code=number,
                inputs=tuple(inputs),
                outputs=tuple(outputs),
                options_type=getattr(tflite.BuiltinOptions, options) if options else 0,
                options=write if options else None,
            )
        )

    def build(self, *, inputs: Sequence[int], outputs: Sequence[int], version: int = 3) -> bytes:
        builder = flatbuffers.Builder(4096)
        graphs = [self, *self.subgraphs]
        buffers = [_buffer(builder, None)]
        codes = sorted({operator.code for graph in graphs for operator in graph.operators})
        written = []
        for graph in graphs:
            first_buffer = len(buffers)
            buffers += [_buffer(builder, tensor.data) for tensor in graph.tensors]
            ends = (inputs, outputs) if graph is self else ((), ())
            written.append(graph.build_subgraph(builder, codes, first_buffer, *ends))
        subgraphs = _offsets(builder, tflite.ModelStartSubgraphsVector, written)
        code_vector = _offsets(builder, tflite.ModelStartOperatorCodesVector, [_code(builder, code) for code in codes])
        buffer_vector = _offsets(builder, tflite.ModelStartBuffersVector, buffers)
        tflite.ModelStart(builder)
        tflite.ModelAddVersion(builder, version)
        tflite.ModelAddOperatorCodes(builder, code_vector)
        tflite.ModelAddSubgraphs(builder, subgraphs)
        tflite.ModelAddBuffers(builder, buffer_vector)
        builder.Finish(tflite.ModelEnd(builder), file_identifier=b"TFL3")
        return bytes(builder.Output())

    def build_subgraph(self, builder: Any, codes: Sequence[int], first_buffer: int, inputs: Sequence[int], outputs: Sequence[int]) -> int:
        tensors = [_tensor(builder, tensor, first_buffer + index) for index, tensor in enumerate(self.tensors)]
        operators = [_operator(builder, operator, codes.index(operator.code)) for operator in self.operators]
        tensor_vector = _offsets(builder, tflite.SubGraphStartTensorsVector, tensors)
        operator_vector = _offsets(builder, tflite.SubGraphStartOperatorsVector, operators)
        input_vector = _int32s(builder, inputs)
        output_vector = _int32s(builder, outputs)
        tflite.SubGraphStart(builder)
        tflite.SubGraphAddTensors(builder, tensor_vector)
        tflite.SubGraphAddOperators(builder, operator_vector)
        tflite.SubGraphAddInputs(builder, input_vector)
        tflite.SubGraphAddOutputs(builder, output_vector)
        return int(tflite.SubGraphEnd(builder))


def _offsets(builder: Any, start: Callable[[Any, int], object], offsets: Sequence[int]) -> int:
    start(builder, len(offsets))
    for offset in reversed(offsets):
        builder.PrependUOffsetTRelative(offset)
    return int(builder.EndVector())


def _int32s(builder: Any, values: Sequence[int]) -> int:
    return int(builder.CreateNumpyVector(np.array(values, np.int32)))


def _buffer(builder: Any, data: bytes | None) -> int:
    vector = 0
    if data is not None:
        builder.Prep(16, len(data))
        vector = builder.CreateByteVector(data)
    tflite.BufferStart(builder)
    if vector:
        tflite.BufferAddData(builder, vector)
    return int(tflite.BufferEnd(builder))


def _tensor(builder: Any, tensor: _Tensor, buffer_index: int) -> int:
    name = builder.CreateString(tensor.name)
    shape = _int32s(builder, tensor.shape)
    signature = None if tensor.signature is None else _int32s(builder, tensor.signature)
    quantization = 0
    if tensor.scales:
        scales = builder.CreateNumpyVector(np.array(tensor.scales, np.float32))
        zero_points = builder.CreateNumpyVector(np.array(tensor.zero_points, np.int64))
        tflite.QuantizationParametersStart(builder)
        tflite.QuantizationParametersAddScale(builder, scales)
        tflite.QuantizationParametersAddZeroPoint(builder, zero_points)
        tflite.QuantizationParametersAddQuantizedDimension(builder, tensor.axis)
        quantization = tflite.QuantizationParametersEnd(builder)
    tflite.TensorStart(builder)
    tflite.TensorAddShape(builder, shape)
    tflite.TensorAddType(builder, _TYPES[tensor.dtype])
    tflite.TensorAddBuffer(builder, buffer_index)
    tflite.TensorAddName(builder, name)
    tflite.TensorAddIsVariable(builder, tensor.variable)
    if quantization:
        tflite.TensorAddQuantization(builder, quantization)
    if signature is not None:
        tflite.TensorAddShapeSignature(builder, signature)
    return int(tflite.TensorEnd(builder))


def _operator(builder: Any, operator: _Operator, code_index: int) -> int:
    options = operator.options(builder) if operator.options else 0
    inputs = _int32s(builder, operator.inputs)
    outputs = _int32s(builder, operator.outputs)
    tflite.OperatorStart(builder)
    tflite.OperatorAddOpcodeIndex(builder, code_index)
    tflite.OperatorAddInputs(builder, inputs)
    tflite.OperatorAddOutputs(builder, outputs)
    if options:
        tflite.OperatorAddBuiltinOptionsType(builder, operator.options_type)
        tflite.OperatorAddBuiltinOptions(builder, options)
    return int(tflite.OperatorEnd(builder))


def _code(builder: Any, code: int) -> int:
    tflite.OperatorCodeStart(builder)
    tflite.OperatorCodeAddDeprecatedBuiltinCode(builder, min(code, 127))
    tflite.OperatorCodeAddBuiltinCode(builder, code)
    tflite.OperatorCodeAddVersion(builder, 1)
    return int(tflite.OperatorCodeEnd(builder))
