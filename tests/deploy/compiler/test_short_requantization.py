"""The requantization with one shift for all channels: against the two roundings in exact integers, and where it must be refused."""

from __future__ import annotations

import numpy as np
import pytest

from tests.deploy.compiler.test_streams import _constants, _words
from tinyaudio.deploy.compiler.channels import ChannelConstants
from tinyaudio.deploy.compiler.columns import channel_stream
from tinyaudio.deploy.compiler.fine import SHORT_FRACTION_BITS, addends_above, short_requantization


def _random_channels(rng: np.random.Generator, *, zero_point: int, spread: int, largest: int) -> ChannelConstants:
    shifts = (4 + rng.integers(0, spread + 1, 12)).tolist()
    constants = _constants(np.ones((12, 2), np.int64), right_shifts=shifts, zero_point=zero_point, rounding="kClampedAtZeroPoint", largest=largest)
    constants.constants[1].values[:] = rng.integers(2**30, 2**31, 12)
    return constants


@pytest.mark.parametrize("spread", [0, 1, 3, 6])
@pytest.mark.parametrize("zero_point", [-128, -3, 126])
def test_it_is_exact_for_every_accumulator(zero_point: int, spread: int) -> None:
    rng = np.random.default_rng([spread, zero_point + 128])
    largest = 70_000
    accumulators = np.arange(-largest, largest + 1)[:, None]
    proven = 0
    for _ in range(4):
        constants = _random_channels(rng, zero_point=zero_point, spread=spread, largest=largest)
        short = short_requantization(constants)
        if short is None:
            continue
        proven += 1
        assert len(set(short.shifts.tolist())) == 1
        assert addends_above(constants, short).min() >= 1 and addends_above(constants, short).max() <= 64
        _, multipliers, shifts = (constant.values.astype(np.int64) for constant in constants.constants)
        first = (accumulators * multipliers + (1 << 30)) >> 31
        expected = np.clip(((first + (1 << (shifts - 1)) - (first < 0)) >> shifts) + zero_point, zero_point, 127)
        products = (accumulators << SHORT_FRACTION_BITS) * short.multipliers >> 32
        np.testing.assert_array_equal(np.clip(products + short.addends >> short.shifts, zero_point, 127), expected)
    assert proven >= 3


def test_a_multiplier_of_zero_gives_the_zero_point() -> None:
    constants = _constants(np.ones((2, 4), np.int64), rounding="kClampedAtZeroPoint", zero_point=-128)
    constants.constants[1].values[1] = 0
    short = short_requantization(constants)
    assert short is not None and short.multipliers[1] == 0
    assert int(short.addends[1] >> short.shifts[1]) == -128


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"rounding": "kRounded"}, "ties below the zero point are seen"),
        ({"rounding": "kGeneral"}, "the operator needs the general requantization"),
        ({"right_shifts": [1, 8]}, "more bits of a multiplier would be lost than lie behind the point"),
        ({"right_shifts": [16, 16]}, "the addend would leave int32"),
        ({"largest": 2**23}, "the scaled accumulator would leave int32"),
    ],
)
def test_what_cannot_be_proven_keeps_a_shift_for_each_channel(change: dict[str, object], why: str) -> None:
    constants = _constants(np.ones((2, 4), np.int64), **{"rounding": "kClampedAtZeroPoint", **change})  # type: ignore[arg-type]
    assert short_requantization(constants) is None, why
    assert dict(channel_stream(constants, grouped=4, wide=False).shape)["Shift"] == 0


def test_an_output_that_would_step_elsewhere_is_noticed() -> None:
    """Multipliers with bits to lose, of which one step in a great many lies just beside an accumulator."""
    rng = np.random.default_rng(1)
    refused = 0
    for _ in range(200):
        constants = _random_channels(rng, zero_point=-128, spread=6, largest=2**22)
        refused += short_requantization(constants) is None
    assert 0 < refused < 200


def test_the_stream_ends_with_multipliers_and_addends() -> None:
    constants = _constants(np.array([[1, 2], [-4, -5]]), rounding="kClampedAtZeroPoint", zero_point=-128)  # right shifts 3 and 4
    stream = channel_stream(constants, grouped=0, wide=False)
    assert dict(stream.shape)["Shift"] == 3 + SHORT_FRACTION_BITS - 1
    (words,) = _words(stream)
    assert words[3:5].tolist() == [2**30, (2**30 + 1) // 2]
    assert words[5:].astype("<i4").view(np.int16).tolist() == [64, 32]


def test_few_pixels_keep_a_shift_for_each_channel() -> None:
    constants = _constants(np.ones((2, 20), np.int64), rounding="kClampedAtZeroPoint", zero_point=-128)
    assert dict(channel_stream(constants, grouped=0, wide=False, in_blocks=False).shape)["Shift"] == 0
