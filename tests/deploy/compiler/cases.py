"""Small models, one operator each, over the odd corners of every operator."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import tflite

from tests.deploy.compiler.model_builder import ModelBuilder
from tests.deploy.compiler.moving_cases import MOVING_CASES
from tests.deploy.compiler.value_cases import VALUE_CASES

_ACTIVATIONS = {
    "none": tflite.ActivationFunctionType.NONE,
    "relu": tflite.ActivationFunctionType.RELU,
    "relu6": tflite.ActivationFunctionType.RELU6,
    "relu_n1_to_1": tflite.ActivationFunctionType.RELU_N1_TO_1,
}
_PADDINGS = {"same": tflite.Padding.SAME, "valid": tflite.Padding.VALID}
_INPUT_SCALE = 0.05


def _outputs(inputs: int, kernel: int, stride: int, dilation: int, padding: str) -> int:
    reach = (kernel - 1) * dilation + 1
    return -(-inputs // stride) if padding == "same" else (inputs - reach) // stride + 1


def _weights(
    model: ModelBuilder, rng: np.random.Generator, shape: tuple[int, ...], axis: int, per_channel: bool, spread: float = 1.0
) -> tuple[int, np.ndarray]:
    scales = rng.uniform(0.002, 0.02, shape[axis] if per_channel else 1).astype(np.float32)
    scales[1::2] /= np.float32(spread)
    data = rng.integers(-127, 128, shape)
    index = model.tensor("weights", shape, scale=tuple(scales.tolist()), axis=axis if per_channel and len(scales) > 1 else 0, data=data)
    return index, scales


def _bias(model: ModelBuilder, rng: np.random.Generator, channels: int, scales: np.ndarray) -> int:
    data = rng.integers(-3000, 3000, channels)
    product = tuple((np.float32(_INPUT_SCALE) * scales).tolist())
    return model.tensor("bias", (channels,), dtype="int32", scale=product, data=data)


def convolution(
    size: tuple[int, int, int],
    channels: int,
    kernel: tuple[int, int],
    *,
    stride: tuple[int, int] = (1, 1),
    dilation: tuple[int, int] = (1, 1),
    padding: str = "same",
    activation: str = "none",
    per_channel: bool = True,
    bias: bool = True,
    zero_points: tuple[int, int] = (-7, 11),
    gain: float = 1.0,
    depth_multiplier: int = 0,
    pads: tuple[tuple[int, int], tuple[int, int]] | None = None,
    spread: float = 1.0,
    seed: int = 0,
) -> bytes:
    """CONV_2D, or DEPTHWISE_CONV_2D with a depth multiplier; with `pads` behind a PAD. `gain` above 1 saturates the outputs.

    Every other channel's weights have a scale smaller by `spread`.
    """
    rng = np.random.default_rng(seed)
    model = ModelBuilder()
    height, width, depth = size
    source = image = model.tensor("image", (1, height, width, depth), scale=_INPUT_SCALE, zero_point=zero_points[0])
    if pads is not None:
        (top, bottom), (left, right) = pads
        height, width = height + top + bottom, width + left + right
        amounts = model.tensor("amounts", (4, 2), dtype="int32", data=np.array([[0, 0], *pads, [0, 0]]))
        image = model.tensor("padded", (1, height, width, depth), scale=_INPUT_SCALE, zero_point=zero_points[0])
        model.operator("PAD", [source, amounts], [image], "PadOptions")
    out_channels = depth * depth_multiplier if depth_multiplier else channels
    shape, axis = ((1, *kernel, out_channels), 3) if depth_multiplier else ((channels, *kernel, depth), 0)
    weights, scales = _weights(model, rng, shape, axis, per_channel, spread)
    absent = [] if depth_multiplier else [-1]  # the reference interpreter breaks down over an absent bias of a depthwise convolution
    inputs = [image, weights, *([_bias(model, rng, out_channels, scales)] if bias else absent)]
    products = kernel[0] * kernel[1] * (1 if depth_multiplier else depth)
    output = model.tensor(
        "output",
        (
            1,
            _outputs(height, kernel[0], stride[0], dilation[0], padding),
            _outputs(width, kernel[1], stride[1], dilation[1], padding),
            out_channels,
        ),
        scale=float(_INPUT_SCALE * 0.011 * 5400 * np.sqrt(products) / 60 / gain),
        zero_point=zero_points[1],
    )
    options = {
        "Padding": _PADDINGS[padding],
        "StrideH": stride[0],
        "StrideW": stride[1],
        "DilationHFactor": dilation[0],
        "DilationWFactor": dilation[1],
        "FusedActivationFunction": _ACTIVATIONS[activation],
    }
    if depth_multiplier:
        model.operator("DEPTHWISE_CONV_2D", inputs, [output], "DepthwiseConv2DOptions", DepthMultiplier=depth_multiplier, **options)
    else:
        model.operator("CONV_2D", inputs, [output], "Conv2DOptions", **options)
    return model.build(inputs=[source], outputs=[output])


def transposed(
    size: tuple[int, int, int],
    channels: int,
    kernel: tuple[int, int],
    *,
    stride: tuple[int, int] = (2, 2),
    padding: str = "same",
    output: tuple[int, int] | None = None,
    activation: str = "none",
    per_channel: bool = True,
    bias: bool = True,
    gain: float = 1.0,
    zero_points: tuple[int, int] = (-7, 5),
    seed: int = 0,
) -> bytes:
    """TRANSPOSE_CONV."""
    rng = np.random.default_rng(seed)
    model = ModelBuilder()
    image = model.tensor("image", (1, *size), scale=_INPUT_SCALE, zero_point=zero_points[0])
    beyond = [max(kernel[axis] - stride[axis], 0) if padding == "valid" else 0 for axis in (0, 1)]
    height, width = output or (size[0] * stride[0] + beyond[0], size[1] * stride[1] + beyond[1])
    shape = model.tensor("shape", (4,), dtype="int32", data=np.array([1, height, width, channels]))
    weights, scales = _weights(model, rng, (channels, *kernel, size[2]), 0, per_channel)
    scale = float(_INPUT_SCALE * 0.011 * 60 * np.sqrt(kernel[0] * kernel[1] * size[2]) / gain)
    target = model.tensor("output", (1, height, width, channels), scale=scale, zero_point=zero_points[1])
    model.operator(
        "TRANSPOSE_CONV",
        [shape, weights, image, *([_bias(model, rng, channels, scales)] if bias else [])],
        [target],
        "TransposeConvOptions",
        Padding=_PADDINGS[padding],
        StrideH=stride[0],
        StrideW=stride[1],
        FusedActivationFunction=_ACTIVATIONS[activation],
    )
    return model.build(inputs=[image], outputs=[target])


def dense(rows: int, depth: int, channels: int, *, per_channel: bool, activation: str = "none", gain: float = 1.0, seed: int = 0) -> bytes:
    """FULLY_CONNECTED."""
    rng = np.random.default_rng(seed)
    model = ModelBuilder()
    values = model.tensor("values", (rows, depth), scale=_INPUT_SCALE, zero_point=-3)
    weights, scales = _weights(model, rng, (channels, depth), 0, per_channel)
    bias = _bias(model, rng, channels, scales)
    output = model.tensor("output", (rows, channels), scale=float(_INPUT_SCALE * 0.011 * 90 * np.sqrt(depth) / gain), zero_point=5)
    model.operator("FULLY_CONNECTED", [values, weights, bias], [output], "FullyConnectedOptions", FusedActivationFunction=_ACTIVATIONS[activation])
    return model.build(inputs=[values], outputs=[output])


def pad(shape: tuple[int, ...], amounts: list[tuple[int, int]]) -> bytes:
    """PAD alone."""
    model = ModelBuilder()
    values = model.tensor("values", shape, scale=_INPUT_SCALE, zero_point=9)
    numbers = model.tensor("amounts", (len(shape), 2), dtype="int32", data=np.array(amounts))
    output = model.tensor("output", [size + sum(amount) for size, amount in zip(shape, amounts, strict=True)], scale=_INPUT_SCALE, zero_point=9)
    model.operator("PAD", [values, numbers], [output], "PadOptions")
    return model.build(inputs=[values], outputs=[output])


def mean(size: tuple[int, int, int], *, keep: bool, scales: tuple[float, float], zero_points: tuple[int, int] = (-4, 17)) -> bytes:
    """MEAN over height and width."""
    model = ModelBuilder()
    image = model.tensor("image", (1, *size), scale=scales[0], zero_point=zero_points[0])
    axes = model.tensor("axes", (2,), dtype="int32", data=np.array([1, 2]))
    output = model.tensor("output", (1, 1, 1, size[2]) if keep else (1, size[2]), scale=scales[1], zero_point=zero_points[1])
    model.operator("MEAN", [image, axes], [output], "ReducerOptions", KeepDims=keep)
    return model.build(inputs=[image], outputs=[output])


def average_pool(size: tuple[int, int, int], kernel: tuple[int, int], stride: tuple[int, int], *, padding: str, activation: str = "none") -> bytes:
    """AVERAGE_POOL_2D."""
    model = ModelBuilder()
    image = model.tensor("image", (1, *size), scale=_INPUT_SCALE, zero_point=-20)
    sizes = [_outputs(size[axis], kernel[axis], stride[axis], 1, padding) for axis in (0, 1)]
    output = model.tensor("output", (1, *sizes, size[2]), scale=_INPUT_SCALE, zero_point=-20)
    model.operator(
        "AVERAGE_POOL_2D",
        [image],
        [output],
        "Pool2DOptions",
        Padding=_PADDINGS[padding],
        StrideH=stride[0],
        StrideW=stride[1],
        FilterHeight=kernel[0],
        FilterWidth=kernel[1],
        FusedActivationFunction=_ACTIVATIONS[activation],
    )
    return model.build(inputs=[image], outputs=[output])


def softmax(shape: tuple[int, ...], *, scale: float, beta: float = 1.0) -> bytes:
    """SOFTMAX."""
    model = ModelBuilder()
    values = model.tensor("values", shape, scale=scale, zero_point=4)
    output = model.tensor("output", shape, scale=1 / 256, zero_point=-128)
    model.operator("SOFTMAX", [values], [output], "SoftmaxOptions", Beta=beta)
    return model.build(inputs=[values], outputs=[output])


def reshape_between() -> bytes:
    """Convolution, RESHAPE, dense layer, softmax."""
    rng = np.random.default_rng(3)
    model = ModelBuilder()
    image = model.tensor("image", (1, 3, 4, 2), scale=_INPUT_SCALE, zero_point=2)
    weights, scales = _weights(model, rng, (3, 1, 1, 2), 0, True)
    bias = _bias(model, rng, 3, scales)
    features = model.tensor("features", (1, 3, 4, 3), scale=_INPUT_SCALE, zero_point=-5)
    model.operator("CONV_2D", [image, weights, bias], [features], "Conv2DOptions", StrideH=1, StrideW=1)
    flat = model.tensor("flat", (1, 36), scale=_INPUT_SCALE, zero_point=-5)
    size = model.tensor("size", (2,), dtype="int32", data=np.array([1, 36]))
    model.operator("RESHAPE", [features, size], [flat], "ReshapeOptions")
    dense_weights, dense_scales = _weights(model, rng, (5, 36), 0, False)
    dense_bias = _bias(model, rng, 5, dense_scales)
    logits = model.tensor("logits", (1, 5), scale=0.2, zero_point=3)
    model.operator("FULLY_CONNECTED", [flat, dense_weights, dense_bias], [logits], "FullyConnectedOptions")
    output = model.tensor("output", (1, 5), scale=1 / 256, zero_point=-128)
    model.operator("SOFTMAX", [logits], [output], "SoftmaxOptions", Beta=1.0)
    return model.build(inputs=[image], outputs=[output])


#: name -> the function that builds the model.
CASES: dict[str, Callable[[], bytes]] = {
    "conv_1x1": lambda: convolution((5, 7, 8), 6, (1, 1), activation="relu6", zero_points=(-128, -128)),
    "conv_1x1_odd": lambda: convolution((3, 3, 7), 5, (1, 1), activation="relu", seed=1),
    "conv_1x1_deep": lambda: convolution((2, 4, 64), 10, (1, 1), activation="relu6", zero_points=(-128, -128), gain=2.0, seed=2),
    "conv_1x1_one_pixel": lambda: convolution((1, 1, 9), 3, (1, 1), seed=3),
    "conv_1x1_stride_2": lambda: convolution((6, 5, 4), 4, (1, 1), stride=(2, 2), padding="valid", seed=4),
    "conv_3x3_same": lambda: convolution((6, 5, 3), 4, (3, 3), seed=5),
    "conv_3x3_stride_2": lambda: convolution((8, 6, 1), 8, (3, 3), stride=(2, 2), activation="relu6", seed=6),
    "conv_3x3_by_four": lambda: convolution((5, 6, 8), 6, (3, 3), activation="relu", zero_points=(3, 3), seed=7),
    "conv_5x2_valid": lambda: convolution((9, 6, 2), 3, (5, 2), stride=(1, 3), padding="valid", activation="relu_n1_to_1", seed=8),
    "conv_dilated": lambda: convolution((9, 8, 4), 3, (3, 2), dilation=(2, 3), seed=9),
    "conv_saturated": lambda: convolution((4, 4, 4), 6, (3, 3), gain=40.0, seed=10),
    "conv_left_shift": lambda: convolution((4, 4, 2), 3, (1, 1), gain=150.0, seed=11),
    "conv_per_tensor": lambda: convolution((5, 4, 3), 5, (2, 3), per_channel=False, seed=12),
    "conv_no_bias": lambda: convolution((4, 5, 3), 3, (3, 3), bias=False, seed=13),
    "conv_padded": lambda: convolution((6, 5, 3), 4, (3, 3), stride=(2, 2), padding="valid", pads=((0, 1), (1, 2)), seed=14),
    "depthwise_3x3": lambda: convolution((6, 7, 8), 0, (3, 3), depth_multiplier=1, activation="relu6", zero_points=(-128, -128), seed=20),
    "depthwise_stride_2": lambda: convolution((9, 8, 4), 0, (3, 3), stride=(2, 2), depth_multiplier=1, activation="relu", seed=21),
    "depthwise_wide": lambda: convolution((4, 13, 12), 0, (3, 3), depth_multiplier=1, gain=20.0, seed=22),
    "depthwise_odd_channels": lambda: convolution((5, 4, 5), 0, (3, 3), depth_multiplier=1, seed=23),
    "depthwise_multiplier": lambda: convolution((8, 6, 1), 0, (5, 4), stride=(2, 2), depth_multiplier=8, activation="relu", seed=24),
    "depthwise_multiplier_2": lambda: convolution((6, 5, 4), 0, (3, 3), stride=(2, 1), depth_multiplier=2, activation="relu6", seed=31),
    "depthwise_multiplier_3": lambda: convolution((4, 5, 3), 0, (3, 2), depth_multiplier=3, padding="valid", seed=25),
    "depthwise_dilated": lambda: convolution((8, 9, 4), 0, (3, 3), dilation=(2, 2), depth_multiplier=1, seed=26),
    "depthwise_per_tensor": lambda: convolution((4, 4, 4), 0, (2, 2), depth_multiplier=1, per_channel=False, seed=27),
    "depthwise_padded": lambda: convolution(
        (6, 6, 4), 0, (3, 3), stride=(2, 2), padding="valid", depth_multiplier=1, pads=((0, 1), (0, 1)), activation="relu6", seed=28
    ),
    "depthwise_padded_far": lambda: convolution(
        (2, 1, 4), 0, (2, 1), stride=(5, 7), padding="valid", depth_multiplier=1, pads=((4, 3), (9, 2)), seed=29
    ),
    "depthwise_large": lambda: convolution((7, 7, 4), 0, (6, 6), depth_multiplier=1, seed=30),
    "dense_per_tensor": lambda: dense(1, 33, 7, per_channel=False, seed=40),
    "dense_per_channel": lambda: dense(1, 40, 12, per_channel=True, activation="relu", seed=41),
    "dense_rows": lambda: dense(7, 18, 3, per_channel=False, activation="relu6", gain=8.0, seed=42),
    "pad_image": lambda: pad((1, 3, 2, 3), [(0, 0), (1, 2), (0, 1), (2, 1)]),
    "pad_batch": lambda: pad((2, 2, 1, 2), [(1, 0), (0, 1), (1, 0), (0, 0)]),
    "pad_vector": lambda: pad((5,), [(2, 3)]),
    "mean_same_scale": lambda: mean((5, 3, 6), keep=False, scales=(0.05, 0.05), zero_points=(-4, -4)),
    "mean_rescaled": lambda: mean((5, 3, 6), keep=False, scales=(0.05, 0.031)),
    "mean_kept": lambda: mean((4, 6, 5), keep=True, scales=(0.02, 0.05)),
    "mean_large": lambda: mean((25, 31, 3), keep=True, scales=(0.02, 0.0021)),
    "mean_of_one": lambda: mean((1, 1, 5), keep=False, scales=(0.05, 0.04)),
    "pool_whole": lambda: average_pool((5, 3, 6), (5, 3), (5, 3), padding="valid"),
    "pool_same": lambda: average_pool((7, 6, 3), (3, 2), (2, 2), padding="same", activation="relu"),
    "pool_by_four": lambda: average_pool((7, 6, 8), (3, 2), (2, 2), padding="same"),
    "pool_by_four_whole": lambda: average_pool((16, 16, 4), (16, 16), (16, 16), padding="valid"),
    "pool_by_four_too_large": lambda: average_pool((17, 16, 4), (17, 16), (17, 16), padding="valid"),
    "softmax_row": lambda: softmax((1, 10), scale=0.1),
    "softmax_flat": lambda: softmax((1, 200), scale=0.03),
    "softmax_steep": lambda: softmax((1, 6), scale=1.7, beta=2.0),
    "softmax_rows": lambda: softmax((4, 9), scale=0.06, beta=0.7),
    "softmax_longest": lambda: softmax((1, 511), scale=0.04),
    "reshape_between": reshape_between,
    "transposed_3x3": lambda: transposed((4, 3, 5), 4, (3, 3), activation="relu", seed=50),
    "transposed_one_channel": lambda: transposed((4, 5, 8), 1, (3, 3), seed=51),
    "transposed_valid": lambda: transposed((4, 3, 3), 3, (3, 4), padding="valid", gain=6.0, seed=52),
    "transposed_2x2": lambda: transposed((3, 4, 6), 5, (2, 2), per_channel=False, seed=53),
    "transposed_small_kernel": lambda: transposed((3, 4, 2), 3, (1, 2), stride=(2, 3), padding="valid", seed=54),
    "transposed_stride_1": lambda: transposed((4, 5, 3), 2, (3, 3), stride=(1, 1), bias=False, seed=55),
    "transposed_large": lambda: transposed((3, 3, 2), 4, (5, 5), stride=(2, 3), activation="relu6", seed=56),
    "transposed_cut": lambda: transposed((4, 4, 2), 3, (3, 3), output=(7, 7), seed=57),
    "transposed_three_rows": lambda: transposed((3, 8, 16), 2, (3, 3), stride=(1, 2), seed=58),
    **VALUE_CASES,
    **MOVING_CASES,
}
