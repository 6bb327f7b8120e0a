"""One clear error for each way in which an operator can be wrong, naming the operator and what it does not fit."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from tests.deploy.compiler.model_builder import ModelBuilder
from tests.deploy.compiler.moving_cases import join_constant, max_pool, mean_over, move, resize, strided_slice
from tests.deploy.compiler.value_cases import conversion, pair, table
from tinyaudio.core.errors import ModelError
from tinyaudio.deploy.compiler import compile_model

_IMAGE = (1, 4, 5, 3)


def _transpose_conv(**changes: object) -> bytes:
    values: dict[str, object] = {"shape": (1, 8, 10, 2), "weights": (2, 3, 3, 3), "output": (1, 8, 10, 2), "stride": 2}
    values.update(changes)
    model = ModelBuilder()
    shape = model.tensor("shape", (4,), dtype="int32", data=np.array(values["shape"]))
    size = tuple(np.atleast_1d(values["weights"]).tolist())
    weights = model.tensor("weights", size, scale=0.1, data=np.ones(size))
    image = model.tensor("image", _IMAGE, scale=0.1)
    output = model.tensor("output", tuple(np.atleast_1d(values["output"]).tolist()), scale=0.1)
    model.operator("TRANSPOSE_CONV", [shape, weights, image], [output], "TransposeConvOptions", StrideH=values["stride"], StrideW=2)
    return model.build(inputs=[image], outputs=[output])


def _split(axis: int, sizes: tuple[int, int]) -> bytes:
    model = ModelBuilder()
    values = model.tensor("values", (2, 6), scale=0.1)
    parts = [model.tensor(f"part_{n}", (2, size), scale=0.1) for n, size in enumerate(sizes)]
    model.operator("SPLIT", [model.tensor("axis", (), dtype="int32", data=np.array(axis)), values], parts, "SplitOptions", NumSplits=2)
    return model.build(inputs=[values], outputs=[parts[0]])


def _join(scale: float, shape: tuple[int, int], axis: int) -> bytes:
    model = ModelBuilder()
    one, two = model.tensor("one", (2, 3), scale=0.1), model.tensor("two", shape, scale=scale, data=np.ones(shape))
    output = model.tensor("output", (2, 7), scale=0.1)
    model.operator("CONCATENATION", [one, two], [output], "ConcatenationOptions", Axis=axis)
    return model.build(inputs=[one], outputs=[output])


_SLICE = {"shape": (4, 6), "output": (2, 6), "begin": (0, 0), "end": (2, 6), "strides": (1, 1)}


def _slice(**changes: object) -> bytes:
    values: dict[str, object] = {**_SLICE, **changes}
    return strided_slice(**values)  # type: ignore[arg-type]


#: name -> (builds the model, what the error says)
BAD: dict[str, tuple[Callable[[], bytes], str]] = {
    "logistic zero point": (lambda: table("LOGISTIC", scale=0.1, output=(1 / 256, 0)), "LOGISTIC .*zero point 0; -128"),
    "logistic tiny scale": (lambda: table("LOGISTIC", scale=1e-12, output=(1 / 256, -128)), "LOGISTIC .*too small"),
    "relu6 rescaled": (lambda: table("RELU6", scale=0.1, output=(0.2, 3)), "RELU6 .*quantized differently"),
    "relu vast factor": (lambda: table("RELU", scale=1e20, output=(1e-20, 3)), "RELU .*factor"),
    "hard swish scales": (lambda: table("HARD_SWISH", scale=2.0, output=(0.001, 3)), "HARD_SWISH .*scale is too small"),
    "leaky slope": (
        lambda: table("LEAKY_RELU", scale=0.1, options="LeakyReluOptions", Alpha=-0.5),
        r"LEAKY_RELU .*slope is -0.5",
    ),
    "leaky slope nan": (
        lambda: table("LEAKY_RELU", scale=0.1, options="LeakyReluOptions", Alpha=float("nan")),
        r"LEAKY_RELU .*slope is nan",
    ),
    "quantize pair": (lambda: conversion("QUANTIZE", ("uint8", 0.1, 0), ("int16", 0.1, 0)), "QUANTIZE .*uint8.*int16.* is not supported"),
    "quantize without scale": (lambda: conversion("QUANTIZE", ("float32", 0, 0), ("int8", 0, 0)), "'output' int8.* is not a quantized|one scale"),
    "dequantize to int8": (lambda: conversion("DEQUANTIZE", ("int8", 0.1, 0), ("int8", 0.1, 0)), "DEQUANTIZE .*not supported"),
    "zero point outside uint8": (lambda: conversion("QUANTIZE", ("uint8", 0.1, -5), ("int8", 0.1, 0)), "zero point -5, outside uint8"),
    "shapes do not fit": (lambda: pair("ADD", (2, 3), (4,), (2, 3), constant=True), "ADD .*do not fit together"),
    "wrong sum": (lambda: pair("ADD", (2, 3), (3,), (3, 3), constant=True), r"ADD .*must have the shape \[2, 3\]"),
    "vast scales": (lambda: pair("SUB", (6,), (6,), (6,), scales=(1.0, 1.0, 1e-9), constant=True), "SUB .*scales differ too much"),
    "infinite scales": (lambda: pair("SUB", (6,), (6,), (6,), scales=(3e38, 3e38, 1.0), constant=True), "SUB .*scales differ too much"),
    "mul factor": (lambda: pair("MUL", (6,), (6,), (6,), scales=(100.0, 100.0, 1e-3), constant=True), "MUL .*scale is too small"),
    "too many repeats": (
        lambda: pair("MUL", (2, 1, 2, 1, 2, 1), (1, 2, 1, 2, 1, 2), (2, 2, 2, 2, 2, 2), constant=True),
        "MUL .*too many dimensions",
    ),
    "permutation": (lambda: move("TRANSPOSE", (2, 3), (3, 2), [(1, 1)], "TransposeOptions"), r"TRANSPOSE .*order \[1, 1\]"),
    "permutation of six": (
        lambda: move("TRANSPOSE", (2,) * 6, (2,) * 6, [(5, 4, 3, 2, 1, 0)], "TransposeOptions"),
        "TRANSPOSE .*does not fit",
    ),
    "empty slice": (lambda: _slice(begin=(4, 0), end=(6, 6)), "STRIDED_SLICE .*takes nothing of dimension 0"),
    "slice stride zero": (lambda: _slice(strides=(0, 1)), r"STRIDED_SLICE .*strides are \[0, 1\]"),
    "slice new axis": (lambda: _slice(NewAxisMask=1), "STRIDED_SLICE .*new axis"),
    "slice rank": (lambda: _slice(begin=(0,)), "STRIDED_SLICE .*do not fit"),
    "slice shape": (lambda: _slice(output=(3, 6)), r"STRIDED_SLICE .*must have the shape \[2, 6\]"),
    "split axis": (lambda: _split(2, (3, 3)), "SPLIT .*axis 2 is outside the 2 dimensions"),
    "unequal split": (lambda: _split(1, (2, 4)), r"SPLIT .*parts \[2, 4\]"),
    "join of scales": (lambda: _join(0.2, (2, 4), 1), "CONCATENATION .*'two'.*quantized differently"),
    "join of shapes": (lambda: _join(0.1, (3, 4), 1), "CONCATENATION .*'two'.* does not fit"),
    "join axis": (lambda: _join(0.1, (2, 4), -3), "CONCATENATION .*axis -3"),
    "squeeze": (lambda: move("SQUEEZE", (1, 12), (11,), [], "SqueezeOptions"), "SQUEEZE .*another number of values"),
    "pad values": (
        lambda: move("PAD", (2, 3), (4, 3), [[[1, -1], [0, 0]]], "PadOptions"),
        r"PAD .*paddings \[1, -1, 0, 0\]",
    ),
    "pool output": (lambda: max_pool((6, 6, 4), (2, 2), (2, 2), (4, 3), padding="valid"), r"MAX_POOL_2D .*must have the shape \[1, 3, 3, 4\]"),
    "mean axis": (lambda: mean_over((2, 3), [2], (2,), keep=False), "MEAN .*axis 2 is outside"),
    "mean shape": (lambda: mean_over((2, 3), [1], (3,), keep=False), r"MEAN .*must have the shape \[2\]"),
    "resize beyond": (lambda: resize("RESIZE_BILINEAR", (1, 1, 1), (58, 58)), "RESIZE_BILINEAR .*reads behind the image"),
    "resize corners and centers": (
        lambda: resize("RESIZE_BILINEAR", (4, 4, 1), (8, 8), corners=True, centers=True),
        "RESIZE_BILINEAR .*both",
    ),
    "resize shape": (
        lambda: move("RESIZE_NEAREST_NEIGHBOR", (1, 2, 2, 1), (1, 4, 4, 1), [(4, 5)], "ResizeNearestNeighborOptions"),
        r"RESIZE_NEAREST_NEIGHBOR .*must have the shape \[1, 4, 5, 1\]",
    ),
    "transposed shape": (lambda: _transpose_conv(shape=(1, 8, 9, 2)), "TRANSPOSE_CONV .*does not fit"),
    "transposed channels": (lambda: _transpose_conv(weights=(2, 3, 3, 4)), "TRANSPOSE_CONV .*'weights'.* does not fit"),
    "transposed stride": (lambda: _transpose_conv(stride=0), "TRANSPOSE_CONV .*its stride is 0"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_operator_is_one_clear_error(name: str) -> None:
    build, message = BAD[name]
    with pytest.raises(ModelError, match=message) as caught:
        compile_model(build(), name="bad")
    assert (caught.value.hint and "operator 0" in str(caught.value)) or "tensor" in str(caught.value)


def test_what_the_bad_ones_are_made_of_compiles() -> None:
    for tflite in (_transpose_conv(), _slice(), _split(1, (3, 3)), _join(0.1, (2, 4), 1), join_constant()):
        assert compile_model(tflite, name="good").ops
