"""Full-integer INT8 networks that end in an embedding."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from tinyaudio.core.artifacts import Int8Array, TrainedModel
from tinyaudio.core.rounding import quantize_int8
from tinyaudio.learn.quantize.bulk import BulkInterpreter
from tinyaudio.learn.quantize.graph import describe_model, make_stride_padding_explicit
from tinyaudio.learn.quantize.int8 import convert_to_int8
from tinyaudio.learn.training import load_keras_model

Progress = Callable[[int, int], None]


def quantize_embedding(trained: TrainedModel, patches: npt.NDArray[np.float32], *, on_progress: Progress | None = None) -> bytes:
    """Return the network that ends in an embedding as ``.tflite``, its ranges taken from `patches`, float32[n, *patch_shape, 1]."""
    return make_stride_padding_explicit(convert_to_int8(load_keras_model(trained.keras), patches, on_progress=on_progress))


def embed_int8(tflite: bytes, log_mel: npt.NDArray[np.float32]) -> Int8Array:
    """Return the INT8 network's embeddings, int8[patches, channels], of float32[patches, *patch_shape, 1]."""
    description = describe_model(tflite)
    patches = quantize_int8(log_mel, scale=description.input_scale, zero_point=description.input_zero_point)
    return BulkInterpreter(tflite).run(patches)
