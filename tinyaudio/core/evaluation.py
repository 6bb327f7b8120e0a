"""What an `Evaluation` says: headline figures with intervals, figures of each class, curves, calibration."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from tinyaudio.core.artifacts import BoolArray, Evaluation, Float64Array, Int64Array, Split
from tinyaudio.core.metrics import (
    CalibrationBin,
    ClassMetrics,
    Curve,
    bootstrap_interval,
    calibration_bins,
    class_metrics,
    expected_calibration_error,
    label_confusion,
    label_metrics,
    macro_f1,
    mean_average_precision,
    precision_recall_curve,
    reliability_bins,
    roc_curve,
    wilson_interval,
)

#: A label counts as decided from this score on, where a clip may have several.
DECISION_SCORE = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Headline:
    """A figure and the interval that it lies in with 95 % confidence when other recordings are drawn."""

    name: str
    value: float  # 0 to 1
    lower: float
    upper: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassFigures:
    """How well one class is found, by the best class and by its own score."""

    metrics: ClassMetrics
    roc: Curve
    precision_recall: Curve


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluationFigures:
    """Everything that can be said of one predictor on one split."""

    evaluation: Evaluation
    headlines: tuple[Headline, ...]  # accuracy, macro F1, mAP; where clips may have several labels the other way round
    classes: tuple[ClassFigures, ...]  # in the order of the labels
    calibration: tuple[CalibrationBin, ...]
    calibration_error: float  # expected calibration error, 0 to 1


def multi_label_evaluation(
    predictor: Literal["float", "int8", "device"],
    *,
    split: Split,
    labels: Sequence[str],
    filenames: tuple[str, ...],
    truth: BoolArray,
    scores: Float64Array,
) -> Evaluation:
    """Return the evaluation of clip scores, float64[clips, labels], where a clip may have several labels, or none: bool[clips, labels]."""
    decided = scores >= DECISION_SCORE
    confusion, label_indices = label_confusion(truth, decided), np.full(len(filenames), -1, np.int64)
    for array in (truth, scores, confusion, label_indices):
        array.flags.writeable = False
    return Evaluation(
        predictor=predictor,
        split=split,
        labels=tuple(labels),
        filenames=filenames,
        label_indices=label_indices,
        scores=scores,
        accuracy=float((truth == decided).all(axis=1).mean()),
        confusion=confusion,
        truth=truth,
    )


def truth_of(evaluation: Evaluation) -> BoolArray:
    """Return which labels each clip has, bool[clips, labels]."""
    return np.eye(len(evaluation.labels), dtype=np.bool_)[evaluation.label_indices] if evaluation.truth is None else evaluation.truth


def decisions_of(evaluation: Evaluation) -> BoolArray:
    """Return which labels each clip was taken to have, bool[clips, labels]: the best one, or all from a score of `DECISION_SCORE` on."""
    if evaluation.truth is not None:
        return np.asarray(evaluation.scores >= DECISION_SCORE)
    return np.asarray(np.eye(len(evaluation.labels), dtype=np.bool_)[evaluation.scores.argmax(axis=1)])


def is_right(evaluation: Evaluation) -> BoolArray:
    """Return whether each clip's label, or every one of its labels, is decided right, bool[clips]."""
    return np.asarray((decisions_of(evaluation) == truth_of(evaluation)).all(axis=1))


def named(evaluation: Evaluation, has: BoolArray) -> str:
    """Return a row of labels, bool[labels], in words."""
    return " + ".join(label for label, is_there in zip(evaluation.labels, has, strict=True) if is_there) or "nothing"


def headline_value(evaluation: Evaluation) -> float:
    """Return the figure that an evaluation is judged by, 0 to 1: accuracy, or mAP where clips may have several labels."""
    return evaluation.accuracy if evaluation.truth is None else mean_average_precision(evaluation.truth, evaluation.scores)


def metrics_of(evaluation: Evaluation) -> tuple[ClassMetrics, ...]:
    """Return precision, recall and F1 of every class."""
    return (class_metrics if evaluation.truth is None else label_metrics)(evaluation.confusion, labels=evaluation.labels)


def headline_figures(evaluation: Evaluation, groups: Sequence[str], *, seed: int = 1, draws: int = 1_000) -> tuple[Headline, ...]:
    """Return accuracy, macro F1 and mAP with intervals by a bootstrap over whole groups; where clips may have several labels mAP first.

    Of a figure that is perfect in every draw, the interval is Wilson's, for as many trials as there are groups.

    Parameters
    ----------
    evaluation
        Clip scores.
    groups
        The group of each clip, in the order of the evaluation.
    seed, draws
        Of the bootstrap.
    """
    return tuple(_headline(name, statistic, groups, seed=seed, draws=draws) for name, statistic in _statistics(evaluation))


def first_headline(evaluation: Evaluation, groups: Sequence[str], *, seed: int = 1, draws: int = 1_000) -> Headline:
    """Return the figure that `evaluation` is judged by, with its interval; parameters as of `headline_figures`."""
    name, statistic = _statistics(evaluation)[0]
    return _headline(name, statistic, groups, seed=seed, draws=draws)


def _statistics(evaluation: Evaluation) -> list[tuple[str, Callable[[Int64Array], float]]]:
    """Return name and figure of any clips, chosen by their indices; first the one that is judged by."""
    truth, decided, scores = truth_of(evaluation), decisions_of(evaluation), evaluation.scores
    right = is_right(evaluation)
    statistics: list[tuple[str, Callable[[Int64Array], float]]] = [
        ("accuracy", lambda chosen: float(right[chosen].mean())),
        ("macro F1", lambda chosen: macro_f1(label_metrics(label_confusion(truth[chosen], decided[chosen]), labels=evaluation.labels))),
        ("mAP", lambda chosen: mean_average_precision(truth[chosen], scores[chosen])),
    ]
    return statistics if evaluation.truth is None else statistics[::-1]


def _headline(name: str, statistic: Callable[[Int64Array], float], groups: Sequence[str], *, seed: int, draws: int) -> Headline:
    lower, upper = bootstrap_interval(statistic, groups, seed=seed, draws=draws)
    value = statistic(np.arange(len(groups)))
    if lower == upper and value in (0.0, 1.0):  # no draw differs, which does not mean that no other recording would
        count = len(set(groups))
        lower, upper = wilson_interval(count if value else 0, count)
    return Headline(name=name, value=value, lower=lower, upper=upper)


def evaluation_figures(evaluation: Evaluation, groups: Sequence[str], *, seed: int = 1, draws: int = 1_000) -> EvaluationFigures:
    """Return the figures of `evaluation`; parameters as of `headline_figures`."""
    truth = truth_of(evaluation)
    if evaluation.truth is None:
        bins = calibration_bins(evaluation.scores, evaluation.label_indices)
    else:
        bins = reliability_bins(evaluation.scores.ravel(), truth.ravel())
    return EvaluationFigures(
        evaluation=evaluation,
        headlines=headline_figures(evaluation, groups, seed=seed, draws=draws),
        classes=tuple(
            ClassFigures(
                metrics=metrics,
                roc=roc_curve(truth[:, index], evaluation.scores[:, index]),
                precision_recall=precision_recall_curve(truth[:, index], evaluation.scores[:, index]),
            )
            for index, metrics in enumerate(metrics_of(evaluation))
        ),
        calibration=bins,
        calibration_error=expected_calibration_error(bins),
    )


def worst_clips(evaluation: Evaluation, *, count: int) -> tuple[int, ...]:
    """Return the indices of up to `count` clips that are decided wrong, the worst first.

    A clip is the worse the more its true class lost by: its score less the best other one. Where it may have several labels,
    the farther the score of any of them lies on the wrong side.
    """
    margin = _margins(evaluation).min(axis=1)
    wrong = ~is_right(evaluation)
    return tuple(int(index) for index in np.argsort(margin, kind="stable") if wrong[index])[:count]


def class_in_question(evaluation: Evaluation, index: int) -> int:
    """Return the class that a clip's wrong verdict is about: the one it was taken for, or the label decided most wrongly."""
    return int(evaluation.scores[index].argmax() if evaluation.truth is None else _margins(evaluation)[index].argmin())


def _margins(evaluation: Evaluation) -> Float64Array:
    """Return by how much each decision is right, [clips, 1] or [clips, labels]; below zero it is wrong."""
    if evaluation.truth is not None:
        return np.where(evaluation.truth, evaluation.scores - DECISION_SCORE, DECISION_SCORE - evaluation.scores)
    clips = np.arange(len(evaluation.filenames))
    others = evaluation.scores.copy()
    others[clips, evaluation.label_indices] = -np.inf
    return np.asarray(evaluation.scores[clips, evaluation.label_indices] - others.max(axis=1))[:, np.newaxis]
