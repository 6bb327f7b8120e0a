"""Full-integer INT8 networks that end in an embedding, and what scores it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from tinyaudio.core.artifacts import FeatureSet, Int8Array, QuantizedModel, TrainedModel
from tinyaudio.core.canonical import canonical_json, fingerprint, sha256_bytes
from tinyaudio.core.one_class import OneClassTables
from tinyaudio.core.rounding import quantize_int8
from tinyaudio.core.tflite_metadata import add_metadata
from tinyaudio.learn.quantize.bulk import BulkInterpreter
from tinyaudio.learn.quantize.graph import describe_model, make_stride_padding_explicit
from tinyaudio.learn.quantize.int8 import FRONTEND_KEY, LABELS_KEY, convert_to_int8
from tinyaudio.learn.training import load_keras_model

Progress = Callable[[int, int], None]

#: Key of the metadata in the ``.tflite``: fingerprint of the tables behind it, so that the file's hash tells them, too.
ONE_CLASS_KEY = "tinyaudio.one_class"


def quantize_embedding(trained: TrainedModel, patches: npt.NDArray[np.float32], *, on_progress: Progress | None = None) -> bytes:
    """Return the network that ends in an embedding as ``.tflite``, its ranges taken from `patches`, float32[n, *patch_shape, 1]."""
    return make_stride_padding_explicit(convert_to_int8(load_keras_model(trained.keras), patches, on_progress=on_progress))


def embed_int8(tflite: bytes, log_mel: npt.NDArray[np.float32]) -> Int8Array:
    """Return the INT8 network's embeddings, int8[patches, channels], of float32[patches, *patch_shape, 1]."""
    description = describe_model(tflite)
    patches = quantize_int8(log_mel, scale=description.input_scale, zero_point=description.input_zero_point)
    return BulkInterpreter(tflite).run(patches)


def one_class_model(tflite: bytes, tables: OneClassTables, trained: TrainedModel, features: FeatureSet) -> QuantizedModel:
    """Return network and tables as one model."""
    frontend = canonical_json({"spec": features.spec, "kernel": features.kernel, "fingerprint": features.frontend_fingerprint}).encode()
    labels = canonical_json(list(trained.labels)).encode()
    file = add_metadata(tflite, {FRONTEND_KEY: frontend, LABELS_KEY: labels, ONE_CLASS_KEY: fingerprint(tables).encode()})
    description = describe_model(file)
    return QuantizedModel(
        tflite=file,
        sha256=sha256_bytes(file),
        labels=trained.labels,
        spec=trained.spec,
        kernel=trained.kernel,
        frontend_fingerprint=trained.frontend_fingerprint,
        input_scale=description.input_scale,
        input_zero_point=description.input_zero_point,
        output_scale=description.output_scale,
        output_zero_point=description.output_zero_point,
        ops=description.ops,
        one_class=tables,
    )
