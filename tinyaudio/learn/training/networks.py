"""Networks: a body by name, and the head that turns its averages into scores."""

from __future__ import annotations

from typing import Any

from tinyaudio.core.project import ModelTable
from tinyaudio.core.spec import FrontendSpec
from tinyaudio.learn.training.architectures import ARCHITECTURES

#: The layer that averages over time and frequency: its output is the embedding.
EMBEDDING_LAYER = "pool"
LOGITS_LAYER = "logits"


def build_network(spec: FrontendSpec, table: ModelTable, *, classes: int, batch_size: int | None) -> Any:
    """Return an untrained Keras model from log-mel, float32[batch, *patch_shape, 1], to class scores.

    Parameters
    ----------
    spec
        Gives the size of the input.
    table
        ``[model]`` of the project.
    classes
        Number of labels, 2 or more.
    batch_size
        ``None`` for training. 1 for export: a dynamic batch would drag shape arithmetic into the ``.tflite``.

    Raises
    ------
    ProjectError
        If the architecture cannot read patches of this layout.
    """
    import keras

    inputs = keras.Input((*spec.patch_shape, 1), batch_size=batch_size, name="log_mel")
    flow = ARCHITECTURES[table.architecture](inputs, spec, table)
    flow = keras.layers.GlobalAveragePooling2D(name=EMBEDDING_LAYER)(flow)
    if table.dropout:
        flow = keras.layers.Dropout(table.dropout, name="dropout")(flow)
    flow = keras.layers.Dense(classes, name=LOGITS_LAYER)(flow)
    return keras.Model(inputs, _scores(flow, table), name=table.architecture)


def _scores(logits: Any, table: ModelTable) -> Any:
    """Return probabilities that exclude each other, or one for each class alone."""
    import keras

    if table.head == "sigmoid":
        return keras.layers.Activation("sigmoid", name="probabilities")(logits)
    return keras.layers.Softmax(name="probabilities")(logits)
