"""Shapes that take the kernels with assembly through all their ways: blocks and what is left over, borders, ties, saturation.

Drawn at random; the seed is the name. Each runs in plain C++ and, on the emulated Cortex-M7, in assembly.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
import tflite

from tests.deploy.compiler.cases import average_pool, convolution, dense, mean, transposed
from tests.deploy.compiler.model_builder import ModelBuilder

# With RELU and the zero point at its end, requantization need not care for ties; without, it does.
_ENDINGS = (("relu6", (-128, -128), 3.0), ("relu", (-128, -128), 1.0), ("none", (-7, 11), 1.0), ("none", (30, -20), 8.0))


def _ending(rng: np.random.Generator) -> dict[str, object]:
    activation, zero_points, gain = _ENDINGS[rng.integers(len(_ENDINGS))]
    return {"activation": activation, "zero_points": zero_points, "gain": gain, "per_channel": bool(rng.random() < 0.7)}


def _spread(rng: np.random.Generator) -> bytes:
    """Channels whose scales lie so far apart that they cannot share a shift."""
    size, channels, kernel, multiplier = ((3, 5, int(rng.choice([12, 36, 100]))), 6, (1, 1), 0) if rng.random() < 0.6 else ((5, 7, 8), 0, (3, 3), 1)
    return convolution(
        size, channels, kernel, depth_multiplier=multiplier, activation="relu", zero_points=(-128, -128), spread=400.0, seed=int(rng.integers(99))
    )


def _mean(rng: np.random.Generator) -> bytes:
    size = (int(rng.choice([1, 3, 20])), int(rng.integers(2, 16)), int(rng.choice([4, 7, 12])))
    ratio, zero_point = float(rng.choice([1.0, 2.5, 0.7])), int(rng.integers(-128, 40))
    middle = int(np.clip(zero_point * ratio + rng.integers(-9, 10), -128, 127))  # so that outputs lie around 0
    return mean(size, keep=False, scales=(0.05, 0.05 / ratio), zero_points=(max(zero_point, round(-120 / ratio)), middle))


def _average(rng: np.random.Generator) -> bytes:
    """Of a whole image."""
    size = (int(rng.integers(1, 5)), int(rng.integers(2, 7)), int(rng.choice([4, 6, 12])))
    return average_pool(size, size[:2], (1, 1), padding="valid", activation=str(rng.choice(["none", "relu"])))


def _neighbours(rng: np.random.Generator) -> bytes:
    """Kernel rows that are groups of four values, of pixels that are none; also reaching beyond both ends of a row."""
    channels = int(rng.choice([1, 2, 3, 6]))
    kernel = (int(rng.integers(1, 4)), 4 if channels % 2 else int(rng.choice([2, 4, 8])))
    stride, dilation = (1, int(rng.integers(1, 3))), (1, 1 if rng.random() < 0.8 else 2)
    size = (int(rng.integers(3, 6)), int(rng.integers(2, 12)), channels)
    return convolution(size, 2, kernel, stride=stride, dilation=(1, 1) if stride[1] > 1 else dilation, seed=int(rng.integers(99)), **_ending(rng))  # type: ignore[arg-type]


def _depthwise(rng: np.random.Generator) -> bytes:
    channels = int(rng.choice([1, 4, 8, 12, 5]))
    size = (int(rng.integers(3, 9)), int(rng.integers(3, 19)), channels)
    stride = (int(rng.integers(1, 3)), int(rng.integers(1, 3)))
    padding = str(rng.choice(["same", "valid"]))
    multiplier = int(rng.choice([4, 7])) if channels == 1 else 1
    return convolution(size, 0, (3, 3), stride=stride, padding=padding, depth_multiplier=multiplier, seed=int(rng.integers(99)), **_ending(rng))  # type: ignore[arg-type]


def _single_channel(rng: np.random.Generator) -> bytes:
    size = (int(rng.integers(3, 9)), int(rng.integers(3, 15)), 1)
    return convolution(size, int(rng.integers(1, 7)), (3, 3), stride=(2, int(rng.integers(1, 3))), seed=int(rng.integers(99)), **_ending(rng))  # type: ignore[arg-type]


def _rows(rng: np.random.Generator) -> bytes:
    kernel = (int(rng.integers(1, 4)), int(rng.integers(2, 4)))
    size = (int(rng.integers(3, 7)), int(rng.choice([4, 5, 6, 7, 8, 50])), 4 * int(rng.choice([1, 2, 5, 7])))
    stride = (int(rng.integers(1, 3)), 1 if size[1] == 50 else int(rng.integers(1, 3)))
    return convolution(size, 2 * int(rng.integers(1, 4)), kernel, stride=stride, seed=int(rng.integers(99)), **_ending(rng))  # type: ignore[arg-type]


def _pointwise(rng: np.random.Generator) -> bytes:
    size = (1, int(rng.integers(1, 15)), int(rng.choice([6, 16, 36, 66, 100, 135, 140])))
    return convolution(size, 2 * int(rng.integers(1, 4)), (1, 1), seed=int(rng.integers(99)), **_ending(rng))  # type: ignore[arg-type]


def _transposed(rng: np.random.Generator) -> bytes:
    size = (int(rng.integers(2, 5)), int(rng.integers(2, 8)), 4 * int(rng.integers(1, 4)))
    return transposed(size, int(rng.choice([1, 2, 4])), (3, 3), activation=str(rng.choice(["none", "relu"])), seed=int(rng.integers(99)))


def _twins(rng: np.random.Generator) -> bytes:
    size = (int(rng.integers(1, 5)), 4 * int(rng.integers(1, 4)), 8 * int(rng.integers(1, 4)))
    kernel = (int(rng.integers(2, 6)), int(rng.integers(3, 5)))
    stride = (int(rng.integers(1, 4)), 2)
    return transposed(size, int(rng.choice([1, 2, 6])), kernel, stride=stride, seed=int(rng.integers(99)), **_ending(rng))  # type: ignore[arg-type]


def _twins_at_the_limit(rng: np.random.Generator) -> bytes:
    """Weights of one sign whose sizes add up to 8,191 in the largest phase: one more, and a sum could leave its 21 bits."""
    sign, zero_point = int(rng.choice([-1, 1])), int(rng.choice([-128, 0, 127]))
    model, channels = ModelBuilder(), 2
    weights = np.full((channels, 3, 4, 32), 64)  # 2 x 2 x 32 of them in the largest phase
    weights[:, 0, :2, 0] -= 1
    quantization = {"scale": (0.01, 0.012), "axis": 0}
    image = model.tensor("image", (1, 3, 8, 32), scale=0.05, zero_point=zero_point)
    shape = model.tensor("shape", (4,), dtype="int32", data=np.array([1, 6, 16, channels]))
    taps = model.tensor("weights", weights.shape, data=sign * weights, **quantization)  # type: ignore[arg-type]
    bias = model.tensor("bias", (channels,), dtype="int32", scale=(0.0005, 0.0006), data=np.array([1000, -1000]))
    output = model.tensor("output", (1, 6, 16, channels), scale=4.0, zero_point=0)
    options = {"Padding": tflite.Padding.SAME, "StrideH": 2, "StrideW": 2}
    model.operator("TRANSPOSE_CONV", [shape, taps, image, bias], [output], "TransposeConvOptions", **options)
    return model.build(inputs=[image], outputs=[output])


def _dense(rng: np.random.Generator) -> bytes:
    return dense(1, int(rng.integers(4, 90)), int(rng.integers(3, 9)), per_channel=True, seed=int(rng.integers(99)))


_KINDS: dict[str, tuple[Callable[[np.random.Generator], bytes], int]] = {
    "spread": (_spread, 6),
    "neighbours": (_neighbours, 8),
    "mean": (_mean, 8),
    "average": (_average, 5),
    "depthwise": (_depthwise, 14),
    "single_channel": (_single_channel, 4),
    "rows": (_rows, 10),
    "pointwise": (_pointwise, 10),
    "transposed": (_transposed, 4),
    "transposed_twins": (_twins, 10),
    "twins_at_the_limit": (_twins_at_the_limit, 4),
    "dense": (_dense, 3),
}


def _build(kind: str, seed: int) -> bytes:
    return _KINDS[kind][0](np.random.default_rng([seed, len(kind)]))


#: name -> the function that builds the model.
KERNEL_CASES: dict[str, Callable[[], bytes]] = {
    f"kernel_{kind}_{seed}": partial(_build, kind, seed) for kind, (_, count) in _KINDS.items() for seed in range(count)
}
