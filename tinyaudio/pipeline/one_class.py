"""One-class models along the line: what stands in the place of a training."""

from __future__ import annotations

from typing import Any

from tinyaudio.core.artifacts import FeatureSet, TrainedModel
from tinyaudio.core.errors import ProjectError
from tinyaudio.core.project import Project
from tinyaudio.learn.anomaly import train_one_class
from tinyaudio.learn.training import Backbone
from tinyaudio.pipeline.line import Line, StageResult, reuse_or_make

#: What of ``[anomaly]`` each kind depends on, beside the labels that are normal.
_SETTINGS = {
    "mahalanobis": {"components"},
    "centroids": {"components", "centroids"},
    "one_class_svm": {"components", "outlier_share"},
    "isolation_forest": {"trees", "tree_samples"},
}


def one_class_stage(line: Line, features: StageResult[FeatureSet], backbone: Backbone | None) -> StageResult[TrainedModel]:
    """Fit a one-class model to the embedding of `backbone`, which stays as it is.

    Raises
    ------
    ProjectError
        If the project names no backbone.
    """
    project = line.project
    if backbone is None:
        raise ProjectError(
            f"{project.anomaly.architecture} scores the embedding of a backbone, and the project names none",
            hint="name a file in [train.transfer] backbone: YAMNet's, or that of any network of [model] that was trained on other sound",
            where="train.transfer.backbone",
        )
    return reuse_or_make(
        line,
        "train",
        TrainedModel,
        inputs={"features": features.stored.fingerprint, "backbone": backbone.sha256, **_settings(project)},
        description="fitting to normal sound",
        make=lambda advance: train_one_class(features.value, project, backbone, on_progress=advance),
    )


def _settings(project: Project) -> dict[str, Any]:
    return {
        "anomaly": project.anomaly.model_dump(include={"normal", "architecture", *_SETTINGS[project.anomaly.architecture]}),
        "model": project.model.model_dump(include={"architecture", "width_multiplier", "blocks", "activation"}),
        "transfer": project.train.transfer.model_dump(include={"frontend"}),
        "seed": project.train.seed,
    }
