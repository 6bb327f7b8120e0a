"""Models of several operators drawn at random: every result may be read again, so lifetimes, aliases and fusions meet in many ways."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

import numpy as np
import numpy.typing as npt
import tflite

from tests.deploy.compiler.model_builder import ModelBuilder

_MOST_ELEMENTS = 700
_ACTIVATIONS = (tflite.ActivationFunctionType.NONE, tflite.ActivationFunctionType.RELU, tflite.ActivationFunctionType.RELU6)


@dataclass(frozen=True)
class _Value:
    index: int
    shape: tuple[int, ...]
    scale: float
    zero_point: int


@dataclass
class _Graph:
    rng: np.random.Generator
    model: ModelBuilder = field(default_factory=ModelBuilder)
    values: list[_Value] = field(default_factory=list)

    def new(self, shape: tuple[int, ...], *, like: _Value | None = None, scale: float = 0.0, zero_point: int | None = None) -> _Value:
        if like is None:
            scale = scale or float(np.exp(self.rng.uniform(np.log(0.02), np.log(0.2))))
            zero_point = int(self.rng.integers(-128, 128)) if zero_point is None else zero_point
        else:
            scale, zero_point = like.scale, like.zero_point
        assert zero_point is not None
        index = self.model.tensor(f"value_{len(self.model.tensors)}", shape, scale=scale, zero_point=zero_point)
        self.values.append(_Value(index, shape, scale, zero_point))
        return self.values[-1]

    def numbers(self, values: npt.ArrayLike) -> int:
        return self.model.tensor(f"numbers_{len(self.model.tensors)}", np.shape(values), dtype="int32", data=np.array(values))

    def pick(self, rank: int = 0) -> _Value:
        """Return one of the values so far, the newest most often."""
        found = [value for value in self.values if rank in (0, len(value.shape))]
        return found[-1] if self.rng.random() < 0.5 else found[int(self.rng.integers(len(found)))]

    def weights(self, shape: tuple[int, ...], axis: int, *, source: _Value) -> tuple[int, int]:
        """Return weights, one scale for all or one a channel, and the bias that goes with them."""
        channels = shape[axis]
        scales = self.rng.uniform(0.002, 0.02, channels if self.rng.random() < 0.7 else 1)
        data = self.rng.integers(-127, 128, shape)
        weights = self.model.tensor(f"weights_{len(self.model.tensors)}", shape, scale=scales.tolist(), axis=axis, data=data)
        bias = self.rng.integers(-400, 400, channels)
        bias_scales = (scales * source.scale).tolist()
        return weights, self.model.tensor(f"bias_{len(self.model.tensors)}", (channels,), dtype="int32", scale=bias_scales, data=bias)


def _convolution(graph: _Graph) -> None:
    image, rng = graph.pick(4), graph.rng
    kernel, stride = rng.integers(1, 4, 2), rng.integers(1, 3, 2)
    depthwise = rng.random() < 0.4
    channels = image.shape[3] if depthwise else int(rng.integers(1, 9))
    output = graph.new((1, *(-(-size // step) for size, step in zip(image.shape[1:3], stride.tolist(), strict=True)), channels))
    shape = (1, *kernel.tolist(), channels) if depthwise else (channels, *kernel.tolist(), image.shape[3])
    weights, bias = graph.weights(shape, 3 if depthwise else 0, source=image)
    options = {"Padding": tflite.Padding.SAME, "StrideH": int(stride[0]), "StrideW": int(stride[1])}
    options["FusedActivationFunction"] = int(rng.choice(_ACTIVATIONS))
    if depthwise:
        options["DepthMultiplier"] = 1
    kind, table = ("DEPTHWISE_CONV_2D", "DepthwiseConv2DOptions") if depthwise else ("CONV_2D", "Conv2DOptions")
    graph.model.operator(kind, [image.index, weights, bias], [output.index], table, **options)


def _dense(graph: _Graph) -> None:
    values = graph.pick()
    channels = int(graph.rng.integers(1, 9))
    weights, bias = graph.weights((channels, values.shape[-1]), 0, source=values)
    output = graph.new((*values.shape[:-1], channels))
    graph.model.operator("FULLY_CONNECTED", [values.index, weights, bias], [output.index], "FullyConnectedOptions", KeepNumDims=True)


def _pool(graph: _Graph) -> None:
    image = graph.pick(4)
    size, stride = graph.rng.integers(1, 4, 2).tolist(), graph.rng.integers(1, 3, 2).tolist()
    output = graph.new((1, *(-(-length // step) for length, step in zip(image.shape[1:3], stride, strict=True)), image.shape[3]), like=image)
    options = {"FilterHeight": size[0], "FilterWidth": size[1], "StrideH": stride[0], "StrideW": stride[1], "Padding": tflite.Padding.SAME}
    kind = str(graph.rng.choice(["AVERAGE_POOL_2D", "MAX_POOL_2D"]))
    graph.model.operator(kind, [image.index], [output.index], "Pool2DOptions", **options)


def _pair(graph: _Graph) -> None:
    first = graph.pick()
    fitting = [value for value in graph.values if value.shape == first.shape or value.shape == (1,) * (len(first.shape) - 1) + first.shape[-1:]]
    second = fitting[int(graph.rng.integers(len(fitting)))]
    kind = str(graph.rng.choice(["ADD", "SUB", "MUL", "SQUARED_DIFFERENCE"]))
    output = graph.new(first.shape)
    order = [first.index, second.index] if graph.rng.random() < 0.7 else [second.index, first.index]
    options = {"ADD": "AddOptions", "SUB": "SubOptions", "MUL": "MulOptions"}.get(kind, "SquaredDifferenceOptions")
    graph.model.operator(kind, order, [output.index], options)


def _extreme(graph: _Graph) -> None:
    first = graph.pick()
    fitting = [value for value in graph.values if (value.shape, value.scale, value.zero_point) == (first.shape, first.scale, first.zero_point)]
    second = fitting[int(graph.rng.integers(len(fitting)))]
    kind = str(graph.rng.choice(["MAXIMUM", "MINIMUM"]))
    graph.model.operator(kind, [first.index, second.index], [graph.new(first.shape, like=first).index], "MaximumMinimumOptions")


def _table(graph: _Graph) -> None:
    values = graph.pick()
    kind = str(graph.rng.choice(["LOGISTIC", "TANH", "RELU", "ABS", "ELU", "LEAKY_RELU", "QUANTIZE", "RELU6"]))
    fixed = {"LOGISTIC": (1 / 256, -128), "TANH": (1 / 128, 0), "RELU6": (values.scale, values.zero_point)}
    scale, zero_point = fixed.get(kind, (values.scale * float(graph.rng.uniform(0.7, 1.4)), int(graph.rng.integers(-128, 100))))
    output = graph.new(values.shape, scale=scale, zero_point=zero_point)
    options = {"LEAKY_RELU": "LeakyReluOptions", "QUANTIZE": "QuantizeOptions"}.get(kind, "")
    graph.model.operator(kind, [values.index], [output.index], options, **({"Alpha": 0.2} if kind == "LEAKY_RELU" else {}))


def _pad(graph: _Graph) -> None:
    values = graph.pick(4)
    amounts = [[0, 0], *graph.rng.integers(0, 3, (2, 2)).tolist(), [0, 0]]
    output = graph.new(tuple(size + sum(amount) for size, amount in zip(values.shape, amounts, strict=True)), like=values)
    graph.model.operator("PAD", [values.index, graph.numbers(amounts)], [output.index], "PadOptions")


def _slice(graph: _Graph) -> None:
    values = graph.pick()
    begins = [int(graph.rng.integers(0, size)) for size in values.shape]
    sizes = [int(graph.rng.integers(1, size - begin + 1)) for size, begin in zip(values.shape, begins, strict=True)]
    if len(values.shape) == 4:
        begins[0], sizes[0] = 0, 1
    output = graph.new(tuple(sizes), like=values)
    graph.model.operator("SLICE", [values.index, graph.numbers(begins), graph.numbers(sizes)], [output.index], "SliceOptions")


def _join(graph: _Graph) -> None:
    first = graph.pick()
    axis = int(graph.rng.integers(1 if len(first.shape) == 4 else 0, len(first.shape)))
    output = graph.new(tuple(2 * size if place == axis else size for place, size in enumerate(first.shape)), like=first)
    graph.model.operator("CONCATENATION", [first.index, first.index], [output.index], "ConcatenationOptions", Axis=axis)


def _unpack(graph: _Graph) -> None:
    values = graph.pick(4)
    part = (values.shape[1], *values.shape[2:])
    parts = [graph.new(part, like=values)]
    graph.model.operator("UNPACK", [values.index], [part.index for part in parts], "UnpackOptions", Num=1, Axis=0)


def _reshape(graph: _Graph) -> None:
    values = graph.pick()
    total = int(np.prod(values.shape))
    divisors = [size for size in range(1, 9) if total % size == 0]
    last = divisors[int(graph.rng.integers(len(divisors)))]
    shape = (1, 1, total // last, last) if graph.rng.random() < 0.6 else (total // last, last)
    output = graph.new(shape, like=values)
    graph.model.operator("RESHAPE", [values.index, graph.numbers(shape)], [output.index], "ReshapeOptions")


def _transpose(graph: _Graph) -> None:
    values = graph.pick()
    order = [0, *(1 + graph.rng.permutation(3)).tolist()] if len(values.shape) == 4 else graph.rng.permutation(len(values.shape)).tolist()
    output = graph.new(tuple(values.shape[axis] for axis in order), like=values)
    graph.model.operator("TRANSPOSE", [values.index, graph.numbers(order)], [output.index], "TransposeOptions")


def _reduce(graph: _Graph) -> None:
    values = graph.pick(4)
    axes = sorted(graph.rng.choice([1, 2, 3], int(graph.rng.integers(1, 3)), replace=False).tolist())
    shape = tuple(1 if axis in axes else size for axis, size in enumerate(values.shape))
    kind = str(graph.rng.choice(["MEAN", "SUM", "REDUCE_MAX", "REDUCE_MIN"]))
    output = graph.new(shape, like=values if kind.startswith("REDUCE") else None)
    graph.model.operator(kind, [values.index, graph.numbers(axes)], [output.index], "ReducerOptions", KeepDims=True)


def _resize(graph: _Graph) -> None:
    image = graph.pick(4)
    sizes = graph.rng.integers(1, 9, 2).tolist()
    output = graph.new((1, *sizes, image.shape[3]), like=image)
    graph.model.operator("RESIZE_NEAREST_NEIGHBOR", [image.index, graph.numbers(sizes)], [output.index], "ResizeNearestNeighborOptions")


def _softmax(graph: _Graph) -> None:
    values = graph.pick()
    output = graph.new(values.shape, scale=1 / 256, zero_point=-128)
    graph.model.operator("SOFTMAX", [values.index], [output.index], "SoftmaxOptions", Beta=1.0)


_STEPS: tuple[Callable[[_Graph], None], ...] = (
    *(_convolution,) * 4,
    *(_pair,) * 4,
    *(_table,) * 3,
    _dense,
    _pool,
    _extreme,
    _pad,
    _slice,
    _join,
    _unpack,
    _reshape,
    _reshape,
    _transpose,
    _reduce,
    _resize,
    _softmax,
)


def random_graph(seed: int) -> bytes:
    """Return a model of 5 to 14 operators over a small image; its output is made of the last result, and of some others of its shape."""
    rng = np.random.default_rng([seed, 77])
    graph = _Graph(rng)
    source = graph.new((1, *rng.integers(2, 8, 2).tolist(), int(rng.integers(1, 7))))
    for _ in range(int(rng.integers(5, 15))):
        step = _STEPS[int(rng.integers(len(_STEPS)))]
        if step is _join and int(np.prod(graph.values[-1].shape)) > _MOST_ELEMENTS // 4:
            continue
        step(graph)
    return graph.model.build(inputs=[source.index], outputs=[graph.values[-1].index])


#: name -> the function that builds the model.
RANDOM_GRAPHS: dict[str, Callable[[], bytes]] = {f"graph_{seed}": partial(random_graph, seed) for seed in range(40)}
