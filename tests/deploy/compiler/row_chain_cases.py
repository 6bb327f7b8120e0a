"""Convolutions one behind the other, drawn at random: what can be joined to chains that pass rows on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import tflite

import tinyaudio.deploy.compiler.compile as compiler
from tests.deploy.compiler.model_builder import ModelBuilder
from tinyaudio.deploy.compiler.chain_strips import grown_chain
from tinyaudio.deploy.compiler.graph import Graph, Operation
from tinyaudio.deploy.compiler.memory import plan_memory
from tinyaudio.deploy.compiler.ops.row_chain import RowChain
from tinyaudio.deploy.compiler.passes.grow_strips import Planned
from tinyaudio.deploy.compiler.passes.join_rows import runs, with_chains, without_strips
from tinyaudio.deploy.compiler.schedule import buffers_of, schedule

_ACTIVATIONS = (tflite.ActivationFunctionType.NONE, tflite.ActivationFunctionType.RELU, tflite.ActivationFunctionType.RELU6)
_SCALE = 0.05


class _Chain:
    def __init__(self, rng: np.random.Generator, shape: tuple[int, int, int]) -> None:
        self.rng, self.model, self.shape = rng, ModelBuilder(), shape
        self.zero_point = int(rng.integers(-128, 128))
        self.source = self.image = self.model.tensor("image", (1, *shape), scale=_SCALE, zero_point=self.zero_point)

    def convolution(
        self, kernel: tuple[int, int], channels: int, *, stride: tuple[int, int] = (1, 1), dilation: tuple[int, int] = (1, 1), multiplier: int = 0
    ) -> None:
        """Append a convolution; a depthwise one if there is a multiplier. VALID where it fits, by chance; else SAME."""
        rng, depth = self.rng, self.shape[2]
        reach = [(size - 1) * step + 1 for size, step in zip(kernel, dilation, strict=True)]
        valid = rng.random() < 0.4 and all(inputs >= size for inputs, size in zip(self.shape, reach, strict=False))
        height, width = ((self.shape[axis] - reach[axis]) // stride[axis] + 1 if valid else -(-self.shape[axis] // stride[axis]) for axis in (0, 1))
        channels = depth * multiplier if multiplier else channels
        shape, axis = ((1, *kernel, channels), 3) if multiplier else ((channels, *kernel, depth), 0)
        size = kernel[0] * kernel[1] * (1 if multiplier else depth)
        scales = rng.uniform(0.5, 2.0, channels) * 0.02 / np.sqrt(size)
        number = len(self.model.tensors)
        weights = self.model.tensor(
            f"weights_{number}", shape, scale=scales.tolist(), axis=axis if channels > 1 else 0, data=rng.integers(-127, 128, shape)
        )
        bias_data = rng.integers(-2000, 2000, channels)
        bias = self.model.tensor(f"bias_{number}", (channels,), dtype="int32", scale=(scales * _SCALE).tolist(), data=bias_data)
        low = rng.random() < 0.5  # the zero point of what a ReLU gives, which has kernels of its own
        self.zero_point = -128 if low else int(rng.integers(-128, 128))
        output = self.model.tensor(f"map_{number}", (1, height, width, channels), scale=_SCALE, zero_point=self.zero_point)
        options = {"Padding": tflite.Padding.VALID if valid else tflite.Padding.SAME, "StrideH": stride[0], "StrideW": stride[1]}
        options |= {"DilationHFactor": dilation[0], "DilationWFactor": dilation[1]}
        options["FusedActivationFunction"] = _ACTIVATIONS[1] if low else int(rng.choice(_ACTIVATIONS))
        if multiplier:
            options["DepthMultiplier"] = multiplier
        kind, table = ("DEPTHWISE_CONV_2D", "DepthwiseConv2DOptions") if multiplier else ("CONV_2D", "Conv2DOptions")
        self.model.operator(kind, [self.image, weights, bias], [output], table, **options)
        self.image, self.shape = output, (height, width, channels)

    def pad(self, above: int, below: int) -> None:
        """Append rows of zeros."""
        number, (height, width, depth) = len(self.model.tensors), self.shape
        amounts = self.model.tensor(f"amounts_{number}", (4, 2), dtype="int32", data=np.array([[0, 0], [above, below], [0, 0], [0, 0]]))
        self.shape = (height + above + below, width, depth)
        padded = self.model.tensor(f"padded_{number}", (1, *self.shape), scale=_SCALE, zero_point=self.zero_point)
        self.model.operator("PAD", [self.image, amounts], [padded], "PadOptions")
        self.image = padded

    def build(self) -> bytes:
        return self.model.build(inputs=[self.source], outputs=[self.image])


def random_chain(seed: int) -> bytes:
    """Return 2 to 6 convolutions over an image of any height from 1 on."""
    rng = np.random.default_rng([seed, 91])
    one_channel = rng.random() < 0.3
    size = (int(rng.integers(1, 24)), int(rng.integers(1, 14)), 1 if one_channel else int(rng.choice([1, 2, 3, 4, 6, 8, 12])))
    chain = _Chain(rng, size)
    for number in range(int(rng.integers(2, 7))):
        channels = int(rng.choice([1, 3, 4, 6, 8, 16]))
        kind = rng.random()
        if number == 0 and one_channel:
            chain.convolution((3, 3), 8, stride=(2, 2))
        elif kind < 0.3:
            chain.convolution((1, 1), channels)
        elif kind < 0.6:  # as in most networks
            step = int(rng.integers(1, 3))
            chain.convolution((3, 3), channels, stride=(step, step), multiplier=1)
        else:
            kernel, stride = (int(rng.integers(1, 6)), int(rng.integers(1, 6))), (int(rng.integers(1, 4)), int(rng.integers(1, 3)))
            dilation = (1, 1) if stride != (1, 1) or rng.random() < 0.6 else (int(rng.integers(1, 4)), int(rng.integers(1, 3)))
            chain.convolution(kernel, channels, stride=stride, dilation=dilation, multiplier=int(rng.integers(0, 3)) if kind < 0.8 else 0)
    return chain.build()


def separable(size: tuple[int, int, int], channels: tuple[int, ...]) -> bytes:
    """Return a network as MobileNet is one: a stem, then depthwise and 1x1 convolutions in turn, each second one halving the image."""
    chain = _Chain(np.random.default_rng(5), size)
    chain.convolution((3, 3), channels[0], stride=(2, 2))
    for number, count in enumerate(channels[1:]):
        chain.convolution((3, 3), 0, stride=(1 + number % 2, 1 + number % 2), multiplier=1)
        chain.convolution((1, 1), count)
    return chain.build()


def far_padding() -> bytes:
    """Return two convolutions with more rows of padding between them than the second one reaches: its first rows take no input at all."""
    chain = _Chain(np.random.default_rng(0), (5, 6, 8))
    chain.convolution((5, 3), 4)
    chain.pad(7, 0)
    chain.convolution((3, 3), 16)
    return chain.build()


def join_all(graph: Graph) -> Graph:
    """Join whatever can be joined, of use or not."""
    longest: dict[int, int] = {}
    for first, end in runs(graph, schedule(graph)):
        longest[first] = max(longest.get(first, 0), end)
    bounds, first = [], 0
    while first < len(graph.operations):
        bounds.append((first, longest[first]))
        first = longest[first]
    return with_chains(graph, bounds)


def with_everything_joined(monkeypatch: pytest.MonkeyPatch, *, spare_bytes: int) -> None:
    """Let `compile_model(..., optimize="ram")` join whatever it can; each chain may have so much scratch more than it needs."""

    def grow(graph: Graph, *, smallest: bool) -> Planned:
        assert smallest
        graph = replace(graph, operations=tuple(_grown(one, graph, spare_bytes) for one in graph.operations))
        steps = schedule(graph)
        scratch = tuple(step.scratch_bytes for step in steps)
        return Planned(graph=graph, steps=steps, plan=plan_memory(buffers_of(graph, steps)), least_scratch_bytes=scratch)

    monkeypatch.setattr(compiler, "join_rows", lambda graph: join_all(without_strips(graph)))
    monkeypatch.setattr(compiler, "grow_strips", grow)


def _grown(operation: Operation, graph: Graph, spare_bytes: int) -> Operation:
    if not isinstance(operation, RowChain):
        return operation
    return grown_chain(operation, graph, limit_bytes=operation.lower(graph)[-1].scratch_bytes + spare_bytes)


#: name -> the function that builds the model.
ROW_CHAINS: dict[str, Callable[[], bytes]] = {
    **{f"chain_{seed}": partial(random_chain, seed) for seed in range(20)},
    "far_padding": far_padding,
    "separable": partial(separable, (24, 16, 1), (4, 8, 8, 12)),
}
