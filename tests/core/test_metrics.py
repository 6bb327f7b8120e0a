"""Metrics against hand-computed figures."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tinyaudio.core.errors import InputError
from tinyaudio.core.metrics import (
    accuracy,
    bootstrap_interval,
    calibration_bins,
    class_metrics,
    confusion_matrix,
    expected_calibration_error,
    macro_f1,
    mean_average_precision,
    precision_recall_curve,
    roc_curve,
    wilson_interval,
)


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


def test_the_roc_area_counts_pairs_in_order_and_ties_half() -> None:
    positive, scores = np.array([1, 1, 0, 0, 1, 0], bool), np.array([0.9, 0.4, 0.4, 0.1, 0.8, 0.8])
    pairs = [(a > b) + 0.5 * (a == b) for a in scores[positive] for b in scores[~positive]]
    curve = roc_curve(positive, scores)
    assert curve.area == pytest.approx(np.mean(pairs))
    assert (curve.x[0], curve.y[0], curve.x[-1], curve.y[-1]) == (0, 0, 1, 1)
    assert (np.diff(curve.x) >= 0).all()
    assert curve.thresholds[0] == np.inf
    assert math.isnan(roc_curve(np.ones(3, bool), scores[:3]).area)


def test_average_precision_by_hand() -> None:
    curve = precision_recall_curve(np.array([1, 0, 1, 0], bool), np.array([0.9, 0.8, 0.7, 0.1]))
    assert curve.area == pytest.approx(0.5 * 1.0 + 0.5 * 2 / 3)
    assert curve.y.tolist() == pytest.approx([1, 1, 0.5, 2 / 3, 0.5])
    assert math.isnan(precision_recall_curve(np.zeros(3, bool), np.arange(3)).area)


def test_the_mean_is_over_classes_that_occur() -> None:
    truth = np.array([[1, 0, 0], [0, 1, 0]], bool)
    assert mean_average_precision(truth, np.array([[0.9, 0.1, 0.5], [0.2, 0.8, 0.5]])) == 1.0
    assert math.isnan(mean_average_precision(np.zeros((2, 3), bool), np.ones((2, 3))))


def test_curves_refuse_what_does_not_match() -> None:
    with pytest.raises(InputError, match="3 truths but 2 scores"):
        roc_curve(np.ones(3, bool), np.ones(2))


def test_calibration_compares_sureness_with_being_right() -> None:
    scores = np.array([[0.95, 0.05], [0.95, 0.05], [0.6, 0.4], [0.0, 1.0]])
    bins = calibration_bins(scores, np.array([0, 1, 0, 1]), bins=10)
    assert [item.items for item in bins] == [0, 0, 0, 0, 0, 0, 1, 0, 0, 3]
    assert bins[9].accuracy == pytest.approx(2 / 3)
    assert expected_calibration_error(bins) == pytest.approx((0.4 + 3 * abs(2.9 / 3 - 2 / 3)) / 4)
    assert expected_calibration_error(()) == 0.0


def test_a_bootstrap_by_group_is_wider_than_one_by_item() -> None:
    rng = np.random.default_rng(3)
    right = np.repeat(rng.random(30) < 0.7, 10).astype(float)
    grouped = bootstrap_interval(lambda chosen: float(right[chosen].mean()), [str(item // 10) for item in range(300)])
    single = bootstrap_interval(lambda chosen: float(right[chosen].mean()), [str(item) for item in range(300)])
    assert grouped[0] < right.mean() < grouped[1]
    assert grouped[1] - grouped[0] > 2 * (single[1] - single[0])
    assert grouped == bootstrap_interval(lambda chosen: float(right[chosen].mean()), [str(item // 10) for item in range(300)])


def test_a_bootstrap_of_nothing_is_no_number() -> None:
    assert all(math.isnan(end) for end in bootstrap_interval(lambda chosen: 1.0, []))
    assert all(math.isnan(end) for end in bootstrap_interval(lambda chosen: math.nan, ["a", "b"]))
