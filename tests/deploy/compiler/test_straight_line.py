"""Rescaling in one multiplication: against the reference's arithmetic, over every sum."""

from __future__ import annotations

import numpy as np
import pytest

from tinyaudio.deploy.compiler.arithmetic import mean_multiplier
from tinyaudio.deploy.compiler.fixed_point import multiply_by_quantized_multiplier
from tinyaudio.deploy.compiler.straight_line import straight_line


def _means(count: int, factor: float, zero_points: tuple[int, int]) -> tuple[np.ndarray, int]:
    sums = np.arange(-128 * count, 127 * count + 1)
    scaled = multiply_by_quantized_multiplier(sums - count * zero_points[0], mean_multiplier(factor, count=count))
    return np.clip(scaled + zero_points[1], -128, 127), int(sums[0])


@pytest.mark.parametrize("zero_points", [(-128, -128), (-128, -10), (127, 127)])
@pytest.mark.parametrize("factor", [1.0, 0.37, 2.9])
@pytest.mark.parametrize("count", [2, 6, 24, 125, 255])
def test_a_line_gives_every_output_in_int32(count: int, factor: float, zero_points: tuple[int, int]) -> None:
    outputs, smallest = _means(count, factor, zero_points)
    line = straight_line(outputs, smallest=smallest)
    assert line is not None
    sums = np.arange(smallest, smallest + len(outputs))
    scaled = (line.multiplier * sums >> 16) + line.addend
    assert line.multiplier < 2**31 and np.abs(scaled).max() < 2**31
    np.testing.assert_array_equal(np.clip(scaled >> line.right_shift, -128, 127), outputs)


@pytest.mark.parametrize(
    ("outputs", "why"),
    [
        (np.repeat(np.arange(5), [3, 3, 4, 3, 5]), "no slope passes through all steps"),
        (np.arange(10)[::-1], "it falls"),
        (np.full(10, 7), "there is no step to tell the slope from"),
        (np.repeat([0, 1, 3, 4], 4), "an output is left out"),
    ],
)
def test_where_no_line_serves(outputs: np.ndarray, why: str) -> None:
    assert straight_line(outputs, smallest=-3) is None, why
