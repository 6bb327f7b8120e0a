"""What a build that failed wrote, turned into one error."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from tinyaudio.core.board import Board
from tinyaudio.core.errors import BuildError, StorageError
from tinyaudio.core.tools import how_to_get
from tinyaudio.deploy.build.map_file import LinkedPart, largest, read_map_file

#: What stands for the toolchain where PlatformIO fetches one.
FETCHED_TOOLCHAIN = "PlatformIO's toolchain-gccarmnoneeabi"

# The places where GCC, the linker and SCons say why they stopped: "src/main.cc:3:5: error: ...", "...: undefined reference to ...".
_COMPILER_ERROR = re.compile(r"^(?P<file>[^:\s][^:]*):(?P<line>\d+):(?:\d+:)? (?:fatal )?error: (?P<text>.*)$")
_LINKER_ERROR = re.compile(
    r"undefined reference|multiple definition|overflowed by|will not fit in region|cannot find |cannot open linker script|(^|/)ld: (?!warning)"
)
_OVERFLOW = re.compile(r"region `(?P<region>[^']+)' overflowed by (?P<bytes>\d+) byte")
_NAMED_BY_LINKER = re.compile(r"undefined reference|multiple definition")
_SCRIPT_ERROR = re.compile(r"^(?:\w*Error|error|\*\*\*|scons: \*\*\*)[: ]", re.IGNORECASE)
_FULL_DISK = "No space left on device"

_LISTED_FILES = 6
_LISTED_PARTS = 3  # of each file


def may_be_overflow(lines: Sequence[str]) -> bool:
    """Whether a build may have failed at a memory that is too small: a linker that may spill says nothing useful then, and may crash."""
    return not any(_COMPILER_ERROR.match(line) or _NAMED_BY_LINKER.search(line) or _FULL_DISK in line for line in lines)


def failure(lines: Sequence[str], directory: Path, board: Board, *, toolchain: str, spill_region: str) -> BuildError | StorageError:
    """Turn what a failed build wrote into one error.

    Parameters
    ----------
    lines
        All of PlatformIO's output.
    directory
        The firmware project.
    board
        Whose build it was.
    toolchain
        Compiler and version, or `FETCHED_TOOLCHAIN`.
    spill_region
        A region that may overflow because the linker goes on elsewhere; "" if there is none.
    """
    if any(_FULL_DISK in line for line in lines):
        return StorageError(
            "the disk is full", hint="free some space and run the command again; what was compiled is kept", where=str(directory / ".pio")
        )
    compiler = [match for line in lines if (match := _COMPILER_ERROR.match(line))]
    if compiler:
        first = "; ".join(f"{match['file']}:{match['line']}: {match['text']}" for match in compiler[:3])
        more = f" (and {len(compiler) - 3} more)" if len(compiler) > 3 else ""
        return BuildError(f"does not compile: {first}{more}", hint="mend the file it names; --verbose shows every line", where=compiler[0]["file"])
    overflows = {match["region"]: int(match["bytes"]) for line in lines if (match := _OVERFLOW.search(line))}
    overflows.pop(spill_region, None)
    if overflows:
        return _overflow(overflows, directory, board)
    linker = [line for line in lines if _LINKER_ERROR.search(line)]
    if linker:
        texts = "; ".join(dict.fromkeys(_without_folders(line) for line in linker))
        return BuildError(f"does not link: {texts[:600]}", hint="--verbose shows every line", where=str(directory))
    telling = [line.strip() for line in lines if _SCRIPT_ERROR.match(line.strip())] or [line.strip() for line in lines if line.strip()][-3:]
    hint = "--verbose shows every line; `tinyaudio doctor` looks for tools"
    if toolchain == FETCHED_TOOLCHAIN:  # PlatformIO could not get it, or cannot run it here
        hint = f"no arm-none-eabi-gcc is on PATH; {how_to_get('arm-none-eabi-gcc')}"
    return BuildError(f"PlatformIO failed: {'; '.join(telling[:3])}", hint=hint, where=str(directory))


def _overflow(overflows: dict[str, int], directory: Path, board: Board) -> BuildError:
    """Return the error that says what is in the regions that are too small."""
    parts = read_map_file(directory / ".pio" / "build" / board.id / "firmware.map")
    sentences = []
    for region, excess_bytes in overflows.items():
        listed = _contents([part for part in parts if region in part.regions])
        sentences.append(f"region {region} of {board.id} is {excess_bytes} bytes too small; largest in it: {listed or 'unknown'}")
    hint = "a smaller model, or a board with more memory: `tinyaudio boards list`; firmware.map in .pio/build lists everything"
    return BuildError(f"does not fit: {'; '.join(sentences)}", hint=hint, where=str(directory / "linker.ld"))


def _contents(parts: Sequence[LinkedPart]) -> str:
    """Return the largest files of `parts`, each with the largest of what is in it."""
    by_file: dict[str, list[LinkedPart]] = {}
    for part in parts:
        by_file.setdefault(part.file_name, []).append(part)
    sizes = {name: sum(part.bytes for part in of_file) for name, of_file in by_file.items()}
    texts = []
    for name in sorted(sizes, key=lambda name: -sizes[name])[:_LISTED_FILES]:
        within = ", ".join(f"{part.content} {part.bytes}" for part in largest(by_file[name], _LISTED_PARTS))
        texts.append(f"{name} {sizes[name]} ({within})")
    return "; ".join(texts)


def _without_folders(line: str) -> str:
    """Cut the absolute folders of object files and of the linker itself out of a linker's line."""
    return re.sub(r"(?:/[^\s:/]+)+/", "", line).strip()
