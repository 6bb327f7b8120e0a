"""CMSIS-NN for Cortex-M with the DSP extension: what it computes, what it needs of scratch, and what it is known to get wrong.

Scratch sizes are those of the library's ``*_get_buffer_size_dsp``. The adapters ask the library itself before each call and do
not run a kernel that wants more: another version than these were written for is a fault that is told, not memory overwritten.
"""

from __future__ import annotations

from dataclasses import replace

from tinyaudio.deploy.compiler.graph import Graph, Kernel, Operation
from tinyaudio.deploy.compiler.ops.add import Sum
from tinyaudio.deploy.compiler.ops.conv_2d import Convolution
from tinyaudio.deploy.compiler.ops.depthwise_conv_2d import DepthwiseConvolution
from tinyaudio.deploy.compiler.ops.fully_connected import FullyConnected
from tinyaudio.deploy.compiler.ops.mul import Product
from tinyaudio.deploy.compiler.ops.pool_2d import Pool
from tinyaudio.deploy.compiler.ops.softmax import Softmax
from tinyaudio.deploy.compiler.ops.transpose_conv import TransposeConvolution
from tinyaudio.deploy.compiler.vendor import VendorLibrary
from tinyaudio.deploy.compiler.vendor_calls import LARGEST_SIZE, Adapter, Refusal, arguments_of, tensors_of, window_refusal
from tinyaudio.deploy.compiler.window import Window

_ADAPTER = Adapter(prefix="cmsis_nn")
_REVERSED_CHANNELS = 16  # REVERSE_TCOL_EFFICIENT_THRESHOLD: with more, a transposed convolution is computed as a plain one
_REVERSED_STRIDE = 2


def _convolution(operation: Operation, graph: Graph) -> Kernel | Refusal:
    """``arm_convolve_wrapper_s8``: dense 1x1, strided 1x1, and any other window through columns."""
    assert isinstance(operation, Convolution)
    image, output = tensors_of(operation, graph)
    window = operation.window
    refusal = window_refusal(window, image, output)
    if refusal is not None:
        return refusal
    if _is_single_point(window) and max(window.height.after, window.width.after) > 0:
        return Refusal(reason="CMSIS-NN's 1x1 kernels know no padding, and these windows reach behind the image")
    depth = window.height.size * window.width.size * image.shape[3]
    scratch_bytes = 0 if _is_single_point(window) else _columns_bytes(depth)
    return _ADAPTER.convolution("convolve", operation, graph, scratch_bytes=scratch_bytes, macs=output.elements * depth)


def _depthwise(operation: Operation, graph: Graph) -> Kernel | Refusal:
    """``arm_depthwise_conv_wrapper_s8``: 3x3, one output a channel, and any other."""
    assert isinstance(operation, DepthwiseConvolution)
    image, output = tensors_of(operation, graph)
    window = operation.window
    refusal = window_refusal(window, image, output)
    if refusal is not None:
        return refusal
    taps = window.height.size * window.width.size
    is_dense = image.shape[3] == output.shape[3] and window.height.dilation == window.width.dilation == 1
    small = window.height.size == window.width.size == 3 and window.height.before <= 1 and window.width.before <= 1
    scratch_bytes = 2 * image.shape[3] * taps if is_dense and not small else 0
    return _ADAPTER.convolution("depthwise", operation, graph, scratch_bytes=scratch_bytes, macs=output.elements * taps)


def _transposed(operation: Operation, graph: Graph) -> Kernel | Refusal:
    """``arm_transpose_conv_wrapper_s8``, but for what it is known to get wrong."""
    assert isinstance(operation, TransposeConvolution)
    image, output = tensors_of(operation, graph)
    window = operation.window
    height, width = window.height, window.width
    if max((*image.shape, *output.shape)) > LARGEST_SIZE:
        return Refusal(reason=f"sizes above {LARGEST_SIZE} leave CMSIS-NN's 16 bits")
    taps = height.size * width.size * image.shape[3]
    is_reversed = max(height.stride, width.stride) <= _REVERSED_STRIDE and image.shape[3] > _REVERSED_CHANNELS
    if is_reversed:
        if max(height.before, width.before) >= min(height.size, width.size):
            return Refusal(reason="the padding is larger than the kernel")
        scratch_bytes = _aligned(_columns_bytes(taps)) + output.shape[3] * taps
    else:
        if height.before % height.stride != 0:
            return Refusal(
                reason="CMSIS-NN up to arm_transpose_conv_s8 2.0.0 shifts rows and leaves one unwritten where the top padding is no multiple "
                "of the stride (https://github.com/ARM-software/CMSIS-NN/issues/230)"
            )
        columns = (image.shape[2] - 1) * width.stride + max(width.size, width.stride, height.stride)
        scratch_bytes = 4 * output.shape[3] * columns * max(height.size, height.stride)
    macs = image.shape[1] * image.shape[2] * output.shape[3] * taps
    return _ADAPTER.convolution("transpose_convolve", operation, graph, scratch_bytes=scratch_bytes, macs=macs)


def _dense(operation: Operation, graph: Graph) -> Kernel | Refusal:
    """``arm_fully_connected_s8``, or its version with a scale for each output."""
    assert isinstance(operation, FullyConnected)
    return _ADAPTER.fully_connected(operation, graph)


def _pool(operation: Operation, graph: Graph) -> Kernel | Refusal:
    """``arm_avgpool_s8`` and ``arm_max_pool_s8``."""
    assert isinstance(operation, Pool)
    image, output = tensors_of(operation, graph)
    refusal = window_refusal(operation.window, image, output)
    if refusal is not None:
        return refusal
    call = _ADAPTER.pool(operation, graph)
    scratch_bytes = 4 * image.shape[3] if operation.function == "average_pool_2d" else 0
    return replace(
        call,
        arguments=arguments_of(operation, scratch_bytes=scratch_bytes),
        shape=(*call.shape, ("ScratchBytes", scratch_bytes)),
        scratch_bytes=scratch_bytes,
    )


def _sum(operation: Operation, graph: Graph) -> Kernel | Refusal:
    """``arm_elementwise_add_s8``."""
    return _ADAPTER.elementwise("add", operation, graph)


def _product(operation: Operation, graph: Graph) -> Kernel | Refusal:
    """``arm_elementwise_mul_s8``."""
    return _ADAPTER.elementwise("multiply", operation, graph)


def _softmax(operation: Operation, graph: Graph) -> Kernel | Refusal:
    """``arm_softmax_s8``."""
    return _ADAPTER.like_ours("softmax", operation, graph)


def _is_single_point(window: Window) -> bool:
    """Whether CMSIS-NN takes it for a 1x1 convolution, of any stride."""
    return all(extent.size == 1 and extent.before == 0 and extent.dilation == 1 for extent in (window.height, window.width))


def _columns_bytes(depth: int) -> int:
    """Two columns of 16-bit inputs, in whole words."""
    return 2 * 2 * (-(-depth // 4) * 4)


def _aligned(size: int) -> int:
    return -(-size // 4) * 4


CMSIS_NN = VendorLibrary(
    name="cmsis_nn",
    title="CMSIS-NN",
    kernels={
        Convolution: _convolution,
        DepthwiseConvolution: _depthwise,
        TransposeConvolution: _transposed,
        FullyConnected: _dense,
        Pool: _pool,
        Sum: _sum,
        Product: _product,
        Softmax: _softmax,
    },
)
