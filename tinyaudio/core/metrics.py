"""Accuracy, confusion, precision and recall, curves, calibration, intervals: pure functions of arrays, no state and no files."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinyaudio.core.errors import InputError


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassMetrics:
    """How well one class is found. A ratio whose denominator is zero is 0.0; `support` and `predicted` tell why."""

    label: str
    support: int  # items that are of this class
    predicted: int  # items that were taken for this class
    precision: float  # 0 to 1
    recall: float  # 0 to 1
    f1: float  # 0 to 1, harmonic mean of the two


def confusion_matrix(true_classes: NDArray[Any], predicted_classes: NDArray[Any], *, class_count: int) -> NDArray[np.int64]:
    """Count how often each class was taken for each other.

    Parameters
    ----------
    true_classes, predicted_classes
        int[items], each 0 to ``class_count - 1``.
    class_count
        Number of classes.

    Returns
    -------
    int64[class_count, class_count]
        Row: what it is. Column: what it was taken for.

    Raises
    ------
    InputError
        If the lengths differ or a class is out of range.
    """
    true_array, predicted_array = (np.asarray(array, dtype=np.int64).ravel() for array in (true_classes, predicted_classes))
    if true_array.shape != predicted_array.shape:
        raise InputError(f"{true_array.size} true classes but {predicted_array.size} predicted ones", hint="hand in one prediction for each item")
    for name, array in (("true", true_array), ("predicted", predicted_array)):
        if array.size and not 0 <= array.min() <= array.max() < class_count:
            raise InputError(f"a {name} class lies outside 0 to {class_count - 1}", hint="class numbers are positions in the list of labels")
    flat = np.bincount(true_array * class_count + predicted_array, minlength=class_count * class_count)
    return flat.reshape(class_count, class_count).astype(np.int64)


def accuracy(confusion: NDArray[Any]) -> float:
    """Return the share of items on the diagonal of `confusion`, int[classes, classes], 0 to 1; 0.0 without any item."""
    total = int(confusion.sum())
    return float(np.trace(confusion)) / total if total else 0.0


def class_metrics(confusion: NDArray[Any], *, labels: Sequence[str]) -> tuple[ClassMetrics, ...]:
    """Return precision, recall and F1 of every class of `confusion` (row: truth, column: prediction), in the order of `labels`.

    Raises
    ------
    InputError
        If `confusion` is not ``len(labels)`` squared.
    """
    if confusion.shape != (len(labels), len(labels)):
        raise InputError(f"a confusion matrix of shape {confusion.shape} does not fit {len(labels)} labels", hint="one row and one column a label")
    return tuple(_one_class(confusion, index, label) for index, label in enumerate(labels))


def label_confusion(truth: NDArray[Any], decided: NDArray[Any]) -> NDArray[np.int64]:
    """Count for each label by itself how often it was there, and how often it was decided to be.

    Parameters
    ----------
    truth, decided
        bool[items, labels].

    Returns
    -------
    int64[labels, 2, 2]
        Row: whether the item has the label. Column: whether that was decided.

    Raises
    ------
    InputError
        If the two differ in shape.
    """
    if truth.shape != decided.shape:
        raise InputError(f"a truth of shape {truth.shape} but decisions of shape {decided.shape}", hint="one decision for each item and label")
    pairs = ((~truth & ~decided, ~truth & decided), (truth & ~decided, truth & decided))
    return np.array([[cell.sum(axis=0) for cell in row] for row in pairs], np.int64).transpose(2, 0, 1)


def label_metrics(confusion: NDArray[Any], *, labels: Sequence[str]) -> tuple[ClassMetrics, ...]:
    """Return precision, recall and F1 of every label from `label_confusion`, in the order of `labels`.

    Raises
    ------
    InputError
        If `confusion` is not ``[len(labels), 2, 2]``.
    """
    if confusion.shape != (len(labels), 2, 2):
        raise InputError(f"counts of shape {confusion.shape} do not fit {len(labels)} labels", hint="two rows and two columns a label")
    return tuple(
        _class_metrics(label, hits=int(table[1, 1]), support=int(table[1].sum()), predicted=int(table[:, 1].sum()))
        for table, label in zip(confusion, labels, strict=True)
    )


def macro_f1(metrics: Sequence[ClassMetrics]) -> float:
    """Return the plain mean of F1 over the classes that occur (0.0 if none does)."""
    present = [item.f1 for item in metrics if item.support]
    return math.fsum(present) / len(present) if present else 0.0


def wilson_interval(successes: int, trials: int, *, confidence: float = 0.95) -> tuple[float, float]:
    """Return the Wilson score interval of a proportion.

    It keeps its coverage for few trials and for proportions near 0 and 1, where the normal approximation fails.

    Parameters
    ----------
    successes, trials
        Counts, ``0 <= successes <= trials``.
    confidence
        Two-sided coverage, between 0 and 1 exclusive.

    Returns
    -------
    (lower, upper)
        Both within 0 to 1; (0.0, 1.0) for no trials.

    Raises
    ------
    InputError
        If an argument is out of range.

    References
    ----------
    E. B. Wilson, "Probable inference, the law of succession, and statistical inference", JASA 22 (1927), 209-212.
    """
    if not 0 <= successes <= trials:
        raise InputError(f"{successes} successes in {trials} trials", hint="successes lie within 0 and the number of trials")
    if not 0.0 < confidence < 1.0:
        raise InputError(f"confidence is {confidence}", hint="confidence lies between 0 and 1, as 0.95")
    if trials == 0:
        return 0.0, 1.0
    z = NormalDist().inv_cdf(0.5 + confidence / 2.0)
    share = successes / trials
    denominator = 1.0 + z * z / trials
    centre = (share + z * z / (2.0 * trials)) / denominator
    half_width = z * math.sqrt(share * (1.0 - share) / trials + z * z / (4.0 * trials * trials)) / denominator
    return max(0.0, centre - half_width), min(1.0, centre + half_width)


def poisson_interval(events: int, *, exposure: float, confidence: float = 0.95) -> tuple[float, float]:
    """Return the exact interval of a rate from the number of events in some exposure, such as hours.

    Parameters
    ----------
    events
        0 or more.
    exposure
        Above 0.
    confidence
        Two-sided coverage, between 0 and 1 exclusive.

    Returns
    -------
    (lower, upper)
        Events a unit of exposure; from no events, the upper end is 3.7 over the exposure.

    Raises
    ------
    InputError
        If an argument is out of range.

    References
    ----------
    F. Garwood, "Fiducial limits for the Poisson distribution", Biometrika 28 (1936), 437-442.
    """
    if events < 0 or exposure <= 0.0 or not 0.0 < confidence < 1.0:
        raise InputError(f"{events} events in an exposure of {exposure:g}, confidence {confidence:g}", hint="counts from 0, exposures above 0")
    from scipy.special import gammaincinv  # slow to import

    tail = (1.0 - confidence) / 2.0
    lower = float(gammaincinv(events, tail)) if events else 0.0
    return lower / exposure, float(gammaincinv(events + 1, 1.0 - tail)) / exposure


def _one_class(confusion: NDArray[Any], index: int, label: str) -> ClassMetrics:
    return _class_metrics(label, hits=int(confusion[index, index]), support=int(confusion[index].sum()), predicted=int(confusion[:, index].sum()))


def _class_metrics(label: str, *, hits: int, support: int, predicted: int) -> ClassMetrics:
    return ClassMetrics(
        label=label,
        support=support,
        predicted=predicted,
        precision=hits / predicted if predicted else 0.0,
        recall=hits / support if support else 0.0,
        f1=2.0 * hits / (support + predicted) if support + predicted else 0.0,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """A quality against another as a threshold falls, and the area under it."""

    x: NDArray[np.float64]  # [points]; false positive rate, or recall; does not fall
    y: NDArray[np.float64]  # [points]; true positive rate, or precision
    thresholds: NDArray[np.float64]  # [points]; an item counts as found from this score on; falls
    area: float  # 0 to 1; NaN without any positive, or for a ROC curve without any negative


def roc_curve(is_positive: NDArray[Any], scores: NDArray[Any]) -> Curve:
    """Return true over false positive rate; the area is the probability that a positive outscores a negative, ties counting half.

    Parameters
    ----------
    is_positive
        bool[items].
    scores
        float[items].
    """
    hits, alarms, thresholds = _cumulated(is_positive, scores)
    positives, negatives = int(hits[-1]), int(alarms[-1])
    x, y = alarms / max(negatives, 1), hits / max(positives, 1)
    area = float(np.sum(np.diff(x) * (y[1:] + y[:-1]))) / 2.0 if positives and negatives else math.nan
    return Curve(x=x, y=y, thresholds=thresholds, area=area)


def partial_roc_area(is_positive: NDArray[Any], scores: NDArray[Any], *, greatest_rate: float) -> float:
    """Return the area under the ROC curve up to a false positive rate, on McClish's scale: 0.5 is chance, 1 is perfect.

    Parameters
    ----------
    is_positive
        bool[items].
    scores
        float[items].
    greatest_rate
        Greatest false positive rate, above 0 and up to 1.

    Returns
    -------
    float
        NaN without any positive or any negative.

    References
    ----------
    D. K. McClish, "Analyzing a portion of the ROC curve", Medical Decision Making 9 (1989), 190-195.
    """
    if not 0.0 < greatest_rate <= 1.0:
        raise InputError(f"greatest_rate is {greatest_rate}", hint="a rate lies above 0 and up to 1, as 0.1")
    curve = roc_curve(is_positive, scores)
    if math.isnan(curve.area):
        return math.nan
    inside = curve.x <= greatest_rate
    x = np.append(curve.x[inside], greatest_rate)
    y = np.append(curve.y[inside], np.interp(greatest_rate, curve.x, curve.y))
    area = float(np.sum(np.diff(x) * (y[1:] + y[:-1]))) / 2.0
    chance = greatest_rate * greatest_rate / 2.0
    return 0.5 * (1.0 + (area - chance) / (greatest_rate - chance))


def precision_recall_curve(is_positive: NDArray[Any], scores: NDArray[Any]) -> Curve:
    """Return precision over recall; the area is the average precision, ``sum (recall step) * precision``, not interpolated.

    The first point, at recall 0, has precision 1.
    """
    hits, alarms, thresholds = _cumulated(is_positive, scores)
    positives = int(hits[-1])
    recall = hits / max(positives, 1)
    precision = np.divide(hits, hits + alarms, out=np.ones_like(recall), where=hits + alarms > 0)
    area = float(np.sum(np.diff(recall) * precision[1:])) if positives else math.nan
    return Curve(x=recall, y=precision, thresholds=thresholds, area=area)


def mean_average_precision(is_positive: NDArray[Any], scores: NDArray[Any]) -> float:
    """Return the mean of the average precisions of the classes that occur, bool[items, classes] and float[items, classes]; NaN if none does."""
    areas = [precision_recall_curve(is_positive[:, index], scores[:, index]).area for index in range(scores.shape[1])]
    present = [area for area in areas if not math.isnan(area)]
    return math.fsum(present) / len(present) if present else math.nan


@dataclass(frozen=True, slots=True, kw_only=True)
class CalibrationBin:
    """Items whose highest score lies within a range."""

    lower: float
    upper: float
    items: int
    mean_score: float  # 0.0 without items
    accuracy: float  # share that is right; 0.0 without items


def calibration_bins(scores: NDArray[Any], true_classes: NDArray[Any], *, bins: int = 10) -> tuple[CalibrationBin, ...]:
    """Compare how sure a classifier is with how often it is right, in `bins` equal ranges of its highest score.

    Parameters
    ----------
    scores
        float[items, classes], 0 to 1.
    true_classes
        int[items].
    bins
        Number of ranges.
    """
    return reliability_bins(scores.max(axis=1), scores.argmax(axis=1) == true_classes, bins=bins)


def reliability_bins(sure: NDArray[Any], right: NDArray[Any], *, bins: int = 10) -> tuple[CalibrationBin, ...]:
    """Compare scores, float[items] of 0 to 1, with whether each is right, bool[items], in `bins` equal ranges of the score."""
    number = np.clip((sure * bins).astype(np.int64), 0, bins - 1)
    chosen = [number == index for index in range(bins)]
    return tuple(
        CalibrationBin(
            lower=index / bins,
            upper=(index + 1) / bins,
            items=int(inside.sum()),
            mean_score=float(sure[inside].mean()) if inside.any() else 0.0,
            accuracy=float(right[inside].mean()) if inside.any() else 0.0,
        )
        for index, inside in enumerate(chosen)
    )


def expected_calibration_error(bins: Sequence[CalibrationBin]) -> float:
    """Return the mean distance between score and accuracy, weighed by the items (Naeini et al., AAAI 2015); 0.0 without any item."""
    total = sum(item.items for item in bins)
    return math.fsum(item.items * abs(item.mean_score - item.accuracy) for item in bins) / total if total else 0.0


def bootstrap_interval(
    statistic: Callable[[NDArray[np.int64]], float], groups: Sequence[str], *, seed: int = 1, draws: int = 1_000, confidence: float = 0.95
) -> tuple[float, float]:
    """Return the percentile interval of a figure when whole groups are drawn with replacement.

    Clips of one recording are alike; an interval that counts them one by one is too narrow.

    Parameters
    ----------
    statistic
        From indices of items, int64[drawn], to the figure. Draws for which it is NaN are left out.
    groups
        The group of each item.
    seed, draws
        Of the random draws.
    confidence
        Two-sided coverage, between 0 and 1 exclusive.

    Returns
    -------
    (lower, upper)
        (NaN, NaN) if there are no items or the figure is never a number.

    References
    ----------
    B. Efron, R. J. Tibshirani, "An Introduction to the Bootstrap", 1993, chapter 13.
    """
    names = np.asarray(groups)
    members = [np.flatnonzero(names == name) for name in dict.fromkeys(groups)]
    if not members:
        return math.nan, math.nan
    rng = np.random.default_rng(seed)
    figures = [statistic(np.concatenate([members[index] for index in rng.integers(len(members), size=len(members))])) for _ in range(draws)]
    numbers = [figure for figure in figures if not math.isnan(figure)]
    if not numbers:
        return math.nan, math.nan
    tail = (1.0 - confidence) / 2.0
    lower, upper = np.quantile(numbers, [tail, 1.0 - tail])
    return float(lower), float(upper)


def _cumulated(is_positive: NDArray[Any], scores: NDArray[Any]) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Return hits, false alarms and threshold at each distinct score, from none found to all found."""
    positive, values = np.asarray(is_positive, np.bool_).ravel(), np.asarray(scores, np.float64).ravel()
    if positive.shape != values.shape:
        raise InputError(f"{positive.size} truths but {values.size} scores", hint="hand in one score for each item")
    order = np.argsort(-values, kind="stable")
    positive, values = positive[order], values[order]
    last = np.append(np.flatnonzero(np.diff(values)), values.size - 1) if values.size else np.array([], np.int64)
    hits, alarms = np.cumsum(positive)[last], np.cumsum(~positive)[last]
    return np.append(0.0, hits), np.append(0.0, alarms), np.append(np.inf, values[last])
