"""Autoencoders: networks that give their input again, trained on normal sound alone.

Normalization is there while the network learns and is folded into the weights behind it, so that what is quantized consists
of convolutions, dense layers and activations only.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from tinyaudio.core.artifacts import FeatureSet, Float64Array, Split, TrainedModel
from tinyaudio.core.errors import ModelError, StageError
from tinyaudio.core.project import AnomalyTable, TrainTable
from tinyaudio.core.spec import FrontendSpec
from tinyaudio.dsp.frontend import patches
from tinyaudio.learn.dataset import clip_features, dequantized_log_mel
from tinyaudio.learn.training.predictor import dynamic_batch
from tinyaudio.learn.training.runtime import import_tensorflow
from tinyaudio.learn.training.storage import keras_bytes, load_keras_model

Progress = Callable[[int, int], None]
Float32Array = npt.NDArray[np.float32]

#: The one label of an anomaly detector.
ANOMALY_LABELS = ("anomaly",)

_DENSE_LAYERS = 4  # on each side, and their width: MLPerf Tiny's anomaly detector (Banbury et al., 2021)
_DENSE_WIDTH = 128
_NORMALIZED = "_norm"  # behind the name of the layer it belongs to
_BATCH = 128


def build_autoencoder(spec: FrontendSpec, table: AnomalyTable, *, is_normalized: bool, batch_size: int | None) -> Any:
    """Return an untrained Keras model from log-mel to log-mel, float32[batch, *patch_shape, 1].

    Parameters
    ----------
    spec
        Gives the size of the patch.
    table
        ``[anomaly]`` of the project.
    is_normalized
        With batch normalization, for training; without, for what is left when it is folded into the weights.
    batch_size
        ``None`` for training, 1 for export.

    Raises
    ------
    ModelError
        If the patch cannot be halved as often as ``anomaly.stages`` says.
    """
    import keras

    inputs = keras.Input((*spec.patch_shape, 1), batch_size=batch_size, name="log_mel")
    builder = _Builder(table, is_normalized=is_normalized)
    flow = builder.convolutional(inputs, spec) if table.architecture == "conv_ae" else builder.dense(inputs, spec)
    return keras.Model(inputs, flow, name=table.architecture)


class _Builder:
    """Appends layers, each with its normalization and activation."""

    def __init__(self, table: AnomalyTable, *, is_normalized: bool) -> None:
        import keras

        self._layers = keras.layers
        self._table = table
        self._is_normalized = is_normalized

    def dense(self, flow: Any, spec: FrontendSpec) -> Any:
        """Four layers down to the bottleneck, four up."""
        elements = math.prod(spec.patch_shape)
        flow = self._layers.Flatten(name="flat")(flow)
        for side in ("down", "up"):
            for number in range(1, _DENSE_LAYERS + 1):
                flow = self._active(self._layers.Dense(_DENSE_WIDTH, name=f"{side}{number}")(flow), f"{side}{number}")
            if side == "down":
                flow = self._active(self._layers.Dense(self._table.bottleneck, name="bottleneck")(flow), "bottleneck")
        flow = self._layers.Dense(elements, name="reconstruction")(flow)
        return self._layers.Reshape((*spec.patch_shape, 1), name="patch")(flow)

    def convolutional(self, flow: Any, spec: FrontendSpec) -> Any:
        """Convolutions of stride 2 down, a dense bottleneck, transposed convolutions (or resizing and convolutions) up."""
        table = self._table
        if any(side % 2**table.stages for side in spec.patch_shape):
            raise ModelError(
                f"a patch of {spec.patch_shape[0]}x{spec.patch_shape[1]} cannot be halved {table.stages} times",
                hint=f"make patch_frames and mel_bands multiples of {2**table.stages}, or lower anomaly.stages",
                where="anomaly.stages",
            )
        widths = [table.channels, *[2 * table.channels] * (table.stages - 1)]
        for number, width in enumerate(widths, start=1):
            flow = self._layers.Conv2D(width, 3, strides=2, padding="same", name=f"down{number}")(flow)
            flow = self._active(flow, f"down{number}")
        shape = tuple(int(size) for size in flow.shape[1:])
        flow = self._layers.Flatten(name="flat")(flow)
        flow = self._layers.Dense(table.bottleneck, name="bottleneck")(flow)
        flow = self._active(self._layers.Dense(math.prod(shape), name="unsqueezed")(flow), "unsqueezed")
        flow = self._layers.Reshape(shape, name="map")(flow)
        for number, width in enumerate([*widths[-2::-1], 1], start=1):
            is_last = number == table.stages
            flow = self._doubled(flow, width, name="reconstruction" if is_last else f"up{number}")
            flow = flow if is_last else self._active(flow, f"up{number}")
        return flow

    def _doubled(self, flow: Any, width: int, *, name: str) -> Any:
        if self._table.upsampling == "transposed":
            return self._layers.Conv2DTranspose(width, 3, strides=2, padding="same", name=name)(flow)
        rows, columns = (2 * int(size) for size in flow.shape[1:3])
        flow = self._layers.Resizing(rows, columns, interpolation="nearest", name=f"{name}_resized")(flow)
        return self._layers.Conv2D(width, 3, padding="same", name=name)(flow)

    def _active(self, flow: Any, name: str) -> Any:
        if self._is_normalized:
            flow = self._layers.BatchNormalization(momentum=0.9, epsilon=1e-3, name=f"{name}{_NORMALIZED}")(flow)
        return self._layers.ReLU(name=f"{name}_relu")(flow)


def fold_normalization(trained: Any, folded: Any) -> None:
    """Give `folded`, the network without normalization, the weights that make it compute what `trained` does.

    ``gamma (w x + b - mean) / sqrt(variance + epsilon) + beta``, channel by channel.
    """
    names = {layer.name for layer in trained.layers}
    for layer in folded.layers:
        weights = trained.get_layer(layer.name).get_weights()
        if weights and layer.name + _NORMALIZED in names:
            norm = trained.get_layer(layer.name + _NORMALIZED)
            gamma, beta, mean, variance = norm.get_weights()
            factor = gamma / np.sqrt(variance + norm.epsilon)
            is_transposed = type(layer).__name__ == "Conv2DTranspose"  # its kernel is [rows, columns, out, in]
            weights = [weights[0] * (factor[:, np.newaxis] if is_transposed else factor), (weights[1] - mean) * factor + beta]
        layer.set_weights(weights)


def train_autoencoder(features: FeatureSet, table: AnomalyTable, train_table: TrainTable, *, on_progress: Progress | None = None) -> TrainedModel:
    """Train the autoencoder on the normal clips of the training split; those of the validation split choose the epoch.

    Each epoch cuts its patches elsewhere. The same arguments give the same model on the same machine.

    Parameters
    ----------
    features
        From the integer twin.
    table, train_table
        ``[anomaly]`` and ``[train]``: epochs, batch size, learning rate, patience and seed count.
    on_progress
        Called with (epochs done, epochs at most).

    Raises
    ------
    StageError
        If a split has no normal patch, or the loss stops being a number.
    ModelError
        See `build_autoencoder`.
    """
    tensorflow = import_tensorflow()
    import keras

    keras.utils.set_random_seed(train_table.seed)
    tensorflow.config.experimental.enable_op_determinism()
    validation = normal_patches(features, "validation", table)
    steps = math.ceil(len(normal_patches(features, "train", table)) / train_table.batch_size)
    model = build_autoencoder(features.spec, table, is_normalized=True, batch_size=None)
    schedule = keras.optimizers.schedules.CosineDecay(train_table.learning_rate, decay_steps=steps * train_table.epochs, alpha=1e-2)
    model.compile(optimizer=keras.optimizers.Adam(schedule), loss="mse")
    _start_at_mean(model, validation)
    losses, validations, best = [], [], model.get_weights()
    for epoch in range(1, train_table.epochs + 1):
        losses.append(_train_epoch(model, features, table, train_table, epoch=epoch))
        validations.append(float(np.mean((_reconstructed(model, validation) - validation) ** 2)))
        if validations[-1] <= min(validations):
            best = model.get_weights()
        if on_progress is not None:
            on_progress(epoch, train_table.epochs)
        if epoch - (1 + int(np.argmin(validations))) >= train_table.patience:
            break
    model.set_weights(best)
    folded = build_autoencoder(features.spec, table, is_normalized=False, batch_size=1)
    fold_normalization(model, folded)
    return TrainedModel(
        architecture=table.architecture,
        labels=ANOMALY_LABELS,
        spec=features.spec,
        kernel=features.kernel,
        frontend_fingerprint=features.frontend_fingerprint,
        keras=keras_bytes(folded),
        parameters=int(folded.count_params()),
        epochs=len(losses),
        best_epoch=1 + int(np.argmin(validations)),
        train_loss=tuple(losses),
        validation_loss=tuple(validations),
        validation_accuracy=(),
    )


def normal_patches(features: FeatureSet, split: Split, table: AnomalyTable, *, first_frame: int = 0) -> Float32Array:
    """Return the log-mel of all normal patches of `split`, float32[patches, *patch_shape, 1], from `first_frame` of each clip on.

    Raises
    ------
    StageError
        If there are none.
    """
    chosen = [index for index, clip in enumerate(features.dataset.clips) if clip.split == split and clip.label in table.normal]
    parts = [patches(clip_features(features, index)[first_frame:], features.spec) for index in chosen]
    if not sum(map(len, parts)):
        raise StageError(f"no normal clip of the split {split!r} is as long as a patch", hint="`tinyaudio data check` says why", where="train")
    log_mel = dequantized_log_mel(np.concatenate(parts), log_fraction_bits=features.log_fraction_bits, log_scale=features.spec.log_scale)
    return log_mel[..., np.newaxis]


class FloatAutoencoder:
    """The float autoencoder."""

    def __init__(self, trained: TrainedModel) -> None:
        self._model = dynamic_batch(load_keras_model(trained.keras))

    def mean_squares(self, log_mel: Float32Array, *, log_scale: float) -> Float64Array:
        """Return the mean square residual of patches, float32[patches, *patch_shape, 1], in neper^2."""
        residuals = (_reconstructed(self._model, log_mel) - log_mel).astype(np.float64) / log_scale
        return np.asarray((residuals**2).mean(axis=(1, 2, 3)))

    def reconstruct(self, log_mel: Float32Array) -> Float32Array:
        """Return what the autoencoder makes of patches, in their shape."""
        return _reconstructed(self._model, log_mel)


def _start_at_mean(model: Any, patches_: Float32Array) -> None:
    """Begin with the mean as the reconstruction: zero is far from most log-mels."""
    layer = model.get_layer("reconstruction")
    kernel, bias = layer.get_weights()
    layer.set_weights([kernel, np.full_like(bias, patches_.mean())])


def _train_epoch(model: Any, features: FeatureSet, table: AnomalyTable, train_table: TrainTable, *, epoch: int) -> float:
    """Train one epoch and return the mean loss of its batches."""
    rng = np.random.default_rng([train_table.seed, epoch])
    source = normal_patches(features, "train", table, first_frame=int(rng.integers(features.spec.patch_hop_frames)) if epoch > 1 else 0)
    order = rng.permutation(len(source))
    losses = []
    for number, start in enumerate(range(0, len(order), train_table.batch_size), start=1):
        batch = source[order[start : start + train_table.batch_size]]
        losses.append(float(model.train_on_batch(batch, batch)))
        model.reset_metrics()
        if not math.isfinite(losses[-1]):
            raise StageError(f"the loss is {losses[-1]} in batch {number} of epoch {epoch}", hint="lower train.learning_rate", where="train")
    return math.fsum(losses) / len(losses)


def _reconstructed(model: Any, log_mel: Float32Array) -> Float32Array:
    return np.concatenate([np.asarray(model.predict_on_batch(log_mel[start : start + _BATCH])) for start in range(0, len(log_mel), _BATCH)])
