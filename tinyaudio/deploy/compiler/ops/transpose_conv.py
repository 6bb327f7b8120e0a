"""TRANSPOSE_CONV: as many plain convolutions as its stride has phases.

Output row y takes kernel row k where (y + padding - k) is a multiple of the stride. All output rows of one phase
(y modulo stride) therefore take the same kernel rows, from neighbouring input rows: a convolution of stride 1 whose
outputs lie `stride` rows apart. The same holds for columns. No output is written twice.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import tflite

from tinyaudio.deploy.compiler.arithmetic import Bounds
from tinyaudio.deploy.compiler.channels import channel_constants, channel_operands
from tinyaudio.deploy.compiler.graph import Graph, Kernel, Operation
from tinyaudio.deploy.compiler.ops.conv_2d import Placement, convolution_kernel
from tinyaudio.deploy.compiler.twins import TwinPhase, twin_kernel
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
    wide_weights: bool = False  # two bytes each: faster, and twice the flash

    def lower(self, graph: Graph) -> tuple[Kernel, ...]:
        """Return a convolution for each phase; columns of a single channel are computed together, as its channels.

        `conv_twins` computes all phases of the same columns at once.
        """
        output = graph.tensor(self.outputs[0])
        height, width, channels = output.shape[1:]
        columns = phases(self.window.width, width)
        together = channels == 1 and width % self.window.width.stride == 0
        return tuple(
            kernel
            for group in ((columns,) if together else tuple((column,) for column in columns))
            for kernel in self._kernels(graph, phases(self.window.height, height), group)
        )

    def _kernels(self, graph: Graph, rows: tuple[Phase, ...], columns: tuple[Phase, ...]) -> tuple[Kernel, ...]:
        image, depth = self.inputs[0], graph.tensor(self.inputs[0]).shape[3] * graph.tensor(self.outputs[0]).shape[3]
        taps_of_columns = sum(len(column.taps) for column in columns)
        macs = [row.outputs * columns[0].outputs * len(row.taps) * taps_of_columns * depth for row in rows]
        parts = [self._phase(graph, row, columns) for row in rows]
        twins = twin_kernel(graph.tensor(image), parts, macs=sum(macs)) if self.wide_weights else None
        if twins is not None:
            return (twins,)
        kernels = (convolution_kernel(graph, part.window, part.constants, placement=part.placement, wide=self.wide_weights) for part in parts)
        return tuple(replace(kernel, macs=count) for kernel, count in zip(kernels, macs, strict=True))

    def _phase(self, graph: Graph, row: Phase, columns: tuple[Phase, ...]) -> TwinPhase:
        output, strides = graph.tensor(self.outputs[0]), (self.window.height.stride, self.window.width.stride)
        weights = graph.tensor(self.inputs[1]).data
        assert weights is not None, "checked when the operator was read"
        window, taps = _joined(weights, row, columns)
        operands = channel_operands(self, graph, weights=taps.reshape(len(taps), -1), bounds=self.bounds, repeats=len(columns))
        channels, width = output.shape[3], output.shape[2]
        placement = Placement(
            image=self.inputs[0],
            output=output.index,
            offset=(row.first * width + columns[0].first) * channels,
            height=row.outputs,
            width=columns[0].outputs,
            column_step=strides[1] * channels,
            row_step=strides[0] * width * channels,
        )
        constants = channel_constants(operands, role_suffix=f"_{row.first}_{columns[0].first}")
        return TwinPhase(window=window, constants=constants, placement=placement)


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
        found.append(Phase(first=first, outputs=positions, taps=taps, window=Extent(size=count, stride=1, dilation=1, before=before, after=0)))
    return tuple(found)


def _joined(weights: npt.NDArray[np.int8], row: Phase, columns: tuple[Phase, ...]) -> tuple[Window, npt.NDArray[np.int8]]:
    """Return the window that covers what all `columns` take from the input, and the weights [columns * channels, height, width, inputs] on it.

    Where a column takes nothing, its weights are zero.
    """
    before = max(column.window.before for column in columns)
    last = max(column.window.size - column.window.before for column in columns)
    window = replace(columns[0].window, size=before + last, before=before)
    joined: npt.NDArray[np.int8] = np.zeros((len(columns), weights.shape[0], row.window.size, window.size, weights.shape[3]), np.int8)
    for number, column in enumerate(columns):
        if row.taps and column.taps:
            first = before - column.window.before
            joined[number, :, :, first : first + len(column.taps)] = weights[:, row.taps][:, :, column.taps]
    return Window(height=row.window, width=window), joined.reshape(-1, *joined.shape[2:])


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
