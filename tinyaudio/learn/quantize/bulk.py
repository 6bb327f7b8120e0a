"""INT8 models over many patches: TensorFlow Lite's own kernels, quicker than the oracle, and equal to it where that was checked."""

from __future__ import annotations

import warnings

import numpy as np

from tinyaudio.core.artifacts import Int8Array
from tinyaudio.learn.training import import_tensorflow


class BulkInterpreter:
    """TensorFlow Lite without delegates, whose arithmetic would be another.

    Parameters
    ----------
    tflite
        A model of one int8 input and one int8 output, batch 1.
    """

    def __init__(self, tflite: bytes) -> None:
        tf = import_tensorflow()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of the interpreter's new home
            self._interpreter = tf.lite.Interpreter(
                model_content=tflite,
                experimental_op_resolver_type=tf.lite.experimental.OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
            )
        self._interpreter.allocate_tensors()
        self._input, self._output = self._interpreter.get_input_details()[0], self._interpreter.get_output_details()[0]

    def run(self, patches: Int8Array) -> Int8Array:
        """Return the outputs, int8[patches, elements], for int8[patches, *patch_shape]."""
        outputs = np.zeros((len(patches), int(np.prod(self._output["shape"]))), np.int8)
        for index, patch in enumerate(patches):
            self._interpreter.set_tensor(self._input["index"], np.ascontiguousarray(patch).reshape(self._input["shape"]))
            self._interpreter.invoke()
            outputs[index] = self._interpreter.get_tensor(self._output["index"]).ravel()
        return outputs
