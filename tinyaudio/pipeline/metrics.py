"""What an evaluation found, as the command line's JSON shows it."""

from __future__ import annotations

import math
from typing import Any

from tinyaudio.core.alarms import DecisionFigures
from tinyaudio.core.artifacts import Evaluation
from tinyaudio.core.evaluation import Headline, headline_figures, metrics_of, truth_of
from tinyaudio.core.metrics import precision_recall_curve
from tinyaudio.learn.calibrate import decision_figures
from tinyaudio.pipeline.background import background_stage
from tinyaudio.pipeline.data import features_stage, project_frontend
from tinyaudio.pipeline.judging import calibrate_stage, evaluate_stage, expected_stage, test_groups
from tinyaudio.pipeline.learning import quantize_stage
from tinyaudio.pipeline.line import Line
from tinyaudio.pipeline.robustness import robustness_facts


def evaluation_metrics(line: Line) -> dict[str, Any]:
    """Return the figures of the models there are: headlines with their intervals, F1 and average precision of each class."""
    evaluations = evaluate_stage(line).value
    both = {name: item for name, item in (("float", evaluations.float), ("int8", evaluations.int8)) if item is not None}
    headlines = {name: {headline.name: headline for headline in headline_figures(item, test_groups(line))} for name, item in both.items()}
    return {
        "clips": len(evaluations.int8.filenames),
        "int8_by": evaluations.int8_by,
        "judged_by": "accuracy" if evaluations.int8.truth is None else "mAP",
        "headlines": {name: {key: _headline_facts(item) for key, item in figures.items()} for name, figures in headlines.items()},
        "accuracy": {name: item.accuracy for name, item in both.items()},
        "interval": {name: [figures["accuracy"].lower, figures["accuracy"].upper] for name, figures in headlines.items()},
        "macro_f1": {name: figures["macro F1"].value for name, figures in headlines.items()},
        "f1": {name: {metric.label: metric.f1 for metric in metrics_of(item)} for name, item in both.items()},
        "average_precision": {name: _average_precision(item) for name, item in both.items()},
        "robustness": robustness_facts(line),
        "decisions": [decision_facts(item) for item in decisions(line)],
    }


def _headline_facts(headline: Headline) -> dict[str, float]:
    return {"value": headline.value, "lower": headline.lower, "upper": headline.upper}


def _average_precision(evaluation: Evaluation) -> dict[str, float | None]:
    """Return the average precision of each class; None for one that does not occur."""
    truth = truth_of(evaluation)
    areas = (precision_recall_curve(truth[:, index], evaluation.scores[:, index]).area for index in range(len(evaluation.labels)))
    return {label: None if math.isnan(area) else area for label, area in zip(evaluation.labels, areas, strict=True)}


def decisions(line: Line) -> tuple[DecisionFigures, ...]:
    """Return what the thresholds make of the test split and of background that they were not chosen by."""
    dataset, hours = features_stage(line).value.dataset, line.project.background.hours
    background = None
    if hours:
        background = background_stage(line, quantize_stage(line), project_frontend(line.project), "test").value
    return decision_figures(
        calibrate_stage(line).value,
        expected_stage(line).value,
        dataset.truth_of(dataset.of_split("test")),
        labels=dataset.labels,
        background=background,
        hours=hours,
    )


def decision_facts(figures: DecisionFigures) -> dict[str, Any]:
    """Return them as the command line's JSON shows them; rates only where background was measured."""
    by_label = {
        item.label: {
            "threshold": item.threshold,
            "clips": item.clips,
            "found": item.found,
            "mistaken": item.mistaken,
            **_rate_facts(figures, item.alarms_by_scene),
        }
        for item in figures.labels
    }
    return {
        "rule": figures.rule,
        "smoothing_patches": figures.smoothing_patches,
        "background_hours": figures.background_hours,
        **_rate_facts(figures, figures.alarms_by_scene),
        "labels": by_label,
    }


def _rate_facts(figures: DecisionFigures, alarms_by_scene: tuple[int, ...]) -> dict[str, Any]:
    if not figures.background_hours:
        return {}
    rate, lower, upper = figures.per_hour(alarms_by_scene)
    return {"false_alarms": sum(alarms_by_scene), "false_alarms_per_hour": {"value": rate, "lower": lower, "upper": upper}}
