"""ABS and ELU: tables, as LOGISTIC and TANH are."""

from __future__ import annotations

import numpy as np

from tinyaudio.deploy.compiler.arithmetic import quantize_multiplier
from tinyaudio.deploy.compiler.fixed_point import Int64Array, multiply_by_quantized_multiplier
from tinyaudio.deploy.compiler.ops.lookup import Lookup, read_int8_lookup
from tinyaudio.deploy.compiler.view import OperatorView


def read_abs(view: OperatorView) -> Lookup:
    """Read an ABS, which rescales where the scales differ; the factor is of single precision."""
    view.expect_arity(inputs=(1,))
    values, output = view.int8_values(view.input(0)), view.output()
    with np.errstate(over="ignore"):
        factor = float(np.float32(values.scale) / np.float32(output.scale))
    try:
        fixed = quantize_multiplier(factor)
    except ValueError as error:
        view.fail(str(error), hint="export the model again; its scales do not fit together")

    def apply(x: Int64Array) -> Int64Array:
        sizes = np.abs(x - values.zero_point)
        return (sizes if values.scale == output.scale else multiply_by_quantized_multiplier(sizes, fixed)) + output.zero_point

    return read_int8_lookup(view, apply)


def read_elu(view: OperatorView) -> Lookup:
    """Read an ELU: e^x - 1 below zero. The reference makes its table with real numbers of single precision."""
    view.expect_arity(inputs=(1,))
    values, output = view.int8_values(view.input(0)), view.output()
    with np.errstate(over="ignore"):
        inverse = np.float32(1) / np.float32(output.scale)
    if not np.isfinite(inverse):
        view.fail(f"tensor {output.describe()} has the scale {output.scale}, too small")

    def apply(x: Int64Array) -> Int64Array:
        real = np.float32(values.scale) * (x - values.zero_point).astype(np.float32)
        below = np.exp(np.minimum(real, 0).astype(np.float64)).astype(np.float32) - np.float32(1)
        with np.errstate(over="ignore"):
            rescaled = (np.where(real < 0, below, real) * inverse).astype(np.float64)
        rounded = np.trunc(rescaled + np.copysign(0.5, rescaled))
        return np.asarray(np.clip(rounded + output.zero_point, -128, 127), np.int64)

    return read_int8_lookup(view, apply)
