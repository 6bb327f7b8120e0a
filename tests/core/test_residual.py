"""The integer score follows its formula: mean square of dequantized residuals, then a logarithm to the nearest step."""

from __future__ import annotations

import numpy as np
import pytest

from tinyaudio.core.errors import ModelError
from tinyaudio.core.residual import design_residual, mean_square_bytes, residual_mean_squares, residual_scores
from tinyaudio.core.rounding import quantize_int8, round_shift


def test_ties_go_upwards_and_what_is_too_great_is_clipped() -> None:
    assert round_shift(np.array([-6, -2, 2, 6, 5]), 2).tolist() == [-1, 0, 1, 2, 1]
    assert quantize_int8(np.array([-0.5, 0.5, 1.49, 1e6, -1e6]), scale=1.0, zero_point=3).tolist() == [3, 4, 4, 127, -128]


@pytest.mark.parametrize("log_scale", [1.0, 4.342944819032518])
def test_mean_squares_are_those_of_dequantized_values_in_nepers(log_scale: float) -> None:
    rng = np.random.default_rng(3)
    features, reconstructions = (rng.integers(-128, 128, (50, 640)).astype(np.int8) for _ in range(2))
    scale = design_residual(input_scale=0.05, input_zero_point=17, output_scale=0.031, output_zero_point=-9, elements=640, log_scale=log_scale)
    residuals = 0.05 * (features.astype(float) - 17) - 0.031 * (reconstructions.astype(float) + 9)
    wanted = ((residuals / log_scale) ** 2).mean(axis=1)
    np.testing.assert_allclose(residual_mean_squares(features, reconstructions, scale) / 2.0**16, wanted, rtol=2e-3)


def test_equal_ends_have_no_residual() -> None:
    scale = design_residual(input_scale=0.05, input_zero_point=17, output_scale=0.05, output_zero_point=17, elements=4)
    patch = np.array([[-128, 0, 5, 127]], np.int8)
    assert residual_mean_squares(patch, patch, scale).tolist() == [0]


def test_scores_are_sixteenths_of_an_octave_to_the_nearest() -> None:
    values = np.unique(np.geomspace(300, 2**32 - 1, 20_000).astype(np.uint32))
    wanted = 16.0 * np.log2(values / 2.0**16)
    scores = residual_scores(values)
    within = (wanted > -127.4) & (wanted < 126.4)
    assert np.abs(scores - wanted)[within].max() <= 0.5 + 1e-9
    assert residual_scores(np.array([0, 1, 2**16, 2**17, 2**32 - 1], np.uint32)).tolist() == [-128, -128, 0, 16, 127]
    assert (np.diff(scores.astype(int)) >= 0).all()


def test_mean_squares_travel_as_they_lie_in_memory() -> None:
    assert mean_square_bytes(np.array([0x01020380], np.uint32)).tolist() == [[-128, 3, 2, 1]]


@pytest.mark.parametrize(
    ("changes", "message"), [({"input_scale": 1e-9}, "input scale"), ({"output_scale": 9.0}, "output scale"), ({"elements": 0}, "0 values")]
)
def test_what_cannot_be_a_log_mel_is_refused(changes: dict[str, float], message: str) -> None:
    usual = {"input_scale": 0.05, "input_zero_point": 0, "output_scale": 0.05, "output_zero_point": 0, "elements": 640}
    with pytest.raises(ModelError, match=message):
        design_residual(**{**usual, **changes})  # type: ignore[arg-type]
