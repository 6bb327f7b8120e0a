"""ADD and SUB."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import tflite

from tinyaudio.deploy.compiler.arithmetic import FixedPointMultiplier, quantize_multiplier
from tinyaudio.deploy.compiler.graph import Graph, Kernel, Numbers
from tinyaudio.deploy.compiler.ops.binary import BinaryOperation, read_operands
from tinyaudio.deploy.compiler.view import OperatorView

_LEFT_SHIFT = 20  # bits by which the reference raises both inputs before it rescales them


@dataclass(frozen=True, slots=True, kw_only=True)
class Sum(BinaryOperation):
    """The sum, or the difference, of two tensors that are brought to a common scale."""

    sign: int  # of the second input: 1 or -1
    first: FixedPointMultiplier
    second: FixedPointMultiplier
    output: FixedPointMultiplier

    def lower(self, graph: Graph) -> tuple[Kernel, ...]:
        """Return `add`."""
        first, second = (graph.tensor(index) for index in self.inputs)
        output = graph.tensor(self.outputs[0])
        numbers = (
            self.grid(graph),
            (first.zero_point, self.first.multiplier, self.first.right_shift),
            (second.zero_point, self.sign * self.second.multiplier, self.second.right_shift),
            (output.zero_point, self.output.multiplier, self.output.right_shift),
            self.bounds,
        )
        arguments = (*self.pointers(graph), Numbers(values=numbers))
        return (Kernel(function="add", header="elementwise.h", arguments=arguments, in_place=self.overwritable(graph)),)


def read_add(view: OperatorView) -> Sum:
    """Read and check an ADD; its factors are of double precision."""
    first, second, output = read_operands(view)
    twice = 2 * max(first.scale, second.scale)
    factors = (first.scale / twice, second.scale / twice, twice / ((1 << _LEFT_SHIFT) * output.scale))
    options = view.options(tflite.AddOptions, tflite.BuiltinOptions.AddOptions)
    return _sum(view, options, factors, sign=1)


def read_sub(view: OperatorView) -> Sum:
    """Read and check a SUB; its factors are of single precision."""
    first, second, output = read_operands(view)
    first_scale, second_scale, output_scale = (np.float32(tensor.scale) for tensor in (first, second, output))
    with np.errstate(over="ignore", divide="ignore", invalid="ignore"):  # scales of a damaged file; `_sum` refuses infinity, 0 and NaN
        twice = np.float32(2) * max(first_scale, second_scale)
        factors = (float(first_scale / twice), float(second_scale / twice), float(twice / (np.float32(1 << _LEFT_SHIFT) * output_scale)))
    options = view.options(tflite.SubOptions, tflite.BuiltinOptions.SubOptions)
    return _sum(view, options, factors, sign=-1)


def _sum(view: OperatorView, options: tflite.AddOptions | tflite.SubOptions, factors: tuple[float, float, float], *, sign: int) -> Sum:
    if not all(0 < factor < 1 for factor in factors):
        view.fail("its scales differ too much", hint="export the model again; its scales do not fit together")
    first, second, output = (quantize_multiplier(factor) for factor in factors)
    bounds = view.bounds(options.FusedActivationFunction())
    return Sum(
        index=view.index,
        kind=view.kind,
        inputs=view.inputs,
        outputs=view.outputs,
        bounds=bounds,
        sign=sign,
        first=first,
        second=second,
        output=output,
    )
