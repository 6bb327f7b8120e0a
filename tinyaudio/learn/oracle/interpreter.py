"""What the INT8 model must compute: the PyPI ``tflite-micro`` interpreter, proven before it is believed.

TFLite Micro's reference kernels define the arithmetic. Their results are kept as `ExpectedOutputs`, so that a device can
be checked without an interpreter.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from tinyaudio.core.artifacts import ExpectedOutputs, FeatureSet, Int8Array, QuantizedModel, Split
from tinyaudio.core.errors import ModelError, StageError, ToolError
from tinyaudio.core.tflite_metadata import guarded, open_model
from tinyaudio.learn.dataset import patch_features, quantized_patches

Progress = Callable[[int, int], None]

_INSTALL = 'pip install "tinyaudio[train]" installs the version that is known to be right'


class IntegerModel(Protocol):
    """Runs an INT8 model."""

    def run(self, features: Int8Array) -> tuple[Int8Array, Int8Array]:
        """Return (logits, outputs), each int8[elements], of one patch, int8[*patch_shape]."""


class Oracle:
    """The ``tflite-micro`` interpreter over one model.

    Raises
    ------
    ToolError
        If the package is missing, or computes anything but the stored golden vectors.
    ModelError
        If it cannot load the model.
    """

    def __init__(self, tflite: bytes) -> None:
        prove_oracle()
        self._tflite = tflite
        self._interpreter, self._input_shape = _open(tflite)
        self._keeps_state = has_variables(tflite)
        self._logits_tensor = _logits_tensor(tflite)
        self._output_tensor = _int8_output_tensor(tflite)

    def run(self, features: Int8Array) -> tuple[Int8Array, Int8Array]:
        """Return (logits, outputs) of one patch; the logits are the tensor before a final softmax, else the outputs.

        Of a model that ends in a conversion to another type the outputs are the int8 values in front of it.
        """
        if features.dtype != np.int8 or features.size != int(np.prod(self._input_shape)):
            wanted = "x".join(map(str, self._input_shape))
            raise ModelError(
                f"the model takes int8[{wanted}], not {features.dtype.name}{list(features.shape)}",
                hint="use the model's own front end",
                where="input",
            )
        self._interpreter.set_input(np.ascontiguousarray(features).reshape(self._input_shape), 0)
        self._interpreter.invoke()
        outputs = self.tensor(self._output_tensor)
        return (outputs if self._logits_tensor is None else self.tensor(self._logits_tensor)), outputs

    def forget(self) -> None:
        """Forget all earlier inputs: what a streaming model does where a clip begins. Others have nothing to forget."""
        if self._keeps_state:
            self._interpreter, self._input_shape = _open(self._tflite)

    def tensor(self, index: int) -> Int8Array:
        """Return what tensor `index` of the file, an int8 activation, holds behind the last run, flat."""
        return np.array(self._interpreter.GetTensor(index, 0)["tensor_data"], np.int8).ravel()


class ReferenceModel:
    """The proven interpreter over any model of one input and one output: values of any type, variables that persist.

    Raises
    ------
    ToolError
        If the package is missing, or computes anything but the stored golden vectors.
    ModelError
        If it cannot load the model.
    """

    def __init__(self, tflite: bytes) -> None:
        prove_oracle()
        self._tflite = tflite
        self._interpreter, self._input_shape = _open(tflite)

    def run(self, values: NDArray[Any], *, tensor: int) -> tuple[NDArray[Any], NDArray[Any]]:
        """Return the output for `values`, an array of the input's type, and what the tensor number `tensor` then holds; both flat."""
        self._interpreter.set_input(np.ascontiguousarray(values).reshape(self._input_shape), 0)
        self._interpreter.invoke()
        output = np.ravel(self._interpreter.get_output(0)).copy()
        return output, np.ravel(self._interpreter.GetTensor(tensor, 0)["tensor_data"]).copy()

    def forget(self) -> None:
        """Forget all earlier inputs."""
        self._interpreter, self._input_shape = _open(self._tflite)


def oracle_version() -> str:
    """Return name and version of the interpreter.

    Raises
    ------
    ToolError
        If it is not installed.
    """
    from importlib.metadata import PackageNotFoundError, version

    try:
        return f"tflite-micro {version('tflite-micro')}"
    except PackageNotFoundError as error:
        raise ToolError("the package tflite-micro is not installed, and the oracle needs it", hint=_INSTALL, where="oracle") from error


def expected_outputs(
    quantized: QuantizedModel, features: FeatureSet, *, split: Split = "test", on_progress: Progress | None = None
) -> ExpectedOutputs:
    """Compute logits and outputs of every patch of `split`; a streaming model forgets where a clip begins.

    Parameters
    ----------
    quantized
        The model.
    features
        From the integer twin; the last step to int8 is taken with the model's input scale and zero point.
    split
        Which clips.
    on_progress
        Called with (patches done, patches in all).

    Raises
    ------
    StageError
        If model and features are of different front ends.
    ToolError, ModelError
        See `Oracle`.
    """
    if quantized.frontend_fingerprint != features.frontend_fingerprint:
        raise StageError("the model was made for another front end than these features", hint="train again with `tinyaudio train`", where="evaluate")
    oracle = Oracle(quantized.tflite)
    patch_set = patch_features(features, split)
    patches = quantized_patches(quantized, patch_set)
    logits, outputs = (np.zeros((len(patches), len(quantized.labels)), np.int8) for _ in range(2))
    first_patches = set(patch_set.patch_offsets.tolist())
    for index, patch in enumerate(patches):
        if index in first_patches:
            oracle.forget()
        logits[index], outputs[index] = oracle.run(patch)
        if on_progress is not None:
            on_progress(index + 1, len(patches))
    logits.flags.writeable = outputs.flags.writeable = False
    return ExpectedOutputs(
        model_sha256=quantized.sha256,
        oracle=oracle_version(),
        filenames=tuple(clip.filename for clip in patch_set.clips),
        logits=logits,
        outputs=outputs,
        patch_offsets=patch_set.patch_offsets,
    )


@cache
def prove_oracle() -> str:
    """Run the stored golden model and compare every element; return the interpreter's version.

    Raises
    ------
    ToolError
        If the installed interpreter is missing or computes anything else.
    """
    installed = oracle_version()
    golden = golden_vectors()
    interpreter, shape = _open(golden.tflite)
    logits_tensor = _logits_tensor(golden.tflite)
    for number, (features, logits, outputs) in enumerate(zip(golden.features, golden.logits, golden.outputs, strict=True)):
        interpreter.set_input(features.reshape(shape), 0)
        interpreter.invoke()
        found = (np.ravel(interpreter.GetTensor(logits_tensor, 0)["tensor_data"]), np.ravel(interpreter.get_output(0)))
        if not all(np.array_equal(actual, wanted) for actual, wanted in zip(found, (logits, outputs), strict=True)):
            raise ToolError(
                f"{installed} computes golden vector {number} differently, so it cannot serve as the oracle", hint=_INSTALL, where="oracle"
            )
    return installed


@dataclass(frozen=True, slots=True, kw_only=True)
class GoldenVectors:
    """A small model with every supported operator of an event classifier, some inputs and what must come out."""

    tflite: bytes
    features: Int8Array  # [vectors, input elements]
    logits: Int8Array  # [vectors, classes]
    outputs: Int8Array  # [vectors, classes]


def golden_vectors() -> GoldenVectors:
    """Return the golden vectors that come with the package."""
    import json
    from importlib.resources import files

    record = json.loads(files("tinyaudio.learn").joinpath("oracle_golden.json").read_text(encoding="utf-8"))
    arrays = {name: np.array(record[name], np.int8) for name in ("features", "logits", "outputs")}
    return GoldenVectors(tflite=base64.b64decode(record["tflite"]), **arrays)


def has_variables(tflite: bytes) -> bool:
    """Return whether a model keeps values from one inference to the next: in resource variables, or in variable tensors (LSTM, SVDF)."""
    schema, graph, codes = _graph(tflite)
    own = any(tensor.isVariable for tensor in graph.tensors)
    return own or any(_kind(codes[operator.opcodeIndex]) == schema.BuiltinOperator.VAR_HANDLE for operator in graph.operators)


def _open(tflite: bytes) -> tuple[Any, tuple[int, ...]]:
    """Return an interpreter that keeps every tensor, and the shape of its input."""
    try:
        from tflite_micro import runtime
    except ImportError as error:
        raise ToolError(f"the package tflite-micro cannot be imported: {error}", hint=_INSTALL, where="oracle") from error
    try:
        keep = runtime.InterpreterConfig.kPreserveAllTensors
        interpreter = runtime.Interpreter.from_bytes(tflite, arena_size=_arena_bytes(tflite), intrepreter_config=keep)
        return interpreter, tuple(int(size) for size in interpreter.get_input_details(0)["shape"])
    except (RuntimeError, ValueError, AttributeError) as error:
        raise ModelError(f"tflite-micro cannot load the model: {error}", hint="its log names the operator", where=".tflite") from error


def _arena_bytes(tflite: bytes) -> int:
    """Room for every tensor at once, since all are kept."""
    graph = _graph(tflite)[1]
    return 1_000_000 + 4 * sum(int(np.prod(tensor.shape)) for tensor in graph.tensors if tensor.shape is not None)


def _logits_tensor(tflite: bytes) -> int | None:
    """Return the index of the tensor before a final softmax or logistic function, or None if the model ends otherwise.

    Behind it values may only be requantized.
    """
    schema, graph, codes = _graph(tflite)
    kinds = schema.BuiltinOperator
    tensor = graph.outputs[0]
    while True:
        writers = [operator for operator in graph.operators if tensor in operator.outputs]
        kind = _kind(codes[writers[0].opcodeIndex]) if writers else None
        if kind in (kinds.SOFTMAX, kinds.LOGISTIC):
            return int(writers[0].inputs[0])
        if kind not in (kinds.QUANTIZE, kinds.DEQUANTIZE):
            return None
        tensor = writers[0].inputs[0]


def _int8_output_tensor(tflite: bytes) -> int:
    """Return the index of the output, or of the int8 tensor that a conversion makes it of."""
    schema, graph, codes = _graph(tflite)
    tensor = graph.outputs[0]
    writers = [operator for operator in graph.operators if tensor in operator.outputs]
    conversions = (schema.BuiltinOperator.QUANTIZE, schema.BuiltinOperator.DEQUANTIZE)
    if graph.tensors[tensor].type == schema.TensorType.INT8 or not writers or _kind(codes[writers[0].opcodeIndex]) not in conversions:
        return int(tensor)
    return int(writers[0].inputs[0])


def _kind(code: Any) -> int:
    """Return the operator of a code; files of old converters have only the deprecated field."""
    return int(max(code.builtinCode, code.deprecatedBuiltinCode))


def _graph(tflite: bytes) -> tuple[Any, Any, Any]:
    from tflite_micro.tensorflow.lite.micro.python import schema_py_generated as schema

    open_model(tflite)  # refuses what is no .tflite at all
    model = guarded(lambda: schema.ModelT.InitFromPackedBuf(tflite, 0))
    return schema, model.subgraphs[0], model.operatorCodes
