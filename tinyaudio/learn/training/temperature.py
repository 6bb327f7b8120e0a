"""Scores that mean what they say: one number that the logits are divided by, fitted to patches that were not trained on.

References
----------
C. Guo et al., "On Calibration of Modern Neural Networks", ICML 2017, section 4.2.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tinyaudio.core.artifacts import BoolArray, Float64Array
from tinyaudio.learn.training.networks import LOGITS_LAYER

_BATCH = 128
_RANGE = (0.05, 20.0)  # beyond, the validation split is perfect or hopeless, and no temperature would mean anything


def scale_temperature(model: Any, patches: Any, truth: BoolArray, *, is_exclusive: bool) -> float:
    """Divide the classifier's weights by the temperature that makes the scores of `patches` likeliest, and return it.

    Since it is in the weights, the device needs nothing more. The order of the classes of a patch does not change.

    Parameters
    ----------
    model
        A network of `build_network`.
    patches, truth
        float32[patches, *patch_shape, 1] and bool[patches, labels], not trained on.
    is_exclusive
        Whether the classes exclude each other.
    """
    import keras

    logits_of = keras.Model(model.input, model.get_layer(LOGITS_LAYER).output)
    logits = np.concatenate([logits_of.predict_on_batch(patches[start : start + _BATCH]) for start in range(0, len(patches), _BATCH)])
    temperature = fit_temperature(logits.astype(np.float64), truth, is_exclusive=is_exclusive)
    layer = model.get_layer(LOGITS_LAYER)
    layer.set_weights([weights / np.float32(temperature) for weights in layer.get_weights()])
    return temperature


def fit_temperature(logits: Float64Array, truth: BoolArray, *, is_exclusive: bool) -> float:
    """Return the temperature, 0.05 to 20, with the least cross-entropy; logits and truth are [patches, labels]."""
    from scipy.optimize import minimize_scalar

    def surprise(log_temperature: float) -> float:
        scaled = logits / np.exp(log_temperature)
        if is_exclusive:
            return float((np.logaddexp.reduce(scaled, axis=1) - scaled[truth]).mean())
        return float((np.logaddexp(0.0, scaled) - np.where(truth, scaled, 0.0)).mean())

    low, high = (float(np.log(end)) for end in _RANGE)
    return float(np.exp(minimize_scalar(surprise, bounds=(low, high), method="bounded", options={"xatol": 1e-4}).x))
