"""CONV_2D."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import tflite

from tinyaudio.deploy.compiler.arithmetic import Bounds
from tinyaudio.deploy.compiler.channels import ChannelConstants, channel_constants, channel_operands, even
from tinyaudio.deploy.compiler.columns import channel_stream
from tinyaudio.deploy.compiler.graph import Arrays, Graph, Kernel, Operation, Pointer, Scratch, Tensor
from tinyaudio.deploy.compiler.view import OperatorView
from tinyaudio.deploy.compiler.window import Window

BLOCK_PIXELS = 4  # kBlockPixels of columns.h
_NEAREST_PIXELS = 255  # values from one pixel to the next: LDRD reaches 1,020 bytes
_MOST_KERNEL_ROWS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """Which images a convolution reads and writes, and where its outputs lie: offset and steps in values."""

    image: int
    output: int
    offset: int
    height: int
    width: int
    column_step: int  # between neighbouring outputs of a row
    row_step: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Convolution(Operation):
    """A convolution; inputs are image, weights [output channels, height, width, input channels] and bias."""

    window: Window
    bounds: Bounds
    wide_weights: bool = False  # two bytes each: faster, and twice the flash

    def lower(self, graph: Graph) -> tuple[Kernel, ...]:
        """Return `pointwise` for a 1x1 window, else `conv_2d`."""
        output = graph.tensor(self.outputs[0])
        height, width, channels = output.shape[1:]
        constants = channel_constants(channel_operands(self, graph, weights=weight_rows(graph, self.inputs[1]), bounds=self.bounds))
        placement = Placement(
            image=self.inputs[0],
            output=output.index,
            offset=0,
            height=height,
            width=width,
            column_step=channels,
            row_step=width * channels,
        )
        return (convolution_kernel(graph, self.window, constants, placement=placement, wide=self.wide_weights),)


def convolution_kernel(graph: Graph, window: Window, constants: ChannelConstants, *, placement: Placement, wide: bool) -> Kernel:
    """Return the kernel of a convolution: `pointwise` where it is a product of dense matrices, `conv_rows` where that serves, else `conv_2d`."""
    image, (channels, depth) = graph.tensor(placement.image), constants.weights.shape
    pixels = placement.height * placement.width
    whole = (1, placement.height, placement.width, channels)
    dense = window.is_single_point and placement.column_step == channels and placement.row_step == placement.width * channels
    geometry: tuple[tuple[str, int], ...] = (("Pixels", pixels), ("InputChannels", image.shape[3]))
    row_of_fours = window.width.dilation == 1 and window.width.size * image.shape[3] % 4 == 0
    grouped = depth // 4 * 4 if dense or image.shape[3] % 4 == 0 or row_of_fours else 0
    stream = channel_stream(constants, grouped=grouped, wide=wide, in_blocks=pixels > 2)
    lead_bytes = max(0, (pixels - 1) * (channels - depth))  # each block of pixels is read before it is written
    function, scratch_bytes = "pointwise", 2 * min(pixels, BLOCK_PIXELS) * even(depth)
    if not dense:
        sizes = (("InputHeight", image.shape[1]), ("InputWidth", image.shape[2]), ("InputChannels", image.shape[3]))
        outputs = (("OutputHeight", placement.height), ("OutputWidth", placement.width), ("InputZeroPoint", image.zero_point))
        steps = (("OutputColumnStep", placement.column_step), ("OutputRowStep", placement.row_step))
        geometry = (*sizes, *outputs, *steps, *window.shape_constants())
        function = "conv_2d"
        lead_bytes = window.lead_bytes(image.shape, whole, reread=True)
        if stream.wide and _rows_serve(window, image, channels=channels, outputs=placement.width):
            function, scratch_bytes = "conv_rows", _rows_bytes(window, image, outputs=placement.width)
            lead_bytes = window.lead_bytes(image.shape, whole)
    return Kernel(
        function=function,
        header=f"{function}.h",
        arguments=(
            Pointer(tensor=image.index),
            Pointer(tensor=placement.output, offset_bytes=placement.offset),
            Arrays(constants=(stream.constant,)),
            Scratch(),
        ),
        shape=(*geometry, ("OutputChannels", channels), ("Depth", even(depth)), *stream.shape),
        scratch_bytes=scratch_bytes,
        in_place=(0,) if graph.tensor(placement.output).shape == whole else (),
        lead_bytes=lead_bytes,
        macs=pixels * channels * depth,
    )


def _rows_serve(window: Window, image: Tensor, *, channels: int, outputs: int) -> bool:
    """Whether `conv_rows` computes this convolution, and its assembly reaches three pixels."""
    plain = all(extent.dilation == 1 and extent.before >= 0 for extent in (window.height, window.width))
    near = window.width.stride * image.shape[3] <= _NEAREST_PIXELS and window.height.size <= _MOST_KERNEL_ROWS
    return plain and near and image.shape[3] % 4 == 0 and channels % 2 == 0 and outputs >= 2


def _rows_bytes(window: Window, image: Tensor, *, outputs: int) -> int:
    columns = (outputs - 1) * window.width.stride + window.width.size
    return 2 * window.height.size * columns * image.shape[3]


def weight_rows(graph: Graph, index: int) -> npt.NDArray[np.int8]:
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
    bounds = view.bounds(options.FusedActivationFunction())
    return Convolution(index=view.index, kind=view.kind, inputs=view.inputs, outputs=view.outputs, window=window, bounds=bounds)
