"""`build_project`: from a written firmware project to a linked image and its sizes."""

from __future__ import annotations

import dataclasses
import json
import re
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from tinyaudio.core.artifacts import BuildArtifact, FirmwareProject
from tinyaudio.core.board import Board
from tinyaudio.core.canonical import sha256_bytes
from tinyaudio.core.errors import BuildError, StorageError, ToolError
from tinyaudio.core.files import write_text_atomically
from tinyaudio.core.tools import find_tool, how_to_get, run_tool
from tinyaudio.deploy.build.cmsis_dsp import ensure_cmsis_dsp
from tinyaudio.deploy.build.image import budget_problems, read_image_sizes
from tinyaudio.deploy.build.platformio import platformio_environment, prepare_platformio

_TIMEOUT_SECONDS = 900.0
_COMPILERS = {"cortex-m7": "arm-none-eabi-gcc", "host": "g++"}
_FETCHED_TOOLCHAIN = "PlatformIO's toolchain-gccarmnoneeabi"

# The places where GCC, the linker and SCons say why they stopped: "src/main.cc:3:5: error: ...", "...: undefined reference to ...".
_COMPILER_ERROR = re.compile(r"^(?P<file>[^:\s][^:]*):(?P<line>\d+):(?:\d+:)? (?:fatal )?error: (?P<text>.*)$")
_LINKER_ERROR = re.compile(r"undefined reference|multiple definition|overflowed by|will not fit in region|cannot find |cannot open linker script")
_SCRIPT_ERROR = re.compile(r"^(?:\w*Error|error|\*\*\*|scons: \*\*\*)[: ]", re.IGNORECASE)
_FULL_DISK = "No space left on device"


def build_project(
    directory: Path,
    board: Board,
    *,
    project: FirmwareProject,
    offline: bool = True,
    on_line: Callable[[str], None] | None = None,
) -> BuildArtifact:
    """Build the firmware project that was written to `directory`, and measure its image.

    Beside the image, ``build.json`` holds the same facts as the value returned. An image over its budget is a result,
    not an error: see ``budget_problems``.

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
        If a source does not compile or link; names the file and the first errors.
    ToolError
        If the compiler, PlatformIO or CMSIS-DSP's sources are missing.
    StorageError
        If the disk is full.
    """
    if not (directory / "platformio.ini").is_file():
        raise BuildError(
            "there is no firmware project", hint=f"run `tinyaudio render --board {board.id}` first", where=str(directory / "platformio.ini")
        )
    platform = directory / "platforms" / board.platformio.platform / "platform.json"
    if offline and not platform.is_file():  # PlatformIO would ask its registry for a minute
        raise BuildError("the project lacks its PlatformIO platform", hint="render it again, or build without --offline", where=str(platform))
    if project.board != board.id:
        raise BuildError(f"the project was rendered for {project.board}, not for {board.id}", hint="render it again", where=str(directory))
    started = time.monotonic()
    toolchain = _toolchain(board, offline=offline)
    extra = {"TINYAUDIO_CMSIS_DSP_ROOT": str(ensure_cmsis_dsp())} if (directory / "lib" / "cmsis_dsp").is_dir() else {}
    environment = platformio_environment(core_dir=prepare_platformio(), offline=offline, extra=extra)
    lines, succeeded = _run_platformio(directory, board, environment, on_line)
    if not succeeded:
        raise _failure(lines, directory, toolchain)

    elf = directory / ".pio" / "build" / board.id / "firmware.elf"
    sizes = read_image_sizes(elf, board)
    artifact = BuildArtifact(
        board=board.id,
        runtime=project.runtime,
        elf=str(elf),
        elf_sha256=sha256_bytes(elf.read_bytes()),
        firmware_fingerprint=project.fingerprint,
        flash_bytes=sizes.flash_bytes,
        ram_bytes=sizes.ram_bytes,
        regions=sizes.regions,
        budget_problems=budget_problems(sizes, board),
        toolchain=toolchain,
        seconds=round(time.monotonic() - started, 3),
    )
    facts = {**dataclasses.asdict(artifact), "budget_ok": artifact.budget_ok}
    write_text_atomically(elf.with_name("build.json"), json.dumps(facts, indent=2, sort_keys=True) + "\n")
    return artifact


def _toolchain(board: Board, *, offline: bool) -> str:
    name = _COMPILERS[board.core]
    try:
        return f"{name} {find_tool(name).version}".rstrip()
    except ToolError:
        if offline or board.core == "host":
            raise
        return _FETCHED_TOOLCHAIN


def _run_platformio(directory: Path, board: Board, environment: dict[str, str], on_line: Callable[[str], None] | None) -> tuple[list[str], bool]:
    lines: list[str] = []

    def keep(line: str) -> None:
        lines.append(line)
        if on_line is not None:
            on_line(line)

    command: list[str | Path] = [sys.executable, "-m", "platformio", "run", "--project-dir", directory, "--environment", board.id]
    completed = run_tool(command, env=environment, timeout_seconds=_TIMEOUT_SECONDS, on_line=keep, check=False)
    return lines, completed.returncode == 0


def _failure(lines: Sequence[str], directory: Path, toolchain: str) -> BuildError | StorageError:
    """Turn what a failed build wrote into one error."""
    if any(_FULL_DISK in line for line in lines):
        return StorageError(
            "the disk is full", hint="free some space and run the command again; what was compiled is kept", where=str(directory / ".pio")
        )
    compiler = [match for line in lines if (match := _COMPILER_ERROR.match(line))]
    if compiler:
        first = "; ".join(f"{match['file']}:{match['line']}: {match['text']}" for match in compiler[:3])
        more = f" (and {len(compiler) - 3} more)" if len(compiler) > 3 else ""
        return BuildError(f"does not compile: {first}{more}", hint="mend the file it names; --verbose shows every line", where=compiler[0]["file"])
    linker = [line for line in lines if _LINKER_ERROR.search(line)]
    if linker:
        texts = "; ".join(dict.fromkeys(_without_folders(line) for line in linker))
        return BuildError(f"does not link: {texts[:600]}", hint="--verbose shows every line", where=str(directory))
    telling = [line.strip() for line in lines if _SCRIPT_ERROR.match(line.strip())] or [line.strip() for line in lines if line.strip()][-3:]
    hint = "--verbose shows every line; `tinyaudio doctor` looks for tools"
    if toolchain == _FETCHED_TOOLCHAIN:  # PlatformIO could not get it, or cannot run it here
        hint = f"no arm-none-eabi-gcc is on PATH; {how_to_get('arm-none-eabi-gcc')}"
    return BuildError(f"PlatformIO failed: {'; '.join(telling[:3])}", hint=hint, where=str(directory))


def _without_folders(line: str) -> str:
    """Cut the absolute folders of object files and of the linker itself out of a linker's line."""
    return re.sub(r"(?:/[^\s:/]+)+/", "", line).strip()
