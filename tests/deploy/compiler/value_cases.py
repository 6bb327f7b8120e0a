"""Small models of the operators that work value by value: tables, sums, products, conversions."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import tflite

from tests.deploy.compiler.model_builder import ModelBuilder

_ACTIVATIONS = {
    "none": tflite.ActivationFunctionType.NONE,
    "relu": tflite.ActivationFunctionType.RELU,
    "relu6": tflite.ActivationFunctionType.RELU6,
    "relu_n1_to_1": tflite.ActivationFunctionType.RELU_N1_TO_1,
}
_OPTIONS = {"ADD": "AddOptions", "SUB": "SubOptions", "MUL": "MulOptions", "SQUARED_DIFFERENCE": "SquaredDifferenceOptions"}


def table(
    code: str,
    *,
    scale: float,
    zero_point: int = 3,
    output: tuple[float, int] | None = None,
    options: str = "",
    shape: tuple[int, ...] = (1, 256),
    **values: object,
) -> bytes:
    """One operator of one input, over all values."""
    model = ModelBuilder()
    output_scale, output_zero_point = output or (scale, zero_point)
    source = model.tensor("values", shape, scale=scale, zero_point=zero_point)
    target = model.tensor("output", shape, scale=output_scale, zero_point=output_zero_point)
    model.operator(code, [source], [target], options, **values)
    return model.build(inputs=[source], outputs=[target])


def conversion(code: str, source: tuple[str, float, int], target: tuple[str, float, int], shape: tuple[int, ...] = (1, 60)) -> bytes:
    """QUANTIZE or DEQUANTIZE between (type, scale, zero point); a scale of 0 means real numbers."""
    model = ModelBuilder()
    indices = [
        model.tensor(name, shape, dtype=dtype, scale=scale or (), zero_point=zero_point)
        for name, (dtype, scale, zero_point) in (("values", source), ("output", target))
    ]
    model.operator(code, indices[:1], indices[1:], "QuantizeOptions" if code == "QUANTIZE" else "DequantizeOptions")
    return model.build(inputs=indices[:1], outputs=indices[1:])


def pair(
    code: str,
    first: tuple[int, ...],
    second: tuple[int, ...],
    output: tuple[int, ...],
    *,
    scales: tuple[float, float, float] = (0.05, 0.031, 0.06),
    zero_points: tuple[int, int, int] = (-7, 20, 3),
    activation: str = "none",
    constant: bool = False,
) -> bytes:
    """ADD, SUB or MUL of two tensors cut out of the input, requantized; or of the input and a constant."""
    model = ModelBuilder()
    sizes = [int(np.prod(shape)) for shape in (first, second)]
    if constant:
        flat = model.tensor("values", first, scale=scales[0], zero_point=zero_points[0])
        data = np.random.default_rng(3).integers(-128, 128, second)
        operands = [flat, model.tensor("constant", second, scale=scales[1], zero_point=zero_points[1], data=data)]
    else:
        flat = model.tensor("values", (sum(sizes),), scale=scales[0], zero_point=zero_points[0])
        axis = model.tensor("axis", (), dtype="int32", data=np.array(0))
        split = model.tensor("sizes", (2,), dtype="int32", data=np.array(sizes))
        parts = [model.tensor(f"part_{n}", (size,), scale=scales[0], zero_point=zero_points[0]) for n, size in enumerate(sizes)]
        model.operator("SPLIT_V", [flat, split, axis], parts, "SplitVOptions", NumSplits=2)
        operands = []
        for number, (part, shape) in enumerate(zip(parts, (first, second), strict=True)):
            rescaled = model.tensor(f"rescaled_{number}", (sizes[number],), scale=scales[number], zero_point=zero_points[number])
            model.operator("QUANTIZE", [part], [rescaled], "QuantizeOptions")
            operands.append(model.tensor(f"operand_{number}", shape, scale=scales[number], zero_point=zero_points[number]))
            model.operator("RESHAPE", [rescaled], [operands[-1]], "ReshapeOptions")
    target = model.tensor("output", output, scale=scales[2], zero_point=zero_points[2])
    fused = {"FusedActivationFunction": _ACTIVATIONS[activation]} if code in ("ADD", "SUB", "MUL") else {}
    model.operator(code, operands, [target], _OPTIONS.get(code, ""), **fused)
    return model.build(inputs=[flat], outputs=[target])


VALUE_CASES: dict[str, Callable[[], bytes]] = {
    "logistic": lambda: table("LOGISTIC", scale=0.06, output=(1 / 256, -128)),
    "logistic_steep": lambda: table("LOGISTIC", scale=0.9, zero_point=-100, output=(1 / 256, -128)),
    "logistic_flat": lambda: table("LOGISTIC", scale=0.003, zero_point=127, output=(1 / 256, -128)),
    "tanh": lambda: table("TANH", scale=0.03, zero_point=-5, output=(1 / 128, 0)),
    "tanh_steep": lambda: table("TANH", scale=0.5, output=(1 / 128, 0)),
    "hard_swish": lambda: table("HARD_SWISH", scale=0.05, zero_point=-10, output=(0.04, -115)),
    "hard_swish_wide": lambda: table("HARD_SWISH", scale=0.4, zero_point=5, output=(0.5, -120)),
    "hard_swish_fine": lambda: table("HARD_SWISH", scale=0.012, zero_point=0, output=(0.011, -20)),
    "relu": lambda: table("RELU", scale=0.05, zero_point=9, output=(0.05, 9)),
    "relu_rescaled": lambda: table("RELU", scale=0.05, zero_point=9, output=(0.031, -128)),
    "relu6": lambda: table("RELU6", scale=0.05, zero_point=-20),
    "leaky_relu": lambda: table("LEAKY_RELU", scale=0.05, zero_point=9, output=(0.04, -30), options="LeakyReluOptions", Alpha=0.2),
    "leaky_relu_steep": lambda: table("LEAKY_RELU", scale=0.05, zero_point=-9, output=(0.1, 3), options="LeakyReluOptions", Alpha=1.7),
    "quantize_rescale": lambda: conversion("QUANTIZE", ("int8", 0.05, 3), ("int8", 0.021, -9), (1, 256)),
    "quantize_to_uint8": lambda: conversion("QUANTIZE", ("int8", 1 / 256, -128), ("uint8", 1 / 256, 0), (1, 256)),
    "quantize_to_uint8_rescaled": lambda: conversion("QUANTIZE", ("int8", 0.05, 3), ("uint8", 0.06, 100), (1, 256)),
    "quantize_from_uint8": lambda: conversion("QUANTIZE", ("uint8", 0.02, 128), ("int8", 0.02, 0), (1, 256)),
    "quantize_from_float": lambda: conversion("QUANTIZE", ("float32", 0, 0), ("int8", 0.043, -12)),
    "quantize_from_float_to_int16": lambda: conversion("QUANTIZE", ("float32", 0, 0), ("int16", 0.00043, 0)),
    "quantize_from_int16": lambda: conversion("QUANTIZE", ("int16", 0.0004, 0), ("int8", 0.05, 4)),
    "quantize_to_int16": lambda: conversion("QUANTIZE", ("int8", 0.05, 4), ("int16", 0.0004, 0)),
    "quantize_to_int32": lambda: conversion("QUANTIZE", ("int8", 0.05, 4), ("int32", 0.0007, 0)),
    "dequantize": lambda: conversion("DEQUANTIZE", ("int8", 0.043, -12), ("float32", 0, 0), (1, 256)),
    "dequantize_uint8": lambda: conversion("DEQUANTIZE", ("uint8", 0.0039, 7), ("float32", 0, 0), (1, 256)),
    "dequantize_int16": lambda: conversion("DEQUANTIZE", ("int16", 0.00043, 0), ("float32", 0, 0)),
    "add": lambda: pair("ADD", (1, 4, 5, 3), (1, 4, 5, 3), (1, 4, 5, 3)),
    "add_relu": lambda: pair("ADD", (2, 30), (2, 30), (2, 30), activation="relu", zero_points=(0, 0, -50)),
    "add_saturated": lambda: pair("ADD", (40,), (40,), (40,), scales=(0.05, 0.0031, 0.02)),
    "add_channels": lambda: pair("ADD", (1, 3, 4, 5), (5,), (1, 3, 4, 5), activation="relu6"),
    "add_column": lambda: pair("ADD", (1, 3, 1, 5), (1, 1, 4, 5), (1, 3, 4, 5)),
    "add_scalar": lambda: pair("ADD", (3, 11), (1,), (3, 11)),
    "add_constant": lambda: pair("ADD", (2, 3, 7), (7,), (2, 3, 7), constant=True),
    "sub": lambda: pair("SUB", (1, 4, 5, 3), (1, 4, 5, 3), (1, 4, 5, 3)),
    "sub_rows": lambda: pair("SUB", (1, 3), (4, 1), (4, 3), activation="relu_n1_to_1", zero_points=(5, -9, 0)),
    "sub_constant": lambda: pair("SUB", (2, 6), (2, 6), (2, 6), constant=True),
    "mul": lambda: pair("MUL", (1, 4, 5, 3), (1, 4, 5, 3), (1, 4, 5, 3), scales=(0.05, 0.031, 0.02)),
    "mul_channels": lambda: pair("MUL", (1, 4, 5, 6), (1, 1, 1, 6), (1, 4, 5, 6), activation="relu", scales=(0.05, 0.031, 0.02)),
    "mul_gain": lambda: pair("MUL", (40,), (1,), (40,), scales=(0.5, 0.31, 0.02)),
    "mul_constant": lambda: pair("MUL", (2, 3, 7), (2, 1, 7), (2, 3, 7), scales=(0.05, 0.031, 0.02), constant=True),
}
