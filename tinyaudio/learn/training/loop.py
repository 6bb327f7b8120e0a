"""The training loop: seeded, balanced, stopped early, best weights kept, resumed where it was interrupted."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel

from tinyaudio.core.artifacts import BoolArray, FeatureSet, Int64Array, Split, TrainedModel
from tinyaudio.core.canonical import fingerprint
from tinyaudio.core.errors import ModelError, StageError
from tinyaudio.core.project import AugmentationTable, ModelTable, TrainTable, frontend_spec
from tinyaudio.core.spec import FrontendSpec
from tinyaudio.core.teaching import SoftTargets
from tinyaudio.learn.training.augmentation import TrainingPatches, cut_patches, mix_up, training_patches, validation_patches
from tinyaudio.learn.training.backbone import Backbone, Transferred, require_same_front_end, transfer_weights
from tinyaudio.learn.training.checkpoint import Checkpoint, History, Weights, restore, state_of
from tinyaudio.learn.training.losses import training_loss
from tinyaudio.learn.training.networks import build_network
from tinyaudio.learn.training.phases import fit_classifier, freeze
from tinyaudio.learn.training.runtime import import_tensorflow, make_deterministic
from tinyaudio.learn.training.storage import keras_bytes
from tinyaudio.learn.training.targets import patch_weights, taught, training_targets
from tinyaudio.learn.training.temperature import scale_temperature

Progress = Callable[[int, int], None]
Float32Array = npt.NDArray[np.float32]

_EVALUATION_BATCH = 128
_BATCHES_AHEAD = 2  # made while the network learns from the one before


def train(
    features: FeatureSet,
    model_table: ModelTable,
    train_table: TrainTable,
    *,
    backbone: Backbone | None = None,
    teaching: SoftTargets | None = None,
    checkpoint_file: Path | None = None,
    on_progress: Progress | None = None,
) -> TrainedModel:
    """Train the network of `model_table` on the training split, choosing its epoch by the validation split
    (``train.validation = "include"``: on that, too, to the last epoch).

    The test split is not looked at. The same arguments give the same model on the same machine.

    Parameters
    ----------
    features
        From the integer twin.
    model_table, train_table
        ``[model]`` and ``[train]`` of the project.
    backbone
        What to start from; see ``[train.transfer]``.
    teaching
        What a teacher says of the patches of `features`, its own; see ``[train.distillation]``.
    checkpoint_file
        Where the last finished epoch is kept until the training ends. A training with the same arguments goes on from it.
    on_progress
        Called with (epochs done, epochs at most).

    Raises
    ------
    StageError
        If the training or validation split is empty, or the loss stops being a number.
    ModelError
        If the backbone does not fit the network, or was trained on another front end.
    ToolError
        If TensorFlow is not installed.
    """
    make_deterministic(train_table.seed)
    labels = features.dataset.labels
    for split in ("train", "validation"):
        if not any(clip.split == split for clip in features.dataset.clips):
            raise StageError(f"the split {split!r} is empty", hint="`tinyaudio data check` says why", where="train")
    splits: tuple[Split, ...] = ("train", "validation") if train_table.validation == "include" else ("train",)
    unlabelled = 0 if teaching is None else teaching.unlabelled
    source = training_patches(features, silence=train_table.silence, splits=splits, unlabelled=unlabelled)
    model = build_network(features.spec, model_table, classes=len(labels), batch_size=None)
    transferred = None if backbone is None else _transfer(model, backbone, features.spec, train_table)
    key = fingerprint(
        {
            "features": features,
            "model": model_table.model_dump(),
            "train": train_table.model_dump(),
            "backbone": backbone and backbone.sha256,
            "teaching": teaching and teaching.scores,
        }
    )
    trainer = _Trainer(
        model,
        source,
        validation_patches(features),
        model_table=model_table,
        table=train_table,
        transferred=transferred,
        teaching=teaching,
        checkpoint=None if checkpoint_file is None else Checkpoint(checkpoint_file, key),
    )
    history, best_weights = trainer.run(on_progress)
    model.set_weights(best_weights)
    temperature = 1.0
    if train_table.temperature_scaling:
        temperature = scale_temperature(model, *validation_patches(features), is_exclusive=not features.dataset.is_multi_label)
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
        temperature=temperature,
    )


def build_with_weights(features: FeatureSet, model_table: ModelTable, trained: Any) -> Any:
    """Return the network with the weights of `trained` and without its optimizer, for batches of one."""
    model = build_network(features.spec, model_table, classes=len(features.dataset.labels), batch_size=1)
    model.set_weights(trained.get_weights())
    return model


def _transfer(model: Any, backbone: Backbone, spec: FrontendSpec, table: TrainTable) -> Transferred:
    theirs: BaseModel | None = cast(Any, table.transfer.frontend)
    if theirs is None:
        raise ModelError(
            "the file does not tell what front end the backbone was trained on",
            hint='say so in [train.transfer.frontend], as preset = "stm32_yamnet"',
            where=backbone.name,
        )
    require_same_front_end(backbone.name, spec, frontend_spec(theirs))
    return transfer_weights(model, backbone)


class _Trainer:
    """One training, from the first epoch or from a checkpoint."""

    def __init__(
        self,
        model: Any,
        source: TrainingPatches,
        validation: tuple[Float32Array, BoolArray],
        *,
        model_table: ModelTable,
        table: TrainTable,
        transferred: Transferred | None,
        teaching: SoftTargets | None,
        checkpoint: Checkpoint | None,
    ) -> None:
        self._model = model
        self._source = source
        self._targets, self._weights = training_targets(source), patch_weights(source, is_balanced=table.class_balance)
        if teaching is not None:
            self._targets = taught(self._targets, source, teaching, share=table.distillation.share)
        self._validation = validation
        self._model_table = model_table
        self._table = table
        self._transferred = transferred
        self._checkpoint = checkpoint
        self._steps = math.ceil(len(source.starts) / table.batch_size)

    def run(self, on_progress: Progress | None) -> tuple[History, Weights]:
        """Return what happened, and the weights of the best epoch."""
        state = None if self._checkpoint is None else self._checkpoint.load()
        history = History() if state is None else state.history
        total = self._table.epochs if self._transferred is None else 1 + self._gradient_epochs
        if state is None and self._transferred is not None:
            self._record(history, self._fit_classifier())
            if on_progress is not None:
                on_progress(1, max(total, 2))
        best_weights: Weights = self._model.get_weights() if state is None else state.best_weights
        if self._gradient_epochs:
            self._prepare()
            if state is not None:
                restore(self._model, state)
            best_weights = self._run_epochs(history, best_weights, total=total, on_progress=on_progress)
        if on_progress is not None:
            on_progress(total, total)
        if self._checkpoint is not None:
            self._checkpoint.remove()
        return history, best_weights

    @property
    def _gradient_epochs(self) -> int:
        return self._table.epochs if self._transferred is None or self._table.transfer.trainable_blocks else 0

    def _fit_classifier(self) -> float:
        """Fit the classifier to the backbone's embeddings of the patches as the device cuts them; return its loss."""
        every = np.arange(len(self._source.starts))
        unchanged = AugmentationTable(time_shift_frames=0, gain_db=0.0, time_mask_frames=0, frequency_mask_bands=0)
        patches = cut_patches(self._source, every, unchanged, np.random.default_rng(0))
        return fit_classifier(self._model, patches, self._targets, self._weights, l2=self._table.transfer.classifier_l2)

    def _prepare(self) -> None:
        """Give the model its loss and its optimizer, and freeze what must not learn."""
        rate = self._table.learning_rate
        if self._transferred is not None:
            freeze(self._model, self._transferred, trainable_blocks=self._table.transfer.trainable_blocks)
            rate = self._table.transfer.learning_rate
        loss = training_loss(self._model_table, self._table, by_label=not self._source.is_exclusive)
        _compile(self._model, loss, rate=rate, epochs=self._table.epochs, steps=self._steps)

    def _run_epochs(self, history: History, best_weights: Weights, *, total: int, on_progress: Progress | None) -> Weights:
        for epoch in range(len(history.train_loss) + 1, total + 1):
            if self._table.validation == "select" and epoch - max(history.best_epoch, 1) > self._table.patience:
                break
            self._record(history, self._run_epoch(epoch))
            if history.best_epoch == epoch:
                best_weights = self._model.get_weights()
            if self._checkpoint is not None:
                self._checkpoint.save(state_of(self._model, history, best_weights))
            if on_progress is not None and epoch < total:
                on_progress(epoch, total)
        return best_weights

    def _record(self, history: History, train_loss: float) -> None:
        """Note an epoch; it is the best if its validation loss is the lowest, or if the last one is to be kept."""
        loss, accuracy = _validate(self._model, *self._validation, is_exclusive=self._source.is_exclusive)
        is_best = self._table.validation == "include" or loss < min(history.validation_loss, default=math.inf)
        history.train_loss.append(train_loss)
        history.validation_loss.append(loss)
        history.validation_accuracy.append(accuracy)
        if is_best:
            history.best_epoch = len(history.train_loss)

    def _run_epoch(self, epoch: int) -> float:
        """Train one epoch and return the mean loss of its batches."""
        losses = []
        for number, (chosen, patches, targets) in enumerate(self._ahead(epoch), start=1):
            loss = float(self._model.train_on_batch(patches, targets, sample_weight=self._weights[chosen]))
            if not math.isfinite(loss):
                raise _not_a_number(loss, number, epoch, patches=patches, filenames=[self._source.filenames[index] for index in chosen])
            losses.append(loss)
            self._model.reset_metrics()
        return math.fsum(losses) / len(losses)

    def _ahead(self, epoch: int) -> Iterator[tuple[Int64Array, Float32Array, Float32Array]]:
        """Yield the batches of an epoch, the next ones made by tf.data while the network learns."""
        tf = import_tensorflow()
        shapes = ((None,), (None, *self._model.input_shape[1:]), (None, *self._model.output_shape[1:]))
        signature = tuple(tf.TensorSpec(shape, kind) for shape, kind in zip(shapes, (tf.int64, tf.float32, tf.float32), strict=True))
        batches = tf.data.Dataset.from_generator(lambda: self._batches(epoch), output_signature=signature)
        yield from batches.prefetch(_BATCHES_AHEAD).as_numpy_iterator()

    def _batches(self, epoch: int) -> Iterator[tuple[Int64Array, Float32Array, Float32Array]]:
        """Yield (patch numbers, patches, targets), drawn by the seed and the epoch."""
        rng = np.random.default_rng([self._table.seed, epoch])
        order = rng.permutation(len(self._source.starts))
        for start in range(0, order.size, self._table.batch_size):
            chosen = order[start : start + self._table.batch_size]
            patches, targets = cut_patches(self._source, chosen, self._table.augmentation, rng), self._targets[chosen]
            if self._table.augmentation.mixup:
                patches, targets = mix_up(patches, targets, concentration=self._table.augmentation.mixup, rng=rng)
            yield chosen, patches, targets


def _compile(model: Any, loss: Any, *, rate: float, epochs: int, steps: int) -> None:
    """Give `model` its loss and its optimizer: Adam, warmed up over one epoch of `steps`, then a cosine down to a hundredth."""
    import keras

    schedule = keras.optimizers.schedules.CosineDecay(
        1e-2 * rate,
        decay_steps=max(1, steps * (epochs - 1)),
        warmup_target=rate,
        warmup_steps=steps,
        alpha=1e-2,
    )
    model.compile(optimizer=keras.optimizers.Adam(schedule), loss=loss)


def _not_a_number(loss: float, number: int, epoch: int, *, patches: Float32Array, filenames: list[str]) -> StageError:
    """Return the error that names the batch, and the clip if one of its patches is to blame."""
    guilty = sorted({name for name, patch in zip(filenames, patches, strict=True) if not np.isfinite(patch).all()})
    if guilty:
        return StageError(
            f"the loss is {loss} in batch {number} of epoch {epoch}: the features of {', '.join(guilty)} are not numbers",
            hint="run `tinyaudio data check`, and record the clip again",
            where="train",
        )
    shown = sorted(set(filenames))
    return StageError(
        f"the loss is {loss} in batch {number} of epoch {epoch}, with patches of {', '.join(shown[:3])} and {max(0, len(shown) - 3)} other clips",
        hint="lower train.learning_rate; all features of that batch are numbers",
        where="train",
    )


def _validate(model: Any, patches: Float32Array, truth: BoolArray, *, is_exclusive: bool) -> tuple[float, float]:
    """Return (cross-entropy, accuracy) over patches, or over patches and labels where these do not exclude each other."""
    scores = np.concatenate(
        [model.predict_on_batch(patches[start : start + _EVALUATION_BATCH]) for start in range(0, len(patches), _EVALUATION_BATCH)]
    )
    if not np.isfinite(scores).all():
        raise StageError("the network's output is not a number", hint="lower train.learning_rate", where="train")
    right = (scores[truth] if is_exclusive else np.where(truth, scores, 1.0 - scores)).astype(np.float64)
    share = (scores.argmax(axis=1) == truth.argmax(axis=1)) if is_exclusive else right >= 0.5
    return float(-np.log(np.maximum(right, 1e-7)).mean()), float(share.mean())
