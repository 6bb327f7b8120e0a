"""From recordings to a quantized, evaluated model: the stages that need no board."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tinyaudio.core.anomaly import AnomalyThreshold
from tinyaudio.core.artifacts import (
    AugmentedFeatures,
    Calibration,
    Dataset,
    Evaluation,
    ExpectedOutputs,
    FeatureSet,
    QuantizedModel,
    Split,
    TrainedModel,
)
from tinyaudio.core.board import PROJECT_BOARDS, Board, load_board, require_sample_rate
from tinyaudio.core.canonical import sha256_bytes
from tinyaudio.core.decisions import NEVER
from tinyaudio.core.errors import InputError, ProjectError, ToolError
from tinyaudio.core.evaluation import headline_value
from tinyaudio.core.project import Project
from tinyaudio.deploy.compiler.ops import OPERATIONS
from tinyaudio.dsp.audio import AudioAugmenter, sound_files
from tinyaudio.dsp.frontend import FrontendTables, design_frontend
from tinyaudio.learn.anomaly import expected_scores, normal_scores, quantize_one_class, set_threshold, threshold_warnings
from tinyaudio.learn.calibrate import calibrate, calibrate_for_alarms, calibrate_for_precision, stricter, with_own_thresholds
from tinyaudio.learn.dataset import DataCheck, augment_features, clip_reader, compute_features, faultless_dataset, read_manifest
from tinyaudio.learn.dataset import check_data as check_project_data
from tinyaudio.learn.evaluate import evaluate, evaluate_float, evaluate_int8
from tinyaudio.learn.oracle import expected_outputs, oracle_version
from tinyaudio.learn.quantize import quantize, quantize_autoencoder, refuse_unsupported
from tinyaudio.learn.training import Backbone, read_backbone, train, train_autoencoder
from tinyaudio.pipeline.background import background_stage
from tinyaudio.pipeline.distillation import taught_stage
from tinyaudio.pipeline.foreign import finished_model
from tinyaudio.pipeline.line import Advance, Line, StageResult, once, reuse_or_make
from tinyaudio.pipeline.model_file import model_bytes
from tinyaudio.pipeline.native_model import native_predictor
from tinyaudio.pipeline.one_class import one_class_stage


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluations:
    """Float and INT8 on the test split."""

    float: Evaluation | None  # None: the model came finished, as INT8
    int8: Evaluation
    int8_by: str  # what computed it


def project_board(project: Project, board_id: str) -> Board:
    """Return the board type as `project` uses it: shipped or of its own, with the project's FFT kernel where it names one."""
    board = load_board(board_id, folder=project.directory / PROJECT_BOARDS)
    return board if project.fft_kernel is None else board.model_copy(update={"fft_kernel": project.fft_kernel})


def project_frontend(project: Project) -> FrontendTables:
    """Return the front end that the project's features are computed with: its spec, its target board's FFT kernel."""
    board = project_board(project, project.board)
    require_sample_rate(board, project.frontend.sample_rate_hz)
    return design_frontend(project.frontend, kernel=board.fft_kernel)


def check_data(line: Line) -> DataCheck:
    """Read every file of the manifest and return what is wrong with the data."""
    with line.progress.task("checking the recordings") as advance:
        return check_project_data(line.project, on_progress=advance)


def data_facts(check: DataCheck) -> dict[str, Any]:
    """Return the outcome of a data check as the command line's JSON shows it."""
    splits = check.clips_by_split
    return {
        "clips": check.clips,
        "labels": {label: sum(counts[label] for counts in splits.values()) for label in check.labels},
        "groups": check.groups,
        "splits": check.clips_of_split,
        "errors": sum(problem.severity == "error" for problem in check.problems),
        "warnings": sum(problem.severity == "warning" for problem in check.problems),
        "problems": [
            {"row": problem.row, "file": problem.file, "severity": problem.severity, "kind": problem.kind, "message": problem.message}
            for problem in check.problems
        ],
    }


@once
def dataset_stage(line: Line) -> StageResult[Dataset]:
    """Check the manifest and split it; looked at again if the manifest, its settings or a file's size or time changed."""
    project = line.project

    def make(advance: Advance) -> Dataset:
        check = check_project_data(project, on_progress=advance)
        _warn_by_kind(line, check)
        return faultless_dataset(check, project)

    rows, _ = read_manifest(project.manifest_path, project.data)
    inputs = {
        "manifest": sha256_bytes(project.manifest_path.read_bytes()),
        "data": project.data.model_dump(),
        "frontend": project.frontend,
        "files": [_file_state(project.manifest_path.parent / row.filename) for row in rows],
    }
    return reuse_or_make(
        line,
        "dataset",
        Dataset,
        inputs=inputs,
        description="checking the recordings",
        make=make,
    )


@once
def features_stage(line: Line) -> StageResult[FeatureSet]:
    """Run the integer twin over all clips."""
    dataset = dataset_stage(line)
    tables = project_frontend(line.project)
    return reuse_or_make(
        line,
        "features",
        FeatureSet,
        inputs={"dataset": dataset.stored.fingerprint, "frontend": tables.fingerprint},
        description="computing features with the integer twin",
        make=lambda advance: compute_features(dataset.value, clip_reader(line.project), tables, on_progress=advance),
    )


@once
def augmented_stage(line: Line) -> StageResult[AugmentedFeatures]:
    """Add changed copies of the training recordings; only asked for where ``train.audio.versions`` is not 0."""
    features, project = features_stage(line), line.project
    table, tables = project.train.audio, project_frontend(project)
    folders = [project.directory / name for name in (table.backgrounds, table.rooms) if name]
    splits: tuple[Split, ...] = ("train", "validation") if project.train.validation == "include" else ("train",)

    def make(advance: Advance) -> AugmentedFeatures:
        augmenter = AudioAugmenter(table, directory=project.directory, sample_rate_hz=project.frontend.sample_rate_hz)
        return augment_features(
            features.value,
            clip_reader(project),
            tables,
            lambda pcm, seed: augmenter.augment(pcm, seed=seed),
            versions=table.versions,
            seed=project.train.seed,
            splits=splits,
            on_progress=advance,
        )

    return reuse_or_make(
        line,
        "augmented",
        AugmentedFeatures,
        inputs={
            "features": features.stored.fingerprint,
            "audio": table.model_dump(),
            "seed": project.train.seed,
            "splits": splits,
            "sounds": [sha256_bytes(path.read_bytes()) for folder in folders for path in sound_files(folder)],
        },
        description="changing copies of the training recordings",
        make=make,
        outlives_code=True,
    )


@once
def train_stage(line: Line) -> StageResult[TrainedModel]:
    """Train the float model.

    Raises
    ------
    InputError
        If the project's model came finished.
    """
    project = line.project
    if project.model_path is not None:
        raise InputError("there is nothing to train: the model is finished", hint="take file out of [model] to train one", where="model.file")
    if project.is_anomaly:
        return one_class_stage(line, features_stage(line), _backbone(project)) if project.anomaly.is_one_class else _autoencoder_stage(line)
    augmented = augmented_stage(line) if project.train.audio.versions else None
    features = features_stage(line) if augmented is None else augmented
    feature_set = features_stage(line).value if augmented is None else augmented.value.features
    taught = taught_stage(line, features, project_frontend(project)) if project.train.distillation.teacher else None
    backbone = _backbone(project)
    inputs = {"features": features.stored.fingerprint, "model": project.model.model_dump(), "train": project.train.model_dump()}
    inputs |= {} if taught is None else {"taught": taught.stored.fingerprint}
    checkpoint_file = line.store.directory / "train.checkpoint"
    if checkpoint_file.exists():
        line.progress.note("an interrupted training is here; if nothing changed, it goes on from its last epoch")
    return reuse_or_make(
        line,
        "train",
        TrainedModel,
        inputs=inputs if backbone is None else {**inputs, "backbone": backbone.sha256},
        description="training",
        make=lambda advance: train(
            feature_set if taught is None else taught.value.features,
            project.model,
            project.train,
            backbone=backbone,
            teaching=None if taught is None else taught.value,
            checkpoint_file=checkpoint_file,
            on_progress=advance,
        ),
        outlives_code=True,
    )


def _autoencoder_stage(line: Line) -> StageResult[TrainedModel]:
    features, project = features_stage(line), line.project
    return reuse_or_make(
        line,
        "train",
        TrainedModel,
        inputs={"features": features.stored.fingerprint, "anomaly": _network_settings(project), "train": project.train.model_dump()},
        description="training on normal sound",
        make=lambda advance: train_autoencoder(features.value, project.anomaly, project.train, on_progress=advance),
        outlives_code=True,
    )


def _network_settings(project: Project) -> dict[str, Any]:
    """Return what of ``[anomaly]`` the network depends on: another threshold is no reason to train again."""
    return project.anomaly.model_dump(include={"normal", "architecture", "stages", "channels", "bottleneck", "upsampling"})


def _backbone(project: Project) -> Backbone | None:
    """Return what the training starts from, if the project names a backbone."""
    name = project.train.transfer.backbone
    return read_backbone(project.directory / name) if name else None


@once
def quantize_stage(line: Line) -> StageResult[QuantizedModel]:
    """Quantize the float model to INT8, or take the finished one."""
    if line.project.model_path is not None:
        return _finished_stage(line, line.project.model_path)
    features, trained = features_stage(line), train_stage(line)

    def make(advance: Advance) -> QuantizedModel:
        quantized = _quantized(line.project, trained.value, features.value, advance)
        refuse_unsupported(quantized.ops, OPERATIONS)
        return quantized

    return reuse_or_make(
        line,
        "quantize",
        QuantizedModel,
        inputs={
            "features": features.stored.fingerprint,
            "train": trained.stored.fingerprint,
            "quantize": line.project.quantize.model_dump(),
        },
        description="quantizing to INT8",
        make=make,
    )


def _quantized(project: Project, trained: TrainedModel, features: FeatureSet, advance: Advance) -> QuantizedModel:
    if project.is_anomaly and project.anomaly.is_one_class:
        return quantize_one_class(trained, features, project, on_progress=advance)
    if project.is_anomaly:
        return quantize_autoencoder(trained, features, project.anomaly, project.quantize, on_progress=advance)
    return quantize(trained, features, project.quantize, on_progress=advance)


def _finished_stage(line: Line, path: Path) -> StageResult[QuantizedModel]:
    tables = project_frontend(line.project)
    return reuse_or_make(
        line,
        "quantize",
        QuantizedModel,
        inputs={"file": sha256_bytes(model_bytes(path)), "labels": list(line.project.model.labels), "frontend": tables.fingerprint},
        description="reading the finished model",
        make=lambda _: finished_model(line.project, tables),
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
        return set_threshold(held_out, trained, project.anomaly, smoothing_patches=project.firmware.smoothing_patches)

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


def _warn_by_kind(line: Line, check: DataCheck) -> None:
    """Say once for each kind of warning how often it occurs, with its first case."""
    kinds = dict.fromkeys(problem.kind for problem in check.warnings)
    for kind in kinds:
        cases = [problem for problem in check.warnings if problem.kind == kind]
        more = f" ({len(cases)} such; `tinyaudio data check` lists them)" if len(cases) > 1 else ""
        line.progress.warning(f"{cases[0]}{more}")


def _file_state(path: Path) -> list[int]:
    """Return size and time of a file, nothing if it is missing: the check itself then names it."""
    try:
        state = path.stat()
    except OSError:
        return []
    return [state.st_size, state.st_mtime_ns]
