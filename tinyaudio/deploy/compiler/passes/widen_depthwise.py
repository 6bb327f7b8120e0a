"""Depthwise convolution of one input channel -> convolution, whose kernel shares each input among the output channels."""

from __future__ import annotations

from dataclasses import replace

from tinyaudio.deploy.compiler.graph import Graph, Operation, Tensor
from tinyaudio.deploy.compiler.ops.conv_2d import Convolution
from tinyaudio.deploy.compiler.ops.depthwise_conv_2d import DepthwiseConvolution


def widen_depthwise(graph: Graph) -> Graph:
    """Replace each depthwise convolution of a single channel that has no kernel of its own.

    Its weights [1, h, w, c] become a new tensor [c, h, w, 1].
    """
    tensors = list(graph.tensors)
    operations: list[Operation] = []
    for operation in graph.operations:
        if isinstance(operation, DepthwiseConvolution) and graph.tensor(operation.inputs[0]).shape[3] == 1 and not operation.serves_3x3(graph):
            weights = _turned(graph.tensor(operation.inputs[1]), index=len(tensors))
            tensors.append(weights)
            operations.append(
                Convolution(
                    index=operation.index,
                    kind=operation.kind,
                    inputs=(operation.inputs[0], weights.index, *operation.inputs[2:]),
                    outputs=operation.outputs,
                    window=operation.window,
                    bounds=operation.bounds,
                )
            )
        else:
            operations.append(operation)
    return replace(graph, tensors=tuple(tensors), operations=tuple(operations))


def _turned(weights: Tensor, *, index: int) -> Tensor:
    assert weights.data is not None and weights.quantization is not None, "checked when the operator was read"
    data = weights.data.transpose(3, 1, 2, 0)
    return replace(weights, index=index, shape=data.shape, data=data, quantization=replace(weights.quantization, axis=0))
