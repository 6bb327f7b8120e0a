"""How far the INT8 model strays from the float model, operator by operator."""

from __future__ import annotations

import contextlib
import io
import math
import warnings
from typing import Any

import numpy as np
import numpy.typing as npt

from tinyaudio.core.artifacts import LayerError, QuantizedModel, TrainedModel
from tinyaudio.core.errors import StageError
from tinyaudio.learn.training import import_tensorflow, load_keras_model

#: Operators that change no value: the INT8 model has them in other places than the float model.
_MOVES = frozenset({"PAD", "RESHAPE", "QUANTIZE", "DEQUANTIZE"})


def layer_errors(trained: TrainedModel, quantized: QuantizedModel, patches: npt.NDArray[np.float32]) -> tuple[LayerError, ...]:
    """Compare the output of every operator of the INT8 model with that of the float model it came from.

    The errors of the layers before are in it: where the ratio falls from one operator to the next, quantization hurts.

    Parameters
    ----------
    trained, quantized
        The two models.
    patches
        float32[patches, *patch_shape, 1]; a few dozen do.

    Raises
    ------
    StageError
        If the two models are not made of the same operators.
    """
    float_model = _Recorder(_float_tflite(load_keras_model(trained.keras)))
    int8_model = _Recorder(quantized.tflite)
    if float_model.operators != int8_model.operators:
        raise StageError("the float and the INT8 model have other operators", hint="quantize again with `tinyaudio quantize`", where="quantize")
    signal, error, largest = (np.zeros(len(float_model.operators)) for _ in range(3))
    for patch in patches:
        for index, (wanted, found) in enumerate(zip(float_model.run(patch), int8_model.run(patch), strict=True)):
            difference = found - wanted
            signal[index] += float(np.square(wanted).sum())
            error[index] += float(np.square(difference).sum())
            largest[index] = max(largest[index], float(np.abs(difference).max()))
    return tuple(
        LayerError(
            operator=operator,
            name=name,
            signal_to_error_db=10.0 * math.log10(max(signal[index], 1e-30) / max(error[index], 1e-30)),
            largest_error=float(largest[index]),
        )
        for index, (operator, name) in enumerate(zip(float_model.operators, float_model.names, strict=True))
    )


class _Recorder:
    """Runs a model with TensorFlow Lite's reference kernels and keeps what each operator computes."""

    def __init__(self, tflite: bytes) -> None:
        tf = import_tensorflow()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of the interpreter's new home
            self._interpreter = tf.lite.Interpreter(
                model_content=tflite,
                experimental_preserve_all_tensors=True,
                experimental_op_resolver_type=tf.lite.experimental.OpResolverType.BUILTIN_REF,
            )
        self._interpreter.allocate_tensors()
        steps = [step for step in self._interpreter._get_ops_details() if step["op_name"] not in _MOVES]
        details = {item["index"]: item for item in self._interpreter.get_tensor_details()}
        self.operators = tuple(str(step["op_name"]) for step in steps)
        self._outputs = [details[int(step["outputs"][0])] for step in steps]
        self.names = tuple(_short_name(str(item["name"])) for item in self._outputs)

    def run(self, patch: npt.NDArray[np.float32]) -> list[npt.NDArray[np.float64]]:
        """Return the output of every operator for one patch, dequantized."""
        entrance = self._interpreter.get_input_details()[0]
        scale, zero_point = entrance["quantization"]
        value = patch[np.newaxis] if not scale else np.clip(np.rint(patch[np.newaxis] / scale) + zero_point, -128, 127)
        self._interpreter.set_tensor(entrance["index"], value.astype(entrance["dtype"]))
        self._interpreter.invoke()
        return [self._dequantized(item) for item in self._outputs]

    def _dequantized(self, detail: Any) -> npt.NDArray[np.float64]:
        values = np.asarray(self._interpreter.get_tensor(detail["index"]), np.float64)
        scale, zero_point = detail["quantization"]
        return (values - zero_point) * scale if scale else values


def _float_tflite(model: Any) -> bytes:
    tf = import_tensorflow()
    with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return bytes(tf.lite.TFLiteConverter.from_keras_model(model).convert())


def _short_name(tensor_name: str) -> str:
    """Return the layer of ours that a tensor's name begins with: the converter strings together all it fused."""
    parts = [part for part in tensor_name.partition(";")[0].split("/") if part]
    return parts[1] if len(parts) > 1 else parts[0] if parts else ""
