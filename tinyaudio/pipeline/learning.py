"""From features to a quantized model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tinyaudio.core.artifacts import (
    FeatureSet,
    QuantizedModel,
    TrainedModel,
)
from tinyaudio.core.canonical import sha256_bytes
from tinyaudio.core.errors import InputError
from tinyaudio.core.project import Project
from tinyaudio.deploy.compiler.ops import OPERATIONS
from tinyaudio.learn.anomaly import quantize_one_class
from tinyaudio.learn.quantize import quantize, quantize_autoencoder, refuse_unsupported
from tinyaudio.learn.training import Backbone, read_backbone, train, train_autoencoder
from tinyaudio.pipeline.data import augmented_stage, features_stage, project_frontend
from tinyaudio.pipeline.distillation import taught_stage
from tinyaudio.pipeline.foreign import finished_model
from tinyaudio.pipeline.line import Advance, Line, StageResult, once, reuse_or_make
from tinyaudio.pipeline.model_file import model_bytes
from tinyaudio.pipeline.one_class import one_class_stage


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
