"""TRANSPOSE_CONV: as many plain convolutions as its stride has phases.

Output row y takes kernel row k where (y + padding - k) is a multiple of the stride. All output rows of one phase
(y modulo stride) therefore take the same kernel rows, from neighbouring input rows: a convolution of stride 1 whose
outputs lie `stride` rows apart. The same holds for columns. No output is written twice and no zero is multiplied.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import tflite

from tinyaudio.deploy.compiler.arithmetic import Bounds
from tinyaudio.deploy.compiler.channels import channel_constants, channel_operands
from tinyaudio.deploy.compiler.graph import Graph, Kernel, Operation
from tinyaudio.deploy.compiler.ops.conv_2d import Placement, convolution_kernel
from tinyaudio.deploy.compiler.view import OperatorView
from tinyaudio.deploy.compiler.window import Extent, Window


@dataclass(frozen=True, slots=True, kw_only=True)
class Phase:
    """The outputs whose position is `first`, `first` + stride ... along one direction."""

    first: int
    outputs: int
    taps: tuple[int, ...]  # kernel positions, in the order of the inputs they meet
    window: Extent  # over the input


@dataclass(frozen=True, slots=True, kw_only=True)
class TransposeConvolution(Operation):
    """A transposed convolution; inputs are image, weights [output channels, height, width, input channels] and bias."""

    window: Window  # of the convolution that it transposes, from output to input
    bounds: Bounds

    def lower(self, graph: Graph) -> tuple[Kernel, ...]:
        """Return `conv_2d` for each phase in turn."""
        output = graph.tensor(self.outputs[0])
        vertical, horizontal = (phases(extent, output.shape[1 + axis]) for axis, extent in enumerate((self.window.height, self.window.width)))
        return tuple(self._phase(graph, row, column) for row in vertical for column in horizontal)

    def _phase(self, graph: Graph, row: Phase, column: Phase) -> Kernel:
        output, strides = graph.tensor(self.outputs[0]), (self.window.height.stride, self.window.width.stride)
        weights = graph.tensor(self.inputs[1]).data
        assert weights is not None, "checked when the operator was read"
        name = f"{row.first}_{column.first}"
        taps = _taps(weights, row, column)
        operands = channel_operands(self, graph, weights=taps.reshape(len(taps), -1), bounds=self.bounds)
        channels, width = output.shape[3], output.shape[2]
        return convolution_kernel(
            graph,
            Window(height=row.window, width=column.window),
            channel_constants(operands, role_suffix=f"_{name}"),
            placement=Placement(
                image=self.inputs[0],
                output=output.index,
                offset=(row.first * width + column.first) * channels,
                height=row.outputs,
                width=column.outputs,
                column_step=strides[1] * channels,
                row_step=strides[0] * width * channels,
            ),
        )


def phases(extent: Extent, outputs: int) -> tuple[Phase, ...]:
    """Return the phases of `outputs` positions along one direction of a transposed convolution."""
    found = []
    for first in range(min(extent.stride, outputs)):
        newest = (first + extent.before) % extent.stride  # kernel position that meets the newest input
        taps = tuple(reversed(range(newest, extent.size, extent.stride)))
        reached = (first + extent.before - newest) // extent.stride  # the input that it meets
        count = max(1, len(taps))
        before = count - 1 - reached
        positions = -(-(outputs - first) // extent.stride)
        found.append(
            Phase(first=first, outputs=positions, taps=taps, window=Extent(size=count, stride=1, dilation=1, before=before, after=0))
        )
    return tuple(found)


def _taps(weights: npt.NDArray[np.int8], row: Phase, column: Phase) -> npt.NDArray[np.int8]:
    """Return the kernel positions of one phase; a single one of zeros where the stride is larger than the kernel."""
    if not row.taps or not column.taps:
        return np.zeros((weights.shape[0], row.window.size, column.window.size, weights.shape[3]), np.int8)
    return weights[:, row.taps][:, :, column.taps]


def read(view: OperatorView) -> TransposeConvolution:
    """Read and check a TRANSPOSE_CONV; inputs are the output's shape, weights, image and, perhaps, a bias."""
    view.expect_arity(inputs=(3, 4))
    image, output = view.image(view.input(2)), view.image(view.output())
    weights = view.int8_weights(1, rank=4, channel_axis=0)
    if view.integers(0) != output.shape or weights.shape[3] != image.shape[3] or weights.shape[0] != output.shape[3]:
        view.fail(f"tensor {weights.describe()} does not fit the input {image.describe()} and the output {output.describe()}")
    view.bias(3, weights.shape[0])
    options = view.options(tflite.TransposeConvOptions, tflite.BuiltinOptions.TransposeConvOptions)
    window = view.window(options, output, kernel=weights.shape[1:3])
    return TransposeConvolution(
        index=view.index,
        kind=view.kind,
        inputs=(image.index, weights.index, *view.inputs[3:]),
        outputs=view.outputs,
        window=window,
        bounds=view.bounds(options.FusedActivationFunction()),
    )
