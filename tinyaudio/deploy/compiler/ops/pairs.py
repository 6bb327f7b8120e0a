"""MAXIMUM, MINIMUM, SQUARED_DIFFERENCE and PRELU."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tinyaudio.deploy.compiler.arithmetic import FixedPointMultiplier, quantize_multiplier
from tinyaudio.deploy.compiler.graph import Graph, Kernel, Number, Numbers
from tinyaudio.deploy.compiler.ops.binary import PairOperation, read_operands
from tinyaudio.deploy.compiler.view import OperatorView

_LEFT_SHIFT = 7  # bits by which the reference raises both inputs before it rescales and squares their difference
_MAX_LEFT_SHIFT = 14  # a product of two bytes stays within int32
_FUNCTIONS = {"MAXIMUM": "maximum", "MINIMUM": "minimum"}
_SCALES = "export the model again; its scales do not fit together"


@dataclass(frozen=True, slots=True, kw_only=True)
class Extreme(PairOperation):
    """The larger or the smaller of two values."""

    def lower(self, graph: Graph) -> tuple[Kernel, ...]:
        """Return `maximum` or `minimum`."""
        arguments = (*self.pointers(graph), Numbers(values=self.grid(graph)))
        return (Kernel(function=_FUNCTIONS[self.kind], header="elementwise.h", arguments=arguments, in_place=self.overwritable(graph)),)


@dataclass(frozen=True, slots=True, kw_only=True)
class SquaredDifference(PairOperation):
    """The square of the difference of two tensors that are brought to a common scale."""

    first: FixedPointMultiplier
    second: FixedPointMultiplier
    output: FixedPointMultiplier

    def lower(self, graph: Graph) -> tuple[Kernel, ...]:
        """Return `squared_difference`."""
        tensors = (graph.tensor(index) for index in (*self.inputs, self.outputs[0]))
        fixed = (self.first, self.second, self.output)
        rescalings = tuple((tensor.zero_point, one.multiplier, one.right_shift) for tensor, one in zip(tensors, fixed, strict=True))
        arguments = (*self.pointers(graph), Numbers(values=(self.grid(graph), *rescalings)))
        return (Kernel(function="squared_difference", header="elementwise.h", arguments=arguments, in_place=self.overwritable(graph)),)


@dataclass(frozen=True, slots=True, kw_only=True)
class Prelu(PairOperation):
    """The first tensor where it is not negative, else its product with the second one."""

    rising: FixedPointMultiplier
    product: FixedPointMultiplier

    def lower(self, graph: Graph) -> tuple[Kernel, ...]:
        """Return `prelu`."""
        zero_points = (graph.tensor(index).zero_point for index in (*self.inputs, self.outputs[0]))
        numbers: tuple[Number, ...] = (
            self.grid(graph),
            *zero_points,
            self.rising.multiplier,
            self.rising.right_shift,
            self.product.multiplier,
            self.product.right_shift,
        )
        arguments = (*self.pointers(graph), Numbers(values=numbers))
        return (Kernel(function="prelu", header="elementwise.h", arguments=arguments, in_place=self.overwritable(graph)),)


def read_extreme(view: OperatorView) -> Extreme:
    """Read and check a MAXIMUM or MINIMUM, which only choose: all three tensors have one quantization."""
    first, second, output = read_operands(view)
    for tensor in (first, second):
        view.expect_equal_quantization(tensor, output)
    return Extreme(index=view.index, kind=view.kind, inputs=view.inputs, outputs=view.outputs)


def read_squared_difference(view: OperatorView) -> SquaredDifference:
    """Read and check a SQUARED_DIFFERENCE; its factors are of double precision."""
    first, second, output = read_operands(view)
    twice = 2.0 * max(first.scale, second.scale)
    # The denominator is a product of single precision, as in the reference.
    denominator = float(np.float32(1 << 2 * _LEFT_SHIFT) * np.float32(output.scale))
    factors = (first.scale / twice, second.scale / twice, twice * twice / denominator)
    fixed = tuple(_multiplier(view, factor) for factor in factors)
    if not all(0 < factor < 1 for factor in factors[:2]):
        view.fail("its scales differ too much", hint=_SCALES)
    return SquaredDifference(
        index=view.index, kind=view.kind, inputs=view.inputs, outputs=view.outputs, first=fixed[0], second=fixed[1], output=fixed[2]
    )


def read_prelu(view: OperatorView) -> Prelu:
    """Read and check a PRELU."""
    first, second, output = read_operands(view)
    rising, product = (_multiplier(view, factor) for factor in (first.scale / output.scale, first.scale * second.scale / output.scale))
    if min(rising.right_shift, product.right_shift) < -_MAX_LEFT_SHIFT:
        view.fail("its output's scale is too small for its inputs'")
    return Prelu(index=view.index, kind=view.kind, inputs=view.inputs, outputs=view.outputs, rising=rising, product=product)


def _multiplier(view: OperatorView, factor: float) -> FixedPointMultiplier:
    try:
        return quantize_multiplier(factor)
    except ValueError as error:
        view.fail(str(error), hint=_SCALES)
