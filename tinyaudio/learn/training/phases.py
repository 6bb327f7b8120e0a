"""What learns in a training that starts from a backbone: the classifier first, then the backbone's last blocks.

References
----------
A. Kumar et al., "Fine-Tuning can Distort Pretrained Features and Underperform Out-of-Distribution", ICLR 2022.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from tinyaudio.learn.training.backbone import Transferred
from tinyaudio.learn.training.networks import EMBEDDING_LAYER, LOGITS_LAYER

_BATCH = 128
_ITERATIONS = 200
_SPREAD_FLOOR = 1e-3  # an average that hardly varies must not be blown up to noise

Float32Array = npt.NDArray[np.float32]
Float64Array = npt.NDArray[np.float64]


def last_blocks(mapped: Sequence[str], count: int) -> frozenset[str]:
    """Return the layers of the last `count` blocks among the names `mapped`; a stem is a block, too."""
    blocks = list(dict.fromkeys(name.partition("_")[0] for name in mapped))
    chosen = blocks[len(blocks) - min(count, len(blocks)) :]
    return frozenset(name for name in mapped if name.partition("_")[0] in chosen)


def freeze(model: Any, transferred: Transferred, *, trainable_blocks: int) -> None:
    """Let only the backbone's last blocks learn, and what is not of it; its normalization keeps its statistics."""
    trainable = last_blocks(transferred.mapped, trainable_blocks)
    for name in transferred.mapped:
        model.get_layer(name).trainable = name in trainable
        model.get_layer(f"{name}_norm").trainable = False


def fit_classifier(model: Any, patches: Float32Array, targets: Float32Array, weights: Float32Array, *, l2: float) -> float:
    """Set the classifier to the best one for the embeddings as they are, and return its loss.

    A regularized logistic regression on the standardized embeddings, solved by L-BFGS from zero: no draw, no rate, no
    epochs. The standardization is folded into the layer.

    Parameters
    ----------
    model
        A network of `build_network`.
    patches, targets, weights
        float32[patches, *patch_shape, 1], [patches, classes] and [patches], or [patches, classes] where classes do not exclude each other.
    l2
        Weight of the squared coefficients.
    """
    import keras

    embed = keras.Model(model.input, model.get_layer(EMBEDDING_LAYER).output)
    embeddings = np.concatenate([embed.predict_on_batch(patches[start : start + _BATCH]) for start in range(0, len(patches), _BATCH)])
    is_exclusive = type(model.layers[-1]).__name__ == "Softmax"
    loss, kernel, bias = classifier_of(embeddings, targets, weights, l2=l2, is_exclusive=is_exclusive)
    model.get_layer(LOGITS_LAYER).set_weights([kernel, bias])
    return loss


def classifier_of(
    embeddings: Float32Array, targets: Float32Array, weights: Float32Array, *, l2: float, is_exclusive: bool
) -> tuple[float, Float64Array, Float64Array]:
    """Return (loss, kernel [channels, classes], bias [classes]) of the classifier that `fit_classifier` sets, for embeddings as they are."""
    mean, spread = embeddings.mean(axis=0), np.maximum(embeddings.std(axis=0), _SPREAD_FLOOR)
    loss, kernel, bias = logistic_regression((embeddings - mean) / spread, targets, weights, l2=l2, is_exclusive=is_exclusive)
    kernel = kernel / spread[:, np.newaxis]
    return loss, kernel, bias - mean @ kernel


def logistic_regression(
    inputs: npt.NDArray[Any], targets: npt.NDArray[Any], weights: npt.NDArray[Any], *, l2: float, is_exclusive: bool
) -> tuple[float, Float64Array, Float64Array]:
    """Return (loss, kernel [inputs, classes], bias [classes]) of the cross-entropy with a penalty on the kernel.

    Classes exclude each other (softmax) or not (a sigmoid each, mean over the classes). `targets` may be shares.
    """
    from scipy.optimize import minimize

    columns, classes = inputs.shape[1], targets.shape[1]
    every = weights[:, np.newaxis] if weights.ndim == 1 else weights
    share = every / (every.sum() if is_exclusive else np.broadcast_to(every, targets.shape).sum())

    def loss_and_slope(flat: Float64Array) -> tuple[float, Float64Array]:
        kernel, bias = flat[: columns * classes].reshape(columns, classes), flat[columns * classes :]
        logits = inputs @ kernel + bias
        if is_exclusive:
            logits = logits - logits.max(axis=1, keepdims=True)
            normalizer = np.log(np.exp(logits).sum(axis=1, keepdims=True))
            scores, surprise = np.exp(logits - normalizer), targets * (normalizer - logits)
        else:
            scores, surprise = 1.0 / (1.0 + np.exp(-logits)), np.logaddexp(0.0, logits) - targets * logits
        slope = share * (scores - targets)
        return float((share * surprise).sum() + l2 * np.square(kernel).sum()), np.append(inputs.T @ slope + 2.0 * l2 * kernel, slope.sum(axis=0))

    found = minimize(loss_and_slope, np.zeros((columns + 1) * classes), jac=True, method="L-BFGS-B", options={"maxiter": _ITERATIONS})
    return float(found.fun), found.x[: columns * classes].reshape(columns, classes), found.x[columns * classes :]
