"""The float model as a predictor."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tinyaudio.core.artifacts import Float64Array, TrainedModel
from tinyaudio.learn.dataset import PatchSet, dequantized_log_mel
from tinyaudio.learn.training.storage import load_keras_model

Progress = Callable[[int, int], None]

_BATCH = 64


class FloatPredictor:
    """Scores patches with the float model, from the same integer log-mel as the device, in nepers."""

    name = "float"

    def __init__(self, trained: TrainedModel) -> None:
        self._model = dynamic_batch(load_keras_model(trained.keras))

    def predict(self, patch_set: PatchSet, *, on_progress: Progress | None = None) -> Float64Array:
        """Return the class probabilities, float64[patches, labels]."""
        fraction_bits, scale = patch_set.log_fraction_bits, patch_set.log_scale
        log_mel = dequantized_log_mel(patch_set.log_mel, log_fraction_bits=fraction_bits, log_scale=scale)[..., np.newaxis]
        parts = []
        for start in range(0, len(log_mel), _BATCH):
            parts.append(self._model.predict_on_batch(log_mel[start : start + _BATCH]))
            if on_progress is not None:
                on_progress(min(start + _BATCH, len(log_mel)), len(log_mel))
        return np.concatenate(parts).astype(np.float64)


def dynamic_batch(model: Any) -> Any:
    """Return a copy of `model`, which was built for batches of one, for batches of any size."""
    import keras

    copy = keras.models.clone_model(model, input_tensors=keras.Input(model.input_shape[1:], name="log_mel"))
    copy.set_weights(model.get_weights())
    return copy
