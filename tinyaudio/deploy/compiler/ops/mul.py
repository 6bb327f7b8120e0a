"""MUL."""

from __future__ import annotations

from dataclasses import dataclass

import tflite

from tinyaudio.deploy.compiler.arithmetic import FixedPointMultiplier, quantize_multiplier
from tinyaudio.deploy.compiler.graph import Graph, Kernel, Numbers
from tinyaudio.deploy.compiler.ops.binary import BinaryOperation, read_operands
from tinyaudio.deploy.compiler.view import OperatorView

_MAX_LEFT_SHIFT = 14  # a product of two bytes stays within int32


@dataclass(frozen=True, slots=True, kw_only=True)
class Product(BinaryOperation):
    """The product of two tensors."""

    fixed: FixedPointMultiplier  # product of the inputs' scales / scale of the output

    def lower(self, graph: Graph) -> tuple[Kernel, ...]:
        """Return `multiply`."""
        first, second = (graph.tensor(index) for index in self.inputs)
        output = graph.tensor(self.outputs[0])
        numbers = (
            self.grid(graph),
            first.zero_point,
            second.zero_point,
            (output.zero_point, self.fixed.multiplier, self.fixed.right_shift),
            self.bounds,
        )
        arguments = (*self.pointers(graph), Numbers(values=numbers))
        return (Kernel(function="multiply", header="elementwise.h", arguments=arguments, in_place=self.overwritable(graph)),)


def read(view: OperatorView) -> Product:
    """Read and check a MUL."""
    first, second, output = read_operands(view)
    try:
        fixed = quantize_multiplier(first.scale * second.scale / output.scale)
    except ValueError as error:
        view.fail(str(error), hint="export the model again; its scales do not fit together")
    if -fixed.right_shift > _MAX_LEFT_SHIFT:
        view.fail("its output's scale is too small for its inputs'")
    bounds = view.bounds(view.options(tflite.MulOptions, tflite.BuiltinOptions.MulOptions).FusedActivationFunction())
    return Product(index=view.index, kind=view.kind, inputs=view.inputs, outputs=view.outputs, bounds=bounds, fixed=fixed)
