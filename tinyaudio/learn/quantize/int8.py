"""Full-integer INT8 with representative audio."""

from __future__ import annotations

import contextlib
import io
import warnings
from collections.abc import Callable, Collection, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from tinyaudio.core.artifacts import FeatureSet, QuantizedModel, TrainedModel
from tinyaudio.core.errors import ModelError, StageError
from tinyaudio.core.project import QuantizeTable
from tinyaudio.learn.quantize.chatter import without_chatter
from tinyaudio.learn.quantize.graph import make_stride_padding_explicit
from tinyaudio.learn.quantize.labelled import labelled_model
from tinyaudio.learn.quantize.representative import representative_patches
from tinyaudio.learn.training import import_tensorflow, load_keras_model

Progress = Callable[[int, int], None]


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
    return labelled_model(make_stride_padding_explicit(plain), trained)


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
        behind_progress.enter_context(without_chatter())  # only the quantizer is to come: no more progress is told

    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = representative
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = tf.int8
    converter.inference_output_type = tf.int8
    with contextlib.ExitStack() as behind_progress, contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # TensorFlow warns of its own calls; Keras prints the signatures
        return bytes(converter.convert())
