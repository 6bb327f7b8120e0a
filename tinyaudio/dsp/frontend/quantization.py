"""The affine step from the log-mel to the int8 input of a model."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tinyaudio.core.errors import ModelError
from tinyaudio.core.rounding import round_shift, saturate_int8


@dataclass(frozen=True, slots=True, kw_only=True)
class FeatureQuantization:
    """``int8 = saturate(zero_point + floor(log_mel * multiplier / 2^shift + 1/2))``, the product in 64 bits."""

    multiplier: int  # 2^30 to 2^31 - 1
    shift: int  # 32 to 62: the C++ drops the product's lower half first
    zero_point: int  # -128 to 127


def design_feature_quantization(input_scale: float, input_zero_point: int, *, log_fraction_bits: int, log_scale: float = 1.0) -> FeatureQuantization:
    """Return the integers that quantize a Q(`log_fraction_bits`) log-mel for a model input of this scale and zero point.

    Parameters
    ----------
    input_scale
        Units of the model's input an int8 step, from the ``.tflite``: nepers times `log_scale`.
    input_zero_point
        The int8 value that stands for 0.
    log_fraction_bits
        `FrontendTables.log_fraction_bits`.
    log_scale
        `FrontendSpec.log_scale`: units of the model's input a neper.

    Raises
    ------
    ModelError
        If the scale is not positive and finite, the zero point is no int8, or the scale is far from any log-mel: outside 2^-15 to 2^14.
    """
    hint = "quantize the model again with representative log-mel features"
    if not (math.isfinite(input_scale) and input_scale > 0):
        raise ModelError(f"the input scale is {input_scale}; it must be positive and finite", hint=hint, where="input")
    if not -128 <= input_zero_point <= 127:
        raise ModelError(f"the input zero point is {input_zero_point}; an int8 input has -128 to 127", hint=hint, where="input")
    mantissa, exponent = math.frexp(log_scale / (input_scale * 2.0**log_fraction_bits))
    multiplier, shift = round(mantissa * 2**31), 31 - exponent
    if multiplier == 2**31:
        multiplier, shift = 2**30, shift - 1
    if not 32 <= shift <= 62:
        raise ModelError(f"the input scale {input_scale} cannot belong to a log-mel in nepers", hint=hint, where="input")
    return FeatureQuantization(multiplier=multiplier, shift=shift, zero_point=input_zero_point)


def quantize_features(log_mel: NDArray[np.int32], quantization: FeatureQuantization) -> NDArray[np.int8]:
    """Return the int8 features of `log_mel` (any shape): rounded to nearest, ties upwards, saturated."""
    product = log_mel.astype(np.int64) * quantization.multiplier  # below 2^62 for every int32
    rounded = round_shift(product, quantization.shift)
    return saturate_int8(rounded + quantization.zero_point)
