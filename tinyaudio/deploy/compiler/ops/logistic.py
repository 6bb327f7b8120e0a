"""LOGISTIC and TANH."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from tinyaudio.deploy.compiler.arithmetic import FixedPointMultiplier, round_half_away
from tinyaudio.deploy.compiler.fixed_point import Int64Array, divide_by_power_of_two, logistic, multiply_by_quantized_multiplier, tanh
from tinyaudio.deploy.compiler.ops.lookup import Lookup, read_int8_lookup
from tinyaudio.deploy.compiler.view import OperatorView

_INTEGER_BITS = 4  # inputs are brought into Q4.27; what lies beyond 15 saturates


def read_logistic(view: OperatorView) -> Lookup:
    """Read a LOGISTIC; its output has the zero point -128, and the reference takes its scale as 1/256."""
    view.expect_arity(inputs=(1,))
    if view.output().zero_point != -128:
        view.fail(f"its output has the zero point {view.output().zero_point}; -128 is supported")

    def in_q0_8(a: Int64Array) -> Int64Array:
        return divide_by_power_of_two(logistic(a, integer_bits=_INTEGER_BITS), 31 - 8) - 128

    return read_int8_lookup(view, _saturating(view, in_q0_8))


def read_tanh(view: OperatorView) -> Lookup:
    """Read a TANH; the reference takes its output's scale as 1/128 and its zero point as 0."""
    view.expect_arity(inputs=(1,))

    def in_q0_7(a: Int64Array) -> Int64Array:
        return divide_by_power_of_two(tanh(a, integer_bits=_INTEGER_BITS), 31 - 7)

    return read_int8_lookup(view, _saturating(view, in_q0_7))


def _saturating(view: OperatorView, function: Callable[[Int64Array], Int64Array]) -> Callable[[Int64Array], Int64Array]:
    """Return `function`, which takes Q4.27, over the values of the input; beyond the range of Q4.27 it is -128 or 127."""
    values = view.int8_values(view.input(0))
    mantissa, left_shift = math.frexp(values.scale * (1 << (31 - _INTEGER_BITS)))
    fixed = FixedPointMultiplier(multiplier=round_half_away(mantissa * 2.0**31), right_shift=-left_shift)
    if left_shift < 0:
        view.fail(f"tensor {values.describe()} has the scale {values.scale}, too small for fixed point")
    radius = math.floor(((1 << _INTEGER_BITS) - 1) * 2.0 ** (31 - _INTEGER_BITS - left_shift))

    def apply(x: Int64Array) -> Int64Array:
        difference = x - values.zero_point
        inside = np.abs(difference) < radius
        results = function(multiply_by_quantized_multiplier(np.where(inside, difference, 0), fixed))
        return np.where(inside, results, np.where(difference <= -radius, -128, 127))

    return apply
