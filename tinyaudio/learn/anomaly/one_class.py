"""One-class models on the embedding of a frozen backbone: fitted in floating point, and again to what INT8 makes of it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from tinyaudio.core.artifacts import FeatureSet, QuantizedModel, TrainedModel
from tinyaudio.core.errors import StageError
from tinyaudio.core.one_class_fit import fit_octaves
from tinyaudio.core.project import Project
from tinyaudio.learn.anomaly.one_class_fit import fit_one_class
from tinyaudio.learn.anomaly.one_class_tables import LEAST_SPREAD_STEPS, one_class_tables
from tinyaudio.learn.quantize import embed_int8, labelled_model, quantize_embedding, representative_normal_patches
from tinyaudio.learn.training import ANOMALY_LABELS, Backbone, embed, embedding_network, normal_patches

Progress = Callable[[int, int], None]
Float32Array = NDArray[np.float32]
Float64Array = NDArray[np.float64]

_INT8_STEPS = 255.0
_LEAST_FLOAT_SPREAD = 1e-9


def train_one_class(features: FeatureSet, project: Project, backbone: Backbone, *, on_progress: Progress | None = None) -> TrainedModel:
    """Fit ``anomaly.architecture`` to the backbone's float embeddings of the normal training clips. The backbone stays as it is.

    Parameters
    ----------
    features
        From the integer twin.
    project
        Its ``[anomaly]``, ``[model]`` (the body), ``[train.transfer]`` (the backbone's front end) and ``train.seed`` count.
    backbone
        Whose averages are the embedding.
    on_progress
        Called with (patches embedded, patches in all).

    Raises
    ------
    StageError
        If no normal clip is as long as a patch, or what `fit_one_class` refuses.
    ModelError
        If backbone and project do not fit each other; see `embedding_network`.
    ToolError
        If TensorFlow or scikit-learn is not installed.
    """
    keras_file, parameters = embedding_network(features.spec, project.model, project.train.transfer, backbone)
    embeddings = embed(keras_file, normal_patches(features, "train", project.anomaly), on_progress=on_progress).astype(np.float64)
    resolved = float(np.ptp(embeddings)) / _INT8_STEPS * LEAST_SPREAD_STEPS  # NaN stays one, for the fit to refuse
    fit = fit_one_class(embeddings, project.anomaly, least_spread=max(resolved, _LEAST_FLOAT_SPREAD), seed=project.train.seed)
    return TrainedModel(
        architecture=project.anomaly.architecture,
        labels=ANOMALY_LABELS,
        spec=features.spec,
        kernel=features.kernel,
        frontend_fingerprint=features.frontend_fingerprint,
        keras=keras_file,
        parameters=parameters,
        epochs=0,
        best_epoch=0,
        train_loss=(),
        validation_loss=(),
        validation_accuracy=(),
        one_class=fit,
    )


def quantize_one_class(trained: TrainedModel, features: FeatureSet, project: Project, *, on_progress: Progress | None = None) -> QuantizedModel:
    """Convert the backbone to INT8 and fit the one-class model again, to its int8 embeddings of the same clips.

    What INT8 adds to an embedding is noise that the fit then knows of.

    Raises
    ------
    StageError
        If model and features are of different front ends, the tables are too large, or what `fit_one_class` refuses.
    ModelError
        If the conversion gives anything but int8 at its ends.
    """
    if trained.frontend_fingerprint != features.frontend_fingerprint:
        raise StageError("the model was trained on other features", hint="train again with `tinyaudio train`", where="quantize")
    tflite = quantize_embedding(trained, representative_normal_patches(features, project.anomaly, project.quantize), on_progress=on_progress)
    embeddings = embed_int8(tflite, normal_patches(features, "train", project.anomaly))
    fit = fit_one_class(embeddings.astype(np.float64), project.anomaly, least_spread=LEAST_SPREAD_STEPS, seed=project.train.seed)
    return labelled_model(tflite, trained, one_class=one_class_tables(fit))


def float_octaves(trained: TrainedModel, log_mel: Float32Array) -> Float64Array:
    """Return the float model's scores of patches, float32[patches, *patch_shape, 1], in octaves: float64[patches]."""
    if trained.one_class is None:
        raise StageError("the model is not a one-class model", hint="train again with `tinyaudio train`", where="train")
    return fit_octaves(embed(trained.keras, log_mel).astype(np.float64), trained.one_class)
