"""AVERAGE_POOL_2D and MAX_POOL_2D."""

from __future__ import annotations

from dataclasses import dataclass

import tflite

from tinyaudio.deploy.compiler.arithmetic import Bounds
from tinyaudio.deploy.compiler.graph import Graph, Kernel, Operation, Pointer
from tinyaudio.deploy.compiler.view import OperatorView
from tinyaudio.deploy.compiler.window import Window


@dataclass(frozen=True, slots=True, kw_only=True)
class Pool(Operation):
    """The mean or the largest value of each window; positions in the padding do not count."""

    window: Window
    bounds: Bounds
    function: str  # "average_pool_2d" or "max_pool_2d"

    def lower(self, graph: Graph) -> tuple[Kernel, ...]:
        """Return `average_pool_2d` or `max_pool_2d`."""
        image, output = graph.tensor(self.inputs[0]), graph.tensor(self.outputs[0])
        low, high = self.bounds
        sizes = (("InputHeight", image.shape[1]), ("InputWidth", image.shape[2]), ("InputChannels", image.shape[3]))
        outputs = (("OutputHeight", output.shape[1]), ("OutputWidth", output.shape[2]))
        return (
            Kernel(
                function=self.function,
                header="pooling.h",
                arguments=(Pointer(tensor=self.inputs[0]), Pointer(tensor=self.outputs[0])),
                shape=(*sizes, *outputs, *self.window.shape_constants(), ("ActivationMin", low), ("ActivationMax", high)),
            ),
        )


def read(view: OperatorView) -> Pool:
    """Read and check an AVERAGE_POOL_2D or MAX_POOL_2D."""
    view.expect_arity(inputs=(1,))
    image = view.image(view.input(0))
    view.expect_equal_quantization(image, view.output())
    options = view.options(tflite.Pool2DOptions, tflite.BuiltinOptions.Pool2DOptions)
    window = view.window(options, image, kernel=(options.FilterHeight(), options.FilterWidth()))
    view.expect_output_shape((1, *window.outputs_of(image.shape[1], image.shape[2]), image.shape[3]))
    return Pool(
        index=view.index,
        kind=view.kind,
        inputs=view.inputs,
        outputs=view.outputs,
        window=window,
        bounds=view.bounds(options.FusedActivationFunction()),
        function=view.kind.lower(),
    )
