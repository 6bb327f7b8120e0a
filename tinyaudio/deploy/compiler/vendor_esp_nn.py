"""ESP-NN for the ESP32-S3: what it computes, how much scratch it may take at most, and what it is known to get wrong.

How much scratch a kernel really wants differs between versions, so what is planned is an upper bound. The adapters ask the
library before each call, and let its version in C, which needs none, compute what wants more.

The library's C versions compute what the reference computes, bit for bit (compared on a host). Of its vector instructions
nobody here can say so: there is no emulator of them. `NOT_PROVEN` is what is told to whoever builds with these kernels.
"""

from __future__ import annotations

import math

from tinyaudio.deploy.compiler.graph import Graph, Kernel, Operation
from tinyaudio.deploy.compiler.ops.add import Sum
from tinyaudio.deploy.compiler.ops.conv_2d import Convolution
from tinyaudio.deploy.compiler.ops.depthwise_conv_2d import DepthwiseConvolution
from tinyaudio.deploy.compiler.ops.fully_connected import FullyConnected
from tinyaudio.deploy.compiler.ops.mul import Product
from tinyaudio.deploy.compiler.ops.pool_2d import Pool
from tinyaudio.deploy.compiler.vendor import VendorLibrary
from tinyaudio.deploy.compiler.vendor_calls import Adapter, Refusal, tensors_of, window_refusal
from tinyaudio.deploy.compiler.window import Window

NOT_PROVEN = (
    "ESP-NN's vector kernels round sums in their own assembly, which no emulator here runs: they are meant to equal the reference bit for bit, "
    "and only `hil` and `hil --self-test` on the board show whether they do"
)

_ALIGNMENT_BYTES = 16  # of a vector register
_ADAPTER = Adapter(prefix="esp_nn", weights_alignment_bytes=_ALIGNMENT_BYTES)
_ROUNDING_BYTES = 512  # alignment of the parts, sums, a block read beyond the end
_BORDER = 4  # at most, of the kernels that are used: padding on both sides


def convolution_scratch_bytes(image: tuple[int, ...], *, outputs: int, weights_bytes: int) -> int:
    """Return the most that a convolution asks for, in all versions so far.

    A 1x1 kernel: its weights, and an input whose channels fill no block. Others: the input with a border, the weights twice.

    Parameters
    ----------
    image
        Shape (1, rows, columns, channels).
    outputs
        Output channels.
    weights_bytes
        Of the weights alone.
    """
    channels = image[-1]
    whole_weights_bytes = weights_bytes // channels * _whole_blocks(channels)
    if weights_bytes <= channels * outputs:
        return whole_weights_bytes + (_image_bytes(image, whole_blocks=True) if channels % _ALIGNMENT_BYTES else 0) + _ROUNDING_BYTES
    return 2 * whole_weights_bytes + 2 * _image_bytes(image, border=_BORDER) + _ROUNDING_BYTES


def depthwise_scratch_bytes(image: tuple[int, ...], output: tuple[int, ...], *, weights_bytes: int) -> int:
    """Return the most that a depthwise convolution asks for, in all versions so far.

    Few channels: 16-bit values. Others: the input with a border and whole blocks of channels, and the output. Source of the
    last: https://github.com/espressif/esp-nn/pull/37.
    """
    if image[-1] < _ALIGNMENT_BYTES:
        return 2 * (_image_bytes(image) + weights_bytes) + _ROUNDING_BYTES
    padded = _image_bytes(image, border=_BORDER, whole_blocks=True)
    return padded + _image_bytes(output, whole_blocks=True) + weights_bytes + _ROUNDING_BYTES


def _convolution(operation: Operation, graph: Graph) -> Kernel | Refusal:
    """``esp_nn_conv_s8``."""
    assert isinstance(operation, Convolution)
    image, output = tensors_of(operation, graph)
    refusal = window_refusal(operation.window, image, output) or _window_refusal(operation.window)
    if refusal is not None:
        return refusal
    weights = graph.tensor(operation.inputs[1])
    scratch_bytes = convolution_scratch_bytes(image.shape, outputs=output.shape[3], weights_bytes=weights.elements)
    macs = output.elements * weights.elements // output.shape[3]
    return _ADAPTER.convolution("convolve", operation, graph, scratch_bytes=scratch_bytes, macs=macs)


def _depthwise(operation: Operation, graph: Graph) -> Kernel | Refusal:
    """``esp_nn_depthwise_conv_s8``."""
    assert isinstance(operation, DepthwiseConvolution)
    image, output = tensors_of(operation, graph)
    refusal = window_refusal(operation.window, image, output) or _window_refusal(operation.window)
    if refusal is not None:
        return refusal
    weights = graph.tensor(operation.inputs[1])
    scratch_bytes = depthwise_scratch_bytes(image.shape, output.shape, weights_bytes=weights.elements)
    macs = output.elements * weights.elements // output.shape[3]
    return _ADAPTER.convolution("depthwise", operation, graph, scratch_bytes=scratch_bytes, macs=macs)


def _dense(operation: Operation, graph: Graph) -> Kernel | Refusal:
    """``esp_nn_fully_connected_s8``, or its version with a scale for each output."""
    assert isinstance(operation, FullyConnected)
    values, _ = tensors_of(operation, graph)
    depth = graph.tensor(operation.inputs[1]).shape[1]
    if values.elements > depth and depth % _ALIGNMENT_BYTES:
        return Refusal(reason="rows that do not begin at 16 bytes saturate (https://github.com/espressif/esp-nn/issues/34)")
    return _ADAPTER.fully_connected(operation, graph)


def _pool(operation: Operation, graph: Graph) -> Kernel | Refusal:
    """``esp_nn_avg_pool_s8`` and ``esp_nn_max_pool_s8``."""
    assert isinstance(operation, Pool)
    image, output = tensors_of(operation, graph)
    return window_refusal(operation.window, image, output) or _ADAPTER.pool(operation, graph)


def _sum(operation: Operation, graph: Graph) -> Kernel | Refusal:
    """``esp_nn_add_elementwise_s8``."""
    return _ADAPTER.elementwise("add", operation, graph)


def _product(operation: Operation, graph: Graph) -> Kernel | Refusal:
    """``esp_nn_mul_elementwise_s8``, which shifts to the right only."""
    assert isinstance(operation, Product)
    if operation.fixed.right_shift < 0:
        return Refusal(reason="ESP-NN shifts products to the right only, these go to the left")
    return _ADAPTER.elementwise("multiply", operation, graph)


def _window_refusal(window: Window) -> Refusal | None:
    """Return what ESP-NN's convolutions do not do, or not right."""
    directions = (window.height, window.width)
    if any(extent.dilation != 1 for extent in directions):
        return Refusal(reason="ESP-NN knows no dilation")
    if any(extent.stride > 1 and extent.before != extent.after for extent in directions):
        return Refusal(
            reason="a stride above 1 with more padding on one side than on the other gave a wrong last row "
            "(https://github.com/espressif/esp-nn/issues/31); an explicit PAD in front of it keeps it with ESP-NN"
        )
    return None


def _whole_blocks(channels: int) -> int:
    return -(-channels // _ALIGNMENT_BYTES) * _ALIGNMENT_BYTES


def _image_bytes(shape: tuple[int, ...], *, border: int = 0, whole_blocks: bool = False) -> int:
    """Return the bytes of int8 values of shape (batch, rows, columns, channels)."""
    channels = _whole_blocks(shape[-1]) if whole_blocks else shape[-1]
    return channels * math.prod(size + border for size in shape[1:-1])


ESP_NN = VendorLibrary(
    name="esp_nn",
    title="ESP-NN",
    kernels={
        Convolution: _convolution,
        DepthwiseConvolution: _depthwise,
        FullyConnected: _dense,
        Pool: _pool,
        Sum: _sum,
        Product: _product,
    },
    keeps_padding_apart=True,
    caveat=NOT_PROVEN,
)
