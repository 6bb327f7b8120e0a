"""The supported operators, one file each. To add one: a file with `read` and a subclass of `Operation`, and a line here."""

from __future__ import annotations

from collections.abc import Callable

from tinyaudio.deploy.compiler.graph import Operation
from tinyaudio.deploy.compiler.ops import (
    add,
    concatenation,
    conv_2d,
    depthwise_conv_2d,
    fully_connected,
    hard_swish,
    logistic,
    mean,
    mul,
    pad,
    pool_2d,
    quantize,
    relu,
    reshape,
    resize,
    shape,
    softmax,
    split,
    strided_slice,
    transpose,
    transpose_conv,
)
from tinyaudio.deploy.compiler.view import OperatorView

#: TensorFlow Lite's name of an operator -> the function that reads and checks it. `variables` reads those of variables.
OPERATIONS: dict[str, Callable[[OperatorView], Operation]] = {
    "ADD": add.read_add,
    "AVERAGE_POOL_2D": pool_2d.read,
    "CONCATENATION": concatenation.read,
    "CONV_2D": conv_2d.read,
    "DEPTHWISE_CONV_2D": depthwise_conv_2d.read,
    "DEQUANTIZE": quantize.read_dequantize,
    "EXPAND_DIMS": reshape.read,
    "FULLY_CONNECTED": fully_connected.read,
    "HARD_SWISH": hard_swish.read,
    "LEAKY_RELU": relu.read_leaky_relu,
    "LOGISTIC": logistic.read_logistic,
    "MAX_POOL_2D": pool_2d.read,
    "MEAN": mean.read,
    "MUL": mul.read,
    "PACK": shape.read_pack,
    "PAD": pad.read,
    "PADV2": pad.read,
    "QUANTIZE": quantize.read_quantize,
    "RELU": relu.read_relu,
    "RELU6": relu.read_relu6,
    "RESHAPE": reshape.read,
    "RESIZE_BILINEAR": resize.read_bilinear,
    "RESIZE_NEAREST_NEIGHBOR": resize.read_nearest,
    "SHAPE": shape.read_shape,
    "SOFTMAX": softmax.read,
    "SPLIT": split.read_split,
    "SPLIT_V": split.read_split_v,
    "SQUEEZE": reshape.read,
    "STRIDED_SLICE": strided_slice.read,
    "SUB": add.read_sub,
    "TANH": logistic.read_tanh,
    "TRANSPOSE": transpose.read,
    "TRANSPOSE_CONV": transpose_conv.read,
}
