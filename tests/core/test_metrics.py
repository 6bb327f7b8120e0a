"""Metrics against hand-computed figures."""

from __future__ import annotations

import numpy as np
import pytest

from tinyaudio.core.errors import InputError
from tinyaudio.core.metrics import accuracy, class_metrics, confusion_matrix, macro_f1, wilson_interval


def test_confusion_counts_rows_as_truth() -> None:
    confusion = confusion_matrix(np.array([0, 0, 1, 2]), np.array([0, 1, 1, 0]), class_count=3)
    assert confusion.tolist() == [[1, 1, 0], [0, 1, 0], [1, 0, 0]]
    assert accuracy(confusion) == 0.5


def test_class_metrics_by_hand() -> None:
    first, second, third = class_metrics(np.array([[3, 1, 0], [0, 4, 0], [0, 0, 0]]), labels=("a", "b", "c"))
    assert (first.precision, first.recall, first.support) == (1.0, 0.75, 4)
    assert (second.precision, second.recall) == (0.8, 1.0)
    assert (third.precision, third.recall, third.f1, third.support) == (0.0, 0.0, 0.0, 0)
    assert first.f1 == pytest.approx(6 / 7)
    assert macro_f1((first, second, third)) == pytest.approx((6 / 7 + 8 / 9) / 2)


def test_nothing_to_count_is_zero_not_a_division_error() -> None:
    empty = np.zeros((2, 2), np.int64)
    assert accuracy(empty) == 0.0
    assert macro_f1(class_metrics(empty, labels=("a", "b"))) == 0.0


@pytest.mark.parametrize(
    ("successes", "trials", "lower", "upper"),
    [(8, 10, 0.4902, 0.9433), (0, 10, 0.0, 0.2775), (10, 10, 0.7225, 1.0), (81, 263, 0.2553, 0.3662), (0, 0, 0.0, 1.0)],
)
def test_wilson_interval_matches_published_figures(successes: int, trials: int, lower: float, upper: float) -> None:
    # 81 of 263 is the example of Newcombe (1998), method 3.
    assert wilson_interval(successes, trials) == pytest.approx((lower, upper), abs=1e-4)


def test_a_wider_confidence_gives_a_wider_interval() -> None:
    narrow, wide = wilson_interval(30, 40, confidence=0.8), wilson_interval(30, 40, confidence=0.99)
    assert wide[0] < narrow[0] < 0.75 < narrow[1] < wide[1]


@pytest.mark.parametrize(("successes", "trials", "confidence"), [(5, 4, 0.95), (-1, 4, 0.95), (1, 4, 1.0), (1, 4, 0.0)])
def test_wilson_refuses_what_is_no_proportion(successes: int, trials: int, confidence: float) -> None:
    with pytest.raises(InputError):
        wilson_interval(successes, trials, confidence=confidence)


def test_confusion_refuses_lengths_and_classes_that_do_not_fit() -> None:
    with pytest.raises(InputError, match="2 true classes but 1"):
        confusion_matrix(np.array([0, 1]), np.array([0]), class_count=2)
    with pytest.raises(InputError, match="predicted class lies outside 0 to 1"):
        confusion_matrix(np.array([0, 1]), np.array([0, 2]), class_count=2)
    with pytest.raises(InputError, match="does not fit 3 labels"):
        class_metrics(np.zeros((2, 2), np.int64), labels=("a", "b", "c"))
