"""The emulated STM32H743 as a child process."""

from __future__ import annotations

import select
import sys
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from tinyaudio.bench.emulation.virtual_board import END_SECONDS, Link, Mode, VirtualBoard
from tinyaudio.bench.transport import Deadline, ProcessTransport, SerialTransport
from tinyaudio.core.board import Board
from tinyaudio.core.errors import TransportError
from tinyaudio.core.tools import ToolProcess, start_tool

_MODULE = "tinyaudio.bench.emulation.stm32h743"
_NAME = "stm32h743"
_START_SECONDS = 30.0  # for the machine to compile its hook and name its pseudo terminal


@dataclass(frozen=True, slots=True, kw_only=True)
class MachineOptions:
    """What surrounds the chip; see `start_virtual`."""

    mode: Mode = "counting"
    microphone: Path | None = None
    settings: Path | None = None
    power_loss_at: int | None = None
    external_clock: bool = True

    def arguments(self) -> list[str | Path]:
        """Return them as the module's command line."""
        pairs = {"--microphone": self.microphone, "--settings": self.settings, "--power-loss-at": self.power_loss_at}
        given = [[name, str(value)] for name, value in pairs.items() if value is not None]
        flags = [] if self.external_clock else ["--no-external-clock"]
        return ["--mode", self.mode, *flags, *(word for pair in given for word in pair)]


def start_stm32h743(board: Board, elf: Path, *, link: Link, options: MachineOptions) -> VirtualBoard:
    """Start the image `elf` on the emulated chip; its serial line is a pair of pipes, or a pseudo terminal.

    Raises
    ------
    TransportError
        If the machine does not name its pseudo terminal.
    """
    with ExitStack() as resources:
        command: list[str | Path] = [sys.executable, "-m", _MODULE, "--board", board.model_dump_json(exclude_none=True), *options.arguments(), elf]
        if link == "uart":
            process = resources.enter_context(start_tool([*command, "--pty"], pipes=True, name=_NAME))
            port = _pseudo_terminal(process)
            serial_port = SerialTransport(port)
            resources.callback(serial_port.close)
            return VirtualBoard(process, serial_port, description=f"emulated UART, {port}", resources=resources.pop_all())
        process = resources.enter_context(start_tool(command, pipes=True, name=_NAME))
        pipes = ProcessTransport(process)
        resources.callback(pipes.close)
        return VirtualBoard(process, pipes, description="emulated UART, pipes", resources=resources.pop_all())


def _pseudo_terminal(process: ToolProcess) -> str:
    """Read the name of the pseudo terminal that the machine made, its first line."""
    assert process.stdout is not None
    deadline = Deadline.after(_START_SECONDS)
    said = b""
    while not said.endswith(b"\n"):
        readable, _, _ = select.select([process.stdout], [], [], deadline.remaining_seconds)
        data = process.stdout.read(1_024) if readable else b""
        if not data:
            process.wait(END_SECONDS)
            cause = process.cause_of_death() or f"no answer for {_START_SECONDS:g} s"
            raise TransportError(f"made no serial port: {cause}", hint="run it again; `tinyaudio doctor` looks at the tools it needs", where=_NAME)
        said += data
    return said.decode().strip()
