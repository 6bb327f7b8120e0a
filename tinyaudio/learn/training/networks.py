"""Architectures by name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tinyaudio.core.project import ModelTable
from tinyaudio.core.spec import FrontendSpec
from tinyaudio.learn.training.mobilenet_v1 import build_mobilenet_v1

#: ``model.architecture`` -> builder(spec, table, classes=, batch_size=).
ARCHITECTURES: dict[str, Callable[..., Any]] = {"mobilenet_v1": build_mobilenet_v1}


def build_network(spec: FrontendSpec, table: ModelTable, *, classes: int, batch_size: int | None) -> Any:
    """Return an untrained Keras model from log-mel, float32[batch, *patch_shape, 1], to class probabilities.

    Parameters
    ----------
    spec
        Gives the size of the input.
    table
        ``[model]`` of the project.
    classes
        Number of labels, 2 or more.
    batch_size
        ``None`` for training. 1 for export: a dynamic batch would drag shape arithmetic into the ``.tflite``.
    """
    return ARCHITECTURES[table.architecture](spec, table, classes=classes, batch_size=batch_size)
