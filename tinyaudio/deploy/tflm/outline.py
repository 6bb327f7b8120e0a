"""What the glue must know of a ``.tflite``: its operators by name, and its two ends. TFLite Micro itself reads the rest.

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


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorUse:
    """One operator of the model."""

    index: int  # position in its subgraph
    kind: str  # TensorFlow Lite's name, as "CONV_2D"
    name: str  # of its first output tensor
    inputs: tuple[int, ...]  # tensor indices; -1 for an optional one that is not there
    outputs: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outline:
    """A model as the glue sees it."""

    operators: tuple[OperatorUse, ...]  # of the first subgraph, in execution order
    called: tuple[OperatorUse, ...]  # of all other subgraphs
    activation_bytes: int  # of all tensors that are no constants
    largest_activation_bytes: int
    variables: int  # resource variables
    input_: TensorSummary
    output_: TensorSummary
    logits: TensorSummary  # in front of a final softmax; without one, the output
    logits_tensor: int  # its index; that of the output without a softmax
    output_tensor: int

    @property
    def kinds(self) -> tuple[str, ...]:
        """The operators that the resolver needs, sorted."""
        return tuple(sorted({use.kind for use in (*self.operators, *self.called)}))


def read_outline(tflite_bytes: bytes) -> Outline:
    """Return the outline of a ``.tflite`` file.

    Raises
    ------
    ModelError
        If the file is malformed, or has other ends than one int8 input and one int8 output.
    """
    return guarded(lambda: _read_outline(open_model(tflite_bytes)))


def _read_outline(model: Any) -> Outline:
    if model.SubgraphsLength() < 1:
        raise ModelError("the model has no subgraph", hint=_EXPORT_AGAIN, where=".tflite")
    graph = model.Subgraphs(0)
    operators = _operators(model, graph)
    called = tuple(use for index in range(1, model.SubgraphsLength()) for use in _operators(model, model.Subgraphs(index)))
    input_ = _end(graph, "input", graph.InputsLength(), graph.Inputs)
    output = _end(graph, "output", graph.OutputsLength(), graph.Outputs)
    softmax = next((use for use in operators if output in use.outputs and use.kind == "SOFTMAX"), None)
    logits = softmax.inputs[0] if softmax is not None else output
    sizes = _activation_sizes(model, graph)
    return Outline(
        operators=operators,
        called=called,
        activation_bytes=sum(sizes),
        largest_activation_bytes=max(sizes, default=0),
        variables=len({use.name for use in (*operators, *called) if use.kind == "VAR_HANDLE"}),
        input_=_summary(graph, input_),
        output_=_summary(graph, output),
        logits=_summary(graph, logits),
        logits_tensor=logits,
        output_tensor=output,
    )


def _operators(model: Any, graph: Any) -> tuple[OperatorUse, ...]:
    count = graph.OperatorsLength()
    if count > _MAX_OPERATORS:
        raise ModelError(f"the model has {count} operators", hint="the file is damaged; export or copy the model again", where=".tflite")
    uses = []
    for index in range(count):
        source = graph.Operators(index)
        outputs = tuple(int(source.Outputs(position)) for position in range(source.OutputsLength()))
        uses.append(
            OperatorUse(
                index=index,
                kind=_kind(model, source.OpcodeIndex()),
                name=_tensor(graph, outputs[0]).Name().decode("utf-8", errors="replace") if outputs else "",
                inputs=tuple(int(source.Inputs(position)) for position in range(source.InputsLength())),
                outputs=outputs,
            )
        )
    return tuple(uses)


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
    if tensor.Type() != tflite.TensorType.INT8 or quantization is None or quantization.ScaleLength() != 1:
        raise ModelError(f"the tensor {(tensor.Name() or b'').decode()!r} is not int8 with one scale", hint=_EXPORT_AGAIN, where=role)
    return index


def _summary(graph: Any, index: int) -> TensorSummary:
    tensor = _tensor(graph, index)
    shape = _shape(tensor)
    quantization = tensor.Quantization()
    scaled = quantization is not None and quantization.ScaleLength() > 0
    return TensorSummary(
        index=index,
        name=(tensor.Name() or b"").decode("utf-8", errors="replace"),
        shape=shape,
        elements=math.prod(shape),
        scale=float(quantization.Scale(0)) if scaled else 1.0,
        zero_point=int(quantization.ZeroPoint(0)) if scaled and quantization.ZeroPointLength() else 0,
    )


def _shape(tensor: Any) -> tuple[int, ...]:
    shape = tuple(int(tensor.Shape(axis)) for axis in range(tensor.ShapeLength()))
    if any(size < 1 for size in shape):
        name = (tensor.Name() or b"").decode("utf-8", errors="replace")
        raise ModelError(f"its shape {list(shape)} is dynamic", hint="export the model with a fixed batch size of 1", where=f"tensor {name!r}")
    return shape


_ITEM_BYTES = {
    tflite.TensorType.INT8: 1,
    tflite.TensorType.UINT8: 1,
    tflite.TensorType.BOOL: 1,
    tflite.TensorType.INT16: 2,
    tflite.TensorType.INT64: 8,
}


def _activation_sizes(model: Any, graph: Any) -> list[int]:
    sizes = []
    for index in range(graph.TensorsLength()):
        tensor = graph.Tensors(index)
        buffer = model.Buffers(tensor.Buffer())
        if buffer.DataIsNone() or buffer.DataLength() == 0:
            sizes.append(math.prod(_shape(tensor)) * _ITEM_BYTES.get(tensor.Type(), 4))
    return sizes
