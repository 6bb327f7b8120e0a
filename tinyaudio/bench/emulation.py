"""Virtual boards: a firmware image in QEMU, or as a child process.

QEMU runs with ``-icount shift=0``: one instruction is 1 ns of virtual time, so the firmware's counter is deterministic
and counts instructions (not cycles). Frames travel over two FIFOs that the image opens through Arm semihosting, which
is fast (73 MB/s), or over the emulated UART behind a pseudo terminal, which is not (20 to 31 kB/s into the guest) but
takes the way of a real board: a serial port that pyserial opens.
"""

from __future__ import annotations

import re
import select
import tempfile
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

from tinyaudio.bench.transport import Deadline, FifoTransport, ProcessTransport, SerialTransport, Transport
from tinyaudio.core.board import Board
from tinyaudio.core.errors import BoardError, BuildError, TransportError
from tinyaudio.core.tools import ToolProcess, find_tool, start_tool

Link = Literal["fifo", "uart"]

_TO_DEVICE = "to_device.fifo"
_FROM_DEVICE = "from_device.fifo"
_START_SECONDS = 10.0  # for QEMU to name its pseudo terminal
_END_SECONDS = 2.0  # for a process that has closed its end to be gone
_PTY_LINE = re.compile(rb"char device redirected to (\S+)")


class VirtualBoard:
    """A running virtual board; a context manager that ends it. Made by `start_virtual`.

    Attributes
    ----------
    transport
        The line to the firmware. If the emulator dies, it raises `TransportError` with the cause at once.
    """

    def __init__(self, process: ToolProcess, transport: Transport, *, description: str, resources: ExitStack) -> None:
        self.transport: Transport = _WatchedTransport(transport, process)
        self._process = process
        self._description = description
        self._resources = resources  # transport, process and FIFOs, to be let go in this order

    @property
    def pid(self) -> int:
        """Process id of the emulator."""
        return self._process.pid

    def describe(self) -> str:
        """Return how the board is reached, for a human reader."""
        return self._description

    def exit_reason(self) -> str:
        """Return one line: how the emulator ended and the last it said; ``""`` while it runs."""
        return self._process.cause_of_death()

    def close(self) -> None:
        """End the emulator and remove its FIFOs; twice is allowed."""
        self._resources.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


class _WatchedTransport:
    """A line to an emulator that says how the emulator ended as soon as it did, whatever the line itself noticed."""

    def __init__(self, line: Transport, process: ToolProcess) -> None:
        self._line = line
        self._process = process

    def write(self, data: bytes) -> None:
        try:
            self._line.write(data)
        except TransportError as error:
            raise self._explained(error) from error

    def read(self, max_bytes: int, *, timeout_seconds: float) -> bytes:
        try:
            data = self._line.read(max_bytes, timeout_seconds=timeout_seconds)
        except TransportError as error:
            raise self._explained(error) from error
        if not data and self._process.poll() is not None:
            raise self._ended()
        return data

    def close(self) -> None:
        self._line.close()

    def _explained(self, error: TransportError) -> TransportError:
        """A line may break a moment before its process can be waited for."""
        return error if self._process.wait(_END_SECONDS) is None else self._ended()

    def _ended(self) -> TransportError:
        return TransportError(
            f"the emulator died in the middle of the conversation: {self._process.cause_of_death()}",
            hint="finished stages are kept: run the command again; if it dies again, the line above is its own account",
            where=Path(self._process.argv[0]).name,
        )


def start_virtual(board: Board, elf: Path, *, link: Link = "fifo", work_dir: Path) -> VirtualBoard:
    """Start the image `elf` on the emulator of `board`.

    Parameters
    ----------
    board
        A board with an emulator.
    elf
        The image; for the host, the program.
    link
        "fifo" for speed, "uart" for the emulated UART; a child process has only its pipes.
    work_dir
        Folder in which the FIFOs are made, in a folder of their own that goes when the board is closed.

    Raises
    ------
    BoardError
        If the board has no emulator.
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
    if board.emulator.kind == "process":
        return _start_process(elf.resolve())
    if link == "uart":
        return _start_on_uart(_qemu_command(board.emulator.machine, elf.resolve()))
    return _start_on_fifos(_qemu_command(board.emulator.machine, elf.resolve()), work_dir)


def _qemu_command(machine: str, elf: Path) -> list[str | Path]:
    qemu = find_tool("qemu-system-arm").path
    return [qemu, "-M", machine, "-display", "none", "-monitor", "none", "-icount", "shift=0,sleep=off", "-kernel", elf]


def _semihosting(*arguments: str) -> list[str]:
    options = "".join(f",arg={argument}" for argument in arguments)
    return ["-semihosting-config", f"enable=on,target=native{options}"]


def _start_process(program: Path) -> VirtualBoard:
    with ExitStack() as resources:
        process = resources.enter_context(start_tool([program], pipes=True))
        transport = ProcessTransport(process)
        resources.callback(transport.close)
        return VirtualBoard(process, transport, description="child process", resources=resources.pop_all())


def _start_on_fifos(command: list[str | Path], work_dir: Path) -> VirtualBoard:
    work_dir.mkdir(parents=True, exist_ok=True)
    with ExitStack() as resources:
        folder = Path(resources.enter_context(tempfile.TemporaryDirectory(dir=work_dir, prefix="fifos-")))
        processes: list[ToolProcess] = []  # the FIFOs have to be open before the emulator starts
        transport = FifoTransport(
            to_device=folder / _TO_DEVICE,
            from_device=folder / _FROM_DEVICE,
            cause_of_death=lambda: processes[0].cause_of_death() if processes else "",
        )
        with ExitStack() as line:
            line.callback(transport.close)
            # Bare names, seen from the working directory: the image's command line is split at spaces.
            arguments = _semihosting("tinyaudio", "--fifo", _TO_DEVICE, _FROM_DEVICE)
            process = resources.enter_context(start_tool([*command, "-serial", "none", *arguments], cwd=folder))
            processes.append(process)
            # The image ends by itself at the end of its input; QEMU in a blocked read would not hear a signal.
            resources.callback(process.wait, _END_SECONDS)
            resources.enter_context(line.pop_all())
        return VirtualBoard(process, transport, description="semihosting FIFOs", resources=resources.pop_all())


def _start_on_uart(command: list[str | Path]) -> VirtualBoard:
    with ExitStack() as resources:
        process = resources.enter_context(start_tool([*command, "-serial", "pty", *_semihosting()], pipes=True))
        port = _pseudo_terminal(process)
        transport = SerialTransport(port)
        resources.callback(transport.close)
        return VirtualBoard(process, transport, description=f"emulated UART, {port}", resources=resources.pop_all())


def _pseudo_terminal(process: ToolProcess) -> str:
    """Read the name of the pseudo terminal that QEMU made."""
    assert process.stdout is not None
    deadline = Deadline.after(_START_SECONDS)
    said = b""
    while not (found := _PTY_LINE.search(said)):
        readable, _, _ = select.select([process.stdout], [], [], deadline.remaining_seconds)
        data = process.stdout.read(1_024) if readable else b""
        if not data:
            process.wait(_END_SECONDS)
            cause = process.cause_of_death() or f"no answer for {_START_SECONDS:g} s"
            raise TransportError(f"made no serial port: {cause}", hint="check the QEMU installation with `tinyaudio doctor`", where="qemu-system-arm")
        said += data
    return found.group(1).decode()
