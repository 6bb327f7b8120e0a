"""DEPTHWISE_CONV_2D."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import tflite

from tinyaudio.deploy.compiler.arithmetic import Bounds
from tinyaudio.deploy.compiler.channels import channel_constants, channel_operands, pack_position_pairs
from tinyaudio.deploy.compiler.depthwise import STRIP_BYTES, Depthwise3x3
from tinyaudio.deploy.compiler.graph import Arrays, Constant, Graph, Kernel, Operation, Pointer, Scratch
from tinyaudio.deploy.compiler.view import OperatorView
from tinyaudio.deploy.compiler.window import Window


@dataclass(frozen=True, slots=True, kw_only=True)
class DepthwiseConvolution(Operation):
    """Each input channel convolved with its own kernels; inputs are image, weights [1, height, width, output channels] and bias."""

    window: Window
    bounds: Bounds
    wide_weights: bool = False  # two bytes each: faster, and more flash
    strip_bytes: int = STRIP_BYTES  # scratch that `depthwise_3x3` may take to make more rows at a time

    def serves_3x3(self, graph: Graph) -> bool:
        """Whether `depthwise_3x3` computes this operator."""
        return self.lower(graph)[0].function == "depthwise_3x3"

    def lower(self, graph: Graph) -> tuple[Kernel, ...]:
        """Return `depthwise_3x3` where it serves, else `depthwise_conv_2d`; in place as far as no row is overwritten before it was read."""
        image, output = graph.tensor(self.inputs[0]), graph.tensor(self.outputs[0])
        data = graph.tensor(self.inputs[1]).data
        assert data is not None, "checked when the operator was read"
        height, width, channels = output.shape[1:]
        weights = data.reshape(-1, channels)  # [height * width, output channels]
        constants = channel_constants(channel_operands(self, graph, weights=weights.T, bounds=self.bounds))
        lead_bytes = self.window.lead_bytes(image.shape, output.shape)
        small = Depthwise3x3(
            image=image, output=output, window=self.window, constants=constants, wide=self.wide_weights, limit_bytes=self.strip_bytes
        )
        kernel = small.kernel(lead_bytes=lead_bytes)
        if kernel is not None:
            return (kernel,)
        sizes = (("InputHeight", image.shape[1]), ("InputWidth", image.shape[2]), ("InputChannels", image.shape[3]))
        outputs = (("OutputHeight", height), ("OutputWidth", width), ("ChannelMultiplier", channels // image.shape[3]))
        ring_columns = (width - 1) * self.window.width.stride + self.window.width.reach
        packed = Constant(role="weights", c_type="int8_t", values=pack_position_pairs(_in_pairs(_padded_rows(data), image.shape[3])))
        arrays = Arrays(constants=(packed, *constants.constants))
        return (
            Kernel(
                function="depthwise_conv_2d",
                header="depthwise_conv_2d.h",
                arguments=(Pointer(tensor=image.index), Pointer(tensor=output.index), arrays, Scratch()),
                shape=(*sizes, *outputs, ("InputZeroPoint", image.zero_point), *self.window.shape_constants(), *constants.shape),
                scratch_bytes=2 * self.window.height.reach * ring_columns * image.shape[3],
                in_place=(0,),
                lead_bytes=lead_bytes,
                macs=height * width * channels * weights.shape[0],
            ),
        )


def _padded_rows(weights: npt.NDArray[np.int8]) -> npt.NDArray[np.int8]:
    """Return [output channels, positions]; rows 3 positions wide get a fourth one of zeros, which a pair of words holds anyway."""
    if weights.shape[2] == 3:
        weights = np.pad(weights, ((0, 0), (0, 0), (0, 1), (0, 0)))
    return weights.reshape(-1, weights.shape[3]).T


def _in_pairs(rows: npt.NDArray[np.int8], inputs: int) -> npt.NDArray[np.int8]:
    """Return the channels in the order of the kernel's pairs: the inner two of each four change places, if there are groups of four."""
    if len(rows) != inputs or inputs % 4 != 0:
        return rows
    return rows.reshape(-1, 4, rows.shape[1])[:, [0, 2, 1, 3]].reshape(rows.shape)


def read(view: OperatorView) -> DepthwiseConvolution:
    """Read and check a DEPTHWISE_CONV_2D."""
    view.expect_arity(inputs=(2, 3))
    image = view.image(view.input(0))
    weights = view.int8_weights(1, rank=4, channel_axis=3)
    options = view.options(tflite.DepthwiseConv2DOptions, tflite.BuiltinOptions.DepthwiseConv2DOptions)
    multiplier = view.positive("depth multiplier", options.DepthMultiplier())
    if weights.shape[0] != 1 or weights.shape[3] != image.shape[3] * multiplier:
        view.fail(f"tensor {weights.describe()} does not fit the input {image.describe()} with the depth multiplier {multiplier}")
    view.bias(2, weights.shape[3])
    dilations = (options.DilationHFactor(), options.DilationWFactor())
    window = view.window(options, image, kernel=weights.shape[1:3], dilations=dilations)
    view.expect_output_shape((1, *window.outputs_of(image.shape[1], image.shape[2]), weights.shape[3]))
    bounds = view.bounds(options.FusedActivationFunction())
    return DepthwiseConvolution(index=view.index, kind=view.kind, inputs=view.inputs, outputs=view.outputs, window=window, bounds=bounds)
