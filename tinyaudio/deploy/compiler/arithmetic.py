"""TensorFlow Lite's quantized arithmetic, computed as its own preparation code does: in the same precision, in the same order.

Source of the formulas: tensorflow/lite/kernels/internal/quantization_util.cc and kernels/kernel_util.cc
(QuantizeMultiplier, CalculateActivationRangeQuantized, PreprocessSoftmaxScaling).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np

Activation = Literal["NONE", "RELU", "RELU6", "RELU_N1_TO_1"]
Bounds = tuple[int, int]  # smallest and largest value that an operator gives out

INT8_MIN = -128
INT8_MAX = 127
_ACTIVATION_RANGES: dict[Activation, tuple[float | None, float | None]] = {
    "NONE": (None, None),
    "RELU": (0.0, None),
    "RELU6": (0.0, 6.0),
    "RELU_N1_TO_1": (-1.0, 1.0),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class FixedPointMultiplier:
    """A real factor as multiplier / 2^(31 + right_shift)."""

    multiplier: int  # 0, or 2^30 to 2^31 - 1
    right_shift: int  # -31 to 31; negative shifts left


def round_half_away(value: float) -> int:
    """Round to the nearest integer, ties away from zero, as C's ``round``."""
    truncated = math.trunc(value)
    return truncated + int(math.copysign(1, value)) if abs(value - truncated) >= 0.5 else truncated


def quantize_multiplier(factor: float) -> FixedPointMultiplier:
    """Return `factor` (finite, not negative) in fixed point.

    Raises
    ------
    ValueError
        If `factor` is 2^31 or more, or not finite.
    """
    if not math.isfinite(factor) or factor < 0:
        raise ValueError(f"a rescaling factor of {factor} is not possible")
    if factor == 0.0:
        return FixedPointMultiplier(multiplier=0, right_shift=0)
    multiplier, exponent = _split(factor)
    if exponent < -31:
        return FixedPointMultiplier(multiplier=0, right_shift=0)
    if exponent > 30:
        raise ValueError(f"a rescaling factor of {factor} is too large")
    return FixedPointMultiplier(multiplier=multiplier, right_shift=-exponent)


def _split(factor: float) -> tuple[int, int]:
    """Return multiplier (Q31) and exponent of a positive `factor`."""
    mantissa, exponent = math.frexp(factor)
    multiplier = round_half_away(mantissa * 2.0**31)
    return (multiplier // 2, exponent + 1) if multiplier == 2**31 else (multiplier, exponent)


def activation_range(activation: Activation, *, scale: float, zero_point: int) -> Bounds:
    """Return the smallest and largest int8 that the fused `activation` lets through."""
    low, high = _ACTIVATION_RANGES[activation]
    bounds = (INT8_MIN if low is None else _quantize(low, scale, zero_point), INT8_MAX if high is None else _quantize(high, scale, zero_point))
    return max(INT8_MIN, bounds[0]), min(INT8_MAX, bounds[1])


def _quantize(value: float, scale: float, zero_point: int) -> int:
    return zero_point + round_half_away(float(np.float32(value) / np.float32(scale)))


def mean_multiplier(factor: float, *, count: int) -> FixedPointMultiplier:
    """Return ``factor / count`` in fixed point, as the MEAN kernel does: the count is divided out of the multiplier."""
    whole = quantize_multiplier(factor)
    shift = min(count.bit_length() - 1, 32, 31 - whole.right_shift)
    return FixedPointMultiplier(multiplier=(whole.multiplier << shift) // count, right_shift=whole.right_shift + shift)


@dataclass(frozen=True, slots=True, kw_only=True)
class SoftmaxScaling:
    """How softmax brings int8 differences into Q5.26."""

    multiplier: int  # Q31
    left_shift: int
    smallest_difference: int  # below it, e^difference counts as zero


def softmax_scaling(*, beta: float, input_scale: float) -> SoftmaxScaling:
    """Return the fixed-point scaling of a softmax.

    Raises
    ------
    ValueError
        If ``beta * input_scale`` cannot be brought into Q5.26.
    """
    integer_bits = 5
    factor = min(beta * input_scale * (1 << (31 - integer_bits)), (1 << 31) - 1.0)
    if not factor > 1.0:
        raise ValueError(f"beta times the input's scale is {beta * input_scale}, too small for the fixed-point softmax")
    multiplier, left_shift = _split(factor)
    radius = math.floor(((1 << integer_bits) - 1) * (1 << (31 - integer_bits)) / (1 << left_shift))
    return SoftmaxScaling(multiplier=multiplier, left_shift=left_shift, smallest_difference=-radius)
