"""Ways to the debug port: a probe for the installed pyOCD, and a JTAG chain on a socket for the installed OpenOCD."""

from __future__ import annotations

import errno
import socket
import threading
from collections.abc import Callable, Sequence
from typing import Any

from pyocd.core import exceptions
from pyocd.probe.debug_probe import DebugProbe
from usb.core import USBError

from tests.bench.debug_port import AccessFaultError, DebugPort


class ModelledProbe(DebugProbe):  # type: ignore[misc]
    """A probe of pyOCD's, with a `DebugPort` at its end."""

    supported_wire_protocols = (DebugProbe.Protocol.DEFAULT, DebugProbe.Protocol.SWD)
    capabilities = frozenset({DebugProbe.Capability.MANAGED_AP_SELECTION, DebugProbe.Capability.MANAGED_DPBANKSEL})
    product_name, vendor_name, associated_board_info = "STLINK-V3", "STMicroelectronics", None

    def __init__(self, port: DebugPort, serial_number: str) -> None:
        super().__init__()
        self.port = port
        self.unplugged = False
        self.unique_id = serial_number
        self.clocks_hz: list[int] = []
        self.is_open = False

    unique_id = ""
    is_open = False
    wire_protocol: object = None

    def create_associated_board(self) -> None:
        return None

    def open(self) -> None:
        if self.unplugged:
            raise USBError("No such device (it may have been disconnected)", -4, errno.ENODEV)
        self.is_open = True

    def close(self) -> None:
        self.is_open = False

    def connect(self, protocol: object = None) -> None:
        self._ask(lambda: None)
        self.wire_protocol = DebugProbe.Protocol.SWD

    def disconnect(self) -> None:
        self.wire_protocol = None

    def swj_sequence(self, length: int, bits: int) -> None:
        pass

    def set_clock(self, frequency: int) -> None:
        self.clocks_hz.append(frequency)

    def reset(self) -> None:
        self.assert_reset(True)
        self.assert_reset(False)

    def assert_reset(self, asserted: bool) -> None:
        self._ask(lambda: self.port.assert_reset(asserted))

    def is_reset_asserted(self) -> bool:
        return self.port.in_reset

    def flush(self) -> None:
        pass

    def read_dp(self, addr: int, now: bool = True) -> Any:
        return self._later(self._ask(lambda: self.port.read_dp(addr)), now)

    def write_dp(self, addr: int, data: int) -> None:
        self._ask(lambda: self.port.write_dp(addr, data))

    def read_ap(self, addr: int, now: bool = True) -> Any:
        return self._later(self._ask(lambda: self.port.read_ap(addr >> 24, addr & 0xFF)), now)

    def write_ap(self, addr: int, data: int) -> None:
        self._ask(lambda: self.port.write_ap(addr >> 24, addr & 0xFF, data))

    def read_ap_multiple(self, addr: int, count: int = 1, now: bool = True) -> Any:
        return self._later([self.read_ap(addr) for _ in range(count)], now)

    def write_ap_multiple(self, addr: int, values: Sequence[int]) -> None:
        for value in values:
            self.write_ap(addr, value)

    def _later(self, value: Any, now: bool) -> Any:
        return value if now else lambda: value

    def _ask(self, question: Callable[[], Any]) -> Any:
        if self.unplugged:
            raise exceptions.ProbeError("USB Error: [Errno 19] No such device (it may have been disconnected)")
        try:
            return question()
        except AccessFaultError:
            raise exceptions.TransferFaultError("bus") from None


class JtagChain:
    """A server for OpenOCD's adapter ``remote_bitbang``: the boundary-scan TAP and the JTAG-DP of a chip, in this order from TDI.

    Attributes
    ----------
    port_number
        Of the TCP server on loopback.
    """

    def __init__(self, port: DebugPort) -> None:
        self.port = port
        self.hangs_up = False
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port_number = int(self._listener.getsockname()[1])
        self._state = "reset"
        self._tck = self._tms = self._tdi = 0
        self._instructions = [0b00001, 0b1110]
        self._shift: list[int] = []
        self._answer = 0
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        self._listener.close()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with connection:
                self._converse(connection)

    def _converse(self, connection: socket.socket) -> None:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        while data := connection.recv(65_536):
            answers = bytearray()
            for character in data:
                if 0x30 <= character <= 0x37:
                    self._pins(character - 0x30)
                elif character == 0x52:  # R
                    answers.append(0x30 | (self._shift[0] if self._shift else 0))
                elif 0x72 <= character <= 0x75:  # r s t u: bit 0 of the difference is SRST
                    self.port.assert_reset(bool(character - 0x72 & 1))
                elif character == 0x51 or self.hangs_up:  # Q
                    return
            if self.hangs_up:
                return
            if answers:
                connection.sendall(answers)

    def _pins(self, value: int) -> None:
        tck, self._tms, self._tdi = value >> 2 & 1, value >> 1 & 1, value & 1
        if tck and not self._tck:
            self._clock()
        self._tck = tck

    def _clock(self) -> None:
        if self._state in ("shift-dr", "shift-ir"):
            self._shift = [*self._shift[1:], self._tdi]
        self._state = _NEXT[self._state][self._tms]
        if self._state == "reset":
            self._instructions = [0b00001, 0b1110]
        elif self._state == "capture-ir":
            self._shift = _bits(0b0001, 4) + _bits(0b00001, 5)  # the DP is nearer to TDO
        elif self._state == "update-ir":
            self._instructions = [_number(self._shift[4:]), _number(self._shift[:4])]
        elif self._state == "capture-dr":
            self._shift = self._capture_dp() + (_bits(0x0645_0041, 32) if self._instructions[0] == 0b00001 else [0])
        elif self._state == "update-dr":
            self._update_dp()

    def _capture_dp(self) -> list[int]:
        instruction = self._instructions[1]
        if instruction == 0b1110:
            return _bits(0x6BA0_0477, 32)
        return _bits(self._answer << 3 | 0b010, 35) if instruction in (0b1000, 0b1010, 0b1011) else [0]

    def _update_dp(self) -> None:
        instruction, value = self._instructions[1], _number(self._shift[:35])
        address, data, is_read = (value >> 1 & 3) << 2, value >> 3, value & 1
        try:
            if instruction == 0b1010:
                if is_read:
                    self._answer = self._answer if address == 0xC else self.port.read_dp(address)
                elif address:
                    self.port.write_dp(address, data)
            elif instruction == 0b1011:
                ap, register = self.port.select >> 24, self.port.select & 0xF0 | address
                if is_read:
                    self._answer = self.port.read_ap(ap, register)
                else:
                    self.port.write_ap(ap, register, data)
        except AccessFaultError:
            self.port.ctrl_stat |= 0x20


_NEXT = {
    "reset": ("idle", "reset"),
    "idle": ("idle", "select-dr"),
    "select-dr": ("capture-dr", "select-ir"),
    "capture-dr": ("shift-dr", "exit1-dr"),
    "shift-dr": ("shift-dr", "exit1-dr"),
    "exit1-dr": ("pause-dr", "update-dr"),
    "pause-dr": ("pause-dr", "exit2-dr"),
    "exit2-dr": ("shift-dr", "update-dr"),
    "update-dr": ("idle", "select-dr"),
    "select-ir": ("capture-ir", "reset"),
    "capture-ir": ("shift-ir", "exit1-ir"),
    "shift-ir": ("shift-ir", "exit1-ir"),
    "exit1-ir": ("pause-ir", "update-ir"),
    "pause-ir": ("pause-ir", "exit2-ir"),
    "exit2-ir": ("shift-ir", "update-ir"),
    "update-ir": ("idle", "select-dr"),
}


def _bits(value: int, count: int) -> list[int]:
    return [value >> index & 1 for index in range(count)]


def _number(bits: Sequence[int]) -> int:
    return sum(bit << index for index, bit in enumerate(bits))
