"""Requantization in two instructions, for accumulators with bits behind the binary point: FineRequantizer of requantize.h."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tinyaudio.deploy.compiler.channels import ChannelConstants

_LIMIT = 2**31
_FRACTION_BITS = range(2, 9)  # 2 for the roundings to nest; with 8 a weight still fits two bytes
_LARGEST_SHIFT = 22  # so that zero points do not leave int32

Int64Array = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class FineRequantization:
    """How the channels of an operator requantize; all arrays [output channels]."""

    fraction_bits: Int64Array  # by how many bits weights and bias are shifted left
    shifts: Int64Array  # right, at the end
    addends: Int64Array


def fine_requantization(constants: ChannelConstants, *, fraction_bits: int | None = None) -> FineRequantization | None:
    """Return the short requantization, with `fraction_bits` for every channel or, with None, the same shift for all.

    None if it would not be exact: see FineRequantizer for what must hold.
    """
    bias, multipliers, right_shifts = (constant.values.astype(np.int64) for constant in constants.constants)
    if constants.rounding == "kGeneral":
        return None
    used = multipliers > 0  # with a multiplier of zero, every shift will do
    if fraction_bits is None:
        shift = int(right_shifts[used].max(initial=1)) + 1
        bits = np.where(used, shift - right_shifts + 1, 2)
        shifts = np.full(len(bias), shift)
    else:
        bits = np.full(len(bias), fraction_bits)
        shifts = right_shifts + bits - 1
    if int(bits.min()) < _FRACTION_BITS.start or int(bits.max()) >= _FRACTION_BITS.stop or int(shifts.max()) > _LARGEST_SHIFT:
        return None
    addends = (2 * constants.output_zero_point + 1) * (1 << (shifts - 1)) + (1 << (bits - 2))
    scaled = constants.largest << bits
    results = (scaled * multipliers >> 32) + 1 + np.abs(addends) + (1 << bits)
    if int(scaled.max()) >= _LIMIT or int(results.max()) >= _LIMIT:
        return None
    return FineRequantization(fraction_bits=bits, shifts=shifts, addends=addends)
