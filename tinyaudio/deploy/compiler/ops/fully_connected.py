"""FULLY_CONNECTED."""

from __future__ import annotations

from dataclasses import dataclass

import tflite

from tinyaudio.deploy.compiler.arithmetic import Bounds
from tinyaudio.deploy.compiler.channels import channel_constants, channel_operands, even
from tinyaudio.deploy.compiler.columns import channel_stream
from tinyaudio.deploy.compiler.graph import Argument, Arrays, Graph, Kernel, Operation, Pointer, Scratch
from tinyaudio.deploy.compiler.ops.conv_2d import BLOCK_PIXELS, weight_rows
from tinyaudio.deploy.compiler.view import OperatorView


@dataclass(frozen=True, slots=True, kw_only=True)
class FullyConnected(Operation):
    """A dense layer over the rows of its input; inputs are the values, weights [outputs, depth] and bias."""

    bounds: Bounds
    wide_weights: bool = False  # two bytes each: faster, and twice the flash

    def lower(self, graph: Graph) -> tuple[Kernel, ...]:
        """Return `dense` for one row, else `pointwise`, with rows for pixels."""
        values = graph.tensor(self.inputs[0])
        weights = weight_rows(graph, self.inputs[1])
        channels, depth = weights.shape
        rows = values.elements // depth
        constants = channel_constants(channel_operands(self, graph, weights=weights, bounds=self.bounds))
        stream = channel_stream(constants, grouped=depth // 4 * 4, wide=self.wide_weights, in_blocks=rows > 2)
        arguments: tuple[Argument, ...] = (
            Pointer(tensor=values.index),
            Pointer(tensor=self.outputs[0]),
            Arrays(constants=(stream.constant,)),
        )
        shape = (
            ("InputChannels", depth),
            ("OutputChannels", channels),
            ("Depth", even(depth)),
            *stream.shape,
        )
        macs = rows * channels * depth
        if rows == 1:
            return (Kernel(function="dense", header="dense.h", arguments=arguments, shape=shape, macs=macs),)
        return (
            Kernel(
                function="pointwise",
                header="pointwise.h",
                arguments=(*arguments, Scratch()),
                shape=(("Pixels", rows), *shape),
                scratch_bytes=2 * min(rows, BLOCK_PIXELS) * even(depth),
                macs=macs,
            ),
        )


def read(view: OperatorView) -> FullyConnected:
    """Read and check a FULLY_CONNECTED."""
    view.expect_arity(inputs=(2, 3))
    values = view.int8_activation(view.input(0))
    weights = view.int8_weights(1, rank=2, channel_axis=0)
    channels, depth = weights.shape
    if values.elements % depth != 0:
        view.fail(f"tensor {weights.describe()} does not fit the input {values.describe()}")
    view.bias(2, channels)
    if view.output().elements != values.elements // depth * channels:
        view.fail(f"tensor {view.output().describe()} does not fit {weights.describe()}")
    options = view.options(tflite.FullyConnectedOptions, tflite.BuiltinOptions.FullyConnectedOptions)
    if options.WeightsFormat() != tflite.FullyConnectedOptionsWeightsFormat.DEFAULT:
        view.fail("its weights are in a shuffled order", hint="export the model for the default kernels")
    bounds = view.bounds(options.FusedActivationFunction())
    return FullyConnected(index=view.index, kind=view.kind, inputs=view.inputs, outputs=view.outputs, bounds=bounds)
