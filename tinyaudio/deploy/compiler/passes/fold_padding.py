"""PAD + convolution -> convolution with that padding."""

from __future__ import annotations

from dataclasses import replace

from tinyaudio.deploy.compiler.graph import Graph, Operation
from tinyaudio.deploy.compiler.ops.conv_2d import Convolution
from tinyaudio.deploy.compiler.ops.depthwise_conv_2d import DepthwiseConvolution
from tinyaudio.deploy.compiler.ops.pad import Pad
from tinyaudio.deploy.compiler.window import Extent, Window


def fold_padding(graph: Graph) -> Graph:
    """Fold each PAD of height and width into the convolution behind it, if nothing else reads the padded image.

    Both pad with the zero point, and PAD keeps the quantization, so the result is the same bit for bit; a PADV2 with another value stays.
    """
    folded: dict[int, Pad] = {}  # padded tensor -> the PAD that is gone
    for operation in graph.operations:
        if isinstance(operation, Pad) and _can_fold(operation, graph):
            folded[operation.outputs[0]] = operation
    operations = tuple(_with_padding(operation, folded) for operation in graph.operations if operation.outputs[0] not in folded)
    return replace(graph, operations=operations)


def _can_fold(pad: Pad, graph: Graph) -> bool:
    consumers = graph.consumers(pad.outputs[0])
    if len(consumers) != 1 or pad.outputs[0] in graph.outputs or len(pad.amounts) != 4 or pad.value != graph.tensor(pad.outputs[0]).zero_point:
        return False
    return isinstance(consumers[0], Convolution | DepthwiseConvolution) and pad.amounts[0] == (0, 0) and pad.amounts[3] == (0, 0)


def _with_padding(operation: Operation, folded: dict[int, Pad]) -> Operation:
    if not isinstance(operation, Convolution | DepthwiseConvolution) or operation.inputs[0] not in folded:
        return operation
    pad = folded[operation.inputs[0]]
    window = Window(height=_padded(operation.window.height, pad.amounts[1]), width=_padded(operation.window.width, pad.amounts[2]))
    return replace(operation, inputs=(pad.inputs[0], *operation.inputs[1:]), window=window)


def _padded(extent: Extent, amounts: tuple[int, int]) -> Extent:
    return replace(extent, before=extent.before + amounts[0], after=extent.after + amounts[1])
