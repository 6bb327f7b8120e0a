"""The evaluation as a page: figures with intervals, curves, worse conditions, the worst clips and what they hang on."""

from __future__ import annotations

from pathlib import Path

from tinyaudio.core.artifacts import Evaluation, LayerError
from tinyaudio.core.errors import InputError
from tinyaudio.core.evaluation import (
    EvaluationFigures,
    class_in_question,
    decisions_of,
    evaluation_figures,
    named,
    truth_of,
    worst_clips,
)
from tinyaudio.learn.dataset import clip_features, clip_reader
from tinyaudio.learn.evaluate import explain_clip
from tinyaudio.learn.quantize import layer_errors, representative_patches
from tinyaudio.learn.training import FloatPredictor
from tinyaudio.pipeline.data import features_stage
from tinyaudio.pipeline.judging import evaluate_stage, test_groups
from tinyaudio.pipeline.learning import quantize_stage, train_stage
from tinyaudio.pipeline.line import Line
from tinyaudio.pipeline.metrics import decisions
from tinyaudio.pipeline.robustness import conditions
from tinyaudio.report import Condition, EvaluationPageInputs, WorstClip, write_evaluation_page

_WORST_CLIPS = 6
_LAYER_CLIPS = 12
_LAYER_PATCHES = 24  # TensorFlow Lite's reference kernels are slow


def evaluation_page(line: Line) -> Path:
    """Write ``evaluation.html`` into the project's runs folder and return it.

    Raises
    ------
    InputError
        If the project's model came finished: the page shows the float model beside it.
    """
    evaluations = evaluate_stage(line).value
    if evaluations.float is None:
        raise InputError(
            "a finished model has no float model to be shown beside",
            hint="`tinyaudio evaluate` prints its figures",
            where="model.file",
        )
    groups = test_groups(line)
    predictor = FloatPredictor(train_stage(line).value)
    with line.progress.task("computing intervals") as advance:
        predictors: list[EvaluationFigures] = []
        for done, item in enumerate((evaluations.float, evaluations.int8), start=1):
            predictors.append(evaluation_figures(item, groups))
            advance(done, 2)
    inputs = EvaluationPageInputs(
        project_name=line.project.name,
        spec=line.project.frontend,
        predictors=tuple(predictors),
        conditions=tuple(Condition(name=point.condition, by_predictor=point.by_predictor) for point in conditions(line)),
        int8_by=evaluations.int8_by,
        layers=_layers(line),
        maximum_loss=line.project.quantize.maximum_loss,
        worst=_worst(line, predictor, evaluations.int8),
        decisions=decisions(line),
    )
    return write_evaluation_page(inputs, line.store.directory)


def _layers(line: Line) -> tuple[LayerError, ...]:
    few = line.project.quantize.model_copy(update={"representative_clips": _LAYER_CLIPS})
    with line.progress.task("comparing INT8 with float, layer by layer"):
        patches = representative_patches(features_stage(line).value, few)[:_LAYER_PATCHES]
        return layer_errors(train_stage(line).value, quantize_stage(line).value, patches)


def _worst(line: Line, predictor: FloatPredictor, evaluation: Evaluation) -> tuple[WorstClip, ...]:
    chosen = worst_clips(evaluation, count=_WORST_CLIPS)
    worst = []
    with line.progress.task("asking what the worst clips hang on") as advance:
        for done, index in enumerate(chosen, start=1):
            worst.append(_worst_clip(line, predictor, evaluation, index))
            advance(done, len(chosen))
    return tuple(worst)


def _worst_clip(line: Line, predictor: FloatPredictor, evaluation: Evaluation, index: int) -> WorstClip:
    features = features_stage(line).value
    clip = features.dataset.of_split("test")[index]
    place = features.dataset.clips.index(clip)
    questioned = class_in_question(evaluation, index)
    explanation = explain_clip(predictor, features, place, class_index=questioned)
    return WorstClip(
        filename=clip.filename,
        label=named(evaluation, truth_of(evaluation)[index]),
        true_labels=features.dataset.labels_of(clip),
        predicted=named(evaluation, decisions_of(evaluation)[index]),
        explained=evaluation.labels[questioned],
        pcm=clip_reader(line.project)(clip),
        log_mel=clip_features(features, place) / (2.0**features.log_fraction_bits / features.spec.log_scale),
        scores=evaluation.scores[index],
        first_frame=explanation.first_frame,
        influence=explanation.influence,
    )
