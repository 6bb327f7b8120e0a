from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest

from tinyaudio.core.errors import ModelError
from tinyaudio.dsp.frontend import LOG_FRACTION_BITS, FeatureQuantization, design_feature_quantization, quantize_features


def design(scale: float, zero_point: int = 0) -> FeatureQuantization:
    return design_feature_quantization(scale, zero_point, log_fraction_bits=LOG_FRACTION_BITS)


def exact(value: int, quantization: FeatureQuantization) -> int:
    """The definition, in rational arithmetic."""
    rounded = math.floor(Fraction(value * quantization.multiplier, 2**quantization.shift) + Fraction(1, 2))
    return min(127, max(-128, rounded + quantization.zero_point))


@pytest.mark.parametrize("scale", [2.0**-14, 0.001, 0.0431, 0.078125, 1.0, 3.7, 2.0**13])
@pytest.mark.parametrize("zero_point", [-128, -1, 0, 31, 127])
def test_every_border_between_two_steps(scale: float, zero_point: int) -> None:
    quantization = design(scale, zero_point)
    assert 2**30 <= quantization.multiplier < 2**31
    assert 32 <= quantization.shift <= 62
    steps = np.arange(-130 - zero_point, 130 - zero_point)
    borders = np.rint((steps + 0.5) * scale * 2**LOG_FRACTION_BITS).astype(np.int64)
    values = (borders[:, np.newaxis] + np.arange(-2, 3)).ravel()
    values = np.clip(np.concatenate([values, [0, 1, -1, 2**31 - 1, -(2**31)]]), -(2**31), 2**31 - 1).astype(np.int32)
    expected = [exact(value, quantization) for value in values.tolist()]
    assert quantize_features(values, quantization).tolist() == expected


def test_the_multiplier_is_the_scale_within_half_a_unit() -> None:
    generator = np.random.default_rng(3)
    for scale in np.exp(generator.uniform(np.log(2.0**-14), np.log(2.0**13), 500)):
        quantization = design(float(scale))
        wanted = Fraction(2**quantization.shift) / (Fraction(float(scale)) * 2**LOG_FRACTION_BITS)
        assert abs(quantization.multiplier - wanted) <= Fraction(1, 2) + Fraction(1, 1_000)


def test_a_multiplier_that_rounds_up_to_a_power_of_two() -> None:
    quantization = design(1.0 + 2.0**-40)
    assert quantization == FeatureQuantization(multiplier=2**30, shift=46, zero_point=0)


def test_shape_is_kept() -> None:
    features = quantize_features(np.zeros((2, 3, 4), dtype=np.int32), design(0.05, 7))
    assert features.shape == (2, 3, 4)
    assert features.dtype == np.int8
    assert np.all(features == 7)


@pytest.mark.parametrize("scale", [0.0, -0.1, math.nan, math.inf, 1e-6, 1e6])
def test_a_scale_that_is_no_log_mels_is_refused(scale: float) -> None:
    with pytest.raises(ModelError, match="input scale"):
        design(scale)


@pytest.mark.parametrize("zero_point", [-129, 128])
def test_a_zero_point_that_is_no_int8_is_refused(zero_point: int) -> None:
    with pytest.raises(ModelError, match="zero point"):
        design(0.05, zero_point)
