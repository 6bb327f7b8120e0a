"""SOFTMAX."""

from __future__ import annotations

from dataclasses import dataclass

import tflite

from tinyaudio.deploy.compiler.arithmetic import softmax_scaling
from tinyaudio.deploy.compiler.graph import Graph, Kernel, Numbers, Operation, Pointer
from tinyaudio.deploy.compiler.view import OperatorView

#: The reference's last shift, a division by 2^(23 + log2 of the row's length), ends at 31.
MAX_DEPTH = 511

#: Type of the output -> the scale and zero point that the reference takes it to have, and by how much, relative, the scale may differ.
_OUTPUTS = {"int8": (1 / 256, -128, 0.0), "int16": (1 / 65536, -32768, 1e-3)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Softmax(Operation):
    """e^(beta x) over the sum of all, along the last dimension."""

    beta: float

    def lower(self, graph: Graph) -> tuple[Kernel, ...]:
        """Return `softmax`, in place."""
        values = graph.tensor(self.inputs[0])
        scaling = softmax_scaling(beta=self.beta, input_scale=values.scale)
        depth = values.shape[-1]
        numbers = Numbers(values=(values.elements // depth, depth, scaling.multiplier, scaling.left_shift, scaling.smallest_difference))
        arguments = (Pointer(tensor=self.inputs[0]), Pointer(tensor=self.outputs[0]), numbers)
        in_place = (0,) if graph.tensor(self.outputs[0]).dtype == "int8" else ()
        return (Kernel(function="softmax", header="softmax.h", arguments=arguments, in_place=in_place),)


def read(view: OperatorView) -> Softmax:
    """Read and check a SOFTMAX."""
    view.expect_arity(inputs=(1,))
    values = view.int8_activation(view.input(0))
    view.expect_output_shape(values.shape)
    output = view.tensors[view.outputs[0]]
    if output.dtype not in _OUTPUTS or output.data is not None:
        view.fail(f"tensor {output.describe()} must be an int8 activation")
    scale, zero_point, tolerance = _OUTPUTS[output.dtype]
    if abs(view.quantized(output).scale - scale) > tolerance * scale or output.zero_point != zero_point:
        view.fail(f"its output has scale {output.scale} and zero point {output.zero_point}; 1/{round(1 / scale)} and {zero_point} are supported")
    if not values.shape or values.shape[-1] > MAX_DEPTH:
        view.fail(f"its rows in {values.describe()} are not 1 to {MAX_DEPTH} long")
    beta = float(view.options(tflite.SoftmaxOptions, tflite.BuiltinOptions.SoftmaxOptions).Beta())
    try:
        softmax_scaling(beta=beta, input_scale=values.scale)
    except ValueError as error:
        view.fail(str(error))
    return Softmax(index=view.index, kind=view.kind, inputs=view.inputs, outputs=view.outputs, beta=beta)
