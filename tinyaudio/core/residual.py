"""The anomaly score of a patch, in integers: how far an autoencoder's output is from its input.

Residuals are taken between dequantized values, in nepers, for the two ends of a quantized model have scales of their own::

    residual    Q12   round_shift(input_multiplier * input - output_multiplier * output + offset, 8), multipliers Q20
    squares     Q24   summed in 64 bits over the patch
    mean square Q16   round(sum / (256 * elements)), saturated to 32 bits: neper^2
    score             16 * log2(mean square) to the nearest step, int8: -128 stands for 2^-8 neper^2, 0 for 1, 127 for 2^7.9

The logarithm makes normal scores nearly Gaussian, whatever the machine, so that a threshold of so many deviations means
something, and one int8 step is 4.4 % of the mean square. Its steps are found by comparing with exact constants, without any
rounding on the way. The firmware's twin is ``firmware/lib/tinyaudio_anomaly``.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tinyaudio.core.errors import ModelError
from tinyaudio.core.rounding import round_shift, saturate_int8

STEPS_AN_OCTAVE = 16
MULTIPLIER_BITS = 20
RESIDUAL_BITS = 12
MEAN_SQUARE_BITS = 16
_DROPPED_BITS = MULTIPLIER_BITS - RESIDUAL_BITS
_GREATEST_END = 2**9  # nepers: 2^9 * 2^20 of each end and their sum fit 32 bits
_MOST_ELEMENTS = 2**19  # squares below 2^44: their sum fits 63 bits


def _least_mantissas() -> tuple[int, ...]:
    """Return, for i = 0 to 15, the least m with ``log2(m / 2^31) >= (i + 1/2) / 16``: an integer 32nd root, rounded up."""
    found = []
    for step in range(STEPS_AN_OCTAVE):
        wanted = 1 << (31 * 32 + 2 * step + 1)
        low, high = 1 << 31, 1 << 32
        while low < high:
            middle = (low + high) // 2
            low, high = (low, middle) if middle**32 >= wanted else (middle + 1, high)
        found.append(low)
    return tuple(found)


#: A mean square, shifted up until bit 31 is set, is this many steps above its power of two: as many as are not greater.
LEAST_MANTISSAS = _least_mantissas()


@dataclass(frozen=True, slots=True, kw_only=True)
class ResidualScale:
    """What the score needs to know of a model's two ends."""

    input_multiplier: int  # nepers an int8 step of the input, Q20
    output_multiplier: int  # the same of the output
    offset: int  # of the zero points, Q20
    elements: int  # of a patch


def design_residual(
    *, input_scale: float, input_zero_point: int, output_scale: float, output_zero_point: int, elements: int, log_scale: float = 1.0
) -> ResidualScale:
    """Return the integers of the score.

    Parameters
    ----------
    input_scale, input_zero_point, output_scale, output_zero_point
        Of the ``.tflite``'s ends; a scale is in nepers times `log_scale`.
    elements
        Of a patch.
    log_scale
        `FrontendSpec.log_scale`.

    Raises
    ------
    ModelError
        If a scale is too small or too great to be that of a log-mel, or the patch too large.
    """
    multipliers = []
    for end, scale, zero_point in (("input", input_scale, input_zero_point), ("output", output_scale, output_zero_point)):
        multiplier = round(scale / log_scale * 2**MULTIPLIER_BITS)
        if multiplier < 2**8 or multiplier * (128 + abs(zero_point)) >= _GREATEST_END << MULTIPLIER_BITS:
            raise ModelError(f"the {end} scale {scale} cannot belong to a log-mel", hint="quantize the model again", where=end)
        multipliers.append(multiplier)
    if not 1 <= elements <= _MOST_ELEMENTS:
        raise ModelError(f"a patch has {elements} values; 1 to {_MOST_ELEMENTS} are supported", hint="shorten patch_frames", where="input")
    offset = multipliers[1] * output_zero_point - multipliers[0] * input_zero_point
    return ResidualScale(input_multiplier=multipliers[0], output_multiplier=multipliers[1], offset=offset, elements=elements)


def residual_mean_squares(features: NDArray[np.int8], reconstructions: NDArray[np.int8], scale: ResidualScale) -> NDArray[np.uint32]:
    """Return the mean square residual of patches, neper^2, Q16: uint32[patches].

    Parameters
    ----------
    features, reconstructions
        The model's inputs and outputs, int8[patches, elements].
    scale
        From `design_residual`.
    """
    steps = scale.input_multiplier * features.astype(np.int64) - scale.output_multiplier * reconstructions.astype(np.int64)
    residuals = round_shift(steps + scale.offset, _DROPPED_BITS)
    sums = (residuals * residuals).sum(axis=1).astype(np.uint64)
    divisor = np.uint64(scale.elements << (2 * RESIDUAL_BITS - MEAN_SQUARE_BITS))
    means = (sums + divisor // np.uint64(2)) // divisor
    return np.asarray(np.minimum(means, np.uint64(2**32 - 1)), np.uint32)


def residual_scores(mean_squares: NDArray[np.uint32]) -> NDArray[np.int8]:
    """Return the scores, int8[patches], of mean squares, uint32[patches], Q16; that of 0 is -128."""
    values = np.maximum(mean_squares.astype(np.uint64), np.uint64(1))
    exponents = np.floor(np.log2(values.astype(np.float64))).astype(np.int64)  # exact: a uint32 fits a double, and log2 of 2^n is n
    exponents -= (values < (np.uint64(1) << exponents.astype(np.uint64))).astype(np.int64)
    mantissas = values << (31 - exponents).astype(np.uint64)
    steps = np.searchsorted(np.array(LEAST_MANTISSAS, np.uint64), mantissas, side="right")
    scores = saturate_int8(STEPS_AN_OCTAVE * (exponents - MEAN_SQUARE_BITS) + steps)
    return np.where(mean_squares == 0, np.int8(-128), scores).astype(np.int8)


def mean_square_bytes(mean_squares: NDArray[np.uint32]) -> NDArray[np.int8]:
    """Return mean squares as they lie in a little-endian memory, int8[patches, 4]: the firmware tells them as its logits."""
    return mean_squares.astype("<u4").view(np.int8).reshape(-1, 4)
