"""What the glue must know of a ``.tflite``: its operators by name and size, and its two ends. TFLite Micro itself reads the rest.

Any operator may be in it, also those that tinyaudio's own compiler does not know.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import tflite

from tinyaudio.core.errors import ModelError
from tinyaudio.core.tflite_metadata import guarded, open_model
from tinyaudio.deploy.compiler import TensorSummary

_EXPORT_AGAIN = "export the model with full-integer INT8 quantization, one input and one output"
_MAX_OPERATORS = 1 << 12
_ALIGNMENT_BYTES = 16
_SUM_BYTES = 4
_CONVERSIONS = ("QUANTIZE", "DEQUANTIZE")
_FINAL_KINDS = ("SOFTMAX", "LOGISTIC")
_WITH_WEIGHTS = frozenset({"CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED", "TRANSPOSE_CONV"})
#: Types that an end may have, by NumPy's name.
_DTYPES = {
    tflite.TensorType.INT8: "int8",
    tflite.TensorType.UINT8: "uint8",
    tflite.TensorType.INT16: "int16",
    tflite.TensorType.INT32: "int32",
    tflite.TensorType.FLOAT32: "float32",
}
_NOT_QUANTIZED = (tflite.TensorType.FLOAT32, tflite.TensorType.INT32)


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorUse:
    """One operator of the model."""

    index: int  # position in its subgraph
    kind: str  # TensorFlow Lite's name, as "CONV_2D"
    name: str  # of its first output tensor
    inputs: tuple[int, ...]  # tensor indices; -1 for an optional one that is not there
    outputs: tuple[int, ...]
    input_shape: tuple[int, ...]  # of the first one that is computed
    output_shape: tuple[int, ...]
    macs: int  # multiply-accumulates of one inference
    weights_bytes: int  # of its constant inputs
    is_plain: bool = False  # its numbers keep clear of what `defects` knows of its kind


@dataclass(frozen=True, slots=True, kw_only=True)
class Outline:
    """A model as the glue sees it."""

    operators: tuple[OperatorUse, ...]  # of the first subgraph, in execution order
    called: tuple[OperatorUse, ...]  # of all other subgraphs
    live_bytes: int  # of the activations that are needed at once, where these are most
    sums_bytes: int  # the largest scratch of 32-bit sums: the reference kernel of TRANSPOSE_CONV keeps one for each output value
    variables: int  # resource variables
    state_bytes: int  # of resource variables and variable tensors: what a streaming model keeps from one inference to the next
    input_: TensorSummary
    output_: TensorSummary
    logits: TensorSummary  # in front of a final softmax or logistic function; without one, the output
    file_output: int  # tensor that the file names as its output

    @property
    def kinds(self) -> tuple[str, ...]:
        """The operators that the resolver needs, sorted."""
        return tuple(sorted({use.kind for use in (*self.operators, *self.called)}))

    @property
    def exposed(self) -> tuple[str, ...]:
        """Those of `kinds` that may meet a known defect of their kernels."""
        return tuple(sorted({use.kind for use in (*self.operators, *self.called) if not use.is_plain}))


def read_outline(tflite_bytes: bytes, *, int8_ends: bool = False) -> Outline:
    """Return the outline of a ``.tflite`` file.

    Parameters
    ----------
    tflite_bytes
        The file's bytes.
    int8_ends
        The output is the int8 tensor in front of a final conversion to another type, for firmware that has int8 at both ends.

    Raises
    ------
    ModelError
        If the file is malformed, has not one input and one output of numbers that are quantized or float32, or with
        `int8_ends` an end that is not int8.
    """
    return guarded(lambda: _read_outline(open_model(tflite_bytes), int8_ends=int8_ends))


def _read_outline(model: Any, *, int8_ends: bool) -> Outline:
    if model.SubgraphsLength() < 1:
        raise ModelError("the model has no subgraph", hint=_EXPORT_AGAIN, where=".tflite")
    graph = model.Subgraphs(0)
    operators = _operators(model, graph)
    called = tuple(use for index in range(1, model.SubgraphsLength()) for use in _operators(model, model.Subgraphs(index)))
    input_ = _end(graph, "input", graph.InputsLength(), graph.Inputs)
    file_output = _end(graph, "output", graph.OutputsLength(), graph.Outputs)
    output = _int8_output(graph, operators, file_output) if int8_ends else file_output
    if int8_ends:
        for role, index in (("input", input_), ("output", output)):
            _require_int8(graph, role, index)
    logits = _logits(operators, output)
    used = {input_, file_output, *(index for use in operators for index in (*use.inputs, *use.outputs) if index >= 0)}
    sizes = _activation_sizes(model, graph, used)
    return Outline(
        operators=operators,
        called=called,
        live_bytes=_live_bytes(operators, sizes, ends=(input_, file_output, output, logits)),
        sums_bytes=max((_SUM_BYTES * math.prod(use.output_shape) for use in operators if use.kind == "TRANSPOSE_CONV"), default=0),
        variables=len({use.name for use in (*operators, *called) if use.kind == "VAR_HANDLE"}),
        state_bytes=_state_bytes(graph, operators),
        input_=_summary(graph, input_),
        output_=_summary(graph, output),
        logits=_summary(graph, logits),
        file_output=file_output,
    )


def _int8_output(graph: Any, operators: tuple[OperatorUse, ...], output: int) -> int:
    """Return the tensor in front of a final conversion from int8; without one, the output."""
    writer = _writer(operators, output)
    is_converted = _tensor(graph, output).Type() != tflite.TensorType.INT8 and writer is not None and writer.kind in _CONVERSIONS
    return writer.inputs[0] if writer is not None and is_converted else output


def _require_int8(graph: Any, role: str, index: int) -> None:
    tensor = _tensor(graph, index)
    if tensor.Type() != tflite.TensorType.INT8:
        raise ModelError(f"the model's {role} is not int8", hint=f"export with inference_{role}_type = int8", where=f"tensor {_name(tensor)!r}")


def _logits(operators: tuple[OperatorUse, ...], output: int) -> int:
    """Return the tensor in front of a final softmax or logistic function, behind which values may only be converted; else the output."""
    tensor = output
    while True:
        writer = _writer(operators, tensor)
        if writer is None or writer.kind not in (*_CONVERSIONS, *_FINAL_KINDS):
            return output
        tensor = writer.inputs[0]
        if writer.kind in _FINAL_KINDS:
            return tensor


def _writer(operators: tuple[OperatorUse, ...], tensor: int) -> OperatorUse | None:
    return next((use for use in operators if tensor in use.outputs), None)


def _state_bytes(graph: Any, operators: tuple[OperatorUse, ...]) -> int:
    assigned = {use.inputs[0]: use.inputs[1] for use in operators if use.kind == "ASSIGN_VARIABLE"}
    tensors = [*assigned.values(), *(index for index in range(graph.TensorsLength()) if graph.Tensors(index).IsVariable())]
    return sum(_bytes_of(_tensor(graph, index)) for index in tensors)


def _operators(model: Any, graph: Any) -> tuple[OperatorUse, ...]:
    count = graph.OperatorsLength()
    if count > _MAX_OPERATORS:
        raise ModelError(f"the model has {count} operators", hint="the file is damaged; export or copy the model again", where=".tflite")
    uses = []
    for index in range(count):
        uses.append(_operator(model, graph, index))
    return tuple(uses)


def _operator(model: Any, graph: Any, index: int) -> OperatorUse:
    source = graph.Operators(index)
    kind = _kind(model, source.OpcodeIndex())
    inputs = tuple(int(source.Inputs(position)) for position in range(source.InputsLength()))
    outputs = tuple(int(source.Outputs(position)) for position in range(source.OutputsLength()))
    given = [_tensor(graph, tensor) for tensor in inputs if tensor >= 0]
    constants = [tensor for tensor in given if _is_constant(model, tensor)]
    computed = next((tensor for tensor in given if not _is_constant(model, tensor)), None)
    output = _tensor(graph, outputs[0]) if outputs else None
    input_shape = _sizes(computed) if computed is not None else ()
    output_shape = _sizes(output) if output is not None else ()
    return OperatorUse(
        index=index,
        kind=kind,
        name=_name(output) if output is not None else "",
        inputs=inputs,
        outputs=outputs,
        input_shape=input_shape,
        output_shape=output_shape,
        macs=_macs(kind, max(constants, key=lambda tensor: math.prod(_sizes(tensor)), default=None), input_shape, output_shape),
        weights_bytes=sum(int(model.Buffers(tensor.Buffer()).DataLength()) for tensor in constants),
        is_plain=kind == "TRANSPOSE_CONV" and _is_aligned_on_top(graph, source, input_shape, output_shape),
    )


def _is_aligned_on_top(graph: Any, source: Any, input_shape: tuple[int, ...], output_shape: tuple[int, ...]) -> bool:
    """Return whether the top padding of a transposed convolution is a multiple of its stride. Kernels compute it as here."""
    table = source.BuiltinOptions()
    if table is None or not len(input_shape) == len(output_shape) == 4:
        return False
    options = tflite.TransposeConvOptions()
    options.Init(table.Bytes, table.Pos)
    stride, kernel_rows = int(options.StrideH()), _sizes(_tensor(graph, int(source.Inputs(1))))[1]
    padding_rows = max((input_shape[1] - 1) * stride + kernel_rows - output_shape[1], 0)
    return stride > 0 and padding_rows // 2 % stride == 0


def _macs(kind: str, weights: Any, input_shape: tuple[int, ...], output_shape: tuple[int, ...]) -> int:
    """Return multiply-accumulates: every weight once at each place; the places are the output's, of a transposed convolution the input's."""
    shape = {"TRANSPOSE_CONV": input_shape}.get(kind, output_shape)
    if kind not in _WITH_WEIGHTS or weights is None or not shape:
        return 0
    return math.prod(_sizes(weights)) * math.prod(shape[:-1])


def _kind(model: Any, code_index: int) -> str:
    if not 0 <= code_index < model.OperatorCodesLength():
        raise ModelError(f"an operator names code {code_index} of {model.OperatorCodesLength()}", hint=_EXPORT_AGAIN, where=".tflite")
    code = model.OperatorCodes(code_index)
    builtin = max(int(code.BuiltinCode()), int(code.DeprecatedBuiltinCode()))
    if builtin == tflite.BuiltinOperator.CUSTOM:
        return f"CUSTOM {(code.CustomCode() or b'').decode('utf-8', errors='replace')!r}"
    return str(tflite.BUILTIN_OPCODE2NAME.get(builtin, f"number {builtin}"))


def _tensor(graph: Any, index: int) -> Any:
    if not 0 <= index < graph.TensorsLength():
        raise ModelError(f"tensor {index} of {graph.TensorsLength()} does not exist", hint=_EXPORT_AGAIN, where=".tflite")
    return graph.Tensors(index)


def _end(graph: Any, role: str, count: int, element: Any) -> int:
    if count != 1:
        raise ModelError(f"the model has {count} {role}s; one is supported", hint=_EXPORT_AGAIN, where=role)
    index = int(element(0))
    tensor = _tensor(graph, index)
    quantization = tensor.Quantization()
    has_scale = quantization is not None and quantization.ScaleLength() == 1
    if tensor.Type() not in _DTYPES or not (has_scale or tensor.Type() in _NOT_QUANTIZED):
        raise ModelError(f"the tensor {_name(tensor)!r} is neither quantized with one scale nor float32", hint=_EXPORT_AGAIN, where=role)
    return index


def _summary(graph: Any, index: int) -> TensorSummary:
    tensor = _tensor(graph, index)
    shape = _shape(tensor)
    quantization = tensor.Quantization()
    scaled = quantization is not None and quantization.ScaleLength() > 0
    return TensorSummary(
        index=index,
        name=_name(tensor),
        shape=shape,
        elements=math.prod(shape),
        scale=float(quantization.Scale(0)) if scaled else 1.0,
        zero_point=int(quantization.ZeroPoint(0)) if scaled and quantization.ZeroPointLength() else 0,
        dtype=_DTYPES.get(tensor.Type(), "int32"),
    )


def _name(tensor: Any) -> str:
    return (tensor.Name() or b"").decode("utf-8", errors="replace")


def _sizes(tensor: Any) -> tuple[int, ...]:
    return tuple(int(tensor.Shape(axis)) for axis in range(tensor.ShapeLength()))


def _shape(tensor: Any) -> tuple[int, ...]:
    shape = _sizes(tensor)
    if any(size < 1 for size in shape):
        hint = "export the model with a fixed batch size of 1"
        raise ModelError(f"its shape {list(shape)} is dynamic", hint=hint, where=f"tensor {_name(tensor)!r}")
    return shape


def _is_constant(model: Any, tensor: Any) -> bool:
    buffer = model.Buffers(tensor.Buffer())
    return not buffer.DataIsNone() and buffer.DataLength() > 0


def _bytes_of(tensor: Any) -> int:
    return math.prod(_shape(tensor)) * _ITEM_BYTES.get(tensor.Type(), 4)


_ITEM_BYTES = {
    tflite.TensorType.INT8: 1,
    tflite.TensorType.UINT8: 1,
    tflite.TensorType.BOOL: 1,
    tflite.TensorType.INT16: 2,
    tflite.TensorType.INT64: 8,
}


def _activation_sizes(model: Any, graph: Any, used: set[int]) -> dict[int, int]:
    """Return {tensor: bytes, as the arena holds them} of all `used` that are no constants; an LSTM leaves others of no size behind."""
    tensors = ((index, graph.Tensors(index)) for index in sorted(used))
    return {index: -(-_bytes_of(tensor) // _ALIGNMENT_BYTES) * _ALIGNMENT_BYTES for index, tensor in tensors if not _is_constant(model, tensor)}


def _live_bytes(operators: tuple[OperatorUse, ...], sizes: dict[int, int], *, ends: tuple[int, ...]) -> int:
    """Return the bytes of the activations that are needed while one operator runs, of the operator with most. The ends live throughout."""
    first = dict.fromkeys(ends, 0)
    last = dict.fromkeys(ends, len(operators))
    for position, use in enumerate(operators):
        for index in (*use.inputs, *use.outputs):
            first.setdefault(index, position)
            last[index] = max(last.get(index, 0), position)
    alive = [[index for index in first if first[index] <= position <= last[index]] for position in range(len(operators))]
    return max((sum(sizes.get(index, 0) for index in indices) for indices in alive), default=0)
