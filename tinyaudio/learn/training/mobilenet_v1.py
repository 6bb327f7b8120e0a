"""MobileNet-v1 with a width multiplier, laid out as YAMNet's body.

References
----------
A. G. Howard et al., "MobileNets: Efficient Convolutional Neural Networks for Mobile Vision Applications", 2017.
"""

from __future__ import annotations

from typing import Any

from tinyaudio.core.project import ModelTable
from tinyaudio.core.spec import FrontendSpec

#: (channels at width 1.0, stride) of the 13 depthwise-separable blocks.
_BLOCKS = ((64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), (512, 1), (512, 1), (512, 1), (512, 1), (512, 1), (1024, 2), (1024, 1))
_STEM_CHANNELS = 32
_KERNEL = 3


def build_mobilenet_v1(spec: FrontendSpec, table: ModelTable, *, classes: int, batch_size: int | None) -> Any:
    """Return an untrained Keras model; see `networks.build_network`.

    The log-mel enters as it is, in nepers: the batch normalization behind the first convolution absorbs level and
    spread, and folds into that convolution on export. (Normalizing the input instead learned more slowly.)
    """
    import keras

    builder = _Builder(keras.layers)
    inputs = keras.Input((*spec.patch_shape, 1), batch_size=batch_size, name="log_mel")
    flow = builder.convolution(inputs, _width(_STEM_CHANNELS, table), kernel=_KERNEL, stride=2, name="stem")
    for number, (channels, stride) in enumerate(_BLOCKS[: table.blocks], start=1):
        flow = builder.depthwise(flow, stride=stride, name=f"block{number:02d}_depthwise")
        flow = builder.convolution(flow, _width(channels, table), kernel=1, stride=1, name=f"block{number:02d}_pointwise")
    flow = keras.layers.GlobalAveragePooling2D(name="pool")(flow)
    if table.dropout:
        flow = keras.layers.Dropout(table.dropout, name="dropout")(flow)
    flow = keras.layers.Dense(classes, name="logits")(flow)
    return keras.Model(inputs, keras.layers.Softmax(name="probabilities")(flow), name="mobilenet_v1")


class _Builder:
    """Appends convolution, batch normalization and ReLU6."""

    def __init__(self, layers: Any) -> None:
        self._layers = layers

    def convolution(self, flow: Any, channels: int, *, kernel: int, stride: int, name: str) -> Any:
        flow = self._layers.Conv2D(channels, kernel, strides=stride, padding="same", use_bias=False, name=name)(flow)
        return self._activated(flow, name)

    def depthwise(self, flow: Any, *, stride: int, name: str) -> Any:
        flow = self._layers.DepthwiseConv2D(_KERNEL, strides=stride, padding="same", use_bias=False, name=name)(flow)
        return self._activated(flow, name)

    def _activated(self, flow: Any, name: str) -> Any:
        # Statistics follow within ten batches, since small data sets make short epochs.
        flow = self._layers.BatchNormalization(momentum=0.9, epsilon=1e-3, name=f"{name}_norm")(flow)
        return self._layers.ReLU(6.0, name=f"{name}_relu")(flow)


def _width(channels: int, table: ModelTable) -> int:
    """Scale by the width multiplier, to a multiple of 4 and at least 4, which suits 32-bit loads."""
    return max(4, 4 * round(channels * table.width_multiplier / 4.0))
