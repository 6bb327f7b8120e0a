"""Convolutions with their normalization out of model files."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from tinyaudio.learn.training.runtime import import_tensorflow

Float32Array = npt.NDArray[np.float32]

_KERAS_EPSILON = 1e-3  # Keras' own default


@dataclass(frozen=True, slots=True, kw_only=True)
class BackboneLayer:
    """A convolution and what normalizes its output; where nothing does, a normalization that adds the bias."""

    name: str  # in the file
    kernel: Float32Array  # [height, width, input channels, output channels], depthwise [height, width, channels, 1]
    gamma: Float32Array  # [channels]
    beta: Float32Array  # [channels]
    mean: Float32Array  # [channels]
    variance: Float32Array  # [channels]
    epsilon: float  # added to the variance


@dataclass(frozen=True, slots=True)
class _NamedWeights:
    """The weights of one layer by role, such as "kernel" or "moving_mean", in the order of the model."""

    name: str
    weights: Mapping[str, Float32Array]
    epsilon: float


def read_h5_layers(stream: BinaryIO) -> list[BackboneLayer]:
    """Return the convolutions of an HDF5 file by Keras 2 or 3, nested models included."""
    import h5py

    with h5py.File(stream, "r") as file:
        epsilons = dict(_epsilons(json.loads(file.attrs["model_config"]))) if "model_config" in file.attrs else {}
        root = file.get("model_weights", file)
        by_layer: dict[str, dict[str, Float32Array]] = {}
        for group in (root[_text(name)] for name in root.attrs["layer_names"]):
            for path in (_text(name) for name in group.attrs["weight_names"]):
                layer, _, role = path.rpartition("/")
                by_layer.setdefault(layer, {})[role.partition(":")[0]] = np.asarray(group[path], np.float32)
        return _paired(_NamedWeights(name, weights, _epsilon_of(name, epsilons)) for name, weights in by_layer.items())


def read_keras_layers(stream: BinaryIO) -> list[BackboneLayer]:
    """Return the convolutions of a ``.keras`` file."""
    import_tensorflow()
    import keras

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "backbone.keras"
        path.write_bytes(stream.read())
        model = keras.models.load_model(path, compile=False)
    return _paired(
        _NamedWeights(
            layer.name, {weight.name: np.asarray(weight, np.float32) for weight in layer.weights}, getattr(layer, "epsilon", _KERAS_EPSILON)
        )
        for layer in _leaves(model)
    )


def read_tflite_layers(stream: BinaryIO) -> list[BackboneLayer]:
    """Return the convolutions of a ``.tflite`` file, dequantized, named as MobileNet's by their order."""
    import_tensorflow()
    from tensorflow.lite.python import schema_py_generated as schema

    model = schema.ModelT.InitFromPackedBuf(stream.read(), 0)
    graph, layers, block = model.subgraphs[0], [], 0
    for operator in graph.operators:
        code = model.operatorCodes[operator.opcodeIndex].builtinCode
        if code not in (schema.BuiltinOperator.CONV_2D, schema.BuiltinOperator.DEPTHWISE_CONV_2D):
            continue
        is_depthwise = code == schema.BuiltinOperator.DEPTHWISE_CONV_2D
        block += is_depthwise
        name = f"block{block:02d}_{'depthwise' if is_depthwise else 'pointwise'}" if block else "stem"
        kernel, bias = (_dequantized(model, graph.tensors[index]) for index in operator.inputs[1:3])
        # TensorFlow Lite: [output, height, width, input], depthwise [1, height, width, channels].
        layers.append(_biased(name, np.transpose(kernel, (1, 2, 3, 0)), bias))
    return layers


def _dequantized(model: Any, tensor: Any) -> Float32Array:
    """Return a constant as float32, each channel by its own scale if it has one."""
    kinds = {0: np.float32, 9: np.int8, 3: np.uint8, 2: np.int32}  # TensorType
    values = np.frombuffer(bytes(model.buffers[tensor.buffer].data), kinds[tensor.type]).reshape(tensor.shape)
    if tensor.type == 0:
        return values
    quantization = tensor.quantization
    shape = [1] * values.ndim
    shape[quantization.quantizedDimension] = -1
    scale, zero_point = (
        np.asarray(item, np.float64).reshape(shape if len(item) > 1 else [1] * values.ndim) for item in (quantization.scale, quantization.zeroPoint)
    )
    return np.asarray(scale * (values - zero_point), np.float32)


def _biased(name: str, kernel: Float32Array, bias: Float32Array) -> BackboneLayer:
    one, zero = np.ones_like(bias), np.zeros_like(bias)
    return BackboneLayer(name=name, kernel=kernel, gamma=one, beta=bias, mean=zero, variance=one, epsilon=0.0)


def _paired(layers: Iterable[_NamedWeights]) -> list[BackboneLayer]:
    """Return each convolution with the first normalization behind it."""
    found: list[BackboneLayer] = []
    convolution: tuple[str, Float32Array, Float32Array] | None = None
    for layer in layers:
        kernel = layer.weights.get("depthwise_kernel", layer.weights.get("kernel"))
        if kernel is not None and kernel.ndim == 4:
            if convolution is not None:
                found.append(_biased(*convolution))
            channels = kernel.shape[2] if "depthwise_kernel" in layer.weights else kernel.shape[3]
            convolution = (layer.name, kernel, layer.weights.get("bias", np.zeros(channels, np.float32)))
        elif convolution is not None and "moving_mean" in layer.weights:
            found.append(_normalized(*convolution, layer))
            convolution = None
    return found if convolution is None else [*found, _biased(*convolution)]


def _normalized(name: str, kernel: Float32Array, bias: Float32Array, norm: _NamedWeights) -> BackboneLayer:
    mean = norm.weights["moving_mean"]
    gamma, beta = norm.weights.get("gamma", np.ones_like(mean)), norm.weights.get("beta", np.zeros_like(mean))
    variance = norm.weights["moving_variance"]
    return BackboneLayer(name=name, kernel=kernel, gamma=gamma, beta=beta, mean=mean - bias, variance=variance, epsilon=norm.epsilon)


def _leaves(model: Any) -> Iterator[Any]:
    for layer in model.layers:
        if hasattr(layer, "layers"):
            yield from _leaves(layer)
        else:
            yield layer


def _epsilons(config: Mapping[str, Any]) -> Iterator[tuple[str, float]]:
    """Yield (layer, epsilon) of every normalization in a model's configuration."""
    inner = config["config"]
    layers = inner if isinstance(inner, list) else inner.get("layers", ())
    if not layers and isinstance(inner, dict) and "epsilon" in inner:
        yield inner["name"], float(inner["epsilon"])
    for layer in layers:
        yield from _epsilons(layer)


def _epsilon_of(layer: str, epsilons: Mapping[str, float]) -> float:
    """Return the epsilon of a layer whose weights may stand under the name of the model around it."""
    return next((epsilon for name, epsilon in epsilons.items() if layer == name or layer.endswith(f"/{name}")), _KERAS_EPSILON)


def _text(value: Any) -> str:
    return value.decode("utf-8") if isinstance(value, bytes) else str(value)
