"""What a model probably takes of the arena with ESP-NN's kernels, before a device has told it."""

from __future__ import annotations

import math

from tinyaudio.deploy.tflm.outline import OperatorUse, Outline

_CHANNEL_BLOCK = 16  # the vector registers have 16 bytes
_BORDER = 4  # at most, of the kernels that are used: padding on both sides
_ROUNDING_BYTES = 512  # alignment of the parts, sums, a block read beyond the end
# Of the interpreter, for itself and for each operator: 300 to 500 bytes on a 32-bit machine.
_INTERPRETER_BYTES = 4_096
_OPERATOR_BYTES = 640
_SUM_BYTES = 4  # a bias


def likely_arena_bytes(outline: Outline) -> int:
    """Return about what the interpreter will use: the tensors and the scratch of the fullest operator, and its own structures."""
    fullest = max((_tensor_bytes(use) + _scratch_bytes(use) for use in outline.operators), default=0)
    operators = len(outline.operators) + len(outline.called)
    needed = max(outline.live_bytes, fullest) + outline.sums_bytes + outline.state_bytes
    return needed + _INTERPRETER_BYTES + _OPERATOR_BYTES * operators


def esp_nn_scratch_bytes(outline: Outline) -> int:
    """Return an upper bound of the largest scratch that a convolution of ESP-NN asks the interpreter for.

    The kernels copy what has not the border or the alignment that they want: ``esp_nn_get_conv_scratch_size_esp32s3`` and
    ``esp_nn_get_depthwise_conv_scratch_size_esp32s3`` have the exact sizes, which differ between versions. The depthwise one
    counts a copy of the output as well, see https://github.com/espressif/esp-nn/pull/37.
    """
    return max((_scratch_bytes(use) for use in outline.operators), default=0)


def _tensor_bytes(use: OperatorUse) -> int:
    return math.prod(use.input_shape) + math.prod(use.output_shape)


def _scratch_bytes(use: OperatorUse) -> int:
    if not use.input_shape or not use.output_shape:
        return 0
    if use.kind == "CONV_2D":
        return _convolution_bytes(use) + _ROUNDING_BYTES
    if use.kind == "DEPTHWISE_CONV_2D":
        return _depthwise_bytes(use) + _ROUNDING_BYTES
    return 0


def _convolution_bytes(use: OperatorUse) -> int:
    """A 1x1 kernel: its weights, and an input whose channels fill no block. Others: the input with a border, the weights twice."""
    channels, outputs = use.input_shape[-1], use.output_shape[-1]
    weights_bytes = use.weights_bytes - _SUM_BYTES * outputs
    whole_weights_bytes = weights_bytes // channels * _whole_blocks(channels)
    if weights_bytes <= channels * outputs:
        return whole_weights_bytes + (_image_bytes(use.input_shape, whole_blocks=True) if channels % _CHANNEL_BLOCK else 0)
    return 2 * whole_weights_bytes + 2 * _image_bytes(use.input_shape, border=_BORDER)


def _depthwise_bytes(use: OperatorUse) -> int:
    """Few channels: 16-bit values. Others: the input with a border and whole blocks of channels, and the output."""
    if use.input_shape[-1] < _CHANNEL_BLOCK:
        return 2 * (_image_bytes(use.input_shape) + use.weights_bytes)
    padded = _image_bytes(use.input_shape, border=_BORDER, whole_blocks=True)
    return padded + _image_bytes(use.output_shape, whole_blocks=True) + use.weights_bytes


def _whole_blocks(channels: int) -> int:
    return -(-channels // _CHANNEL_BLOCK) * _CHANNEL_BLOCK


def _image_bytes(shape: tuple[int, ...], *, border: int = 0, whole_blocks: bool = False) -> int:
    """Return the bytes of int8 values of shape (batch, rows, columns, channels)."""
    channels = _whole_blocks(shape[-1]) if whole_blocks else shape[-1]
    return channels * math.prod(size + border for size in shape[1:-1])
