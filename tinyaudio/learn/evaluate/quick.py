"""An INT8 model as a predictor, for figures to choose by: quick, and not the oracle."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from tinyaudio.core.artifacts import Float64Array, QuantizedModel
from tinyaudio.learn.dataset import PatchSet, quantized_patches
from tinyaudio.learn.quantize import BulkInterpreter

Progress = Callable[[int, int], None]


class QuickPredictor:
    """TensorFlow Lite's own kernels over the patches as the device feeds them; keeps what it said last."""

    name = "int8"

    def __init__(self, quantized: QuantizedModel) -> None:
        self._quantized, self._interpreter = quantized, BulkInterpreter(quantized.tflite)
        self.scores: Float64Array = np.zeros((0, 0))

    def predict(self, patch_set: PatchSet, *, on_progress: Progress | None = None) -> Float64Array:
        """Return the dequantized scores, float64[patches, labels]."""
        outputs = self._interpreter.run(quantized_patches(self._quantized, patch_set))
        if on_progress is not None:
            on_progress(len(outputs), len(outputs))
        self.scores = (outputs.astype(np.float64) - self._quantized.output_zero_point) * self._quantized.output_scale
        return self.scores
