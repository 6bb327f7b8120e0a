"""A classifier whose channel counts are odd, and whose weights drive most of its tensors to both ends of int8."""

from __future__ import annotations

import dataclasses
import hashlib

import numpy as np
import tflite

from tests.deploy.compiler.model_builder import ModelBuilder
from tests.golden_fixture import SPEC, golden_vectors
from tinyaudio.core.artifacts import QuantizedModel

_CHANNELS, _MORE_CHANNELS, _LABELS = 5, 7, 3


def odd_model() -> QuantizedModel:
    """Return CONV_2D (3x3, stride 2) -> DEPTHWISE_CONV_2D -> CONV_2D (1x1) -> MEAN -> FULLY_CONNECTED -> SOFTMAX for the golden front end."""
    rng, model = np.random.default_rng(5), ModelBuilder()
    rows, columns = SPEC.patch_frames // 2, SPEC.feature_bands // 2

    def weighted(name: str, source: int, scale: float, shape: tuple[int, ...], *, bias: int, axis: int = 0) -> list[int]:
        weights = model.tensor(f"{name}_weights", shape, scale=(0.01,) * shape[axis], axis=axis, data=rng.integers(-127, 128, shape))
        biases = model.tensor(
            f"{name}_bias", (shape[axis],), dtype="int32", scale=(scale * 0.01,) * shape[axis], data=rng.integers(-bias, bias, shape[axis])
        )
        return [source, weights, biases]

    same = {"Padding": tflite.Padding.SAME, "DilationHFactor": 1, "DilationWFactor": 1}
    relu = {"FusedActivationFunction": tflite.ActivationFunctionType.RELU}
    image = model.tensor("image", (1, SPEC.patch_frames, SPEC.feature_bands, 1), scale=0.05, zero_point=-7)
    first = model.tensor("first", (1, rows, columns, _CHANNELS), scale=0.06, zero_point=-128)
    inputs = weighted("first", image, 0.05, (_CHANNELS, 3, 3, 1), bias=3_000)
    model.operator("CONV_2D", inputs, [first], "Conv2DOptions", StrideH=2, StrideW=2, **same, **relu)
    second = model.tensor("second", (1, rows, columns, _CHANNELS), scale=0.05, zero_point=-3)
    inputs = weighted("second", first, 0.06, (1, 3, 3, _CHANNELS), bias=3_000, axis=3)
    model.operator("DEPTHWISE_CONV_2D", inputs, [second], "DepthwiseConv2DOptions", DepthMultiplier=1, StrideH=1, StrideW=1, **same)
    third = model.tensor("third", (1, rows, columns, _MORE_CHANNELS), scale=0.03, zero_point=-128)
    inputs = weighted("third", second, 0.05, (_MORE_CHANNELS, 1, 1, _CHANNELS), bias=3_000)
    model.operator("CONV_2D", inputs, [third], "Conv2DOptions", StrideH=1, StrideW=1, **same, **relu)
    axes = model.tensor("axes", (2,), dtype="int32", data=np.array([1, 2]))
    pooled = model.tensor("pooled", (1, _MORE_CHANNELS), scale=0.02, zero_point=-128)
    model.operator("MEAN", [third, axes], [pooled], "ReducerOptions", KeepDims=False)
    logits = model.tensor("logits", (1, _LABELS), scale=0.04, zero_point=5)
    inputs = weighted("dense", pooled, 0.02, (_LABELS, _MORE_CHANNELS), bias=3_000)
    model.operator("FULLY_CONNECTED", inputs, [logits], "FullyConnectedOptions")
    scores = model.tensor("scores", (1, _LABELS), scale=1 / 256, zero_point=-128)
    model.operator("SOFTMAX", [logits], [scores], "SoftmaxOptions", Beta=1.0)
    content = model.build(inputs=[image], outputs=[scores])
    known = golden_vectors().model
    return dataclasses.replace(
        known, tflite=content, sha256=hashlib.sha256(content).hexdigest(), labels=known.labels[:_LABELS], input_scale=0.05, input_zero_point=-7
    )
