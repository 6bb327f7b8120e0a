"""The training loop: seeded, balanced, stopped early, best weights kept."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from tinyaudio.core.artifacts import FeatureSet, Int64Array, TrainedModel
from tinyaudio.core.errors import StageError
from tinyaudio.core.project import ModelTable, TrainTable
from tinyaudio.learn.training.augmentation import TrainingPatches, cut_patches, training_patches, validation_patches
from tinyaudio.learn.training.networks import build_network
from tinyaudio.learn.training.runtime import import_tensorflow
from tinyaudio.learn.training.storage import keras_bytes

Progress = Callable[[int, int], None]

_EVALUATION_BATCH = 128


@dataclass(slots=True)
class _History:
    """What happened so far."""

    train_loss: list[float] = field(default_factory=list)
    validation_loss: list[float] = field(default_factory=list)
    validation_accuracy: list[float] = field(default_factory=list)
    best_weights: list[npt.NDArray[Any]] = field(default_factory=list)
    best_epoch: int = 0  # counted from 1


def train(features: FeatureSet, model_table: ModelTable, train_table: TrainTable, *, on_progress: Progress | None = None) -> TrainedModel:
    """Train the network of `model_table` on the training split, choosing its epoch by the validation split.

    The test split is not looked at. The same arguments give the same model on the same machine.

    Parameters
    ----------
    features
        From the integer twin.
    model_table, train_table
        ``[model]`` and ``[train]`` of the project.
    on_progress
        Called with (epochs done, epochs at most).

    Raises
    ------
    StageError
        If the training or validation split is empty, or the loss stops being a number.
    ToolError
        If TensorFlow is not installed.
    """
    _make_deterministic(train_table.seed)
    labels = features.dataset.labels
    for split in ("train", "validation"):
        if not any(clip.split == split for clip in features.dataset.clips):
            raise StageError(f"the split {split!r} is empty", hint="`tinyaudio data check` says why", where="train")
    source = training_patches(features)
    model = build_network(features.spec, model_table, classes=len(labels), batch_size=None)
    _compile(model, train_table, steps=math.ceil(source.label_indices.size / train_table.batch_size))
    history = _run_epochs(model, source, validation_patches(features), train_table, classes=len(labels), on_progress=on_progress)
    model.set_weights(history.best_weights)
    return TrainedModel(
        architecture=model_table.architecture,
        labels=labels,
        spec=features.spec,
        kernel=features.kernel,
        frontend_fingerprint=features.frontend_fingerprint,
        keras=keras_bytes(build_with_weights(features, model_table, model)),
        parameters=int(model.count_params()),
        epochs=len(history.train_loss),
        best_epoch=history.best_epoch,
        train_loss=tuple(history.train_loss),
        validation_loss=tuple(history.validation_loss),
        validation_accuracy=tuple(history.validation_accuracy),
    )


def build_with_weights(features: FeatureSet, model_table: ModelTable, trained: Any) -> Any:
    """Return the network with the weights of `trained` and without its optimizer, for batches of one."""
    model = build_network(features.spec, model_table, classes=len(features.dataset.labels), batch_size=1)
    model.set_weights(trained.get_weights())
    return model


def _make_deterministic(seed: int) -> None:
    tensorflow = import_tensorflow()
    import keras

    keras.utils.set_random_seed(seed)
    tensorflow.config.experimental.enable_op_determinism()


def _compile(model: Any, table: TrainTable, *, steps: int) -> None:
    """Give `model` its loss and its optimizer: Adam, warmed up over one epoch of `steps`, then a cosine down to a hundredth."""
    import keras

    schedule = keras.optimizers.schedules.CosineDecay(
        1e-2 * table.learning_rate,
        decay_steps=max(1, steps * (table.epochs - 1)),
        warmup_target=table.learning_rate,
        warmup_steps=steps,
        alpha=1e-2,
    )
    model.compile(optimizer=keras.optimizers.Adam(schedule), loss=keras.losses.CategoricalCrossentropy(label_smoothing=table.label_smoothing))


def _run_epochs(
    model: Any,
    source: TrainingPatches,
    validation: tuple[npt.NDArray[np.float32], Int64Array],
    table: TrainTable,
    *,
    classes: int,
    on_progress: Progress | None,
) -> _History:
    history = _History()
    weights = _patch_weights(source.label_indices, classes=classes, is_balanced=table.class_balance)
    for epoch in range(1, table.epochs + 1):
        history.train_loss.append(_run_epoch(model, source, weights, table, epoch=epoch, classes=classes))
        loss, accuracy = _validate(model, *validation)
        history.validation_loss.append(loss)
        history.validation_accuracy.append(accuracy)
        if not history.best_epoch or loss < history.validation_loss[history.best_epoch - 1]:
            history.best_epoch, history.best_weights = epoch, model.get_weights()
        is_last = epoch - history.best_epoch >= table.patience or epoch == table.epochs
        if on_progress is not None:
            on_progress(table.epochs if is_last else epoch, table.epochs)
        if is_last:
            break
    return history


def _run_epoch(model: Any, source: TrainingPatches, weights: npt.NDArray[np.float32], table: TrainTable, *, epoch: int, classes: int) -> float:
    """Train one epoch and return the mean loss of its batches."""
    rng = np.random.default_rng([table.seed, epoch])
    order = rng.permutation(source.label_indices.size)
    one_hot = np.eye(classes, dtype=np.float32)
    losses = []
    for number, start in enumerate(range(0, order.size, table.batch_size), start=1):
        chosen = order[start : start + table.batch_size]
        patches = cut_patches(source, chosen, table.augmentation, rng)
        loss = float(model.train_on_batch(patches, one_hot[source.label_indices[chosen]], sample_weight=weights[chosen]))
        if not math.isfinite(loss):
            raise StageError(
                f"the loss is {loss} in batch {number} of epoch {epoch}",
                hint="lower train.learning_rate, and run `tinyaudio data check`",
                where="train",
            )
        losses.append(loss)
        model.reset_metrics()
    return math.fsum(losses) / len(losses)


def _validate(model: Any, patches: npt.NDArray[np.float32], label_indices: Int64Array) -> tuple[float, float]:
    """Return (cross-entropy, accuracy) over patches."""
    scores = np.concatenate(
        [model.predict_on_batch(patches[start : start + _EVALUATION_BATCH]) for start in range(0, len(patches), _EVALUATION_BATCH)]
    )
    right = scores[np.arange(len(scores)), label_indices].astype(np.float64)
    if not np.isfinite(right).all():
        raise StageError("the network's output is not a number", hint="lower train.learning_rate", where="train")
    return float(-np.log(np.maximum(right, 1e-7)).mean()), float((scores.argmax(axis=1) == label_indices).mean())


def _patch_weights(label_indices: Int64Array, *, classes: int, is_balanced: bool) -> npt.NDArray[np.float32]:
    """Return the weight of each patch: the classes weigh the same in sum if `is_balanced`, and the mean is 1."""
    counts = np.maximum(np.bincount(label_indices, minlength=classes), 1)
    by_class = label_indices.size / (classes * counts) if is_balanced else np.ones(classes)
    return np.asarray(by_class[label_indices], dtype=np.float32)
