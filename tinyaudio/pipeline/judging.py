"""What a quantized model says, when a device should speak, and what it is worth: the stages behind the model that need no board."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from tinyaudio.core.alarms import too_short_to_show
from tinyaudio.core.anomaly import AnomalyThreshold
from tinyaudio.core.artifacts import (
    Calibration,
    Evaluation,
    ExpectedOutputs,
)
from tinyaudio.core.decisions import NEVER
from tinyaudio.core.errors import InputError, ProjectError, ToolError
from tinyaudio.core.evaluation import headline_value
from tinyaudio.learn.anomaly import expected_scores, normal_scores, set_threshold, suspects_by_sound, threshold_warnings
from tinyaudio.learn.calibrate import calibrate, calibrate_for_alarms, calibrate_for_precision, stricter, with_own_thresholds
from tinyaudio.learn.evaluate import evaluate, evaluate_float, evaluate_int8
from tinyaudio.learn.oracle import expected_outputs, oracle_version
from tinyaudio.pipeline.background import background_stage
from tinyaudio.pipeline.data import features_stage, project_frontend
from tinyaudio.pipeline.learning import quantize_stage, train_stage
from tinyaudio.pipeline.line import Advance, Line, StageResult, once, reuse_or_make
from tinyaudio.pipeline.native_model import native_predictor


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluations:
    """Float and INT8 on the test split."""

    float: Evaluation | None  # None: the model came finished, as INT8
    int8: Evaluation
    int8_by: str  # what computed it


@once
def expected_stage(line: Line) -> StageResult[ExpectedOutputs]:
    """Run the reference interpreter over the test split."""
    features, quantized = features_stage(line), quantize_stage(line)
    expect = expected_scores if line.project.is_anomaly else expected_outputs
    return reuse_or_make(
        line,
        "expected",
        ExpectedOutputs,
        inputs={"features": features.stored.fingerprint, "model": quantized.value.sha256, "oracle": oracle_version()},
        description="running the reference interpreter over the test split",
        make=lambda advance: expect(quantized.value, features.value, on_progress=advance),
    )


@once
def calibrate_stage(line: Line) -> StageResult[Calibration]:
    """Turn smoothing and threshold into the device's integers, or choose the threshold by the validation split, by background, or by both."""
    if line.project.is_anomaly:
        return _alarm_stage(line)
    quantized = quantize_stage(line)
    firmware = line.project.firmware
    is_exclusive = not line.project.data.label_separator
    inputs: dict[str, Any] = {"quantize": quantized.stored.fingerprint, "firmware": firmware.model_dump(), "is_exclusive": is_exclusive}
    if firmware.wanted_precision and line.project.train.validation == "include":
        raise ProjectError(
            "the validation split was trained on, so it cannot set a threshold",
            hint='set train.validation = "select", or firmware.wanted_precision = 0.0',
            where="firmware.wanted_precision",
        )

    background = None
    if firmware.false_alarms_per_hour:
        background = background_stage(line, quantized, project_frontend(line.project), "calibrate")
        inputs["background"] = background.stored.fingerprint

    def make(advance: Advance) -> Calibration:
        if firmware.wanted_precision:
            features = features_stage(line).value
            outputs = expected_outputs(quantized.value, features, split="validation", on_progress=advance)
            chosen = calibrate_for_precision(quantized.value, outputs, features, firmware)
        else:
            chosen = calibrate(quantized.value, firmware)
        if background is None:
            return chosen
        quiet = calibrate_for_alarms(
            background.value,
            hours=line.project.background.hours,
            per_hour=firmware.false_alarms_per_hour,
            smoothing_patches=firmware.smoothing_patches,
            is_exclusive=is_exclusive,
        )
        return stricter(chosen, quiet)

    result = reuse_or_make(
        line,
        "calibrate",
        Calibration,
        inputs=inputs,
        description="calibrating",
        make=lambda advance: with_own_thresholds(replace(make(advance), is_exclusive=is_exclusive), quantized.value, firmware),
    )
    if background is not None and (sentence := too_short_to_show(firmware.false_alarms_per_hour, line.project.background.hours)):
        line.progress.warning(f"{sentence}: background.hours, or background.folder with recordings of where the device will be")
    thresholds = zip(quantized.value.labels, result.value.class_thresholds, strict=False)
    never = [label for label, value in thresholds if value >= NEVER and label not in firmware.class_thresholds]
    causes = ["no threshold makes them as precise as firmware.wanted_precision"] if firmware.wanted_precision else []
    causes += ["background sounds like them to the model"] if background is not None else []
    if never and causes:  # else it was written down so
        line.progress.warning(f"never told, whatever their score: {', '.join(never)}; {', or '.join(causes)}")
    return result


@once
def threshold_stage(line: Line) -> StageResult[AnomalyThreshold]:
    """Set the threshold of an anomaly detector by the normal clips of the validation split."""
    features, quantized, project = features_stage(line), quantize_stage(line), line.project

    def make(advance: Advance) -> AnomalyThreshold:
        validation = expected_scores(quantized.value, features.value, split="validation", on_progress=advance)
        training = expected_scores(quantized.value, features.value, split="train")
        held_out, trained = (normal_scores(outputs, features.value, project.anomaly) for outputs in (validation, training))
        by_sound = suspects_by_sound(features.value, project.anomaly.normal)
        return set_threshold(held_out, trained, project.anomaly, smoothing_patches=project.firmware.smoothing_patches, by_sound=by_sound)

    result = reuse_or_make(
        line,
        "threshold",
        AnomalyThreshold,
        inputs={
            "features": features.stored.fingerprint,
            "quantize": quantized.stored.fingerprint,
            "anomaly": project.anomaly.model_dump(exclude={"maximum_auc_loss", "machine_column"}),
            "smoothing_patches": project.firmware.smoothing_patches,
        },
        description="setting the threshold by normal sound",
        make=make,
    )
    for sentence in threshold_warnings(result.value):
        line.progress.warning(sentence)
    return result


def _alarm_stage(line: Line) -> StageResult[Calibration]:
    threshold = threshold_stage(line)
    return reuse_or_make(
        line,
        "calibrate",
        Calibration,
        inputs={"threshold": threshold.stored.fingerprint},
        description="calibrating",
        make=lambda _: Calibration(smoothing_patches=threshold.value.smoothing_patches, detection_threshold=threshold.value.threshold),
    )


@once
def evaluate_stage(line: Line) -> StageResult[Evaluations]:
    """Measure the float model, where there is one, and the INT8 model on the test split.

    The INT8 model is the compiled C++, compared with the reference interpreter on some patches; without a C++ compiler it is
    the interpreter on all of them. Both compute the same.

    Raises
    ------
    InputError
        If the project detects anomalies, which has an evaluation of its own.
    """
    if line.project.is_anomaly:
        raise InputError(
            "this needs classes, and the project detects anomalies", hint="`tinyaudio evaluate` and `tinyaudio run` serve both", where="project.task"
        )
    features, quantized = features_stage(line), quantize_stage(line)
    trained = train_stage(line) if line.project.model_path is None else None

    def make(advance: Advance) -> Evaluations:
        float_evaluation = None if trained is None else evaluate_float(trained.value, features.value, on_progress=advance)
        predictor = native_predictor(quantized.value, line.store.directory / "native")
        if isinstance(predictor, ToolError):
            line.progress.note(f"the reference interpreter evaluates the INT8 model, which takes longer than compiled C++: {predictor}")
            expected = expected_stage(line).value
            return Evaluations(float=float_evaluation, int8=evaluate_int8(quantized.value, expected, features.value), int8_by=expected.oracle)
        int8 = evaluate(predictor, "int8", features.value, on_progress=advance)
        return Evaluations(float=float_evaluation, int8=int8, int8_by=predictor.description)

    inputs = {
        "features": features.stored.fingerprint,
        "quantize": quantized.stored.fingerprint,
        "oracle": oracle_version(),
    }
    return reuse_or_make(
        line,
        "evaluate",
        Evaluations,
        inputs=inputs if trained is None else {**inputs, "train": trained.stored.fingerprint},
        description="evaluating on the test split",
        make=make,
    )


def test_groups(line: Line) -> list[str]:
    """Return the group of each clip of the test split: what a bootstrap draws whole."""
    return [clip.group for clip in features_stage(line).value.dataset.of_split("test")]


def quantization_gate(line: Line) -> dict[str, Any]:
    """Return whether INT8 loses no more than ``quantize.maximum_loss``, and how much: clip accuracy, or mAP where clips may have several labels."""
    evaluations = evaluate_stage(line).value
    if evaluations.float is None:  # a finished model: there is nothing to lose against
        return {"loss": 0.0, "allowed": line.project.quantize.maximum_loss, "ok": True}
    loss, allowed = headline_value(evaluations.float) - headline_value(evaluations.int8), line.project.quantize.maximum_loss
    return {"loss": loss, "allowed": allowed, "ok": loss <= allowed + 1e-9}
