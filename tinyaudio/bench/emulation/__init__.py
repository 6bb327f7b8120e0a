"""Virtual boards: a firmware image in QEMU, on the emulated STM32H743, or as a child process.

Public face
-----------
`start_virtual` starts one, `VirtualBoard` is it. `Link` and `Mode` (one of `MODES`) are the ways to talk to it and to count.
"""

from __future__ import annotations

from pathlib import Path

from tinyaudio.bench.emulation.process import start_process
from tinyaudio.bench.emulation.qemu import start_qemu
from tinyaudio.bench.emulation.stm32h743_process import MachineOptions, start_stm32h743
from tinyaudio.bench.emulation.virtual_board import MODES, Link, Mode, VirtualBoard
from tinyaudio.core.board import Board
from tinyaudio.core.errors import BoardError, BuildError

__all__ = ["MODES", "Link", "Mode", "VirtualBoard", "start_virtual"]


def start_virtual(
    board: Board,
    elf: Path,
    *,
    link: Link = "fifo",
    work_dir: Path,
    microphone: Path | None = None,
    mode: Mode = "counting",
    settings: Path | None = None,
    power_loss_at: int | None = None,
    external_clock: bool = True,
) -> VirtualBoard:
    """Start the image `elf` on the emulator of `board`.

    Parameters
    ----------
    board
        A board with an emulator.
    elf
        The image; for the host, the program.
    link
        "fifo" for speed, "uart" for a pseudo terminal as of a real board; a child process has only its pipes.
    work_dir
        Folder in which QEMU's FIFOs are made, in a folder of their own that goes when the board is closed.
    microphone
        WAV (one channel, 16 bits, at the rate the firmware sets up) that the microphone hears from the moment it is
        switched on; on the emulated chip silence follows.
    mode
        Of the emulated chip: "counting" counts every instruction; "fast" needs no C compiler and is coarse.
    settings
        File that keeps the settings over restarts; each emulator has its own format.
    power_loss_at
        The emulated chip loses power during this erase or programming of flash, counted from 1.
    external_clock
        Whether the crystal or clock beside the emulated chip runs, if its board has one.

    Raises
    ------
    BoardError
        If the board has no emulator, or its emulator has no microphone or settings to speak of.
    BuildError
        If there is no image.
    ToolError
        If the emulator is not installed.
    TransportError
        If the line to it cannot be opened.
    """
    if board.emulator is None:
        raise BoardError(f"{board.id} has no emulator", hint="use --depth serial with a real board, or --board mps2_an500", where="--depth")
    if not elf.is_file():
        raise BuildError("there is no image", hint=f"run `tinyaudio build --board {board.id}` first", where=str(elf))
    if board.emulator.kind == "unicorn":
        options = MachineOptions(mode=mode, microphone=microphone, settings=settings, power_loss_at=power_loss_at, external_clock=external_clock)
        return start_stm32h743(board, elf.resolve(), link=link, options=options)
    if power_loss_at is not None:
        raise BoardError(f"the emulator of {board.id} has no power to lose", hint="use --board stm32h7 at depth virtual", where=board.emulator.kind)
    if not external_clock:
        raise BoardError(f"the emulator of {board.id} has no clock tree", hint="use --board stm32h7 at depth virtual", where=board.emulator.kind)
    if board.emulator.kind == "process":
        return start_process(elf.resolve(), work_dir=work_dir, microphone=microphone, settings=settings)
    if microphone is not None or settings is not None:
        raise BoardError(
            f"the emulator of {board.id} has neither microphone nor settings", hint="use --board stm32h7 or native", where=board.emulator.kind
        )
    return start_qemu(board.emulator.machine, elf.resolve(), link=link, work_dir=work_dir)
