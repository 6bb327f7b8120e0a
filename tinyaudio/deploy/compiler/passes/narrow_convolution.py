"""3x3 convolution of a single channel -> depthwise convolution with one plane for all outputs, whose kernel multiplies pairs of neighbours."""

from __future__ import annotations

from dataclasses import replace

from tinyaudio.deploy.compiler.graph import Graph, Operation, Tensor
from tinyaudio.deploy.compiler.ops.conv_2d import Convolution
from tinyaudio.deploy.compiler.ops.depthwise_conv_2d import DepthwiseConvolution


def narrow_convolution(graph: Graph) -> Graph:
    """Replace each convolution that `depthwise_3x3` can compute; its weights [c, 3, 3, 1] become a new tensor [1, 3, 3, c]."""
    for operation in graph.operations:
        if isinstance(operation, Convolution) and graph.tensor(operation.inputs[0]).shape[3] == 1:
            graph = _narrowed(graph, operation)
    return graph


def _narrowed(graph: Graph, operation: Convolution) -> Graph:
    weights = _turned(graph.tensor(operation.inputs[1]), index=len(graph.tensors))
    narrow = DepthwiseConvolution(
        index=operation.index,
        kind=operation.kind,
        inputs=(operation.inputs[0], weights.index, *operation.inputs[2:]),
        outputs=operation.outputs,
        window=operation.window,
        bounds=operation.bounds,
    )
    operations: tuple[Operation, ...] = tuple(narrow if other is operation else other for other in graph.operations)
    narrowed = replace(graph, tensors=(*graph.tensors, weights), operations=operations)
    return narrowed if narrow.serves_3x3(narrowed) else graph


def _turned(weights: Tensor, *, index: int) -> Tensor:
    assert weights.data is not None and weights.quantization is not None, "checked when the operator was read"
    data = weights.data.transpose(3, 1, 2, 0)
    return replace(weights, index=index, shape=data.shape, data=data, quantization=replace(weights.quantization, axis=3))
