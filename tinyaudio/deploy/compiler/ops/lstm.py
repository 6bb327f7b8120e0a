"""UNIDIRECTIONAL_SEQUENCE_LSTM: int8 values and weights, int16 cell; its state stays from one inference to the next."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import tflite

from tinyaudio.deploy.compiler.arithmetic import FixedPointMultiplier, quantize_multiplier
from tinyaudio.deploy.compiler.graph import Argument, Arrays, Constant, Graph, Kernel, Number, Numbers, Operation, Pointer, Tensor
from tinyaudio.deploy.compiler.view import OperatorView

_GATE_SCALE = 2.0**-12  # of what goes into a gate's function
_FUNCTION_SCALE = 2.0**-15  # of what comes out
_FUNCTION_FRACTION_BITS = 12
_CELL_POWERS = range(-15, 1)  # of two: scale of the cell


class _Gate(NamedTuple):
    """Where the file has a gate's constants among the operator's inputs."""

    name: str
    input_weights: int
    recurrent_weights: int
    bias: int


_GATES = (_Gate("forget", 2, 6, 13), _Gate("input", 1, 5, 12), _Gate("cell", 3, 7, 14), _Gate("output", 4, 8, 15))
_HIDDEN, _CELL = 18, 19
_OPTIONAL = {
    **dict.fromkeys((9, 10, 11), "peepholes"),
    **dict.fromkeys((16, 17), "a projection"),
    **dict.fromkeys(range(20, 24), "layer normalization"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Lstm(Operation):
    """An LSTM. Inputs are the values, then input weights, recurrent weights and bias of each gate, then hidden state and cell.

    The outputs are the values of all steps, hidden state and cell.
    """

    steps: int
    factors: tuple[tuple[FixedPointMultiplier, FixedPointMultiplier], ...]  # of each gate: from the input, from the state -> Q3.12
    products: tuple[FixedPointMultiplier, ...]  # forgotten cell, new values -> cell; gated tanh of the cell -> output
    cell_power: int  # of two: scale of the cell
    cell_limit: int  # 0: none

    @property
    def states(self) -> tuple[int, ...]:
        """Return hidden state and cell."""
        return self.outputs[1:]

    def lower(self, graph: Graph) -> tuple[Kernel, ...]:
        """Return `lstm`."""
        values, hidden = graph.tensor(self.inputs[0]), graph.tensor(self.outputs[1])
        units, inputs = graph.tensor(self.inputs[1]).shape
        numbers: tuple[Number, ...] = (
            self.steps,
            inputs,
            units,
            *(tuple((one.multiplier, one.right_shift) for one in pair) for pair in self.factors),
            *((one.multiplier, one.right_shift) for one in self.products),
            self.cell_power + _FUNCTION_FRACTION_BITS,
            self.cell_limit,
            hidden.zero_point,
        )
        gates = tuple(self._constants(graph, number, values.zero_point, hidden.zero_point) for number in range(len(_GATES)))
        pointers = tuple(Pointer(tensor=index) for index in (self.inputs[0], *self.outputs))
        arguments: tuple[Argument, ...] = (*pointers, *gates, Numbers(values=numbers))
        return (Kernel(function="lstm", header="lstm.h", arguments=arguments, macs=self.steps * len(_GATES) * units * (inputs + units)),)

    def _constants(self, graph: Graph, number: int, input_zero_point: int, hidden_zero_point: int) -> Arrays:
        """Return weights of a gate, and biases with the zero points folded in."""
        tensors = (graph.tensor(index) for index in self.inputs[1 + 3 * number : 4 + 3 * number])
        data = [tensor.data for tensor in tensors if tensor.data is not None]
        weights, recurrent, bias = (values.astype(np.int64) for values in data)
        name = _GATES[number].name
        return Arrays(
            constants=(
                Constant(role=f"{name}_weights", c_type="int8_t", values=weights.ravel()),
                Constant(role=f"{name}_recurrent_weights", c_type="int8_t", values=recurrent.ravel()),
                Constant(role=f"{name}_bias", c_type="int32_t", values=bias - input_zero_point * weights.sum(axis=1)),
                Constant(role=f"{name}_recurrent_bias", c_type="int32_t", values=-hidden_zero_point * recurrent.sum(axis=1)),
            )
        )


def read(view: OperatorView) -> Lstm:
    """Read and check an LSTM without peepholes, projection and layer normalization, and with an input gate of its own."""
    view.expect_arity(inputs=(24,))
    for position, what in _OPTIONAL.items():
        if view.has_input(position):
            view.fail(f"it has {what}, which is not supported", hint="export a plain LSTM")
    values, output = view.int8_activation(view.input(0)), view.output()
    hidden, cell = view.int8_activation(view.input(_HIDDEN)), view.input(_CELL)
    if cell.dtype != "int16" or cell.data is not None or view.quantized(cell).zero_point != 0:
        view.fail(f"tensor {cell.describe()} must be an int16 cell with the zero point 0")
    options = view.options(tflite.UnidirectionalSequenceLSTMOptions, tflite.BuiltinOptions.UnidirectionalSequenceLSTMOptions)
    if options.FusedActivationFunction() != tflite.ActivationFunctionType.TANH:
        view.fail("its activation is not TANH", hint="export a plain LSTM")
    if len(values.shape) != 3 or values.shape[1 if options.TimeMajor() else 0] != 1:
        view.fail(f"tensor {values.describe()} must hold one sequence", hint="export the model with a batch size of 1")
    units, steps = hidden.elements, values.elements // values.shape[2]
    view.expect_output_shape((*values.shape[:2], units))
    if cell.elements != units:
        view.fail(f"tensor {cell.describe()} does not fit the state {hidden.describe()}")
    view.expect_equal_quantization(hidden, output)  # its values are copied from one to the other
    power = _power_of_two(view, cell)
    return Lstm(
        index=view.index,
        kind=view.kind,
        inputs=(values.index, *(view.inputs[place] for gate in _GATES for place in gate[1:]), hidden.index, cell.index),
        outputs=(view.outputs[0], hidden.index, cell.index),
        steps=steps,
        factors=tuple(_gate_factors(view, gate, values, hidden) for gate in _GATES),
        products=tuple(
            _multiplier(view, factor)
            for factor in (_FUNCTION_SCALE * cell.scale / cell.scale, _FUNCTION_SCALE**2 / cell.scale, _FUNCTION_SCALE**2 / hidden.scale)
        ),
        cell_power=power,
        cell_limit=_cell_limit(view, float(options.CellClip()), cell.scale),
    )


def _gate_factors(view: OperatorView, gate: _Gate, values: Tensor, hidden: Tensor) -> tuple[FixedPointMultiplier, FixedPointMultiplier]:
    """Check the constants of a gate, and return the factors of both its layers."""
    units = hidden.elements
    factors = []
    for position, source, depth in ((gate.input_weights, values, values.shape[2]), (gate.recurrent_weights, hidden, units)):
        weights = view.int8_weights(position, rank=2, channel_axis=0)
        if weights.shape != (units, depth):
            view.fail(f"tensor {weights.describe()} must have the shape [{units}, {depth}]")
        view.quantized(weights)
        bias = view.input(gate.bias)
        limit = 2**31 - 256 * _largest_row(weights)
        if position == gate.input_weights and (bias.data is None or int(np.abs(bias.data.astype(np.int64)).max(initial=0)) >= limit):
            view.fail(f"the accumulators of {weights.describe()} can leave int32")
        factors.append(_multiplier(view, source.scale * weights.scale / _GATE_SCALE))
    view.bias(gate.bias, units)
    return factors[0], factors[1]


def _largest_row(weights: Tensor) -> int:
    data: npt.NDArray[np.int64] = np.zeros((1, 1), np.int64) if weights.data is None else weights.data.astype(np.int64)
    return int(np.abs(data).sum(axis=1).max())


def _power_of_two(view: OperatorView, cell: Tensor) -> int:
    power = round(math.log2(cell.scale))
    if power not in _CELL_POWERS or cell.scale != 2.0**power:
        view.fail(f"tensor {cell.describe()} has the scale {cell.scale}; 2^{_CELL_POWERS[0]} to 2^{_CELL_POWERS[-1]} are supported")
    return power


def _cell_limit(view: OperatorView, clip: float, scale: float) -> int:
    """Return what the cell is held within; 0 for no limit."""
    if not math.isfinite(clip):
        view.fail(f"its cell is held within {clip}")
    if clip <= 0:
        return 0
    limit = math.trunc(min(clip / scale, 32767.0))
    if limit == 0:
        view.fail(f"its cell is held within {clip}, less than a step of its scale")
    return limit


def _multiplier(view: OperatorView, factor: float) -> FixedPointMultiplier:
    try:
        return quantize_multiplier(factor)
    except ValueError as error:
        view.fail(str(error), hint="export the model again; its scales do not fit together")
