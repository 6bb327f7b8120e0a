"""Weights of two bytes where they speed up most, as far as the flash may grow."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

from tinyaudio.deploy.compiler.columns import weight_format
from tinyaudio.deploy.compiler.graph import Graph, Kernel, Operation
from tinyaudio.deploy.compiler.ops.conv_2d import Convolution
from tinyaudio.deploy.compiler.ops.depthwise_conv_2d import DepthwiseConvolution
from tinyaudio.deploy.compiler.ops.fully_connected import FullyConnected
from tinyaudio.deploy.compiler.ops.transpose_conv import TransposeConvolution

Optimize = Literal["size", "speed", "ram"]

#: Unless for "speed": all constant arrays, over the weights in the file at one byte each.
MAX_GROWTH = 1.15

_Widenable = Convolution | DepthwiseConvolution | FullyConnected | TransposeConvolution


def widen_weights(graph: Graph, *, optimize: Optimize) -> Graph:
    """Widen the weights of convolutions and dense layers, those first that save most instructions for a byte more.

    A multiply-accumulate with a weight of two bytes needs no unpacking: 11 instructions for 16, not 12 or 13. With "speed",
    all weights are widened.
    """
    candidates = sorted((operation for operation in graph.operations if isinstance(operation, _Widenable)), key=lambda one: -_worth(graph, one))
    spare = _spare_bytes(graph)
    chosen: set[int] = set()
    for operation in candidates:
        extra = _extra_bytes(graph, operation)
        if optimize == "speed" or extra <= spare:
            spare -= extra
            chosen.add(operation.index)
    operations = tuple(
        replace(operation, wide_weights=True) if isinstance(operation, _Widenable) and operation.index in chosen else operation
        for operation in graph.operations
    )
    return replace(graph, operations=operations)


def _worth(graph: Graph, operation: _Widenable) -> float:
    """Return how many instructions about a byte more saves."""
    return _saved(operation.lower(graph), replace(operation, wide_weights=True).lower(graph)) / max(_extra_bytes(graph, operation), 1)


def _saved(narrow: tuple[Kernel, ...], wide: tuple[Kernel, ...]) -> float:
    """Return how many instructions about an inference saves with `wide` kernels: as counted on a Cortex-M7."""
    macs, first = sum(kernel.macs for kernel in narrow), dict(narrow[0].shape)
    if narrow[0].function == "depthwise_3x3":
        return 15.0 * int(first["OutputChannels"])  # a channel's weights are unpacked once
    if narrow[0].function == "dense":
        return macs / 2
    if wide[0].function != narrow[0].function:
        return macs / (3 if wide[0].function == "conv_twins" else 8)
    if first.get("Weights") == weight_format("folded"):
        return macs / 24 + macs / int(first["Depth"])  # and one an output
    return macs / 8


def _constant_bytes(graph: Graph, operation: Operation) -> int:
    roles = {constant.role: constant.bytes for kernel in operation.lower(graph) for constant in kernel.constants}
    return sum(roles.values())


def _extra_bytes(graph: Graph, operation: _Widenable) -> int:
    return _constant_bytes(graph, replace(operation, wide_weights=True)) - _constant_bytes(graph, operation)


def _spare_bytes(graph: Graph) -> float:
    weights = [index for operation in graph.operations for index in operation.inputs[1:] if index >= 0 and graph.tensors[index].dtype == "int8"]
    in_the_file = sum(graph.tensor(index).elements for index in weights if graph.tensor(index).data is not None)
    return MAX_GROWTH * in_the_file - sum(_constant_bytes(graph, operation) for operation in graph.operations)
