"""OpenOCD without a probe: the same command line, Tcl server, log and error texts as OpenOCD 0.12, over a `FakeDesk`."""

from __future__ import annotations

import contextlib
import re
import socket
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tinyaudio.bench.flash.fakes.desk import FakeDesk, FakeProbe, FlashFaultError, MemoryFaultError, NoAnswerError, UnpluggedError
from tinyaudio.bench.flash.tcl_rpc import LOOPBACK, TERMINATOR
from tinyaudio.core.errors import ToolError
from tinyaudio.core.tools import Tool

_ERROR_FAIL = -4  # the Tcl return code of a command that failed in C
_ERROR_EXIT = -600  # of `shutdown`
_RECEIVE_BYTES = 7  # an odd few at once, so that commands arrive in pieces
_BANKS = 2
_CATCH = re.compile(r'set (?P<code>\w+) \[catch \{capture \{(?P<command>.*)\}\} (?P<text>\w+)\]; set \w+ "\$(?P=code) \$(?P=text)"', re.DOTALL)


class FakeCommandError(Exception):
    """A command failed: its text, and the return code that Tcl's ``catch`` sees."""

    def __init__(self, text: str, code: int = _ERROR_FAIL) -> None:
        super().__init__(text)
        self.code = code


@dataclass(frozen=True, slots=True, kw_only=True)
class _CommandLine:
    """What ``-f`` and ``-c`` say."""

    configs: tuple[str, ...]
    serial_number: str = ""
    clock_khz: int = 1_800  # as in target/stm32h7x.cfg
    under_reset: bool = False

    @classmethod
    def parse(cls, argv: Sequence[str]) -> _CommandLine:
        options = list(zip(argv[1::2], argv[2::2], strict=True))
        values = {" ".join(words[:2]): words[2] for _, text in options if len(words := text.split()) > 2}
        return cls(
            configs=tuple(text for option, text in options if option == "-f"),
            serial_number=values["adapter serial"],
            clock_khz=int(values["adapter speed"]),
            under_reset=any("connect_assert_srst" in text for _, text in options),
        )


class FakeOpenocd:
    """OpenOCD on a desk; `find` and `start` stand in for those of `tinyaudio.core.tools`.

    Parameters
    ----------
    desk
        What is plugged in.
    installed
        Whether the program is there.
    dies_at
        A command in the middle of which the process ends.

    Attributes
    ----------
    servers
        Every process that was started, in order.
    """

    def __init__(self, desk: FakeDesk, *, installed: bool = True, dies_at: str | None = None) -> None:
        self.servers: list[FakeServer] = []
        self._desk = desk
        self._installed = installed
        self._dies_at = dies_at

    def find(self, name: str) -> Tool:
        """Find the program."""
        if not self._installed:
            raise ToolError("is not installed", hint="install openocd and put it on PATH", where=name)
        return Tool(path=Path("/usr/bin") / name, version="0.12.0")

    def start(self, argv: Sequence[str | Path]) -> FakeServer:
        """Start the program."""
        server = FakeServer(self._desk, [str(part) for part in argv], dies_at=self._dies_at)
        self.servers.append(server)
        return server


class FakeServer:
    """A running OpenOCD: a thread with a Tcl server on loopback.

    Attributes
    ----------
    commands
        What was executed, in order.
    """

    def __init__(self, desk: FakeDesk, argv: Sequence[str], *, dies_at: str | None = None) -> None:
        self.argv = tuple(argv)
        self.commands: list[str] = []
        self._desk = desk
        self._dies_at = dies_at
        self._settings = _CommandLine.parse(argv)
        self._probe: FakeProbe | None = None
        self._reset_is_held = False  # from `init` under reset to the first `reset`
        self._log = ["Open On-Chip Debugger 0.12.0", "Licensed under GNU GPL v2"]
        self._returncode: int | None = None
        self._ended = threading.Event()
        self._listener = socket.create_server((LOOPBACK, 0))
        missing = next((config for config in self._settings.configs if not config.startswith(("interface/", "target/"))), None)
        if missing is not None:
            self._log.append(f"Error: Can't find {missing}")
            self._end(1)
            return
        self._log.append(f"Info : Listening on port {self._listener.getsockname()[1]} for tcl connections")
        threading.Thread(target=self._serve, daemon=True).start()

    def wait(self, timeout_seconds: float) -> int | None:
        """Wait for the end."""
        self._ended.wait(timeout_seconds)
        return self._returncode

    def stderr_tail(self) -> str:
        """Return the log."""
        return "\n".join(self._log)

    def cause_of_death(self) -> str:
        """Return how it ended."""
        return "" if self._returncode is None else f"openocd ended with code {self._returncode}: {self._log[-1]}"

    def terminate(self) -> int:
        """End it."""
        self._end(0)
        assert self._returncode is not None
        return self._returncode

    def _end(self, returncode: int) -> None:
        if self._returncode is None:
            self._returncode = returncode
            self._listener.close()
            self._ended.set()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            connection, _ = self._listener.accept()
            with connection:
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                received = b""
                while data := connection.recv(_RECEIVE_BYTES):
                    received += data
                    while TERMINATOR in received:
                        line, _, received = received.partition(TERMINATOR)
                        reply = self._evaluate(line.decode())
                        if self._dies_at is not None and self._dies_at in line.decode():
                            self._log.append("Error: libusb: fatal error")
                            self._end(-11)
                            return
                        for byte in reply.encode() + TERMINATOR:  # in the smallest pieces there are
                            connection.sendall(bytes([byte]))
                        if "shutdown" in line.decode():
                            self._end(0)
                            return

    def _evaluate(self, line: str) -> str:
        """Return the result of a line, as Tcl: without ``catch`` nothing tells an error from a result."""
        caught = _CATCH.fullmatch(line)
        try:
            text, code = self._execute(caught["command"] if caught else line), 0
        except FakeCommandError as error:
            text, code = f"{error}\n", error.code
        self._log += text.splitlines()
        return f"{code} {text}" if caught else text.rstrip("\n")

    def _execute(self, command: str) -> str:
        self.commands.append(command)
        name, arguments = _name_and_arguments(command)
        handler = _COMMANDS.get(name)
        if handler is None:
            raise FakeCommandError(f'invalid command name "{name.split()[0]}"', code=1)
        try:
            return handler(self, arguments)
        except UnpluggedError:
            raise FakeCommandError("jtag status contains invalid mode value - communication failure\nUnable to complete") from None

    def _init(self, _: list[str]) -> str:
        said = f"clock speed {self._settings.clock_khz} kHz\n"
        probe = next((probe for probe in self._desk.plugged() if probe.serial_number == self._settings.serial_number), None)
        if probe is None:
            raise FakeCommandError(f"{said}open failed\n")
        if probe.in_use or probe.denied:
            call, reason = ("claim_interface", "BUSY") if probe.in_use else ("open", "ACCESS")
            raise FakeCommandError(f"{said}libusb_{call}() failed with LIBUSB_ERROR_{reason}\nopen failed\n")
        try:
            probe.connect(under_reset=self._settings.under_reset, clock_hz=self._settings.clock_khz * 1_000)
        except NoAnswerError:
            raise FakeCommandError(f"{said}Target voltage: 3.28\ninit mode failed (unable to connect to the target)\n") from None
        self._probe, self._reset_is_held = probe, self._settings.under_reset
        return f"{said}Target voltage: 3.28\nstm32h7x.cpu0: Cortex-M7 r1p1 processor detected\n"

    def _require_target(self) -> FakeProbe:
        if self._probe is None:
            raise FakeCommandError("Target not examined yet")
        return self._probe

    def _reset(self, arguments: list[str]) -> str:
        probe = self._require_target()
        probe.require_plugged()
        probe.chip.reset(halt=arguments == ["halt"])
        self._reset_is_held = False
        return "target halted due to debug-request, current mode: Thread\n" if probe.chip.halted else ""

    def _read(self, address: int, count: int) -> bytes:
        probe = self._require_target()
        if self._reset_is_held:  # the bus behind the core is in reset
            raise FakeCommandError(f"Failed to read memory at 0x{address:08x}")
        try:
            return probe.read(address, count)
        except MemoryFaultError as error:
            raise FakeCommandError(f"Failed to read memory at 0x{error.address:08x}") from None

    def _mdw(self, arguments: list[str]) -> str:
        address, count = int(arguments[0], 0), int(arguments[1])
        words = self._read(address, count * 4)
        lines = []
        for start in range(0, len(words), 32):
            row = words[start : start + 32]
            values = [f"{int.from_bytes(row[offset : offset + 4], 'little'):08x}" for offset in range(0, len(row), 4)]
            lines.append(f"0x{address + start:08x}: {' '.join(values)} \n")
        return "".join(lines)

    def _dump_image(self, arguments: list[str]) -> str:
        path, address, count = Path(arguments[0]), int(arguments[1], 0), int(arguments[2])
        path.write_bytes(self._read(address, count))
        return f"dumped {count} bytes in 0.1s ({count / 102.4:.3f} KiB/s)\n"

    def _banks(self, _: list[str]) -> str:
        bank_bytes = len(self._require_target().chip.flash) // _BANKS
        origin = self._require_target().chip.flash_origin
        rows = [
            f"#{bank} : stm32h7x.bank{bank + 1}.cpu0 (stm32h7x) at 0x{origin + bank * bank_bytes:08x}, size 0x{bank_bytes:08x}"
            for bank in range(_BANKS)
        ]
        return "".join(f"{row}, buswidth 0, chipwidth 0\n" for row in rows)

    def _probe_bank(self, _: list[str]) -> str:
        self._require_target()
        return "flash 'stm32h7x' found\n"

    def _protect(self, arguments: list[str]) -> str:
        self._require_target().chip.protected = arguments[-1] == "on"
        return "cleared protection\n"

    def _erase_sector(self, arguments: list[str]) -> str:
        probe = self._require_target()
        bank_bytes = len(probe.chip.flash) // _BANKS
        self._erase(probe.chip.flash_origin + int(arguments[0]) * bank_bytes, bank_bytes)
        return "erased sectors\n"

    def _erase_address(self, arguments: list[str]) -> str:
        padded, address, count = arguments[0] == "pad", int(arguments[-2], 0), int(arguments[-1], 0)
        sector_bytes = self._require_target().chip.sector_bytes
        if not padded and (address % sector_bytes or count % sector_bytes):
            raise FakeCommandError(f"address range 0x{address:x} .. 0x{address + count - 1:x} is not sector-aligned")
        self._erase(address, count)
        return f"erased address 0x{address:08x} (length {count})\n"

    def _erase(self, address: int, count: int) -> None:
        try:
            self._require_target().erase_sectors(address, count)
        except FlashFaultError:
            raise FakeCommandError("stm32x_erase: flash controller reports write protection\nfailed erasing sectors") from None

    def _write_image(self, arguments: list[str]) -> str:
        path, address = Path(arguments[0]), int(arguments[1], 0)
        data = path.read_bytes()
        probe = self._require_target()
        try:
            probe.program(address, data.ljust(len(data) + -len(data) % probe.chip.word_bytes, b"\xff"))
        except FlashFaultError as error:
            raise FakeCommandError(f"error writing to flash at address 0x{error.address:08x} at offset 0x{error.address - address:08x}") from None
        return f"wrote {len(data)} bytes from file {path} in 0.1s ({len(data) / 102.4:.3f} KiB/s)\n"

    def _shutdown(self, _: list[str]) -> str:
        if self._probe is not None and self._probe.plugged:
            self._probe.chip.halted = False
        raise FakeCommandError("shutdown command invoked", code=_ERROR_EXIT)

    def _version(self, _: list[str]) -> str:
        return "Open On-Chip Debugger 0.12.0\n"


_COMMANDS: dict[str, Callable[[FakeServer, list[str]], str]] = {
    "version": FakeServer._version,
    "init": FakeServer._init,
    "reset": FakeServer._reset,
    "mdw": FakeServer._mdw,
    "dump_image": FakeServer._dump_image,
    "flash banks": FakeServer._banks,
    "flash probe": FakeServer._probe_bank,
    "flash protect": FakeServer._protect,
    "flash erase_sector": FakeServer._erase_sector,
    "flash erase_address": FakeServer._erase_address,
    "flash write_image": FakeServer._write_image,
    "shutdown": FakeServer._shutdown,
}


def _name_and_arguments(command: str) -> tuple[str, list[str]]:
    """Split a command into its name, of two words for ``flash``, and its arguments; braces hold a word together."""
    words = [braced or plain for braced, plain in re.findall(r"\{([^}]*)\}|(\S+)", command)]
    split = 2 if words[0] == "flash" else 1
    return " ".join(words[:split]), words[split:]
