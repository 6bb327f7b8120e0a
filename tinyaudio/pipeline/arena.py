"""How large the arena of a model must be on TFLite Micro: asked of a target once, and kept.

Nobody can tell it beforehand, for the kernels' scratch memory is theirs to ask for. So a first image gets an arena that is
large enough by an estimate; it says in `Hello` how much of it is in use; and the image that is kept gets just that. Where the
board is emulated, all of it happens within one build. Otherwise the first device that answers is asked.

What was measured holds for every board with the same core: the interpreter's structures and the kernels' scratch are the same.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Protocol

from tinyaudio.bench.device import Device
from tinyaudio.bench.emulation import start_virtual
from tinyaudio.core.artifacts import BuildArtifact, DeviceIdentity, FirmwareProject, KernelChoice, MeasuredArena
from tinyaudio.core.board import Board
from tinyaudio.core.canonical import sha256_bytes
from tinyaudio.core.errors import BuildError, DeviceError, ToolError
from tinyaudio.core.store import RunStore
from tinyaudio.deploy.build import tflite_micro_version
from tinyaudio.deploy.tflm import tight_arena_bytes
from tinyaudio.deploy.tflm.model import ALIGNMENT_BYTES
from tinyaudio.pipeline.device_line import EMULATOR_SILENCE_SECONDS
from tinyaudio.pipeline.line import Line

_MODEL_DATA_FILE = "src/generated/model_weights.cc"  # the model as the interpreter reads it

_ARENA_SECTION = ".arena"  # of the linker script
_MOST_ON_A_HOST = 8  # times the estimate

#: Beyond what is in use, where nobody has tried yet that the model starts in less: what planning needs for a moment.
_UNTRIED_BYTES = 4_096


def kept_arena(store: RunStore, board: Board, project: FirmwareProject, *, kernels: KernelChoice) -> MeasuredArena | None:
    """Return what was measured for this model, these kernels in this version, and this core; None if nothing was.

    Parameters
    ----------
    store
        Of the project of recordings.
    board
        Whose core it is.
    project
        The firmware with an arena of any size.
    kernels
        Of `project`.

    Raises
    ------
    ToolError
        If something was measured, and ``TINYAUDIO_TFLM_ROOT`` names nothing that the project could be built from.
    """
    if store.load_any(_stage(board, kernels), MeasuredArena) is None:  # so rendering asks for no sources
        return None
    stored = store.load(_stage(board, kernels), MeasuredArena, _inputs(board, project))
    return stored.value if stored is not None else None


def keep_measured_arena(
    store: RunStore, board: Board, project: FirmwareProject, identity: DeviceIdentity, *, kernels: KernelChoice
) -> MeasuredArena | None:
    """Keep what a device that runs `project`, with an estimated arena, says of it; return it, or None if there is nothing to keep."""
    if project.arena_used_bytes is not None or identity.arena_used_bytes == 0 or identity.firmware_fingerprint != project.fingerprint:
        return None
    arena_bytes = min(tight_arena_bytes(identity.arena_used_bytes) + _UNTRIED_BYTES, project.arena_bytes)
    measured = MeasuredArena(used_bytes=identity.arena_used_bytes, arena_bytes=arena_bytes, measured_on=f"{board.id} {identity.chip_id}".rstrip())
    store.save(_stage(board, kernels), measured, _inputs(board, project), seconds=0.0)
    return measured


class BuildWithArena(Protocol):
    """Renders and builds the image with an arena of `arena_bytes`, of which the model is known to use `used_bytes`."""

    def __call__(self, arena_bytes: int | None, used_bytes: int | None) -> tuple[FirmwareProject, BuildArtifact]:
        """Return both; `arena_bytes` None stands for what was kept, or an estimate."""


def search_arena(
    line: Line, board: Board, first: tuple[FirmwareProject, BuildArtifact], *, kernels: KernelChoice, build: BuildWithArena
) -> BuildArtifact:
    """Let the emulated board measure the arena; return the image with the smallest one in which the model starts.

    Where there is no emulator after all, the estimate stays.

    Parameters
    ----------
    line
        Where it is kept.
    board
        A board with an emulator.
    first
        The image with an estimated arena.
    kernels
        Of the image.
    build
        Builds the image with another arena.

    Raises
    ------
    BuildError
        If the model does not even start in the largest arena that the board has room for: says why, in the interpreter's words.
    """
    started = time.monotonic()
    try:
        generous, used_bytes = _use_of_a_generous_arena(board, first, build)
    except ToolError as error:
        line.progress.warning(f"the arena of {first[1].arena_bytes:,} bytes stays an estimate: {error}")
        return first[1]
    tight_bytes = tight_arena_bytes(used_bytes)
    for tried_bytes in (tight_bytes, tight_bytes + _UNTRIED_BYTES, generous.arena_bytes):
        arena_bytes = min(tried_bytes, generous.arena_bytes)  # the board may have no room for more
        project, artifact = build(arena_bytes, used_bytes)
        if arena_bytes == generous.arena_bytes or _starts(board, artifact):
            break
    measured = MeasuredArena(used_bytes=used_bytes, arena_bytes=arena_bytes, measured_on=f"{board.id}, virtual")
    line.store.save(_stage(board, kernels), measured, _inputs(board, project), seconds=time.monotonic() - started)
    line.progress.note(f"the model uses {used_bytes:,} bytes of its arena on {board.id}, so it gets {arena_bytes:,}")
    return artifact


def _use_of_a_generous_arena(board: Board, first: tuple[FirmwareProject, BuildArtifact], build: BuildWithArena) -> tuple[BuildArtifact, int]:
    """Return an image in whose arena the model starts, and how much of it is in use."""
    project, artifact = first
    try:
        return artifact, _start(board, artifact)
    except BuildError:  # the estimate may be wrong
        largest_bytes = _largest_arena_bytes(board, project)
        if largest_bytes <= artifact.arena_bytes:
            raise
        _, artifact = build(largest_bytes, None)
        return artifact, _start(board, artifact)


def _largest_arena_bytes(board: Board, project: FirmwareProject) -> int:
    """Return the largest arena that the board has room for beside everything else of `project`."""
    if project.placement is None:
        return _MOST_ON_A_HOST * project.arena_bytes
    others = [item for item in project.placement.items if _ARENA_SECTION not in item.sections]
    free_bytes = [
        region.length_bytes - sum(item.bytes for item in others if item.region == name)
        for name, region in board.memory.regions.items()
        if region.kind in ("dtcm", "sram")
    ]
    return max(free_bytes) // ALIGNMENT_BYTES * ALIGNMENT_BYTES


def _stage(board: Board, kernels: KernelChoice) -> str:
    return f"arena_{board.core}_{kernels}"


def _inputs(board: Board, project: FirmwareProject) -> dict[str, str]:
    return {
        "model": sha256_bytes(project.files[_MODEL_DATA_FILE].encode()),
        "runtime": project.runtime,
        "kernels": tflite_micro_version(project),
        "core": board.core,
    }


def _starts(board: Board, artifact: BuildArtifact) -> bool:
    try:
        _start(board, artifact)
    except BuildError:
        return False
    return True


def _start(board: Board, artifact: BuildArtifact) -> int:
    """Start the image; return how much of its arena is in use."""
    elf = Path(artifact.elf)
    with (
        start_virtual(board, elf, work_dir=elf.parent) as virtual,
        Device(virtual.transport, name=board.id, silence_seconds=EMULATOR_SILENCE_SECONDS) as device,
    ):
        try:
            hello = device.connect()
            device.list_settings()  # an answer of any kind: what keeps the firmware from working comes before it
        except DeviceError as error:
            where = f"{board.id}, virtual"
            raise BuildError(f"the image is built, but its model does not start: {error.message}", hint=error.hint, where=where) from error
    return hello.arena_used_bytes
