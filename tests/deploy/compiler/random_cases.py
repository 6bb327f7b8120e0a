"""Models of one operator with random shapes, scales and zero points; the seed is the name."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np

from tests.deploy.compiler.cases import convolution, dense, transposed
from tests.deploy.compiler.moving_cases import mean_over, move, resize, split_and_join
from tests.deploy.compiler.recurrent_cases import lstm, svdf
from tests.deploy.compiler.reducing_cases import reduce, stack_again
from tests.deploy.compiler.value_cases import conversion, pair, table

_ACTIVATIONS = ("none", "relu", "relu6", "relu_n1_to_1")


def _shape(rng: np.random.Generator, rank: int, largest: int = 6) -> tuple[int, ...]:
    return tuple(int(size) for size in rng.integers(1, largest + 1, rank))


def _quantization(rng: np.random.Generator, low: float = 0.005, high: float = 0.3) -> tuple[float, int]:
    return float(np.exp(rng.uniform(np.log(low), np.log(high)))), int(rng.integers(-128, 128))


def _convolution(rng: np.random.Generator) -> bytes:
    kernel, stride = (int(rng.integers(1, 5)), int(rng.integers(1, 5))), (int(rng.integers(1, 4)), int(rng.integers(1, 4)))
    size = (int(rng.integers(5, 10)), int(rng.integers(5, 10)), int(rng.integers(1, 10)))
    depthwise = rng.random() < 0.4
    return convolution(
        size,
        int(rng.integers(1, 12)),
        kernel,
        stride=stride,
        padding=str(rng.choice(["same", "valid"])),
        activation=str(rng.choice(_ACTIVATIONS)),
        per_channel=bool(rng.random() < 0.7),
        bias=bool(rng.random() < 0.8),
        zero_points=(int(rng.integers(-128, 128)), int(rng.integers(-128, 128))),
        gain=float(rng.choice([0.3, 1.0, 6.0])),
        depth_multiplier=int(rng.integers(1, 3)) if depthwise else 0,
        seed=int(rng.integers(1 << 30)),
    )


def _transposed(rng: np.random.Generator) -> bytes:
    return transposed(
        (int(rng.integers(2, 5)), int(rng.integers(2, 5)), int(rng.integers(1, 8))),
        int(rng.integers(1, 7)),
        (int(rng.integers(1, 6)), int(rng.integers(1, 6))),
        stride=(int(rng.integers(1, 4)), int(rng.integers(1, 4))),
        padding=str(rng.choice(["same", "valid"])),
        activation=str(rng.choice(_ACTIVATIONS)),
        seed=int(rng.integers(1 << 30)),
    )


def _dense(rng: np.random.Generator) -> bytes:
    return dense(
        int(rng.integers(1, 4)),
        int(rng.integers(1, 50)),
        int(rng.integers(1, 20)),
        per_channel=bool(rng.random() < 0.5),
        seed=int(rng.integers(1 << 30)),
    )


def _pair(rng: np.random.Generator) -> bytes:
    code = str(rng.choice(["ADD", "SUB", "MUL"]))
    output = _shape(rng, int(rng.integers(1, 5)), 5)
    first, second = (tuple(1 if rng.random() < 0.25 else size for size in output) for _ in range(2))
    output = tuple(max(sizes) for sizes in zip(first, second, strict=True))
    quantizations = [_quantization(rng, 0.02, 0.1) for _ in range(3)]
    return pair(
        code,
        first,
        second,
        output,
        scales=(quantizations[0][0], quantizations[1][0], quantizations[2][0]),
        zero_points=(quantizations[0][1], quantizations[1][1], quantizations[2][1]),
        activation=str(rng.choice(_ACTIVATIONS[:3])),
    )


def _table(rng: np.random.Generator) -> bytes:
    code = str(rng.choice(["LOGISTIC", "TANH", "HARD_SWISH", "RELU", "LEAKY_RELU"]))
    scale, zero_point = _quantization(rng)
    output = {"LOGISTIC": (1 / 256, -128), "TANH": (1 / 128, 0)}.get(code, (scale * float(rng.uniform(0.6, 1.5)), int(rng.integers(-128, 100))))
    if code == "LEAKY_RELU":
        return table(code, scale=scale, zero_point=zero_point, output=output, options="LeakyReluOptions", Alpha=float(rng.uniform(0, 1)))
    return table(code, scale=scale, zero_point=zero_point, output=output)


def _conversion(rng: np.random.Generator) -> bytes:
    source, target = (
        str(name) for name in rng.choice([("int8", "int8"), ("int8", "uint8"), ("int8", "int16"), ("int16", "int8"), ("uint8", "int8")])
    )
    ends = []
    for dtype in (source, target):
        scale, zero_point = _quantization(rng)
        zero = {"int8": zero_point, "uint8": zero_point + 128, "int16": 0}[dtype]
        ends.append((dtype, scale / 200 if dtype == "int16" else scale, zero))
    return conversion("QUANTIZE", ends[0], ends[1], (1, 256))


def _moved(rng: np.random.Generator) -> bytes:
    if rng.random() < 0.5:
        shape = (*_shape(rng, int(rng.integers(1, 4)), 4), 3, 2)
        order = rng.permutation(len(shape) - 1).tolist()
        order = [*(order if order != sorted(order) else order[::-1]), len(order)][::-1]
        return move("TRANSPOSE", shape, [shape[axis] for axis in order], [order], "TransposeOptions")
    axis = int(rng.integers(0, 3))
    sizes = rng.integers(1, 4, 3).tolist()
    parts = [*_shape(rng, 3)]
    parts[axis] = sum(sizes)
    return split_and_join(parts, axis, rng.permutation(3).tolist(), sizes=sizes)


def _mean(rng: np.random.Generator) -> bytes:
    shape = _shape(rng, 4, 7)
    axes = sorted(rng.choice(4, int(rng.integers(1, 4)), replace=False).tolist())
    keep = bool(rng.random() < 0.5)
    output = [1 if axis in axes else size for axis, size in enumerate(shape) if keep or axis not in axes]
    return mean_over(shape, axes, output, keep=keep)


def _resized(rng: np.random.Generator) -> bytes:
    code = str(rng.choice(["RESIZE_BILINEAR", "RESIZE_NEAREST_NEIGHBOR"]))
    corners = bool(rng.random() < 0.4)
    size, output = _shape(rng, 3, 8), _shape(rng, 2, 14)
    return resize(code, (size[0], size[1], size[2]), (output[0], output[1]), corners=corners, centers=not corners and bool(rng.random() < 0.5))


def _reduced(rng: np.random.Generator) -> bytes:
    code = str(rng.choice(["REDUCE_MAX", "REDUCE_MIN", "SUM"]))
    rank = int(rng.integers(2, 5))
    axes = rng.choice(rank, int(rng.integers(1, rank + 1)), replace=False) - (rank if rng.random() < 0.3 else 0)
    output = {"output": _quantization(rng, 0.02, 1.0)} if code == "SUM" else {}
    return reduce(code, _shape(rng, rank, 7), axes.tolist(), keep=bool(rng.random() < 0.5), **output)


def _stacked(rng: np.random.Generator) -> bytes:
    rank = int(rng.integers(2, 5))
    shape = tuple(size + 1 for size in _shape(rng, rank, 4))
    axis = int(rng.integers(rank))
    order = rng.integers(0, shape[axis], int(rng.integers(1, 5))).tolist()
    return stack_again(shape, axis, int(rng.integers(rank)), order, constant=bool(rng.random() < 0.3))


def _recurrent(rng: np.random.Generator) -> bytes:
    seed = int(rng.integers(1 << 30))
    sizes = rng.integers(1, 10, 4).tolist()
    if rng.random() < 0.5:
        dtype = str(rng.choice(["int8", "int16"]))
        zero_point = int(rng.integers(-20, 20)) if dtype == "int8" else 0
        return svdf(sizes[0], sizes[1], 1 + sizes[2] // 4, sizes[3], dtype=dtype, state_zero_point=zero_point, seed=seed)
    return lstm(
        sizes[0],
        sizes[1],
        sizes[2],
        time_major=bool(rng.random() < 0.3),
        cell_power=int(rng.integers(-15, -6)),
        clip=float(rng.choice([0.0, 0.3, 5.0])),
        zero_points=(int(rng.integers(-128, 128)), int(rng.integers(-60, 60))),
        gain=float(rng.choice([0.3, 1.0, 5.0])),
        seed=seed,
    )


_KINDS: dict[str, tuple[Callable[[np.random.Generator], bytes], int]] = {
    "convolution": (_convolution, 14),
    "transposed": (_transposed, 8),
    "dense": (_dense, 6),
    "pair": (_pair, 14),
    "table": (_table, 20),
    "conversion": (_conversion, 10),
    "moved": (_moved, 10),
    "mean": (_mean, 10),
    "resized": (_resized, 12),
    "reduced": (_reduced, 10),
    "stacked": (_stacked, 8),
    "recurrent": (_recurrent, 10),
}


def _build(kind: str, seed: int) -> bytes:
    return _KINDS[kind][0](np.random.default_rng([seed, len(kind)]))


#: name -> the function that builds the model.
RANDOM_CASES: dict[str, Callable[[], bytes]] = {
    f"random_{kind}_{seed}": partial(_build, kind, seed) for kind, (_, count) in _KINDS.items() for seed in range(count)
}
