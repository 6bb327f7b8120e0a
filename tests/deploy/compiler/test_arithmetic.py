"""The fixed-point arithmetic of the preparation."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tinyaudio.deploy.compiler.arithmetic import activation_range, mean_multiplier, quantize_multiplier, round_half_away, softmax_scaling
from tinyaudio.deploy.compiler.channels import ChannelConstants, WeightFormat, can_fold, channel_stream, pack_position_pairs
from tinyaudio.deploy.compiler.graph import Constant


@pytest.mark.parametrize(("value", "rounded"), [(0.5, 1), (-0.5, -1), (1.5, 2), (2.5, 3), (-2.5, -3), (0.49, 0), (7.0, 7)])
def test_ties_go_away_from_zero(value: float, rounded: int) -> None:
    assert round_half_away(value) == rounded


@pytest.mark.parametrize(
    ("factor", "multiplier", "right_shift"),
    [(0.5, 2**30, 0), (1.0, 2**30, -1), (0.25, 2**30, 1), (0.75, 3 * 2**29, 0), (0.0, 0, 0), (1 - 2**-40, 2**30, -1), (2.0**-40, 0, 0)],
)
def test_known_multipliers(factor: float, multiplier: int, right_shift: int) -> None:
    fixed = quantize_multiplier(factor)
    assert (fixed.multiplier, fixed.right_shift) == (multiplier, right_shift)


def test_multipliers_are_within_half_a_unit() -> None:
    for factor in np.random.default_rng(1).uniform(1e-7, 3.0, 500):
        fixed = quantize_multiplier(float(factor))
        assert 2**30 <= fixed.multiplier < 2**31
        assert abs(math.ldexp(fixed.multiplier, -31 - fixed.right_shift) / factor - 1) <= 2**-31


@pytest.mark.parametrize("factor", [-0.1, math.nan, math.inf, 2.0**31])
def test_impossible_factors(factor: float) -> None:
    with pytest.raises(ValueError, match="factor"):
        quantize_multiplier(factor)


def test_activation_ranges() -> None:
    assert activation_range("NONE", scale=0.1, zero_point=5) == (-128, 127)
    assert activation_range("RELU", scale=0.1, zero_point=5) == (5, 127)
    assert activation_range("RELU6", scale=0.1, zero_point=5) == (5, 65)
    assert activation_range("RELU_N1_TO_1", scale=0.1, zero_point=5) == (-5, 15)
    assert activation_range("RELU6", scale=6 / 255, zero_point=-128) == (-128, 127)


def test_the_mean_divides_by_the_count() -> None:
    fixed = mean_multiplier(0.7, count=15)
    assert math.ldexp(fixed.multiplier, -31 - fixed.right_shift) == pytest.approx(0.7 / 15, rel=1e-8)


def test_softmax_scaling_refuses_a_vanishing_scale() -> None:
    assert softmax_scaling(beta=1.0, input_scale=0.1).multiplier >= 2**30
    with pytest.raises(ValueError, match="too small"):
        softmax_scaling(beta=1.0, input_scale=1e-12)


def test_positions_in_pairs() -> None:
    weights = np.arange(1, 7, dtype=np.int8).reshape(2, 3)  # two channels, three positions
    assert pack_position_pairs(weights).tolist() == [1, 2, 4, 5, 3, 0, 6, 0]


def _stream(weights: np.ndarray, *, grouped: int, weights_as: WeightFormat = "bytes") -> np.ndarray:
    count = len(weights)
    roles = (
        ("bias", [10 * (n + 1) for n in range(count)]),
        ("multipliers", [2**30 + n for n in range(count)]),
        ("right_shifts", [n - 2 for n in range(count)]),
    )
    constants = tuple(Constant(role=role, c_type="int32_t", values=np.array(values)) for role, values in roles)
    assert len(constants) == 3
    return channel_stream(
        ChannelConstants(weights=weights.astype(np.int8), constants=constants, role_suffix="", shape=()), grouped=grouped, weights=weights_as
    ).values


def test_stream_of_two_channels() -> None:
    words = _stream(np.array([[1, 2, 3], [-4, -5, -6]]), grouped=0)
    assert words[:2].tolist() == [10, 20]
    assert words[2:4].astype("<i4").view(np.int8).tolist() == [1, -4, 2, -5, 3, -6, 0, 0]
    assert words[4:6].tolist() == [2**30, 2**30 + 1]
    assert words[6:].astype("<i4").view(np.int8).tolist() == [-3, -2, 0, 0]


def test_stream_of_wide_weights_and_an_odd_channel() -> None:
    words = _stream(np.array([[1, 2], [-4, -5], [7, 8]]), grouped=0, weights_as="wide").reshape(2, -1)
    assert words[:, :2].tolist() == [[10, 20], [30, 0]]
    assert words[:, 2:4].astype("<i4").view(np.int16).tolist() == [[1, 2, -4, -5], [7, 8, 0, 0]]
    assert words[1, 4:6].tolist() == [2**30 + 2, 0]
    assert words[1, 6:].astype("<i4").view(np.int8).tolist() == [-1, 0, 0, 0]


def test_grouped_values_change_places() -> None:
    words = _stream(np.arange(6)[None], grouped=4)
    assert words[2:5].astype("<i4").view(np.int8)[::2].tolist() == [0, 2, 1, 3, 4, 5]


def test_stream_of_folded_weights() -> None:
    words = _stream(np.array([[1, -2], [-4, 127]]), grouped=0, weights_as="folded")
    assert words[:2].tolist() == [10, 256 * 20 + 10]
    assert words[2:3].astype("<i4").view(np.int16).tolist() == [256 * -4 + 1, 256 * 127 - 2]


@pytest.mark.parametrize(
    ("depth", "largest_weight", "bias", "fits"),
    [(32, 127, 0, True), (516, 127, 0, False), (32, -128, 0, False), (32, 127, 2**23, False), (8, 127, 0, False)],
)
def test_what_can_be_folded(depth: int, largest_weight: int, bias: int, fits: bool) -> None:
    constants = tuple(Constant(role=role, c_type="int32_t", values=np.full(2, bias)) for role in ("bias", "multipliers", "right_shifts"))
    assert len(constants) == 3
    weights = np.full((2, depth), largest_weight, np.int8)
    assert can_fold(ChannelConstants(weights=weights, constants=constants, role_suffix="", shape=())) == fits
