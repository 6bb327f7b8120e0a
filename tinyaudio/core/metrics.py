"""Accuracy, confusion, precision and recall, intervals: pure functions of arrays, no state and no files."""

from __future__ import annotations

import math
from collections.abc import Sequence
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


def _one_class(confusion: NDArray[Any], index: int, label: str) -> ClassMetrics:
    hits = int(confusion[index, index])
    support = int(confusion[index].sum())
    predicted = int(confusion[:, index].sum())
    return ClassMetrics(
        label=label,
        support=support,
        predicted=predicted,
        precision=hits / predicted if predicted else 0.0,
        recall=hits / support if support else 0.0,
        f1=2.0 * hits / (support + predicted) if support + predicted else 0.0,
    )
