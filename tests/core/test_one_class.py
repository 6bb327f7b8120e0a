"""The integers of one-class models: parts against real arithmetic, bounds at the formats' ends."""

from __future__ import annotations

import numpy as np
import pytest

from tests.core.one_class_cases import embeddings_for, random_distance, random_forest, usual_distance
from tinyaudio.core.one_class import (
    GREATEST_DISTANCE,
    MOST_CHANNELS,
    MOST_COMPONENTS,
    negative_log2,
    one_class_scores,
    one_class_values,
    point_distances,
    power_of_half,
    scaled,
)


def test_powers_and_logarithms_are_those_of_real_numbers() -> None:
    exponents = np.arange(0, 20 * 2**16, 77, dtype=np.uint32)
    np.testing.assert_allclose(power_of_half(exponents) / 2.0**31, 2.0 ** -(exponents / 2.0**16), atol=2.0**-30)
    assert power_of_half(np.array([31 << 16, 32 << 16, 2**32 - 1], np.uint32)).tolist() == [1, 0, 0]
    shares = np.unique(np.geomspace(1, 2**31, 5_000).astype(np.uint64))
    np.testing.assert_allclose(negative_log2(shares) / 2.0**16, -np.log2(shares / 2.0**31), atol=2.0**-15)
    assert negative_log2(np.array([1, 2**30, 2**31], np.uint64)).tolist() == [31 << 16, 1 << 16, 0]


@pytest.mark.parametrize("seed", range(3))
def test_no_distance_overflows_at_the_ends_of_the_formats(seed: int) -> None:
    """The same sums by Python's integers, which have no end."""
    tables = random_distance(seed, channels=MOST_CHANNELS, components=MOST_COMPONENTS, points=2, mixed=False, extreme=True)
    item = tables.distance
    assert item is not None
    embeddings = embeddings_for(MOST_CHANNELS, patches=4)
    found = point_distances(embeddings, item)
    channels = [
        max(-32768, min(32767, ((64 * int(value) - int(center)) * int(gain) + 2**13) >> 14))
        for value, center, gain in zip(embeddings[0], item.center, item.gain, strict=True)
    ]
    along = [(sum(value * int(weight) for value, weight in zip(channels, column, strict=True)) + 2**12) >> 13 for column in item.basis.T]
    rest = max(16 * sum(value * value for value in channels) - sum(value * value for value in along), 0)
    coordinates = [(value * int(stretch) + 2**14) >> 15 for value, stretch in zip(along, item.stretch, strict=True)]
    for point, wanted in zip(item.points, found[0], strict=True):
        exact = rest + sum((value - 4 * int(place)) ** 2 for value, place in zip(coordinates, point, strict=True))
        assert exact < 2**63
        assert (exact + 8) >> 4 == wanted


def test_clipping_a_distance_changes_no_value() -> None:
    """At the greatest shift and the least multiplier, what is clipped saturates in any case."""
    assert scaled(np.array([GREATEST_DISTANCE - 2**15, GREATEST_DISTANCE, 2**62]), 2**15, 27).tolist() == [2**32 - 2**3, 2**32 - 1, 2**32 - 1]
    assert scaled(np.array([GREATEST_DISTANCE]), 2**16 - 1, 1).tolist() == [2**32 - 1]


def test_scores_rise_with_what_is_strange() -> None:
    tables = usual_distance(1, channels=16, components=2, points=1, mixed=False)
    values = np.array([0, 256, 2**16, 2**32 - 1], np.uint32)
    assert one_class_scores(values, tables).tolist() == [-128, -128, 0, 127]
    forest = random_forest(1, channels=4, trees=3, depth=2)
    assert one_class_scores(np.array([0, 2**15, 2**16, 3 * 2**16], np.uint32), forest).tolist() == [0, -32, -64, -128]


def test_a_mix_of_one_point_is_its_own_value() -> None:
    mixed = usual_distance(2, channels=12, components=3, points=1, mixed=True)
    item = mixed.distance
    assert item is not None
    embeddings = embeddings_for(12, patches=30)
    alone = scaled(point_distances(embeddings, item), item.multiplier, item.shift)[:, 0].astype(np.int64)
    share = -np.log2(int(item.weights[0]) / 2**16) * 2**16
    np.testing.assert_allclose(one_class_values(embeddings, mixed).astype(np.int64), alone + share, atol=2)
