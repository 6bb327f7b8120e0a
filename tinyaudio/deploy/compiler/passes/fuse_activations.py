"""An operator, then one that only holds its results within bounds (RELU, RELU6 ...) -> the operator with these bounds."""

from __future__ import annotations

from dataclasses import replace

from tinyaudio.deploy.compiler.graph import Graph, Operation
from tinyaudio.deploy.compiler.ops.binary import BinaryOperation
from tinyaudio.deploy.compiler.ops.conv_2d import Convolution
from tinyaudio.deploy.compiler.ops.depthwise_conv_2d import DepthwiseConvolution
from tinyaudio.deploy.compiler.ops.fully_connected import FullyConnected
from tinyaudio.deploy.compiler.ops.lookup import Lookup
from tinyaudio.deploy.compiler.ops.pool_2d import Pool
from tinyaudio.deploy.compiler.ops.transpose_conv import TransposeConvolution

_Bounded = BinaryOperation | Convolution | DepthwiseConvolution | FullyConnected | Pool | TransposeConvolution


def fuse_activations(graph: Graph) -> Graph:
    """Fuse each clamp into the operator whose result it alone reads, if that operator can clamp.

    It is exact: the operator clamps last, and a clamp of a clamped value is the clamp to both bounds.
    """
    for clamp in graph.operations:
        if isinstance(clamp, Lookup) and clamp.bounds is not None:
            producer = next((operation for operation in graph.operations if clamp.inputs[0] in operation.outputs), None)
            alone = graph.consumers(clamp.inputs[0]) == (clamp,) and clamp.inputs[0] not in graph.outputs
            if isinstance(producer, _Bounded) and alone and _same_quantization(graph, clamp):
                graph = _fused(graph, producer, clamp)
    return graph


def _same_quantization(graph: Graph, clamp: Lookup) -> bool:
    """Whether the clamp's output means by its numbers what its input means: the operator will rescale for the output."""
    before, after = graph.tensor(clamp.inputs[0]), graph.tensor(clamp.outputs[0])
    return before.scale == after.scale and before.zero_point == after.zero_point


def _fused(graph: Graph, producer: Operation, clamp: Lookup) -> Graph:
    assert isinstance(producer, _Bounded) and clamp.bounds is not None, "checked by the caller"
    low, high = (min(max(bound, producer.bounds[0]), producer.bounds[1]) for bound in clamp.bounds)
    merged = replace(producer, outputs=clamp.outputs, bounds=(low, high))
    operations = tuple(merged if operation is producer else operation for operation in graph.operations if operation is not clamp)
    return replace(graph, operations=operations)
