"""`build_project`: from a written firmware project to a linked image and its sizes."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path

from tinyaudio.core.artifacts import BuildArtifact, FirmwareProject
from tinyaudio.core.board import Board
from tinyaudio.core.errors import BuildError, ToolError
from tinyaudio.core.files import write_text_atomically
from tinyaudio.core.tools import find_tool, run_tool
from tinyaudio.deploy.build.cmsis_dsp import ensure_cmsis_dsp
from tinyaudio.deploy.build.esp_idf import build_esp_idf_project, require_esp_packages
from tinyaudio.deploy.build.facts import HOT_SECTION, build_json, describe_image
from tinyaudio.deploy.build.failure import FETCHED_TOOLCHAIN, failure, may_be_overflow
from tinyaudio.deploy.build.platformio import platformio_environment, prepare_platformio
from tinyaudio.deploy.build.tflite_micro import LibrarySource, tflite_micro_source
from tinyaudio.deploy.build.vendor_kernels import vendor_source

_TIMEOUT_SECONDS = 900.0
_COMPILERS = {"cortex-m7": "arm-none-eabi-gcc", "host": "g++"}


def require_build_tools(board: Board, *, directory: Path, offline: bool) -> None:
    """Check, before anything is computed for it, that a build for `board` in `directory` is possible here as far as can be told at once.

    Raises
    ------
    ToolError
        If ESP-IDF is needed, and is neither here nor within reach.
    """
    if board.family == "esp32s3":
        require_esp_packages(prepare_platformio(), directory, board, offline=offline)


def build_project(
    directory: Path,
    board: Board,
    *,
    project: FirmwareProject,
    offline: bool = True,
    on_line: Callable[[str], None] | None = None,
) -> BuildArtifact:
    """Build the firmware project that was written to `directory`, and measure its image.

    Beside the image (``firmware.elf``, and for a board ``.bin``, ``.hex``, ``.map``), ``build.json`` holds the facts of the
    value returned that do not depend on where and when it was built. An image over its budget is a result, not an error:
    see ``budget_problems``.

    Parameters
    ----------
    directory
        Folder of ``platformio.ini``, written by `deploy.render.write_project`.
    board
        The board it was rendered for.
    project
        What was rendered; names the runtime and the fingerprint compiled in.
    offline
        Whether PlatformIO is kept from its registry. Without this, and without a compiler on PATH, PlatformIO fetches one.
    on_line
        Called with every line that PlatformIO, SCons and the compilers write.

    Raises
    ------
    BuildError
        If a component of TFLite Micro is known to compute wrongly,
        if a source does not compile or link (names the file and the first errors), or a memory is too small (lists what is in it).
    ToolError
        If the compiler, PlatformIO or CMSIS-DSP's sources are missing.
    StorageError
        If the disk is full.
    """
    if not (directory / "platformio.ini").is_file():
        raise BuildError(
            "there is no firmware project", hint=f"run `tinyaudio render --board {board.id}` first", where=str(directory / "platformio.ini")
        )
    if project.board != board.id:
        raise BuildError(f"the project was rendered for {project.board}, not for {board.id}", hint="render it again", where=str(directory))
    if board.core == "xtensa-lx7":
        return build_esp_idf_project(directory, board, project=project, offline=offline, on_line=on_line)
    platform = directory / "platforms" / board.platformio.platform / "platform.json"
    if offline and not platform.is_file():  # PlatformIO would ask its registry for a minute
        raise BuildError("the project lacks its PlatformIO platform", hint="render it again, or build without --offline", where=str(platform))
    started = time.monotonic()
    toolchain = _toolchain(board, offline=offline)
    source = tflite_micro_source(project, board_id=board.id, toolchain=toolchain, offline=offline)
    if not source.version:
        source = vendor_source(project, toolchain=toolchain, offline=offline)
    _run(directory, board, project=project, source=source, toolchain=toolchain, offline=offline, on_line=on_line)
    output = directory / ".pio" / "build" / board.id
    artifact = describe_image(output, board, project=project, toolchain=toolchain, model_kernels=source.version, seconds=time.monotonic() - started)
    write_text_atomically(output / "build.json", build_json(artifact))
    return artifact


def _run(
    directory: Path,
    board: Board,
    *,
    project: FirmwareProject,
    source: LibrarySource,
    toolchain: str,
    offline: bool,
    on_line: Callable[[str], None] | None,
) -> None:
    """Run PlatformIO; raise what a failure of it means."""
    extra = {"TINYAUDIO_CMSIS_DSP_ROOT": str(ensure_cmsis_dsp())} if (directory / "lib" / "cmsis_dsp").is_dir() else {}
    extra |= source.variables
    core_dir = prepare_platformio()
    environment = platformio_environment(core_dir=core_dir, offline=offline, extra=extra)
    lines, succeeded = _run_platformio(directory, board, environment, on_line)
    spill_region = _spill_region(board, project)
    if not succeeded and spill_region and may_be_overflow(lines):  # link again so that the linker says what does not fit at all
        environment = platformio_environment(core_dir=core_dir, offline=offline, extra={**extra, "TINYAUDIO_STRICT_REGIONS": "1"})
        lines, succeeded = _run_platformio(directory, board, environment, on_line)
    if not succeeded:
        raise failure(lines, directory, board, toolchain=toolchain, spill_region=spill_region)


def _spill_region(board: Board, project: FirmwareProject) -> str:
    """Return the region of the hot code, which goes on in flash where it is full; "" where it is in flash anyhow."""
    hot = project.placement.item(HOT_SECTION) if project.placement is not None else None
    return hot.region if hot is not None and hot.region != board.memory.code else ""


def _toolchain(board: Board, *, offline: bool) -> str:
    name = _COMPILERS[board.core]
    try:
        return f"{name} {find_tool(name).version}".rstrip()
    except ToolError:
        if offline or board.core == "host":
            raise
        return FETCHED_TOOLCHAIN


def _run_platformio(directory: Path, board: Board, environment: dict[str, str], on_line: Callable[[str], None] | None) -> tuple[list[str], bool]:
    lines: list[str] = []

    def keep(line: str) -> None:
        lines.append(line)
        if on_line is not None:
            on_line(line)

    command: list[str | Path] = [sys.executable, "-m", "platformio", "run", "--project-dir", directory, "--environment", board.id]
    completed = run_tool(command, env=environment, timeout_seconds=_TIMEOUT_SECONDS, on_line=keep, check=False)
    return lines, completed.returncode == 0
