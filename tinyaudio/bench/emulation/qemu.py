"""Boards that QEMU emulates.

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

from tinyaudio.bench.emulation.virtual_board import END_SECONDS, Link, VirtualBoard
from tinyaudio.bench.transport import Deadline, FifoTransport, SerialTransport
from tinyaudio.core.errors import TransportError
from tinyaudio.core.tools import ToolProcess, find_tool, start_tool

_TO_DEVICE = "to_device.fifo"
_FROM_DEVICE = "from_device.fifo"
_START_SECONDS = 30.0  # for QEMU to name its pseudo terminal
_PTY_LINE = re.compile(rb"char device redirected to (\S+)")


def start_qemu(machine: str, elf: Path, *, link: Link, work_dir: Path) -> VirtualBoard:
    """Start the image `elf` on QEMU's `machine`."""
    if link == "uart":
        return _start_on_uart(_qemu_command(machine, elf))
    return _start_on_fifos(_qemu_command(machine, elf), work_dir)


def _qemu_command(machine: str, elf: Path) -> list[str | Path]:
    qemu = find_tool("qemu-system-arm").path
    return [qemu, "-M", machine, "-display", "none", "-monitor", "none", "-icount", "shift=0,sleep=off", "-kernel", elf]


def _semihosting(*arguments: str) -> list[str]:
    options = "".join(f",arg={argument}" for argument in arguments)
    return ["-semihosting-config", f"enable=on,target=native{options}"]


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
            resources.callback(process.wait, END_SECONDS)
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
            process.wait(END_SECONDS)
            cause = process.cause_of_death() or f"no answer for {_START_SECONDS:g} s"
            raise TransportError(f"made no serial port: {cause}", hint="check the QEMU installation with `tinyaudio doctor`", where="qemu-system-arm")
        said += data
    return found.group(1).decode()
