"""The streams of weights, and the proofs behind the forms they may take."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest

from tinyaudio.deploy.compiler.channels import ChannelConstants
from tinyaudio.deploy.compiler.columns import ChannelStream, can_fold, channel_stream
from tinyaudio.deploy.compiler.fine import fine_requantization
from tinyaudio.deploy.compiler.graph import Constant, Kernel, Quantization, Tensor
from tinyaudio.deploy.compiler.ops.conv_2d import Placement
from tinyaudio.deploy.compiler.twins import TwinPhase, twin_kernel
from tinyaudio.deploy.compiler.window import Extent, Window


def _constants(
    weights: np.ndarray,
    *,
    bias: list[int] | None = None,
    right_shifts: list[int] | None = None,
    zero_point: int = 0,
    rounding: str = "kRounded",
    largest: int | None = None,
) -> ChannelConstants:
    count = len(weights)
    values = (bias or [10 * (n + 1) for n in range(count)], [2**30 + n for n in range(count)], right_shifts or [n + 3 for n in range(count)])
    parts = [
        Constant(role=role, c_type="int32_t", values=np.array(array))
        for role, array in zip(("bias", "multipliers", "right_shifts"), values, strict=True)
    ]
    bound = np.abs(np.array(values[0])) + 128 * np.abs(weights.astype(np.int64)).sum(axis=1)
    return ChannelConstants(
        weights=weights.astype(np.int8),
        constants=(parts[0], parts[1], parts[2]),
        role_suffix="",
        largest=bound if largest is None else np.full(count, largest),
        rounding=rounding,
        output_zero_point=zero_point,
        shape=(),
    )


def _words(stream: ChannelStream, pairs: int = 1) -> np.ndarray:
    return stream.constant.values.reshape(pairs, -1)


def test_stream_of_two_channels() -> None:
    (words,) = _words(channel_stream(_constants(np.array([[1, 2, 3], [-4, -5, -6]])), grouped=0, wide=False))
    assert words[:2].tolist() == [10, 20]
    assert words[2:4].astype("<i4").view(np.int8).tolist() == [1, -4, 2, -5, 3, -6, 0, 0]
    assert words[4:6].tolist() == [2**30, 2**30 + 1]
    assert words[6:].astype("<i4").view(np.int8).tolist() == [2, 3, 0, 0]


def test_stream_of_wide_weights_shifts_each_channel_so_that_all_end_in_one_shift() -> None:
    stream = channel_stream(_constants(np.array([[1, 2], [-4, -5], [7, 8]]), zero_point=-9), grouped=0, wide=True)
    words = _words(stream, pairs=2)
    assert dict(stream.shape)["Shift"] == 6  # right shifts 3, 4 and 5: the last channel has 2 bits behind the point
    assert words[:, :2].tolist() == [[10 << 4, 20 << 3], [30 << 2, 0]]
    assert words[:, 2:4].astype("<i4").view(np.int16).tolist() == [[1 << 4, 2 << 4, -4 << 3, -5 << 3], [7 << 2, 8 << 2, 0, 0]]
    middle = -17 << 5
    assert words[:, 4:].tolist() == [[2**30, middle + 4, 2**30 + 1, middle + 2], [2**30 + 2, middle + 1, 0, 0]]


def test_grouped_values_change_places() -> None:
    (words,) = _words(channel_stream(_constants(np.arange(6)[None]), grouped=4, wide=False))
    assert words[2:5].astype("<i4").view(np.int8)[::2].tolist() == [0, 2, 1, 3, 4, 5]


def test_stream_of_folded_weights() -> None:
    weights = np.zeros((2, 18), np.int64)
    weights[:, :2] = [[1, -2], [-4, 127]]
    (words,) = _words(channel_stream(_constants(weights), grouped=0, wide=False))
    assert words[:2].tolist() == [10, 256 * 20 + 10]
    assert words[2:3].astype("<i4").view(np.int16).tolist() == [256 * -4 + 1, 256 * 127 - 2]


@pytest.mark.parametrize(
    ("depth", "largest_weight", "bias", "fits"),
    [(32, 127, 0, True), (516, 127, 0, False), (32, -128, 0, False), (32, 127, 2**23, False), (8, 127, 0, False)],
)
def test_what_can_be_folded(depth: int, largest_weight: int, bias: int, fits: bool) -> None:
    assert can_fold(_constants(np.full((2, depth), largest_weight), bias=[bias, bias])) == fits


def test_a_fine_requantization_is_exact_over_random_channels() -> None:
    """Against the two roundings in exact integers, for accumulators at and beside every step of the output."""
    rng = np.random.default_rng(5)
    for zero_point in (-128, -3, 0, 127):
        shifts = rng.integers(1, 7, 12)
        constants = _constants(np.ones((12, 2), np.int64), right_shifts=shifts.tolist(), zero_point=zero_point, largest=2**22)
        fine = fine_requantization(constants)
        assert fine is not None and len(set(fine.shifts.tolist())) == 1
        multipliers = constants.constants[1].values.astype(np.int64)
        accumulators = np.concatenate([np.arange(-70_000, 70_000, 7), rng.integers(-(2**22), 2**22, 20_000)])[:, None]
        first = (accumulators * multipliers + (1 << 30)) >> 31
        ties_down = (first < 0) * 1
        expected = np.clip(((first + (1 << (shifts - 1)) - ties_down) >> shifts) + zero_point, -128, 127)
        scaled = accumulators << fine.fraction_bits
        addends = fine.addends - (scaled < 0) * 2 * (fine.addends & -fine.addends)
        np.testing.assert_array_equal(np.clip(((scaled * multipliers >> 32) + addends) >> fine.shifts, -128, 127), expected)


def _twin_kernel(weights: np.ndarray, *, zero_point: int = -9) -> Kernel | None:
    """Of one kernel row over four pixels; `weights` [channels, 2 * input channels]."""
    quantization = Quantization(scales=(1.0,), zero_points=(zero_point,), axis=0)
    image = Tensor(index=0, name="image", shape=(1, 1, 4, weights.shape[1] // 2), dtype="int8", quantization=quantization, data=None)
    single = Extent(size=1, stride=1, dilation=1, before=0, after=0)
    window = Window(height=single, width=replace(single, size=2, before=1))
    placement = Placement(image=0, output=1, offset=0, height=1, width=4, column_step=4, row_step=16)
    return twin_kernel(image, [TwinPhase(window=window, constants=_constants(weights), placement=placement)], macs=0)


def test_stream_of_twins() -> None:
    kernel = _twin_kernel(np.stack([np.arange(16), -np.arange(16)]))
    assert kernel is not None
    words = kernel.constants[0].values
    half, in_front = 1 << 20, sum(range(8))  # of the weights that meet the left neighbour
    assert words[:2].tolist() == [half - 9 * in_front, half + 9 * in_front]
    assert words[2:18].reshape(8, 2)[3].tolist() == [11 + (3 << 21), -11 - (3 << 21)]
    shift = 4 + 2 - 1  # the second channel's right shift, with two bits behind the point
    assert words[18:].tolist() == [(10 - half) * 8, 8, 2**30, (1 << (shift - 1)) + 2, (20 - half) * 4, 4, 2**30 + 1, (1 << (shift - 1)) + 1]


def test_sums_of_twins_stay_apart_as_far_as_the_compiler_lets_them() -> None:
    largest = ((1 << 20) - 1) // 128
    weights = np.zeros((2, 128), np.int64)
    weights[:, :64] = 127
    weights[0, 64] = largest - 64 * 127
    assert _twin_kernel(weights) is not None
    weights[0, 64] += 1
    assert _twin_kernel(weights) is None
    for first, second, own, before in itertools.product((-128, 127), (-128, 127), (-largest, 0, largest // 2), (-(largest // 2), 0)):
        own = max(own, abs(before) - largest)
        sums = (1 << 20) + (1 << 41) + (first + (second << 21)) * (own + (before << 21))
        assert (sums & 0x1FFFFF) - (1 << 20) == own * first
        assert (sums >> 21 & 0x1FFFFF) - (1 << 20) == before * first + own * second
        assert sums >> 42 == before * second


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"rounding": "kGeneral"}, "the operator needs the general requantization"),
        ({"right_shifts": [1, 8]}, "a weight would need 9 bits more"),
        ({"largest": 2**28}, "the scaled accumulator would leave int32"),
        ({"right_shifts": [21, 22], "zero_point": -128}, "so would the addend"),
    ],
)
def test_what_cannot_be_proven_stays_with_bytes(change: dict[str, object], why: str) -> None:
    constants = _constants(np.ones((2, 4), np.int64), **change)  # type: ignore[arg-type]
    assert fine_requantization(constants) is None, why
    stream = channel_stream(constants, grouped=4, wide=True)
    assert dict(stream.shape)["Weights"] == "tinyaudio::nn::WeightFormat::kBytes"
