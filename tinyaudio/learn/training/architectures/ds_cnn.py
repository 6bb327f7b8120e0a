"""DS-CNN: one wide convolution and depthwise-separable blocks of one width, the keyword spotter of MLPerf Tiny.

References
----------
Y. Zhang, N. Suda, L. Lai, V. Chandra, "Hello Edge: Keyword Spotting on Microcontrollers", 2017.
"""

from __future__ import annotations

from typing import Any

from tinyaudio.core.project import ModelTable
from tinyaudio.core.spec import FrontendSpec
from tinyaudio.learn.training.architectures.blocks import BlockBuilder

_CHANNELS = 256  # at width 1.0; the paper's small net has 64
_STEM_KERNEL = (10, 4)  # frames, bands
_BLOCKS = 4  # the paper's, if model.blocks leaves the choice


def ds_cnn(patch: Any, spec: FrontendSpec, table: ModelTable) -> Any:
    """Append the first convolution, stride 2, and up to six blocks; every second one halves both sides of a large patch."""
    builder = BlockBuilder(table)
    channels = builder.width(_CHANNELS)
    kernel = _STEM_KERNEL if spec.patch_layout == "frames_first" else _STEM_KERNEL[::-1]
    flow = builder.convolution(patch, channels, kernel=kernel, stride=2, name="stem")
    for number in range(1, min(table.blocks, _BLOCKS) + 1):
        is_large = min(flow.shape[1:3]) >= 16
        flow = builder.depthwise(flow, stride=2 if number % 2 == 1 and is_large else 1, name=f"block{number:02d}_depthwise")
        flow = builder.pointwise(flow, channels, name=f"block{number:02d}_pointwise")
    return flow
