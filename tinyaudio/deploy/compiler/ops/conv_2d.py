"""CONV_2D."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import tflite

from tinyaudio.deploy.compiler.arithmetic import Activation
from tinyaudio.deploy.compiler.channels import channel_constants, channel_operands, even, pack_channel_pairs
from tinyaudio.deploy.compiler.graph import Constant, Graph, Kernel, Operation
from tinyaudio.deploy.compiler.view import OperatorView
from tinyaudio.deploy.compiler.window import Window

BLOCK_PIXELS = 4  # kBlockPixels of columns.h


@dataclass(frozen=True, slots=True, kw_only=True)
class Convolution(Operation):
    """A convolution; inputs are image, weights [output channels, height, width, input channels] and bias."""

    window: Window
    activation: Activation

    def lower(self, graph: Graph) -> Kernel:
        """Return `pointwise` for a 1x1 window, else `conv_2d`."""
        image, output = graph.tensor(self.inputs[0]), graph.tensor(self.outputs[0])
        height, width, channels = output.shape[1:]
        weights = weight_rows(graph, self.inputs[1])
        pixels, depth = height * width, weights.shape[1]
        constants = channel_constants(channel_operands(self, graph, weights=weights, activation=self.activation))
        geometry: tuple[tuple[str, int], ...]
        if self.window.is_single_point:
            geometry = (("Pixels", pixels), ("InputChannels", image.shape[3]))
        else:
            sizes = (("InputHeight", image.shape[1]), ("InputWidth", image.shape[2]), ("InputChannels", image.shape[3]))
            outputs = (("OutputHeight", height), ("OutputWidth", width), ("InputZeroPoint", image.zero_point))
            geometry = (*sizes, *outputs, *self.window.shape_constants())
        function = "pointwise" if self.window.is_single_point else "conv_2d"
        packed = Constant(role="weights", c_type="int8_t", values=pack_channel_pairs(weights))
        return Kernel(
            function=function,
            header=f"{function}.h",
            shape=(*geometry, ("OutputChannels", channels), ("Depth", even(depth)), *constants.shape),
            constants=(packed, constants.bias, constants.multipliers, constants.right_shifts),
            scratch_bytes=2 * min(pixels, BLOCK_PIXELS) * even(depth),
            macs=pixels * channels * depth,
        )


def weight_rows(graph: Graph, index: int) -> np.ndarray[tuple[int, int], np.dtype[np.int8]]:
    """Return the constant weights `index` as [first dimension, all the others]."""
    data = graph.tensor(index).data
    assert data is not None, "checked when the operator was read"
    return data.reshape(data.shape[0], -1).astype(np.int8)


def read(view: OperatorView) -> Convolution:
    """Read and check a CONV_2D."""
    view.expect_arity(inputs=(2, 3))
    image = view.image(view.input(0))
    weights = view.int8_weights(1, rank=4, channel_axis=0)
    channels, kernel_height, kernel_width, input_channels = weights.shape
    if input_channels != image.shape[3]:
        view.fail(f"tensor {weights.describe()} does not fit the input {image.describe()}", hint="grouped convolutions are not supported")
    view.bias(2, channels)
    options = view.options(tflite.Conv2DOptions, tflite.BuiltinOptions.Conv2DOptions)
    dilations = (options.DilationHFactor(), options.DilationWFactor())
    window = view.window(options, image, kernel=(kernel_height, kernel_width), dilations=dilations)
    view.expect_output_shape((1, *window.outputs_of(image.shape[1], image.shape[2]), channels))
    activation = view.activation(options.FusedActivationFunction())
    return Convolution(index=view.index, kind=view.kind, inputs=view.inputs, outputs=view.outputs, window=window, activation=activation)
