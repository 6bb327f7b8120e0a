"""A converted network with what it was made for inside the file, as a `QuantizedModel`."""

from __future__ import annotations

import json

from tinyaudio.core.artifacts import QuantizedModel, TrainedModel
from tinyaudio.core.canonical import canonical_json, fingerprint, sha256_bytes
from tinyaudio.core.one_class import OneClassTables
from tinyaudio.core.tflite_metadata import add_metadata, read_metadata
from tinyaudio.learn.quantize.graph import describe_model

#: Keys of the metadata in the ``.tflite``.
FRONTEND_KEY = "tinyaudio.frontend"
LABELS_KEY = "tinyaudio.labels"
ONE_CLASS_KEY = "tinyaudio.one_class"  # fingerprint of the tables behind the network, so that the file's hash tells them, too


def labelled_model(tflite: bytes, trained: TrainedModel, *, is_autoencoder: bool = False, one_class: OneClassTables | None = None) -> QuantizedModel:
    """Write front end, labels and tables of `trained` into the file `tflite`, and return the two as one value.

    Parameters
    ----------
    tflite
        `trained`, converted; int8 at both ends.
    trained
        The float model.
    is_autoencoder, one_class
        See `QuantizedModel`.

    Raises
    ------
    ModelError
        If the file has other ends.
    """
    frontend = {"spec": trained.spec, "kernel": trained.kernel, "fingerprint": trained.frontend_fingerprint}
    metadata = {FRONTEND_KEY: canonical_json(frontend).encode(), LABELS_KEY: canonical_json(list(trained.labels)).encode()}
    if one_class is not None:
        metadata[ONE_CLASS_KEY] = fingerprint(one_class).encode()
    file = add_metadata(tflite, metadata)
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
        is_autoencoder=is_autoencoder,
        one_class=one_class,
    )


def model_labels(tflite: bytes) -> tuple[str, ...] | None:
    """Return the labels that a ``.tflite`` of tinyaudio carries, or None if it carries none."""
    data = read_metadata(tflite, LABELS_KEY)
    return None if data is None else tuple(json.loads(data))
