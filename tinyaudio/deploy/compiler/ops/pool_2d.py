"""AVERAGE_POOL_2D and MAX_POOL_2D."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import tflite

from tinyaudio.deploy.compiler.arithmetic import INT8_MAX, INT8_MIN, Bounds
from tinyaudio.deploy.compiler.graph import Graph, IntArray, Kernel, Numbers, Operation, Pointer
from tinyaudio.deploy.compiler.ops.mean import MOST_SUMMED
from tinyaudio.deploy.compiler.straight_line import Int64Array, straight_line
from tinyaudio.deploy.compiler.view import OperatorView
from tinyaudio.deploy.compiler.window import Window


@dataclass(frozen=True, slots=True, kw_only=True)
class Pool(Operation):
    """The mean or the largest value of each window; positions in the padding do not count."""

    window: Window
    bounds: Bounds
    function: str  # "average_pool_2d" or "max_pool_2d"

    def lower(self, graph: Graph) -> tuple[Kernel, ...]:
        """Return `average_pool_2d` or `max_pool_2d`; `mean` for the average of a whole image where that is exact."""
        return (self._mean_of_all(graph) or self._pool(graph),)

    def _mean_of_all(self, graph: Graph) -> Kernel | None:
        image = graph.tensor(self.inputs[0])
        _, height, width, channels = image.shape
        pixels = height * width
        whole = (self.window.height.size, self.window.width.size) == (height, width) and graph.tensor(self.outputs[0]).elements == channels
        if self.function != "average_pool_2d" or not whole or channels % 4 != 0 or pixels > MOST_SUMMED:
            return None
        sums = np.arange(INT8_MIN * pixels, INT8_MAX * pixels + 1)
        line = straight_line(np.clip(_divided(sums, pixels), *self.bounds), smallest=int(sums[0]))
        if line is None:
            return None
        sizes = ((1, 1, channels), (0, 0, 1), (1, 1, pixels), (0, 0, channels))
        numbers = Numbers(values=(*sizes, 0, 0, 0, 0, line.multiplier, line.addend, line.right_shift))
        return Kernel(function="mean", header="mean.h", arguments=(Pointer(tensor=image.index), Pointer(tensor=self.outputs[0]), numbers))

    def _pool(self, graph: Graph) -> Kernel:
        image, output = graph.tensor(self.inputs[0]), graph.tensor(self.outputs[0])
        low, high = self.bounds
        sizes = (("InputHeight", image.shape[1]), ("InputWidth", image.shape[2]), ("InputChannels", image.shape[3]))
        outputs = (("OutputHeight", output.shape[1]), ("OutputWidth", output.shape[2]))
        return Kernel(
            function=self.function,
            header="pooling.h",
            arguments=(Pointer(tensor=self.inputs[0]), Pointer(tensor=self.outputs[0])),
            shape=(*sizes, *outputs, *self.window.shape_constants(), ("ActivationMin", low), ("ActivationMax", high)),
        )


def _divided(sums: IntArray, count: int) -> Int64Array:
    """Return the quotients, rounded, halves away from zero."""
    return np.asarray(np.sign(sums) * ((np.abs(sums) + count // 2) // count), np.int64)


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
