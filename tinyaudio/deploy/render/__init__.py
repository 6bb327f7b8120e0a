"""(tables, model, board) -> a self-contained firmware project as text. `render_project` is pure; `write_project` writes it.

A project holds copies of firmware/lib, of the board family's port and of the local PlatformIO platform, beside what is
generated for this one model::

    platformio.ini              the environment, named as the board
    linker.ld                   from the placement; embedded boards only
    platforms/tinyaudio/        the local PlatformIO platform, with a manifest of the board
    lib/<library>/              hand-written C++, as it is
    src/port/                   the port of the board's family, as it is
    src/main.cc                 memory and start
    src/generated/              tables, model, configuration, fingerprint

The firmware fingerprint is the fingerprint (`core.canonical`) of {path: text} over all files but the one that carries it,
``src/generated/firmware_fingerprint.h``. It is compiled in, and the device reports it in ``Hello``.

Public face
-----------
`render_project` (of a model), `render_frontend_project` (of a front end alone), `render_model_project` (of a model alone;
`plan_model` is its placement, `model_source_files` its sources without any firmware), `write_project`, and
`platform_files` (the PlatformIO platform alone).
"""

from __future__ import annotations

from tinyaudio.deploy.render.bare_model import ModelRenderInputs, interpreted_model, model_source_files, plan_model, render_model_project
from tinyaudio.deploy.render.model import RuntimeChoice, has_fast_kernels, vendor_library
from tinyaudio.deploy.render.platform import platform_files
from tinyaudio.deploy.render.project import (
    FINGERPRINT_FILE,
    MAX_LABELS,
    FrontendRenderInputs,
    RenderInputs,
    render_frontend_project,
    render_project,
)
from tinyaudio.deploy.render.writing import MANIFEST_FILE, write_project

__all__ = [
    "FINGERPRINT_FILE",
    "MANIFEST_FILE",
    "MAX_LABELS",
    "FrontendRenderInputs",
    "ModelRenderInputs",
    "RenderInputs",
    "has_fast_kernels",
    "interpreted_model",
    "model_source_files",
    "plan_model",
    "RuntimeChoice",
    "platform_files",
    "render_frontend_project",
    "render_model_project",
    "render_project",
    "vendor_library",
    "write_project",
]
