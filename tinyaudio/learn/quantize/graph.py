"""Look into a ``.tflite``, and make the padding of its stride-2 convolutions explicit.

The converter fuses a padding layer and the convolution behind it into SAME, so the PAD is put in after the conversion.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from tinyaudio.core.errors import ModelError
from tinyaudio.learn.training import import_tensorflow


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelDescription:
    """The two ends of a full-integer model, and what lies between."""

    input_scale: float
    input_zero_point: int
    output_scale: float
    output_zero_point: int
    ops: tuple[str, ...]  # builtin operator names in execution order


def describe_model(tflite: bytes) -> ModelDescription:
    """Return scales, zero points and operators of a model with one int8 input and one int8 output.

    Raises
    ------
    ModelError
        If it has other ends.
    """
    schema = _schema()
    model = schema.ModelT.InitFromPackedBuf(tflite, 0)
    graph = model.subgraphs[0]
    names = {value: name for name, value in vars(schema.BuiltinOperator).items() if isinstance(value, int)}
    ends = []
    for role, indices in (("input", graph.inputs), ("output", graph.outputs)):
        if len(indices) != 1:
            raise ModelError(f"the model has {len(indices)} {role}s; one is supported", hint="export it with one input and one output", where=role)
        tensor = graph.tensors[indices[0]]
        if tensor.type != schema.TensorType.INT8 or tensor.quantization is None or tensor.quantization.scale is None:
            raise ModelError(f"the tensor {tensor.name.decode()!r} is not int8", hint="convert the model to full-integer INT8", where=role)
        ends.append((float(tensor.quantization.scale[0]), int(tensor.quantization.zeroPoint[0])))
    return ModelDescription(
        input_scale=ends[0][0],
        input_zero_point=ends[0][1],
        output_scale=ends[1][0],
        output_zero_point=ends[1][1],
        ops=tuple(names[model.operatorCodes[operator.opcodeIndex].builtinCode] for operator in graph.operators),
    )


def same_padding(size: int, *, kernel: int, stride: int) -> tuple[int, int]:
    """Return (before, after) that SAME pads a dimension of `size` by.

    The total is ``max((ceil(size / stride) - 1) * stride + kernel - size, 0)``, the smaller half in front (TensorFlow,
    "Neural network: notes on padding", SAME).
    """
    total = max((-(-size // stride) - 1) * stride + kernel - size, 0)
    return total // 2, total - total // 2


def make_stride_padding_explicit(tflite: bytes) -> bytes:
    """Turn every strided SAME convolution into PAD of the same amounts and a VALID convolution.

    The results are the same bits: PAD fills with the zero point, which is what SAME computes with. Some vendors' kernels
    compute SAME with asymmetric padding wrongly, and all of them compute VALID rightly. Other operators stay as they are.
    """
    schema = _schema()
    model = schema.ModelT.InitFromPackedBuf(tflite, 0)
    for graph in model.subgraphs:
        operators = []
        for operator in graph.operators:
            if _is_strided_same(schema, operator):
                operators += _padded(schema, model, graph, operator)
            else:
                operators.append(operator)
        graph.operators = operators
    return _packed(model)


def _schema() -> Any:
    import_tensorflow()
    from tensorflow.lite.python import schema_py_generated

    return schema_py_generated


def _is_strided_same(schema: Any, operator: Any) -> bool:
    if not isinstance(operator.builtinOptions, schema.Conv2DOptionsT | schema.DepthwiseConv2DOptionsT):
        return False
    options = operator.builtinOptions
    is_dilated = (options.dilationHFactor, options.dilationWFactor) != (1, 1)
    return bool(options.padding == schema.Padding.SAME and max(options.strideH, options.strideW) > 1 and not is_dilated)


def _padded(schema: Any, model: Any, graph: Any, operator: Any) -> list[Any]:
    """Return [PAD, the VALID convolution]; [the convolution as VALID] if SAME pads by nothing."""
    options = operator.builtinOptions
    source, kernel = graph.tensors[operator.inputs[0]], graph.tensors[operator.inputs[1]]
    strides = (options.strideH, options.strideW)
    amounts = [same_padding(int(source.shape[axis]), kernel=int(kernel.shape[axis]), stride=strides[axis - 1]) for axis in (1, 2)]
    options.padding = schema.Padding.VALID
    if amounts == [(0, 0), (0, 0)]:
        return [operator]
    paddings = np.array([(0, 0), *amounts, (0, 0)], np.int32)
    result = _tensor(schema, source.name + b"_padded", source.shape + paddings.sum(axis=1), source.type, 0)
    result.quantization = source.quantization
    pad = schema.OperatorT()
    pad.opcodeIndex = _pad_opcode(schema, model)
    pad.inputs = np.array([operator.inputs[0], _add_constant(schema, model, graph, source.name + b"_paddings", paddings)], np.int32)
    pad.outputs = np.array([_add_tensor(graph, result)], np.int32)
    pad.builtinOptionsType = schema.BuiltinOptions.PadOptions
    pad.builtinOptions = schema.PadOptionsT()
    operator.inputs = np.array([pad.outputs[0], *operator.inputs[1:]], np.int32)
    return [pad, operator]


def _pad_opcode(schema: Any, model: Any) -> int:
    """Return the index of PAD's operator code, adding it if need be. Version 2 is the one for int8."""
    for index, code in enumerate(model.operatorCodes):
        if code.builtinCode == schema.BuiltinOperator.PAD:
            return index
    code = schema.OperatorCodeT()
    code.builtinCode = code.deprecatedBuiltinCode = schema.BuiltinOperator.PAD
    code.version = 2
    model.operatorCodes.append(code)
    return len(model.operatorCodes) - 1


def _add_constant(schema: Any, model: Any, graph: Any, name: bytes, values: Any) -> int:
    buffer = schema.BufferT()
    buffer.data = np.frombuffer(values.astype("<i4").tobytes(), np.uint8)
    model.buffers.append(buffer)
    return _add_tensor(graph, _tensor(schema, name, values.shape, schema.TensorType.INT32, len(model.buffers) - 1))


def _add_tensor(graph: Any, tensor: Any) -> int:
    graph.tensors.append(tensor)
    return len(graph.tensors) - 1


def _tensor(schema: Any, name: bytes, shape: Any, element_type: int, buffer_index: int) -> Any:
    tensor = schema.TensorT()
    tensor.name, tensor.shape, tensor.type, tensor.buffer, tensor.hasRank = name, np.array(shape, np.int32), element_type, buffer_index, True
    return tensor


def _packed(model: Any) -> bytes:
    import flatbuffers

    builder = flatbuffers.Builder(1_024)
    builder.Finish(model.Pack(builder), file_identifier=b"TFL3")
    return bytes(builder.Output())
