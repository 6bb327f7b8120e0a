"""Anomaly detection along the line: its evaluation, its gate, and the device's scores."""

from __future__ import annotations

import dataclasses
from typing import Any

from tinyaudio.core.anomaly import AnomalyEvaluations, DetectionFigures, PatchScores, detection_figures, is_number, patch_auc
from tinyaudio.learn.anomaly import score_test_split
from tinyaudio.pipeline.learning import expected_stage, features_stage, train_stage
from tinyaudio.pipeline.line import Line, StageResult, once, reuse_or_make


@once
def anomaly_evaluate_stage(line: Line) -> StageResult[AnomalyEvaluations]:
    """Score the test split with the float model, the INT8 model, and by loudness alone."""
    features, trained, expected = features_stage(line), train_stage(line), expected_stage(line)
    return reuse_or_make(
        line,
        "evaluate",
        AnomalyEvaluations,
        inputs={
            "features": features.stored.fingerprint,
            "train": trained.stored.fingerprint,
            "expected": expected.stored.fingerprint,
            "machine_column": line.project.anomaly.machine_column,
        },
        description="scoring the test split",
        make=lambda _: score_test_split(line.project, trained.value, features.value, expected.value),
    )


def anomaly_figures(line: Line, *others: PatchScores) -> dict[str, tuple[DetectionFigures, ...]]:
    """Return the figures of the float model, the INT8 model, loudness, and `others`, by predictor."""
    evaluations = anomaly_evaluate_stage(line).value
    scored = (evaluations.float, evaluations.int8, *others, evaluations.level)
    return {scores.predictor: detection_figures(scores, line.project.anomaly.normal) for scores in scored}


def anomaly_metrics(figures: dict[str, tuple[DetectionFigures, ...]]) -> dict[str, Any]:
    """Return figures as the command line's JSON shows them; what is not a number is null."""
    return {predictor: {item.name: _plain(item) for item in found} for predictor, found in figures.items()}


def anomaly_gate(line: Line) -> dict[str, Any]:
    """Return whether INT8 loses no more AUC of patches than ``anomaly.maximum_auc_loss``, and how much it loses."""
    evaluations, table = anomaly_evaluate_stage(line).value, line.project.anomaly
    before, after = (patch_auc(scores, table.normal) for scores in (evaluations.float, evaluations.int8))
    loss = before - after
    return {"loss": is_number(loss), "allowed": table.maximum_auc_loss, "ok": not loss > table.maximum_auc_loss + 1e-9}


def _plain(item: DetectionFigures) -> dict[str, Any]:
    values = dataclasses.asdict(item)
    lower, upper = values.pop("auc_interval")
    numbers = {name: is_number(value) if isinstance(value, float) else value for name, value in values.items()}
    return {**numbers, "auc_interval": [is_number(lower), is_number(upper)]}
