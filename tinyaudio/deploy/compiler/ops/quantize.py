"""QUANTIZE and DEQUANTIZE: between float and quantized values, and between quantizations."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tinyaudio.deploy.compiler.arithmetic import FixedPointMultiplier, quantize_multiplier
from tinyaudio.deploy.compiler.fixed_point import Int64Array, multiply_by_quantized_multiplier
from tinyaudio.deploy.compiler.graph import Graph, Kernel, Numbers, Operation, Pointer
from tinyaudio.deploy.compiler.ops.lookup import BYTE_TYPES, read_lookup
from tinyaudio.deploy.compiler.view import OperatorView

#: Pairs of input and output type between which TensorFlow Lite Micro requantizes.
_PAIRS = {
    "int8": ("int8", "uint8", "int16", "int32"),
    "uint8": ("int8",),
    "int16": ("int8", "int16", "int32"),
    "int32": ("int8", "int16"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Quantize(Operation):
    """From real numbers to int8 or int16."""

    def lower(self, graph: Graph) -> tuple[Kernel, ...]:
        """Return `quantize`."""
        output = graph.tensor(self.outputs[0])
        numbers = Numbers(values=(output.elements, float_literal(output.scale), output.zero_point))
        arguments = (Pointer(tensor=self.inputs[0]), Pointer(tensor=self.outputs[0]), numbers)
        return (Kernel(function="quantize", header="quantize.h", arguments=arguments),)


@dataclass(frozen=True, slots=True, kw_only=True)
class Dequantize(Operation):
    """From int8, uint8 or int16 to real numbers."""

    def lower(self, graph: Graph) -> tuple[Kernel, ...]:
        """Return `dequantize`."""
        values = graph.tensor(self.inputs[0])
        numbers = Numbers(values=(values.elements, float_literal(values.scale), values.zero_point))
        arguments = (Pointer(tensor=self.inputs[0]), Pointer(tensor=self.outputs[0]), numbers)
        return (Kernel(function="dequantize", header="quantize.h", arguments=arguments),)


@dataclass(frozen=True, slots=True, kw_only=True)
class Requantize(Operation):
    """From one quantization to another one, where a side is wider than a byte."""

    fixed: FixedPointMultiplier  # scale of the input / scale of the output

    def lower(self, graph: Graph) -> tuple[Kernel, ...]:
        """Return `requantize_values`."""
        values, output = graph.tensor(self.inputs[0]), graph.tensor(self.outputs[0])
        numbers = Numbers(values=(values.elements, self.fixed.multiplier, self.fixed.right_shift, values.zero_point, output.zero_point))
        arguments = (Pointer(tensor=self.inputs[0]), Pointer(tensor=self.outputs[0]), numbers)
        return (Kernel(function="requantize_values", header="quantize.h", arguments=arguments),)


def read_quantize(view: OperatorView) -> Operation:
    """Read a QUANTIZE: a table between bytes, else arithmetic."""
    view.expect_arity(inputs=(1,))
    values, output = view.input(0), view.tensors[view.outputs[0]]
    view.expect_output_shape(values.shape)
    if values.dtype == "float32" and output.dtype in ("int8", "int16"):
        view.quantized(output)
        return Quantize(index=view.index, kind=view.kind, inputs=view.inputs, outputs=view.outputs)
    if output.dtype not in _PAIRS.get(values.dtype, ()):
        view.fail(f"from {values.describe()} to {output.describe()} is not supported")
    view.quantized(values)
    view.quantized(output)
    try:
        fixed = quantize_multiplier(values.scale / output.scale)
    except ValueError as error:
        view.fail(str(error), hint="export the model again; its scales do not fit together")
    if values.dtype in BYTE_TYPES and output.dtype in BYTE_TYPES:

        def rescaled(x: Int64Array) -> Int64Array:
            return multiply_by_quantized_multiplier(x - values.zero_point, fixed) + output.zero_point

        return read_lookup(view, rescaled)
    return Requantize(index=view.index, kind=view.kind, inputs=view.inputs, outputs=view.outputs, fixed=fixed)


def read_dequantize(view: OperatorView) -> Dequantize:
    """Read a DEQUANTIZE."""
    view.expect_arity(inputs=(1,))
    values, output = view.input(0), view.tensors[view.outputs[0]]
    if values.dtype not in (*BYTE_TYPES, "int16") or output.dtype != "float32":
        view.fail(f"from {values.describe()} to {output.describe()} is not supported")
    view.quantized(values)
    view.expect_output_shape(values.shape)
    return Dequantize(index=view.index, kind=view.kind, inputs=view.inputs, outputs=view.outputs)


def float_literal(value: float) -> str:
    """Return a float32 as a C++ literal, exact."""
    return f"{float(np.float32(value)).hex()}f"
