"""The fixed-point functions of the reference kernels over arrays of integers, exact, for tables that are made while compiling.

Qi.f has i integer bits and f = 31 - i fractional bits in an int32. All arrays are int64, so that no product overflows.
Sources: gemmlowp, fixedpoint/fixedpoint.h, and TensorFlow Lite, kernels/internal/common.h. The C++ twin of what softmax
needs is firmware/lib/tinyaudio_nn/src/softmax.cc.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from tinyaudio.deploy.compiler.arithmetic import FixedPointMultiplier

Int64Array = npt.NDArray[np.int64]

INT32_MAX = (1 << 31) - 1
_INT32_MIN = -(1 << 31)
# e^-(2^exponent) in Q0.31, for the exponents -2 to 4
_EXPONENTIALS = (1672461947, 1302514674, 790015084, 290630308, 39332535, 720401, 242)


def multiply_high_doubled(a: Int64Array, b: Int64Array | int, *, bits: int = 32) -> Int64Array:
    """Return ``round(a b / 2^(bits - 1))``, ties towards plus infinity, for two numbers of `bits` bits."""
    product = (a * b + (1 << (bits - 2))) >> (bits - 1)
    return np.asarray(np.minimum(product, (1 << (bits - 1)) - 1), np.int64)


def divide_by_power_of_two(value: Int64Array, exponent: int) -> Int64Array:
    """Return ``round(value / 2^exponent)``, ties away from zero."""
    mask = (1 << exponent) - 1
    threshold = (mask >> 1) + (value < 0)
    return np.asarray((value >> exponent) + ((value & mask) > threshold), np.int64)


def multiply_by_quantized_multiplier(value: Int64Array, fixed: FixedPointMultiplier) -> Int64Array:
    """Return `value` times a multiplier, rounded twice, as the reference does."""
    shifted = value << max(0, -fixed.right_shift)
    return divide_by_power_of_two(multiply_high_doubled(_wrapped(shifted), fixed.multiplier), max(0, fixed.right_shift))


def shift_left_saturated(value: Int64Array, amount: int, *, bits: int = 32) -> Int64Array:
    """Return ``value 2^amount``, held within `bits` bits."""
    limit = 1 << (bits - 1)
    return np.asarray(np.clip(value << amount, -limit, limit - 1), np.int64)


def exponential_of_negative(a: Int64Array, *, integer_bits: int) -> Int64Array:
    """Return e^a in Q0.31 for `a` <= 0 with `integer_bits` (at most 5) integer bits."""
    fraction_bits = 31 - integer_bits
    quarter = 1 << (fraction_bits - 2)
    below_quarter = (a & (quarter - 1)) - quarter
    result = _exponential_of_small(shift_left_saturated(below_quarter, integer_bits))
    remainder = below_quarter - a
    for index in range(integer_bits + 2):
        factor = multiply_high_doubled(result, _EXPONENTIALS[index])
        result = np.where(remainder & (quarter << index), factor, result)
    return np.where(a == 0, INT32_MAX, result)


def logistic(a: Int64Array, *, integer_bits: int) -> Int64Array:
    """Return 1 / (1 + e^-a) in Q0.31."""
    reciprocal = _newton_raphson(exponential_of_negative(-np.abs(a), integer_bits=integer_bits))
    positive = shift_left_saturated(reciprocal, 1)
    return np.where(a == 0, 1 << 30, np.where(a > 0, positive, INT32_MAX - positive))


def tanh(a: Int64Array, *, integer_bits: int) -> Int64Array:
    """Return tanh(a) in Q0.31."""
    reciprocal = _newton_raphson(exponential_of_negative(-np.abs(a), integer_bits=integer_bits + 1))
    negated = shift_left_saturated(reciprocal - (1 << 29), 2)
    return np.where(a == 0, 0, np.where(a < 0, -negated, negated))


def _exponential_of_small(a: Int64Array) -> Int64Array:
    """Return e^a for `a` in [-1/4, 0), Q0.31 in and out: a Taylor series of fourth order around -1/8."""
    exp_of_minus_eighth, third = 1895147668, 715827883
    x = a + (1 << 28)
    x2 = multiply_high_doubled(x, x)
    x3 = multiply_high_doubled(x2, x)
    x4_over_4 = divide_by_power_of_two(multiply_high_doubled(x2, x2), 2)
    upper_terms = divide_by_power_of_two(multiply_high_doubled(x4_over_4 + x3, third) + x2, 1)
    return exp_of_minus_eighth + multiply_high_doubled(x + upper_terms, exp_of_minus_eighth)


def _newton_raphson(a: Int64Array) -> Int64Array:
    """Return 2 / (1 + a) in Q2.29 for `a` in [0, 1] in Q0.31: three steps."""
    half_denominator = (a + INT32_MAX + 1) // 2
    x = 1515870810 + multiply_high_doubled(half_denominator, -1010580540)
    for _ in range(3):
        error = (1 << 29) - multiply_high_doubled(half_denominator, x)
        x = x + shift_left_saturated(multiply_high_doubled(x, error), 2)
    return x


def _wrapped(value: Int64Array) -> Int64Array:
    """Return `value` as 32 bits keep it."""
    return ((value - _INT32_MIN) & 0xFFFFFFFF) + _INT32_MIN
