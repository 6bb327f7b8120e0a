"""MobileNet-v1 with a width multiplier, laid out as YAMNet's body.

At width 1.0, plain ReLU and 13 blocks it *is* YAMNet's body; with 5 blocks that of ST's yamnet_256. Their files serve as
backbones (`training.backbone`).

References
----------
A. G. Howard et al., "MobileNets: Efficient Convolutional Neural Networks for Mobile Vision Applications", 2017.
"""

from __future__ import annotations

from typing import Any

from tinyaudio.core.project import ModelTable
from tinyaudio.core.spec import FrontendSpec
from tinyaudio.learn.training.architectures.blocks import BlockBuilder

#: (channels at width 1.0, stride) of the 13 depthwise-separable blocks.
_BLOCKS = ((64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), (512, 1), (512, 1), (512, 1), (512, 1), (512, 1), (1024, 2), (1024, 1))
_STEM_CHANNELS = 32


def mobilenet_v1(patch: Any, spec: FrontendSpec, table: ModelTable) -> Any:  # noqa: ARG001 - bodies have one signature
    """Append the stem and ``model.blocks`` depthwise-separable blocks.

    The log-mel enters as it is, in nepers: the batch normalization behind the first convolution absorbs level and
    spread, and folds into that convolution on export. (Normalizing the input instead learned more slowly.)
    """
    builder = BlockBuilder(table)
    flow = builder.convolution(patch, builder.width(_STEM_CHANNELS), stride=2, name="stem")
    for number, (channels, stride) in enumerate(_BLOCKS[: table.blocks], start=1):
        flow = builder.depthwise(flow, stride=stride, name=f"block{number:02d}_depthwise")
        flow = builder.pointwise(flow, builder.width(channels), name=f"block{number:02d}_pointwise")
    return flow
