"""The supported operators, one file each. To add one: a file with `read` and a subclass of `Operation`, and a line here."""

from __future__ import annotations

from collections.abc import Callable

from tinyaudio.deploy.compiler.graph import Operation
from tinyaudio.deploy.compiler.ops import average_pool_2d, conv_2d, depthwise_conv_2d, fully_connected, mean, pad, reshape, softmax
from tinyaudio.deploy.compiler.view import OperatorView

#: TensorFlow Lite's name of an operator -> the function that reads and checks it.
OPERATIONS: dict[str, Callable[[OperatorView], Operation]] = {
    "AVERAGE_POOL_2D": average_pool_2d.read,
    "CONV_2D": conv_2d.read,
    "DEPTHWISE_CONV_2D": depthwise_conv_2d.read,
    "FULLY_CONNECTED": fully_connected.read,
    "MEAN": mean.read,
    "PAD": pad.read,
    "RESHAPE": reshape.read,
    "SOFTMAX": softmax.read,
}
