"""What a build made: files with their hashes, sizes, placement, stack, components; and the text of build.json."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

from tinyaudio.core.artifacts import BuildArtifact, FirmwareProject, OutputFile, PlacedItem, Placement, StackUse
from tinyaudio.core.board import Board
from tinyaudio.core.canonical import sha256_bytes
from tinyaudio.core.errors import BuildError
from tinyaudio.deploy.build.components import linked_components
from tinyaudio.deploy.build.image import budget_problems, read_image_sizes, read_section_sizes
from tinyaudio.deploy.build.map_file import normalize_map_file, read_map_file
from tinyaudio.deploy.build.stack import measure_stack

#: Of the linker script: code that wants the instruction memory, and what of it that memory has no room for.
HOT_SECTION = ".hot"
_HOT_REST_SECTION = ".hot_rest"

_SUFFIXES = ("elf", "bin", "hex", "map")
_FLAGS_FILE = "flags.json"  # written by firmware/platform/builder/main.py


def describe_image(output: Path, board: Board, *, project: FirmwareProject, toolchain: str, model_kernels: str, seconds: float) -> BuildArtifact:
    """Return what lies in the folder `output` of a build that succeeded.

    Raises
    ------
    BuildError
        If the image cannot be read, or does not agree with the board's memory map.
    """
    elf, map_file = output / "firmware.elf", output / "firmware.map"
    if map_file.is_file():
        normalize_map_file(map_file)
    sizes = read_image_sizes(elf, board)
    stack = measure_stack(output, elf, reserved_bytes=board.memory.stack_bytes) if project.placement is not None else None
    files = {suffix: _output_file(output / f"firmware.{suffix}") for suffix in _SUFFIXES if (output / f"firmware.{suffix}").is_file()}
    return BuildArtifact(
        board=board.id,
        runtime=project.runtime,
        elf=str(elf),
        elf_sha256=files["elf"].sha256,
        firmware_fingerprint=project.fingerprint,
        flash_bytes=sizes.flash_bytes,
        ram_bytes=sizes.ram_bytes,
        regions=sizes.regions,
        budget_problems=(*budget_problems(sizes, board), *_stack_problems(stack)),
        toolchain=toolchain,
        seconds=round(seconds, 3),
        frontend_fingerprint=project.frontend_fingerprint,
        model_sha256=project.model_sha256,
        placement=_measured(project.placement, elf, board) if project.placement is not None else None,
        stack=stack,
        components=linked_components(read_map_file(map_file)),
        files=files,
        flags=_flags(output / _FLAGS_FILE),
        model_kernels=model_kernels,
        arena_bytes=project.arena_bytes,
        arena_used_bytes=project.arena_used_bytes,
    )


def build_json(artifact: BuildArtifact) -> str:
    """Return the text of build.json: nothing in it depends on the folder or the time of the build."""
    facts = dataclasses.asdict(artifact)
    del facts["seconds"]
    facts["elf"] = Path(artifact.elf).name
    for file in facts["files"].values():
        file["path"] = Path(file["path"]).name
    return json.dumps({**facts, "arena_measured": artifact.arena_measured, "budget_ok": artifact.budget_ok}, indent=2, sort_keys=True) + "\n"


def _output_file(path: Path) -> OutputFile:
    data = path.read_bytes()
    return OutputFile(path=str(path), bytes=len(data), sha256=sha256_bytes(data))


def _stack_problems(stack: StackUse | None) -> tuple[str, ...]:
    if stack is None or stack.worst_case_bytes <= stack.reserved_bytes:
        return ()
    missing = stack.worst_case_bytes - stack.reserved_bytes
    return (f"stack: {stack.worst_case_bytes} bytes in the worst case, {missing} more than memory.stack_bytes ({stack.reserved_bytes})",)


def _measured(plan: Placement, elf: Path, board: Board) -> Placement:
    """Return `plan` with the sizes that the linker found, and what did not fit where it was meant to go."""
    sizes = read_section_sizes(elf)
    items = []
    for item in plan.items:
        measured = sum(sizes.get(section, 0) for section in item.sections)
        items.append(dataclasses.replace(item, bytes=measured))
        rest_bytes = sizes.get(_HOT_REST_SECTION, 0)
        if HOT_SECTION in item.sections and rest_bytes:
            reason = f"{item.region} has no room for it"
            rest = PlacedItem(name=f"rest of {item.name}", sections=(_HOT_REST_SECTION,), region=board.memory.code, bytes=rest_bytes, reason=reason)
            items.append(rest)
    return Placement(items=tuple(items))


def _flags(path: Path) -> tuple[str, ...]:
    try:
        return tuple(str(flag) for flag in json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError) as error:
        raise BuildError(
            f"the list of compiler flags cannot be read: {error}", hint="render the project again and build it", where=str(path)
        ) from error
