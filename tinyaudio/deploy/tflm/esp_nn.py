"""What ESP-NN's kernels take from the arena besides the tensors."""

from __future__ import annotations

import math

from tinyaudio.deploy.tflm.outline import OperatorUse, Outline

_WITH_SCRATCH = frozenset({"CONV_2D", "DEPTHWISE_CONV_2D"})
_CHANNEL_BLOCK = 16  # the vector registers have 16 bytes
_BORDER = 4  # at most, of the kernels that are used: padding on both sides
_ROUNDING_BYTES = 512  # alignment of the parts, sums, a block read beyond the end


def esp_nn_scratch_bytes(outline: Outline) -> int:
    """Return an upper bound of the largest scratch that a convolution of ESP-NN asks the interpreter for.

    The kernels copy their input with a border, as 16-bit values or with its channels filled up to 16, some their output, and
    their weights as they are or with channels filled up. The exact sizes differ by kernel and version, see ``esp_nn_get_conv_scratch_size`` and
    ``esp_nn_get_depthwise_conv_scratch_size``; the interpreter tells what became of them.
    """
    return max((_scratch_bytes(use) for use in outline.operators if use.kind in _WITH_SCRATCH), default=0)


def _scratch_bytes(use: OperatorUse) -> int:
    channels = use.input_shape[-1] if use.input_shape else 1
    weights_bytes = use.weights_bytes + -(-use.weights_bytes * _whole_blocks(channels) // channels)
    return 2 * _image_bytes(use.input_shape, _BORDER) + _image_bytes(use.output_shape, 0) + weights_bytes + _ROUNDING_BYTES


def _whole_blocks(channels: int) -> int:
    return -(-channels // _CHANNEL_BLOCK) * _CHANNEL_BLOCK


def _image_bytes(shape: tuple[int, ...], border: int) -> int:
    """Return the bytes of int8 values of shape (batch, rows, columns, channels), with a border and whole blocks of channels."""
    if not shape:
        return 0
    return _whole_blocks(shape[-1]) * math.prod(size + border for size in shape[1:-1])
