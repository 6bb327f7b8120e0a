"""The fixed-point arithmetic of the preparation."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tinyaudio.deploy.compiler.arithmetic import activation_range, mean_multiplier, quantize_multiplier, round_half_away, softmax_scaling
from tinyaudio.deploy.compiler.channels import pack_position_pairs


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
