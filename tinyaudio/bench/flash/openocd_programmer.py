"""OpenOCD as a `Programmer`: a process of its own for every rung, spoken to through its Tcl server."""

from __future__ import annotations

import contextlib
import re
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Protocol

from tinyaudio.bench.flash.image import Segment
from tinyaudio.bench.flash.roles import Advance, Connection, ProbeInfo, Rung, RungError
from tinyaudio.bench.flash.stlink import merge_ports, udev_hint
from tinyaudio.bench.flash.tcl_rpc import LOOPBACK, TclClient, TclClosedError, TclError
from tinyaudio.bench.transport import Deadline, UsbSerialPort, usb_serial_ports
from tinyaudio.core.board import Probe as ProbeTable
from tinyaudio.core.errors import ProbeError, ToolError
from tinyaudio.core.files import write_bytes_atomically
from tinyaudio.core.tools import Tool, find_tool, start_tool

_START_SECONDS = 10.0
_LOOK_SECONDS = 0.02  # how often the log is looked at until the server listens
_INIT_SECONDS = 30.0
_LAST_WORDS_SECONDS = 10.0  # for a process that closed the connection to be gone, so that its last words are there
_COMMAND_SECONDS = 60.0  # a sector of 128 KiB takes up to 4 s to erase
_MASS_ERASE_SECONDS = 180.0
_WRITE_BYTES = 32_768  # with one command; so often is the progress told
_MDW_BYTES = 64  # up to here memory is read by `mdw`, above by `dump_image`

_LISTENING = re.compile(r"Listening on port (\d+) for tcl connections")
_MEMORY_LINE = re.compile(r"^0x[0-9a-f]{8}: ((?:[0-9a-f]{8} ?)+)\s*$", re.MULTILINE)
_BANK_LINE = re.compile(r"^#(\d+) : ", re.MULTILINE)


class ServerProcess(Protocol):
    """A started OpenOCD; `tinyaudio.core.tools.ToolProcess` is one."""

    def wait(self, timeout_seconds: float) -> int | None:
        """Wait for the end; return the return code, or None while it runs."""

    def stderr_tail(self) -> str:
        """Return the last lines of its log."""

    def cause_of_death(self) -> str:
        """Return how it ended, "" while it runs."""

    def terminate(self) -> int:
        """End it."""


class OpenocdProgrammer:
    """ST-LINK probes through OpenOCD, 0.12 or newer.

    OpenOCD lists no probes; those that have a serial port are known by it. Others are named by ``--serial-number``.

    Parameters
    ----------
    find
        Returns the program, or raises `ToolError`.
    start
        Starts it with arguments.
    list_ports
        Returns the serial ports at USB.
    on_detail
        Called with everything that OpenOCD says.
    """

    def __init__(
        self,
        *,
        find: Callable[[str], Tool] = find_tool,
        start: Callable[[Sequence[str | Path]], ServerProcess] = start_tool,
        list_ports: Callable[[], tuple[UsbSerialPort, ...]] = usb_serial_ports,
        on_detail: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._find = find
        self._start = start
        self._list_ports = list_ports
        self._on_detail = on_detail

    @property
    def name(self) -> str:
        """How ``--programmer`` calls it."""
        return "openocd"

    def can_list_every_probe(self) -> bool:
        """It cannot: a probe without a serial port is not seen."""
        return False

    def probes(self) -> tuple[ProbeInfo, ...]:
        """Return the ST-LINKs that have a serial port."""
        self._find("openocd")
        return merge_ports((), self._list_ports())

    @contextlib.contextmanager
    def connect(self, serial_number: str, table: ProbeTable, rung: Rung) -> Iterator[Connection]:
        """Start OpenOCD and let it examine the chip."""
        program = self._find("openocd").path
        with contextlib.ExitStack() as resources:
            process = self._start(_command(program, serial_number, table, rung))
            resources.callback(process.terminate)
            try:
                client = resources.enter_context(TclClient(_listening_port(process)))
            except TclClosedError as error:
                raise RungError(f"openocd {error}") from error
            folder = Path(resources.enter_context(tempfile.TemporaryDirectory(prefix="tinyaudio-flash-")))
            connection = _OpenocdConnection(client, process, folder, self._on_detail)
            resources.callback(connection.shut_down)
            try:
                connection.command("init", timeout_seconds=_INIT_SECONDS)
            except RungError as error:
                raise self._probe_error(str(error), serial_number) or error from error
            if rung.under_reset:  # `init` leaves the reset line asserted, and in reset the chip's bus answers nothing
                connection.halt()
            yield connection

    def _probe_error(self, text: str, serial_number: str) -> ProbeError | None:
        """Return the error if it is the probe that failed, not the chip: no other rung can help then."""
        if "LIBUSB_ERROR_BUSY" in text:
            return ProbeError(
                f"the debug probe {serial_number} is in use by another program",
                hint="close the debugger, IDE or flashing tool that holds it, then run the same command again",
                where="flash",
            )
        if "LIBUSB_ERROR_ACCESS" in text:
            return ProbeError(f"you have no right to use the debug probe {serial_number}", hint=udev_hint(), where="flash")
        if "open failed" in text or "No Valid JTAG Interface" in text:
            if any(probe.serial_number == serial_number for probe in self.probes()):
                return ProbeError(
                    f"openocd cannot open the debug probe {serial_number}",
                    hint="does another program use it? is its firmware recent? --verbose shows what openocd says",
                    where="flash",
                )
            return ProbeError(f"the debug probe {serial_number} was unplugged", hint="plug it in and run the same command again", where="flash")
        return None


class _OpenocdConnection:
    """A running OpenOCD that knows its chip."""

    def __init__(self, client: TclClient, process: ServerProcess, folder: Path, on_detail: Callable[[str], None]) -> None:
        self._client = client
        self._process = process
        self._folder = folder
        self._on_detail = on_detail

    def command(self, command: str, *, timeout_seconds: float = _COMMAND_SECONDS) -> str:
        """Run one command; raise `RungError` with what OpenOCD said if it fails."""
        try:
            text = self._client.run(command, timeout_seconds=timeout_seconds)
        except TclError as error:
            self._on_detail(f"openocd: {command}: {error}")
            raise RungError(_one_line(str(error))) from error
        except TclClosedError as error:
            self._process.wait(_LAST_WORDS_SECONDS)
            raise RungError(self._process.cause_of_death() or f"openocd {error}") from error
        self._on_detail(f"openocd: {command}: {_one_line(text)}")
        return text

    def read(self, address: int, count: int) -> bytes:
        if count > _MDW_BYTES:
            dump = self._folder / "dump.bin"
            self.command(f"dump_image {{{dump}}} 0x{address:08x} {count}")
            return _read_dump(dump, count)
        words = [word for line in _MEMORY_LINE.findall(self.command(f"mdw 0x{address:08x} {count // 4}")) for word in line.split()]
        if len(words) * 4 != count:
            raise RungError(f"openocd read {len(words)} words at 0x{address:08x} instead of {count // 4}")
        return b"".join(int(word, 16).to_bytes(4, "little") for word in words)

    def halt(self) -> None:
        self.command("reset halt")

    def mass_erase(self) -> None:
        for bank in _BANK_LINE.findall(self.command("flash banks")):
            self.command(f"flash probe {bank}")
            with contextlib.suppress(RungError):  # a chip without write protection has nothing to lift
                self.command(f"flash protect {bank} 0 last off")
            self.command(f"flash erase_sector {bank} 0 last", timeout_seconds=_MASS_ERASE_SECONDS)

    def write(self, blocks: Sequence[Segment], on_progress: Advance) -> None:
        total = sum(len(block.data) for block in blocks)
        on_progress(0, total)
        for block in blocks:
            self.command(f"flash erase_address pad 0x{block.address:08x} {len(block.data)}", timeout_seconds=_MASS_ERASE_SECONDS)
        done = 0
        piece = self._folder / "piece.bin"
        for block in blocks:
            for start in range(0, len(block.data), _WRITE_BYTES):
                data = block.data[start : start + _WRITE_BYTES]
                write_bytes_atomically(piece, data)
                self.command(f"flash write_image {{{piece}}} 0x{block.address + start:08x} bin")
                done += len(data)
                on_progress(done, total)

    def run(self) -> None:
        self.command("reset run")

    def shut_down(self) -> None:
        """Let the chip and the probe go; at the end of an error the process may be gone already."""
        with contextlib.suppress(TclError, TclClosedError):
            self._client.run("shutdown", timeout_seconds=_INIT_SECONDS)
        self._process.wait(_INIT_SECONDS)


def _command(program: Path, serial_number: str, table: ProbeTable, rung: Rung) -> list[str | Path]:
    commands = [f"adapter serial {serial_number}", f"adapter speed {rung.clock_hz // 1_000}"]
    if rung.under_reset:
        commands.append("reset_config srst_only srst_nogate connect_assert_srst")
    servers = [f"bindto {LOOPBACK}", "gdb_port disabled", "telnet_port disabled", "tcl_port 0"]
    argv: list[str | Path] = [program]
    for command in servers:
        argv += ["-c", command]
    for config in table.openocd_config:
        argv += ["-f", config]
    for command in [*commands, "noinit"]:  # `init` comes through the server, so that its failure has a text
        argv += ["-c", command]
    return argv


def _listening_port(process: ServerProcess) -> int:
    """Wait until OpenOCD has said where its Tcl server listens."""
    deadline = Deadline.after(_START_SECONDS)
    while (found := _LISTENING.search(process.stderr_tail())) is None:
        if process.wait(_LOOK_SECONDS) is not None:
            if found := _LISTENING.search(process.stderr_tail()):
                break
            raise ToolError(
                f"did not start: {process.cause_of_death()}",
                hint="it must be OpenOCD 0.12 or newer; see probe.openocd_config of the board",
                where="openocd",
            )
        if deadline.expired:
            raise ToolError(f"opened no Tcl server within {_START_SECONDS:g} s", hint="run it again; --verbose shows more", where="openocd")
    return int(found.group(1))


def _read_dump(dump: Path, count: int) -> bytes:
    try:
        data = dump.read_bytes()
    except OSError as error:
        raise RungError(f"openocd left no dump: {error}") from error
    if len(data) != count:
        raise RungError(f"openocd read {len(data)} bytes instead of {count}")
    return data


def _one_line(text: str) -> str:
    return " | ".join(line.strip() for line in text.splitlines() if line.strip())
