"""Bodies of networks, one file each: from the patch to what is averaged in front of the classifier.

To add one: a file with a function like its neighbours', a line here, and its name in ``core.project.Architecture``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tinyaudio.learn.training.architectures.ds_cnn import ds_cnn
from tinyaudio.learn.training.architectures.mobilenet_v1 import mobilenet_v1
from tinyaudio.learn.training.architectures.mobilenet_v2 import mobilenet_v2
from tinyaudio.learn.training.architectures.tcn import tcn

#: ``model.architecture`` -> body(patch tensor [batch, *patch_shape, 1], spec, table) -> feature map [batch, rows, columns, channels].
ARCHITECTURES: dict[str, Callable[..., Any]] = {"mobilenet_v1": mobilenet_v1, "mobilenet_v2": mobilenet_v2, "ds_cnn": ds_cnn, "tcn": tcn}

__all__ = ["ARCHITECTURES"]
