"""What an `Evaluation` says: headline figures with intervals, figures of each class, curves, calibration."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinyaudio.core.artifacts import Evaluation
from tinyaudio.core.metrics import (
    CalibrationBin,
    ClassMetrics,
    Curve,
    bootstrap_interval,
    calibration_bins,
    class_metrics,
    confusion_matrix,
    expected_calibration_error,
    macro_f1,
    mean_average_precision,
    precision_recall_curve,
    roc_curve,
)


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
    headlines: tuple[Headline, ...]  # accuracy, macro F1, mAP
    classes: tuple[ClassFigures, ...]  # in the order of the labels
    calibration: tuple[CalibrationBin, ...]
    calibration_error: float  # expected calibration error, 0 to 1


def evaluation_figures(evaluation: Evaluation, groups: Sequence[str], *, seed: int = 1, draws: int = 1_000) -> EvaluationFigures:
    """Return the figures of `evaluation`; intervals by a bootstrap over whole groups.

    Parameters
    ----------
    evaluation
        Clip scores.
    groups
        The group of each clip, in the order of the evaluation.
    seed, draws
        Of the bootstrap.
    """
    truth = np.eye(len(evaluation.labels), dtype=np.bool_)[evaluation.label_indices]
    per_class = class_metrics(evaluation.confusion, labels=evaluation.labels)
    bins = calibration_bins(evaluation.scores, evaluation.label_indices)
    every = np.arange(len(evaluation.filenames))
    statistics = {"accuracy": _accuracy, "macro F1": _macro_f1, "mAP": _map}
    headlines = []
    for name, statistic in statistics.items():
        lower, upper = bootstrap_interval(lambda chosen, of=statistic: of(evaluation, chosen), groups, seed=seed, draws=draws)  # type: ignore[misc]
        headlines.append(Headline(name=name, value=statistic(evaluation, every), lower=lower, upper=upper))
    return EvaluationFigures(
        evaluation=evaluation,
        headlines=tuple(headlines),
        classes=tuple(
            ClassFigures(
                metrics=metrics,
                roc=roc_curve(truth[:, index], evaluation.scores[:, index]),
                precision_recall=precision_recall_curve(truth[:, index], evaluation.scores[:, index]),
            )
            for index, metrics in enumerate(per_class)
        ),
        calibration=bins,
        calibration_error=expected_calibration_error(bins),
    )


def worst_clips(evaluation: Evaluation, *, count: int) -> tuple[int, ...]:
    """Return the indices of up to `count` clips whose true class lost by most: its score less the best other one, lowest first.

    Clips that are classified right are left out.
    """
    clips = np.arange(len(evaluation.filenames))
    true = evaluation.scores[clips, evaluation.label_indices]
    others = evaluation.scores.copy()
    others[clips, evaluation.label_indices] = -np.inf
    margin = true - others.max(axis=1)
    wrong = evaluation.scores.argmax(axis=1) != evaluation.label_indices
    return tuple(int(index) for index in np.argsort(margin, kind="stable") if wrong[index])[:count]


def _accuracy(evaluation: Evaluation, chosen: NDArray[Any]) -> float:
    return float((evaluation.scores[chosen].argmax(axis=1) == evaluation.label_indices[chosen]).mean())


def _macro_f1(evaluation: Evaluation, chosen: NDArray[Any]) -> float:
    confusion = confusion_matrix(evaluation.label_indices[chosen], evaluation.scores[chosen].argmax(axis=1), class_count=len(evaluation.labels))
    return macro_f1(class_metrics(confusion, labels=evaluation.labels))


def _map(evaluation: Evaluation, chosen: NDArray[Any]) -> float:
    truth = np.eye(len(evaluation.labels), dtype=np.bool_)[evaluation.label_indices[chosen]]
    return mean_average_precision(truth, evaluation.scores[chosen])
