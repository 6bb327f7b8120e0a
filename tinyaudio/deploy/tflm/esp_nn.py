"""What a model probably takes of the arena with ESP-NN's kernels, before a device has told it."""

from __future__ import annotations

import math

from tinyaudio.deploy.compiler.vendor_esp_nn import convolution_scratch_bytes, depthwise_scratch_bytes
from tinyaudio.deploy.tflm.outline import OperatorUse, Outline

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
    weights_bytes = use.weights_bytes - _SUM_BYTES * use.output_shape[-1]
    if use.kind == "CONV_2D":
        return convolution_scratch_bytes(use.input_shape, outputs=use.output_shape[-1], weights_bytes=weights_bytes)
    if use.kind == "DEPTHWISE_CONV_2D":
        return depthwise_scratch_bytes(use.input_shape, use.output_shape, weights_bytes=use.weights_bytes)
    return 0
