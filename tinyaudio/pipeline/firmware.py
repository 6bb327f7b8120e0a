"""From a quantized model to a linked image."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

from tinyaudio.core.artifacts import BuildArtifact, FirmwareProject
from tinyaudio.core.board import Board, require_sample_rate
from tinyaudio.core.errors import InputError
from tinyaudio.deploy.build import build_project
from tinyaudio.deploy.render import RenderInputs, render_project, write_project
from tinyaudio.dsp.frontend import FrontendTables, design_frontend
from tinyaudio.pipeline.learning import calibrate_stage, project_board, project_frontend, quantize_stage
from tinyaudio.pipeline.line import Line


def board_frontend(line: Line, board: Board) -> FrontendTables:
    """Return the front end as `board` computes it."""
    require_sample_rate(board, line.project.frontend.sample_rate_hz)
    return design_frontend(line.project.frontend, kernel=board.fft_kernel)


def board_directory(line: Line, board_id: str) -> Path:
    """Return the folder of everything that is made for one board."""
    return line.store.directory / board_id


def render_stage(line: Line, board_id: str, *, out: Path | None = None) -> tuple[FirmwareProject, Path]:
    """Render the firmware project for `board_id` and write it; return it and its folder.

    Only files whose text changed are touched, so that the next build is warm.

    Raises
    ------
    InputError
        If the board computes other features than the model was trained with.
    """
    board = project_board(line.project, board_id)
    tables = board_frontend(line, board)
    quantized, calibration = quantize_stage(line).value, calibrate_stage(line).value
    if tables.fingerprint != project_frontend(line.project).fingerprint:
        raise InputError(
            f"{board_id} computes features with the FFT kernel {board.fft_kernel}, but the model was trained with {quantized.kernel}",
            hint=f'set project.board = "{board_id}", or the same project.fft_kernel for every board, and run the command again',
            where="--board",
        )
    rendered = render_project(RenderInputs(board=board, tables=tables, quantized=quantized, calibration=calibration))
    directory = out if out is not None else board_directory(line, board_id) / "firmware"
    write_project(rendered, directory)
    return rendered, directory


def build_stage(line: Line, board_id: str, *, offline: bool = False) -> BuildArtifact:
    """Render and build; PlatformIO itself rebuilds only what changed."""
    rendered, directory = render_stage(line, board_id)
    with line.progress.task(f"building for {board_id} with PlatformIO"):
        return build_project(directory, project_board(line.project, board_id), project=rendered, offline=offline, on_line=line.progress.detail)


def build_facts(artifact: BuildArtifact) -> dict[str, Any]:
    """Return a build as the command line's JSON shows it."""
    return {
        "board": artifact.board,
        "runtime": artifact.runtime,
        "elf": artifact.elf,
        "elf_sha256": artifact.elf_sha256,
        "firmware_fingerprint": artifact.firmware_fingerprint,
        "flash_bytes": artifact.flash_bytes,
        "ram_bytes": artifact.ram_bytes,
        "regions": {name: {"used_bytes": use.used_bytes, "length_bytes": use.length_bytes} for name, use in artifact.regions.items()},
        "budget_ok": artifact.budget_ok,
        "budget_problems": list(artifact.budget_problems),
        "placement": None if artifact.placement is None else [dataclasses.asdict(item) for item in artifact.placement.items],
        "stack": None if artifact.stack is None else dataclasses.asdict(artifact.stack),
        "components": [dataclasses.asdict(component) for component in artifact.components],
        "files": {name: dataclasses.asdict(file) for name, file in artifact.files.items()},
        "toolchain": artifact.toolchain,
        "seconds": round(artifact.seconds, 3),
    }
