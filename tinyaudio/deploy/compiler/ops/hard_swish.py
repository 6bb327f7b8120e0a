"""HARD_SWISH: x relu6(x + 3) / 6."""

from __future__ import annotations

import numpy as np

from tinyaudio.deploy.compiler.arithmetic import quantize_multiplier
from tinyaudio.deploy.compiler.fixed_point import Int64Array, divide_by_power_of_two, multiply_high_doubled, shift_left_saturated
from tinyaudio.deploy.compiler.ops.lookup import Lookup, read_int8_lookup
from tinyaudio.deploy.compiler.view import OperatorView

_MAX_SHIFT = 15  # within 16 bits


def read(view: OperatorView) -> Lookup:
    """Read a HARD_SWISH. The reference computes in 16 bits: the value times 2^7, times a gate within [0, 1] in Q0.15."""
    view.expect_arity(inputs=(1,))
    values, output = view.int8_values(view.input(0)), view.output()
    fine_scale = np.float32(1 / 128) * np.float32(values.scale)
    to_output, output_exponent = _multiplier(view, fine_scale / np.float32(output.scale))
    to_gate, gate_exponent = _multiplier(view, fine_scale / (np.float32(3) / np.float32(32768)))
    if output_exponent > 0:
        view.fail("its output's scale is too small for its input's")

    def apply(x: Int64Array) -> Int64Array:
        fine = (x - values.zero_point) << 7
        gate = fine
        if gate_exponent > 0:
            gate = shift_left_saturated(gate, gate_exponent - 1, bits=16)
        gate = multiply_high_doubled(gate, to_gate, bits=16)
        if gate_exponent > 0:
            gate = shift_left_saturated(gate, 1, bits=16)
        else:
            gate = divide_by_power_of_two(gate, -gate_exponent)
        gate = (gate + (1 << 15)) >> 1
        product = gate * multiply_high_doubled(fine, to_output, bits=16)
        truncated = np.sign(product) * (np.abs(product) >> 15)
        return divide_by_power_of_two(truncated, -output_exponent) + output.zero_point

    return read_int8_lookup(view, apply)


def _multiplier(view: OperatorView, factor: np.float32) -> tuple[int, int]:
    """Return `factor` as a 16-bit multiplier (Q0.15) and a binary exponent."""
    try:
        fixed = quantize_multiplier(float(factor))
    except ValueError as error:
        view.fail(str(error), hint="export the model again; its scales do not fit together")
    if abs(fixed.right_shift) > _MAX_SHIFT:
        view.fail(f"a rescaling factor of {factor} does not fit 16 bits")
    return min((fixed.multiplier + (1 << 15)) >> 16, (1 << 15) - 1), -fixed.right_shift
