"""A small MobileNet-v2: inverted residuals with linear bottlenecks.

References
----------
M. Sandler et al., "MobileNetV2: Inverted Residuals and Linear Bottlenecks", CVPR 2018.
"""

from __future__ import annotations

from typing import Any

from tinyaudio.core.project import ModelTable
from tinyaudio.core.spec import FrontendSpec
from tinyaudio.learn.training.architectures.blocks import BlockBuilder

#: (channels at width 1.0, stride, expansion) of the blocks: the paper's first twelve, one of each repetition left out.
_BLOCKS = ((16, 1, 1), (24, 2, 6), (24, 1, 6), (32, 2, 6), (32, 1, 6), (64, 2, 6), (64, 1, 6), (64, 1, 6), (96, 1, 6), (96, 1, 6))
_STEM_CHANNELS = 32
_LAST_CHANNELS = 320


def mobilenet_v2(patch: Any, spec: FrontendSpec, table: ModelTable) -> Any:  # noqa: ARG001 - bodies have one signature
    """Append the stem, the first ``model.blocks`` of ten inverted residual blocks, and a last 1x1 convolution."""
    builder = BlockBuilder(table)
    flow = builder.convolution(patch, builder.width(_STEM_CHANNELS), stride=2, name="stem")
    for number, (channels, stride, expansion) in enumerate(_BLOCKS[: table.blocks], start=1):
        flow = _inverted_residual(builder, flow, builder.width(channels), stride=stride, expansion=expansion, name=f"block{number:02d}")
    return builder.pointwise(flow, builder.width(_LAST_CHANNELS), name="last")


def _inverted_residual(builder: BlockBuilder, flow: Any, channels: int, *, stride: int, expansion: int, name: str) -> Any:
    entering = int(flow.shape[-1])
    inner = flow if expansion == 1 else builder.pointwise(flow, expansion * entering, name=f"{name}_expand")
    inner = builder.depthwise(inner, stride=stride, name=f"{name}_depthwise")
    inner = builder.pointwise(inner, channels, name=f"{name}_project", is_linear=True)
    return builder.add(flow, inner, name=f"{name}_add") if stride == 1 and entering == channels else inner
