"""Dilated convolutions as older exporters write them: SPACE_TO_BATCH_ND, a plain convolution, BATCH_TO_SPACE_ND."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import tflite

from tests.deploy.compiler.model_builder import ModelBuilder

_OUT: dict[str, Any] = {"scale": 0.4, "zero_point": 11}


def spelled_out(
    size: tuple[int, int, int],
    channels: int,
    kernel: tuple[int, int],
    blocks: tuple[int, int],
    paddings: tuple[tuple[int, int], tuple[int, int]],
    crops: tuple[int, int] = (0, 0),
    *,
    depthwise: bool = False,
    flat: bool = False,
    activation: int = tflite.ActivationFunctionType.NONE,
    batches: int = 0,
    stride: int = 1,
    front_crop: int = 0,
    zero_point: int = 0,
    seed: int = 0,
) -> bytes:
    """Write the pattern over an image, or, with `flat`, over values without height; `batches` other than 0 is what the file says there are."""
    rng = np.random.default_rng(seed)
    model = ModelBuilder()
    depth = size[2]
    quantization: dict[str, Any] = {"scale": 0.05, "zero_point": zero_point}
    dealt = [(size[axis] + sum(paddings[axis])) // blocks[axis] for axis in (0, 1)]
    convolved = [(dealt[axis] - kernel[axis]) // stride + 1 for axis in (0, 1)]
    result = [blocks[axis] * convolved[axis] - crops[axis] - (front_crop if axis else 0) for axis in (0, 1)]
    count = batches or blocks[0] * blocks[1]
    axes = (1,) if flat else (0, 1)

    def shape(first: int, sizes: list[int], last: int) -> tuple[int, ...]:
        return (first, *(sizes[axis] for axis in axes), last)

    def numbers(name: str, values: npt.ArrayLike) -> int:
        return model.tensor(name, np.shape(values), dtype="int32", data=np.array(values))

    block = numbers("blocks", [blocks[axis] for axis in axes])
    source = model.tensor("values", shape(1, list(size[:2]), depth), **quantization)
    spread = model.tensor("spread", shape(count, dealt, depth), **quantization)
    model.operator("SPACE_TO_BATCH_ND", [source, block, numbers("paddings", [paddings[axis] for axis in axes])], [spread], "SpaceToBatchNDOptions")
    image = spread
    if flat:
        image = model.tensor("image", (count, 1, dealt[1], depth), **quantization)
        model.operator("EXPAND_DIMS", [spread, numbers("axis", 1)], [image], "ExpandDimsOptions")
    outputs = depth if depthwise else channels
    weight_shape = (1, *kernel, outputs) if depthwise else (outputs, *kernel, depth)
    weights = model.tensor("weights", weight_shape, scale=0.02, data=rng.integers(-127, 128, weight_shape))
    bias = model.tensor("bias", (outputs,), dtype="int32", scale=0.001, data=rng.integers(-900, 900, outputs))
    maps = model.tensor("maps", (count, *convolved, outputs), **_OUT)
    strides = {"StrideH": stride, "StrideW": stride, "Padding": tflite.Padding.VALID, "FusedActivationFunction": activation}
    if depthwise:
        model.operator("DEPTHWISE_CONV_2D", [image, weights, bias], [maps], "DepthwiseConv2DOptions", DepthMultiplier=1, **strides)
    else:
        model.operator("CONV_2D", [image, weights, bias], [maps], "Conv2DOptions", **strides)
    if flat:
        squeezed = model.tensor("squeezed", (count, convolved[1], outputs), **_OUT)
        model.operator("RESHAPE", [maps, numbers("shape", [count, convolved[1], outputs])], [squeezed], "ReshapeOptions")
        maps = squeezed
    target = model.tensor("output", shape(1, result, outputs), **_OUT)
    cropped = [(front_crop if axis else 0, crops[axis]) for axis in axes]
    model.operator("BATCH_TO_SPACE_ND", [maps, block, numbers("crops", cropped)], [target], "BatchToSpaceNDOptions")
    return model.build(inputs=[source], outputs=[target])


_NO_PADDING = ((0, 0), (0, 0))

DILATED_CASES: dict[str, Callable[[], bytes]] = {
    "dilated_valid": lambda: spelled_out((8, 9, 3), 4, (3, 3), (2, 3), _NO_PADDING, zero_point=-7),
    "dilated_odd": lambda: spelled_out(
        (6, 9, 1), 5, (2, 3), (2, 3), _NO_PADDING, (1, 2), activation=tflite.ActivationFunctionType.RELU, zero_point=9, seed=2
    ),
    "dilated_depthwise": lambda: spelled_out((9, 8, 4), 0, (3, 3), (3, 2), _NO_PADDING, depthwise=True, seed=3),
    "dilated_points_cut": lambda: spelled_out((8, 6, 4), 6, (1, 1), (2, 2), _NO_PADDING, (1, 1), zero_point=-7, seed=6),
    "dilated_depthwise_cut": lambda: spelled_out((9, 8, 4), 0, (1, 3), (3, 2), _NO_PADDING, (2, 1), depthwise=True, seed=7),
    "dilated_sequence": lambda: spelled_out((1, 12, 4), 4, (1, 3), (1, 2), _NO_PADDING, flat=True, zero_point=-20, seed=4),
    "dilated_sequence_cut": lambda: spelled_out((1, 16, 3), 5, (1, 3), (1, 4), _NO_PADDING, (0, 2), flat=True, seed=5),
}
