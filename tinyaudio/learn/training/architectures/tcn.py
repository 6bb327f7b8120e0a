"""A small temporal convolutional network: the bands are channels, all convolutions run over time.

The layout of TC-ResNet's first kernels, made of separable convolutions and without its shortcuts.

References
----------
S. Choi et al., "Temporal Convolution for Real-time Keyword Spotting on Mobile Devices", Interspeech 2019.
"""

from __future__ import annotations

from typing import Any

from tinyaudio.core.errors import ProjectError
from tinyaudio.core.project import ModelTable
from tinyaudio.core.spec import FrontendSpec
from tinyaudio.learn.training.architectures.blocks import BlockBuilder

#: (channels at width 1.0, stride in time) of the blocks.
_BLOCKS = ((64, 1), (96, 2), (96, 1), (128, 2), (128, 1), (192, 2), (192, 1))
_STEM_CHANNELS = 64
_STEM_KERNEL = (3, 1)
_KERNEL = (9, 1)


def tcn(patch: Any, spec: FrontendSpec, table: ModelTable) -> Any:
    """Append a convolution over time and up to seven separable blocks.

    Raises
    ------
    ProjectError
        If the patch's bands are not its innermost dimension: they could not become channels without moving data.
    """
    if spec.patch_layout != "frames_first":
        raise ProjectError("the architecture tcn needs frames first", hint='set frontend.patch_layout = "frames_first"', where="model.architecture")
    builder = BlockBuilder(table)
    flow = builder.reshape(patch, (spec.patch_frames, 1, spec.feature_bands), name="bands_as_channels")
    flow = builder.convolution(flow, builder.width(_STEM_CHANNELS), kernel=_STEM_KERNEL, name="stem")
    for number, (channels, stride) in enumerate(_BLOCKS[: table.blocks], start=1):
        flow = builder.depthwise(flow, kernel=_KERNEL, stride=(stride, stride), name=f"block{number:02d}_depthwise")
        flow = builder.pointwise(flow, builder.width(channels), name=f"block{number:02d}_pointwise")
    return flow
