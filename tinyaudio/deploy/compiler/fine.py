"""Requantization in two instructions, for accumulators with bits behind the binary point: FineRequantizer and ShortRequantizer of requantize.h."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from tinyaudio.deploy.compiler.arithmetic import INT8_MAX
from tinyaudio.deploy.compiler.channels import ChannelConstants

_LIMIT = 2**31
_FRACTION_BITS = range(2, 9)  # 2 for the roundings to nest; with 8 a weight still fits two bytes
_LARGEST_SHIFT = 22  # so that zero points do not leave int32
SHORT_FRACTION_BITS = 8  # kShortFractionBits
_NUDGES = (0, 1, -1, 2, -2, 3, -3, 4)  # of a multiplier that lost bits

Int64Array = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class FineRequantization:
    """How the channels of an operator requantize; all arrays [output channels]."""

    fraction_bits: Int64Array  # by how many bits weights and bias are shifted left
    shifts: Int64Array  # right, at the end
    multipliers: Int64Array
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
    fine = FineRequantization(fraction_bits=bits, shifts=shifts, multipliers=multipliers, addends=_middle(constants, shifts) + (1 << (bits - 2)))
    return fine if _stays_within_int32(constants, fine) else None


def short_requantization(constants: ChannelConstants) -> FineRequantization | None:
    """Return the short requantization with eight bits behind the point and one shift for all channels; None if it would not be exact.

    The shift is the smallest channel's; a channel with a larger one has a multiplier with so many bits fewer. The output
    grows with the accumulator, so it is the same for all accumulators if it steps at the same ones: those are compared.
    """
    _, multipliers, right_shifts = (constant.values.astype(np.int64) for constant in constants.constants)
    if constants.rounding != "kClampedAtZeroPoint":
        return None
    used = multipliers > 0
    least = int(right_shifts[used].min(initial=_LARGEST_SHIFT))
    lost = np.where(used, right_shifts - least, 0)
    shift = least + SHORT_FRACTION_BITS - 1
    if int(lost.max()) > SHORT_FRACTION_BITS - 2 or shift > _LARGEST_SHIFT:
        return None
    shifts = np.full(len(lost), shift)
    fine = FineRequantization(
        fraction_bits=np.full(len(lost), SHORT_FRACTION_BITS),
        shifts=shifts,
        multipliers=multipliers >> lost,
        addends=_middle(constants, shifts) + (1 << (SHORT_FRACTION_BITS - 2 - lost)),
    )
    if not _stays_within_int32(constants, fine):
        return None
    steps, found = _steps(constants), np.full(len(lost), -1)
    for nudge in _NUDGES:
        tried = replace(fine, multipliers=np.maximum(fine.multipliers + nudge, 0))
        found = np.where((found < 0) & (_fine_steps(constants, tried) == steps).all(axis=1), tried.multipliers, found)
        if int(found.min()) >= 0:
            return replace(fine, multipliers=found)
    return None


def addends_above(constants: ChannelConstants, short: FineRequantization) -> Int64Array:
    """Return what each channel's addend has in addition to what all have; it fits a byte."""
    return short.addends - _middle(constants, short.shifts)


def _middle(constants: ChannelConstants, shifts: Int64Array) -> Int64Array:
    """Return the zero point and a half, in front of the shift."""
    return np.asarray((2 * constants.output_zero_point + 1) * (1 << (shifts - 1)), np.int64)


def _stays_within_int32(constants: ChannelConstants, fine: FineRequantization) -> bool:
    scaled = constants.largest << fine.fraction_bits
    results = (scaled * (fine.multipliers + max(_NUDGES)) >> 32) + 1 + np.abs(fine.addends) + (1 << fine.fraction_bits)
    return int(scaled.max()) < _LIMIT and int(results.max()) < _LIMIT


def _outputs(constants: ChannelConstants) -> Int64Array:
    """Return all outputs above the zero point, the lowest one, as distances from it."""
    return np.arange(1, INT8_MAX - constants.output_zero_point + 1, dtype=np.int64)


def _steps(constants: ChannelConstants) -> Int64Array:
    """Return the smallest accumulators that reach each output with the reference's two roundings, [channels, outputs]; within reach."""
    _, multipliers, right_shifts = (constant.values.astype(np.int64)[:, None] for constant in constants.constants)
    rounded_once = (_outputs(constants) << right_shifts) - (1 << (right_shifts - 1))
    return _first_within_reach(constants, (rounded_once << 31) - (1 << 30), multipliers)


def _fine_steps(constants: ChannelConstants, fine: FineRequantization) -> Int64Array:
    """Return the same with `fine`."""
    shifts, bits = fine.shifts[:, None], fine.fraction_bits[:, None]
    products = (_outputs(constants) + constants.output_zero_point << shifts) - fine.addends[:, None] << 32
    return _first_within_reach(constants, products, fine.multipliers[:, None] << bits)


def _first_within_reach(constants: ChannelConstants, products: Int64Array, multipliers: Int64Array) -> Int64Array:
    """Return the smallest accumulators whose products with `multipliers` are at least `products`; larger than all where none is."""
    largest = constants.largest[:, None]
    first = np.where(multipliers > 0, -(-products // np.maximum(multipliers, 1)), largest + 1)
    return np.asarray(np.clip(first, -largest, largest + 1), np.int64)
