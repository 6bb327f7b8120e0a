"""What is minimized: cross-entropy or focal, over classes that exclude each other or classes that may sound at once."""

from __future__ import annotations

from typing import Any

from tinyaudio.core.project import ModelTable, TrainTable


def training_loss(model_table: ModelTable, table: TrainTable, *, by_label: bool = False) -> Any:
    """Return the Keras loss of ``train.loss`` for the head ``model.head``; `by_label` one that takes a weight for each item and label.

    The focal losses weigh an item by ``(1 - p) ** train.focal_gamma``, p being the score of what is true (T.-Y. Lin et
    al., "Focal Loss for Dense Object Detection", ICCV 2017); classes are weighed by ``train.class_balance`` alone.
    """
    import keras

    if model_table.head == "softmax":
        if table.loss == "focal":
            return keras.losses.CategoricalFocalCrossentropy(alpha=1.0, gamma=table.focal_gamma, label_smoothing=table.label_smoothing)
        return keras.losses.CategoricalCrossentropy(label_smoothing=table.label_smoothing)
    if table.loss == "focal":
        loss = keras.losses.BinaryFocalCrossentropy(gamma=table.focal_gamma, label_smoothing=table.label_smoothing)
    else:
        loss = keras.losses.BinaryCrossentropy(label_smoothing=table.label_smoothing)
    return _by_label(loss) if by_label else loss


def _by_label(loss: Any) -> Any:
    """Return `loss` without the mean over the labels, which Keras takes before it looks at weights."""

    def of_each(targets: Any, scores: Any) -> Any:
        return loss.call(targets[..., None], scores[..., None])

    return of_each
