"""The evaluation as one self-contained page."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tinyaudio.core.alarms import DecisionFigures
from tinyaudio.core.evaluation import EvaluationFigures
from tinyaudio.core.files import write_text_atomically
from tinyaudio.core.templating import render_template
from tinyaudio.report.evaluation_pictures import calibration_figure, conditions_figure, curves_figure, occlusion_figure
from tinyaudio.report.evaluation_values import EvaluationPageInputs, WorstClip
from tinyaudio.report.figures import confusion_figure, scores_figure
from tinyaudio.report.page import wav_data_uri

_IN_WORDS = {"accuracy": "clip accuracy"}


def write_evaluation_page(inputs: EvaluationPageInputs, directory: Path) -> Path:
    """Write ``evaluation.html`` into `directory` and return it."""
    path = directory / "evaluation.html"
    write_text_atomically(path, render_evaluation_page(inputs))
    return path


def render_evaluation_page(inputs: EvaluationPageInputs) -> str:
    """Return the page: HTML with everything inside, no script, no network address. Curves and classes are those of the last predictor."""
    shown = inputs.predictors[-1]
    context = {
        "title": f"{inputs.project_name}: evaluation",
        "clips": len(shown.evaluation.filenames),
        "shown": shown.evaluation.predictor,
        "predictors": [_predictor(item) for item in inputs.predictors],
        "headline_names": [item.name for item in shown.headlines],
        "classes": shown.classes,
        "confusions": [
            confusion_figure(item.evaluation, f"{item.evaluation.predictor}: accuracy {item.evaluation.accuracy:.3f}") for item in inputs.predictors
        ],
        "roc": curves_figure(shown, "roc"),
        "precision_recall": curves_figure(shown, "precision_recall"),
        "calibration": calibration_figure(inputs.predictors, several_labels=shown.evaluation.truth is not None),
        "conditions": conditions_figure(inputs.conditions, judged_by=_IN_WORDS.get(shown.headlines[0].name, shown.headlines[0].name))
        if inputs.conditions
        else "",
        "condition_names": list(inputs.conditions[0].by_predictor) if inputs.conditions else [],
        "condition_rows": inputs.conditions,
        "int8_by": inputs.int8_by,
        "layers": inputs.layers,
        "maximum_loss": inputs.maximum_loss,
        "judged_by": _IN_WORDS.get(shown.headlines[0].name, shown.headlines[0].name),
        "loss": inputs.predictors[0].headlines[0].value - inputs.predictors[1].headlines[0].value,
        "several_labels": shown.evaluation.truth is not None,
        "decisions": [_decisions(item) for item in inputs.decisions],
        "worst": [_worst(inputs, clip) for clip in inputs.worst],
    }
    return render_template("report/evaluation.html.j2", context)


def _predictor(figures: EvaluationFigures) -> dict[str, Any]:
    return {"name": figures.evaluation.predictor, "headlines": figures.headlines, "calibration_error": figures.calibration_error}


def _decisions(figures: DecisionFigures) -> dict[str, Any]:
    rows = [(item.label, item, item.alarms_by_scene) for item in figures.labels] + [("all", None, figures.alarms_by_scene)]
    return {
        "rule": figures.rule,
        "smoothing_patches": figures.smoothing_patches,
        "hours": figures.background_hours,
        "rows": [
            {"label": label, "figures": item, "rate": figures.per_hour(alarms) if figures.background_hours else ()} for label, item, alarms in rows
        ],
    }


def _worst(inputs: EvaluationPageInputs, clip: WorstClip) -> dict[str, Any]:
    labels = inputs.predictors[-1].evaluation.labels
    return {
        "filename": clip.filename,
        "label": clip.label,
        "predicted": clip.predicted,
        "explained": clip.explained,
        "picture": occlusion_figure(clip, inputs.spec),
        "scores": scores_figure(labels, clip.scores, true_labels=clip.true_labels),
        "sound": wav_data_uri(clip.pcm, inputs.spec.sample_rate_hz),
    }
