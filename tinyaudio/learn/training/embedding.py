"""Embeddings: a backbone's averages, from a network that nothing is trained of."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from tinyaudio.core.errors import ModelError
from tinyaudio.core.project import ModelTable, TransferTable, frontend_spec
from tinyaudio.core.spec import FrontendSpec
from tinyaudio.learn.training.architectures import ARCHITECTURES
from tinyaudio.learn.training.backbone import Backbone, require_same_front_end, transfer_weights
from tinyaudio.learn.training.networks import EMBEDDING_LAYER
from tinyaudio.learn.training.runtime import make_deterministic
from tinyaudio.learn.training.storage import keras_bytes, load_keras_model

Progress = Callable[[int, int], None]
Float32Array = npt.NDArray[np.float32]

_BATCH = 64


def embedding_network(spec: FrontendSpec, table: ModelTable, transfer: TransferTable, backbone: Backbone) -> tuple[bytes, int]:
    """Return (``.keras`` file for batches of one, its parameters) from log-mel to the averages of the backbone's last block.

    Parameters
    ----------
    spec
        Gives the size of the patch; must be the front end that the backbone was trained on, but for the patch.
    table, transfer
        ``[model]``: which body, how wide and deep; and ``[train.transfer]``: by which front end the backbone hears.
    backbone
        The file's convolutions.

    Raises
    ------
    ModelError
        If the front ends differ, or the file's convolutions do not fit the body or leave some of its layers without weights.
    """
    theirs = cast(Any, transfer.frontend)
    if theirs is None:
        raise ModelError(
            "the file does not tell what front end the backbone was trained on",
            hint='say so in [train.transfer.frontend], as preset = "stm32_yamnet"',
            where=backbone.name,
        )
    require_same_front_end(backbone.name, spec, frontend_spec(theirs))
    make_deterministic(0)
    import keras

    inputs = keras.Input((*spec.patch_shape, 1), batch_size=1, name="log_mel")
    flow = ARCHITECTURES[table.architecture](inputs, spec, table)
    model = keras.Model(inputs, keras.layers.GlobalAveragePooling2D(name=EMBEDDING_LAYER)(flow), name=table.architecture)
    transferred = transfer_weights(model, backbone)
    if transferred.drawn:
        raise ModelError(
            f"the backbone has no weights for {', '.join(transferred.drawn)}, and nothing of it is trained",
            hint="lower model.blocks to those that the backbone has",
            where=backbone.name,
        )
    return keras_bytes(model), int(model.count_params())


def embed(keras_file: bytes, log_mel: Float32Array, *, on_progress: Progress | None = None) -> Float32Array:
    """Return the float embeddings, float32[patches, channels], of float32[patches, *patch_shape, 1]."""
    from tinyaudio.learn.training.predictor import dynamic_batch

    model, parts = dynamic_batch(load_keras_model(keras_file)), []
    for start in range(0, len(log_mel), _BATCH):
        parts.append(np.asarray(model.predict_on_batch(log_mel[start : start + _BATCH]), np.float32))
        if on_progress is not None:
            on_progress(min(start + _BATCH, len(log_mel)), len(log_mel))
    return np.concatenate(parts)
