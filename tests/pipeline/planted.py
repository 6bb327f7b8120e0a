"""A bug in the model's generated C++, planted between rendering and building."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import pytest

from tinyaudio.core.artifacts import FirmwareProject
from tinyaudio.deploy.render import RenderInputs
from tinyaudio.pipeline import firmware

MODEL = "src/generated/model.cc"


def plant(monkeypatch: pytest.MonkeyPatch, edit: Callable[[str], str]) -> None:
    """Let every firmware of the pipeline have `edit` applied to its ``model.cc`` from here on."""
    render = firmware.render_project  # type: ignore[attr-defined]  # the name there is what is replaced

    def render_with_a_bug(inputs: RenderInputs) -> FirmwareProject:
        project = render(inputs)
        text = edit(project.files[MODEL])
        assert text != project.files[MODEL], "the edit changed nothing"
        return dataclasses.replace(project, files={**project.files, MODEL: text})

    monkeypatch.setattr(firmware, "render_project", render_with_a_bug)
