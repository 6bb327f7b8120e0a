"""RELU, RELU6 and LEAKY_RELU as operators of their own."""

from __future__ import annotations

import numpy as np
import tflite

from tinyaudio.deploy.compiler.arithmetic import FixedPointMultiplier, activation_range, quantize_multiplier
from tinyaudio.deploy.compiler.fixed_point import Int64Array, multiply_by_quantized_multiplier
from tinyaudio.deploy.compiler.ops.lookup import Lookup, read_int8_lookup
from tinyaudio.deploy.compiler.view import OperatorView


def read_relu(view: OperatorView) -> Lookup:
    """Read a RELU, which may rescale."""
    view.expect_arity(inputs=(1,))
    values, output = view.int8_values(view.input(0)), view.output()
    fixed = _multiplier(view, values.scale, 1.0, output.scale)

    def apply(x: Int64Array) -> Int64Array:
        return np.maximum(multiply_by_quantized_multiplier(x - values.zero_point, fixed), 0) + output.zero_point

    return read_int8_lookup(view, apply)


def read_relu6(view: OperatorView) -> Lookup:
    """Read a RELU6, which only holds its values within bounds: the reference takes its output's quantization for the input's."""
    view.expect_arity(inputs=(1,))
    values, output = view.int8_values(view.input(0)), view.output()
    view.expect_equal_quantization(values, output)
    low, high = activation_range("RELU6", scale=values.scale, zero_point=values.zero_point)
    return read_int8_lookup(view, lambda x: np.clip(x, low, high))


def read_leaky_relu(view: OperatorView) -> Lookup:
    """Read a LEAKY_RELU with a slope of 0 or more below zero."""
    view.expect_arity(inputs=(1,))
    values, output = view.int8_values(view.input(0)), view.output()
    alpha = np.float32(view.options(tflite.LeakyReluOptions, tflite.BuiltinOptions.LeakyReluOptions).Alpha())
    if not alpha >= 0:
        view.fail(f"its slope is {alpha}; 0 or more is supported")
    below, above = (_multiplier(view, values.scale, slope, output.scale) for slope in (float(alpha), 1.0))

    def apply(x: Int64Array) -> Int64Array:
        difference = x - values.zero_point
        rising, leaking = (multiply_by_quantized_multiplier(difference, fixed) for fixed in (above, below))
        return np.where(difference >= 0, rising, leaking) + output.zero_point

    return read_int8_lookup(view, apply)


def _multiplier(view: OperatorView, scale: float, slope: float, output_scale: float) -> FixedPointMultiplier:
    """Return ``scale * slope / output_scale``, computed in single precision as the reference does."""
    with np.errstate(over="ignore"):
        factor = float(np.float32(scale) * np.float32(slope) / np.float32(output_scale))
    try:
        return quantize_multiplier(factor)
    except ValueError as error:
        view.fail(str(error), hint="export the model again; its scales do not fit together")
