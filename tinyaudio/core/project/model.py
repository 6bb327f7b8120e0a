"""``[model]``: the network, or a finished one in its place."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from pydantic import Field

from tinyaudio.core.project.section import Section, Texts, listed_twice

Architecture = Literal["mobilenet_v1", "mobilenet_v2", "ds_cnn", "tcn"]


class ModelTable(Section):
    """``[model]``: the network, or a finished model in its place."""

    file: str = ""  # a finished .tflite, relative to the project's folder: nothing is trained then
    labels: Texts = ()  # of `file`, in the order of its outputs
    architecture: Architecture = "mobilenet_v1"
    width_multiplier: float = Field(default=0.25, ge=0.05, le=1.0)
    blocks: int = Field(default=13, ge=1, le=13)  # mobilenet_v1 is as deep as YAMNet's body at 13; others take what they have up to it
    activation: Literal["relu6", "relu"] = "relu6"  # "relu" for backbones that were trained with it, as YAMNet's
    head: Literal["softmax", "sigmoid"] = "softmax"  # "sigmoid": classes that may sound at once
    dropout: float = Field(default=0.2, ge=0.0, lt=1.0)  # in front of the classifier


def model_problems(table: ModelTable) -> Iterator[str]:
    """Yield labels of no model, and labels listed twice."""
    if table.labels and not table.file:
        yield "labels: are those of model.file, which is not given; a model trained here gets its labels from the manifest"
    yield from listed_twice("labels", table.labels)
