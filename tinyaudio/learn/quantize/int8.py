"""Full-integer INT8 with representative audio, and the front end's fingerprint and the labels inside the file."""

from __future__ import annotations

import contextlib
import io
import json
import warnings
from collections.abc import Callable, Collection, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from tinyaudio.core.artifacts import FeatureSet, QuantizedModel, TrainedModel
from tinyaudio.core.canonical import canonical_json, sha256_bytes
from tinyaudio.core.errors import ModelError, StageError
from tinyaudio.core.project import QuantizeTable
from tinyaudio.core.tflite_metadata import add_metadata, read_metadata
from tinyaudio.learn.quantize.graph import describe_model, make_stride_padding_explicit
from tinyaudio.learn.quantize.representative import representative_patches
from tinyaudio.learn.training import import_tensorflow, load_keras_model

Progress = Callable[[int, int], None]

#: Keys of the metadata in the ``.tflite``.
FRONTEND_KEY = "tinyaudio.frontend"
LABELS_KEY = "tinyaudio.labels"


def quantize(trained: TrainedModel, features: FeatureSet, table: QuantizeTable, *, on_progress: Progress | None = None) -> QuantizedModel:
    """Convert the float model to full-integer INT8, int8 input and output, batch 1.

    The representative set is audio of the training split through the integer front end; see `representative_patches`. The
    same arguments give the same bytes.

    Parameters
    ----------
    trained
        The float model.
    features
        What it was trained on.
    table
        ``[quantize]`` of the project.
    on_progress
        Called with (representative patches fed, patches in all).

    Raises
    ------
    StageError
        If model and features are of different front ends.
    ModelError
        If the conversion gives anything but int8 at its ends. Whether the firmware has the operators: `refuse_unsupported`.
    """
    if trained.frontend_fingerprint != features.frontend_fingerprint or trained.labels != features.dataset.labels:
        raise StageError("the model was trained on other features or labels", hint="train again with `tinyaudio train`", where="quantize")
    patches = representative_patches(features, table)
    plain = convert_to_int8(load_keras_model(trained.keras), patches, on_progress=on_progress)
    tflite = add_metadata(
        make_stride_padding_explicit(plain), {FRONTEND_KEY: _frontend_metadata(features), LABELS_KEY: canonical_json(list(trained.labels)).encode()}
    )
    description = describe_model(tflite)
    return QuantizedModel(
        tflite=tflite,
        sha256=sha256_bytes(tflite),
        labels=trained.labels,
        spec=trained.spec,
        kernel=trained.kernel,
        frontend_fingerprint=trained.frontend_fingerprint,
        input_scale=description.input_scale,
        input_zero_point=description.input_zero_point,
        output_scale=description.output_scale,
        output_zero_point=description.output_zero_point,
        ops=description.ops,
    )


def model_labels(tflite: bytes) -> tuple[str, ...] | None:
    """Return the labels that a ``.tflite`` of tinyaudio carries, or None if it carries none."""
    data = read_metadata(tflite, LABELS_KEY)
    return None if data is None else tuple(json.loads(data))


def refuse_unsupported(ops: tuple[str, ...], supported: Collection[str]) -> None:
    """Raise unless all `ops`, in execution order, are among the `supported` ones, which are the compiler's.

    Raises
    ------
    ModelError
        Naming the operators and the position of the first.
    """
    refused = sorted(set(ops) - set(supported))
    if refused:
        first = min(ops.index(name) for name in refused)
        hint = f"change the architecture; supported: {', '.join(sorted(supported))}"
        raise ModelError(f"the firmware has no {', '.join(refused)}", hint=hint, where=f"operator {first} ({ops[first]})")


def convert_to_int8(model: Any, patches: npt.NDArray[np.float32], *, on_progress: Progress | None = None) -> bytes:
    """Return a Keras model of batch 1 as full-integer ``.tflite``, its ranges taken from `patches`, float32[n, ...]."""
    tf = import_tensorflow()

    def representative() -> Iterator[list[npt.NDArray[np.float32]]]:
        for done, patch in enumerate(patches, start=1):
            yield [patch[np.newaxis]]
            if on_progress is not None:
                on_progress(done, len(patches))

    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = representative
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = tf.int8
    converter.inference_output_type = tf.int8
    with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():  # Keras prints the signatures, TensorFlow warns of its own calls
        warnings.simplefilter("ignore")
        return bytes(converter.convert())


def _frontend_metadata(features: FeatureSet) -> bytes:
    return canonical_json({"spec": features.spec, "kernel": features.kernel, "fingerprint": features.frontend_fingerprint}).encode()
