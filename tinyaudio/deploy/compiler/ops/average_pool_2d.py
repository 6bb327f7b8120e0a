"""AVERAGE_POOL_2D."""

from __future__ import annotations

from dataclasses import dataclass

import tflite

from tinyaudio.deploy.compiler.arithmetic import Activation, activation_range
from tinyaudio.deploy.compiler.graph import Graph, Kernel, Operation
from tinyaudio.deploy.compiler.view import OperatorView
from tinyaudio.deploy.compiler.window import Window


@dataclass(frozen=True, slots=True, kw_only=True)
class AveragePool(Operation):
    """The mean of each window; positions in the padding do not count."""

    window: Window
    activation: Activation

    def lower(self, graph: Graph) -> Kernel:
        """Return `average_pool_2d`."""
        image, output = graph.tensor(self.inputs[0]), graph.tensor(self.outputs[0])
        low, high = activation_range(self.activation, scale=output.scale, zero_point=output.zero_point)
        sizes = (("InputHeight", image.shape[1]), ("InputWidth", image.shape[2]), ("InputChannels", image.shape[3]))
        outputs = (("OutputHeight", output.shape[1]), ("OutputWidth", output.shape[2]))
        return Kernel(
            function="average_pool_2d",
            header="pooling.h",
            shape=(*sizes, *outputs, *self.window.shape_constants(), ("ActivationMin", low), ("ActivationMax", high)),
        )


def read(view: OperatorView) -> AveragePool:
    """Read and check an AVERAGE_POOL_2D."""
    view.expect_arity(inputs=(1,))
    image = view.image(view.input(0))
    output = view.output()
    if (output.scale, output.zero_point) != (image.scale, image.zero_point):
        view.fail("its input and output are quantized differently")
    options = view.options(tflite.Pool2DOptions, tflite.BuiltinOptions.Pool2DOptions)
    window = view.window(options, image, kernel=(options.FilterHeight(), options.FilterWidth()))
    view.expect_output_shape((1, *window.outputs_of(image.shape[1], image.shape[2]), image.shape[3]))
    activation = view.activation(options.FusedActivationFunction())
    return AveragePool(index=view.index, kind=view.kind, inputs=view.inputs, outputs=view.outputs, window=window, activation=activation)
