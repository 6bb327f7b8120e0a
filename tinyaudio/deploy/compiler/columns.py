"""The stream of weights of convolutions and dense layers, in the form that firmware/lib/tinyaudio_nn/.../columns.h reads."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from tinyaudio.deploy.compiler.channels import ChannelConstants, even
from tinyaudio.deploy.compiler.fine import FineRequantization, addends_above, fine_requantization, short_requantization
from tinyaudio.deploy.compiler.graph import Constant, IntArray

WeightFormat = Literal["bytes", "folded", "wide"]  # of requantize.h

_SMALLEST_FOLDED_DEPTH = 16

Int64Array = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelStream:
    """All that belongs to the weights, pair of channels by pair."""

    constant: Constant
    wide: bool  # two bytes a weight
    shape: tuple[tuple[str, int | str], ...]  # what multiply_columns takes from a Shape, but sizes


def channel_stream(constants: ChannelConstants, *, grouped: int, wide: bool, in_blocks: bool = True) -> ChannelStream:
    """Return the stream with weights of two bytes if `wide` is wanted and exact, else with folded ones where that pays, else of one byte.

    `in_blocks`: for three or more pixels, of which assembly computes most; for fewer, neither folded weights nor the short
    requantization pay, and the dense layer of one row does not read them.

    Within each four of the first `grouped` places of the depth (a multiple of four), the inner two change places: so lie
    the columns that the kernels multiply with.
    """
    fine = fine_requantization(constants) if wide else None
    if fine is not None:
        shape = stream_shape("wide", shift=int(fine.shifts[0]), constants=constants)
        return ChannelStream(constant=_wide_stream(constants, fine, grouped), wide=True, shape=shape)
    folded = in_blocks and can_fold(constants)
    short = short_requantization(constants) if in_blocks else None
    shape = stream_shape("folded" if folded else "bytes", shift=0 if short is None else int(short.shifts[0]), constants=constants)
    return ChannelStream(constant=_byte_stream(constants, short, grouped, folded=folded), wide=False, shape=shape)


def stream_shape(weights: WeightFormat, *, shift: int, constants: ChannelConstants) -> tuple[tuple[str, int | str], ...]:
    """Return the members of a kernel's Shape struct that tell how its stream is to be read."""
    return (("Weights", weight_format(weights)), ("Shift", shift), *constants.shape)


def weight_format(weights: WeightFormat) -> str:
    """Return the C++ name."""
    return f"tinyaudio::nn::WeightFormat::k{weights.capitalize()}"


def can_fold(constants: ChannelConstants) -> bool:
    """Whether 256 times the sum of an odd channel, plus that of the even one beside it, always stays within int32, and pays.

    It saves an instruction for each two of the depth and costs one for each output of the odd channels.
    """
    channels, depth = constants.weights.shape
    largest = constants.largest
    fits = bool((256 * largest[1::2] + largest[0 : 2 * (channels // 2) : 2] < 2**31).all())
    return fits and int(constants.weights.min()) > -128 and channels % 2 == 0 and depth > _SMALLEST_FOLDED_DEPTH


def _wide_stream(constants: ChannelConstants, fine: FineRequantization, grouped: int) -> Constant:
    bias, multipliers, _ = (constant.values.astype(np.int64) for constant in constants.constants)
    scaled = constants.weights.astype(np.int64) << fine.fraction_bits[:, None]
    words = np.ascontiguousarray(_weights_in_pairs(scaled, grouped=grouped).transpose(0, 2, 1, 3)).astype("<i2").view("<i4")
    pairs = len(words)
    scales = np.stack([_in_pairs(values, pairs, empty=0) for values in (multipliers, fine.addends)], axis=2)
    return _joined(constants, [_in_pairs(bias << fine.fraction_bits, pairs, empty=0), words.reshape(pairs, -1), scales.reshape(pairs, 4)])


def _byte_stream(constants: ChannelConstants, short: FineRequantization | None, grouped: int, *, folded: bool) -> Constant:
    paired = _weights_in_pairs(constants.weights.astype(np.int64), grouped=grouped)
    pairs = len(paired)
    bias = _in_pairs(constants.constants[0].values, pairs, empty=0)
    if folded:
        words = (256 * paired[:, 1] + paired[:, 0]).astype("<i2").view("<i4")
        bias[:, 1] = 256 * bias[:, 1] + bias[:, 0]
    else:
        words = np.ascontiguousarray(paired.transpose(0, 2, 3, 1)).astype(np.int8).reshape(pairs, -1).view("<i4")
    return _joined(constants, [bias, words.reshape(pairs, -1), *_byte_scales(constants, short, pairs)])


def _byte_scales(constants: ChannelConstants, short: FineRequantization | None, pairs: int) -> list[npt.NDArray[np.signedinteger]]:
    """Return what lies behind the weights of each pair."""
    if short is not None:
        above = _in_pairs(addends_above(constants, short), pairs, empty=0)
        return [_in_pairs(short.multipliers, pairs, empty=0), above.astype("<i2").view("<i4")]
    multipliers, right_shifts = (
        _in_pairs(constant.values, pairs, empty=empty) for constant, empty in zip(constants.constants[1:], (0, 1), strict=True)
    )
    shifts: npt.NDArray[np.int8] = np.zeros((pairs, 4), np.int8)
    shifts[:, :2] = right_shifts - 1
    return [multipliers, shifts.view("<i4")]


def _joined(constants: ChannelConstants, parts: list[npt.NDArray[np.signedinteger]]) -> Constant:
    stream = np.concatenate(parts, axis=1)
    return Constant(role=f"channels{constants.role_suffix}", c_type="int32_t", values=stream.astype(np.int32).ravel())


def _weights_in_pairs(weights: Int64Array, *, grouped: int) -> Int64Array:
    """Return [pair, channel of the pair, step, two values of the depth], both channels and depth filled up with zeros."""
    channels, depth = weights.shape
    filled = np.zeros((even(channels), even(depth)), np.int64)
    filled[:channels, :depth] = weights
    filled[:, :grouped] = filled[:, :grouped].reshape(len(filled), -1, 4)[:, :, [0, 2, 1, 3]].reshape(len(filled), grouped)
    return filled.reshape(len(filled) // 2, 2, -1, 2)


def _in_pairs(values: IntArray, pairs: int, *, empty: int) -> Int64Array:
    """Return [pair, channel]; a missing last one is `empty`."""
    filled = np.full(2 * pairs, empty, np.int64)
    filled[: len(values)] = values
    return filled.reshape(pairs, 2)
