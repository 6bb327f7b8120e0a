"""A serial port, by any URL that pyserial knows: a device file, ``socket://host:port``, ``rfc2217://...``, ``loop://``."""

from __future__ import annotations

import errno
import select
from pathlib import Path

import serial
from serial.tools import list_ports

from tinyaudio.bench.transport.base import Deadline
from tinyaudio.core.errors import TransportError

_WRITE_SECONDS = 20.0


class SerialTransport:
    """A line over a serial port.

    Parameters
    ----------
    url
        As above; for a device file its path.
    baud_rate
        Symbols a second; ports without a real line ignore it.

    Raises
    ------
    TransportError
        If there is no such port, it is in use, or the user has no right to it (the hint names the group).
    """

    def __init__(self, url: str, *, baud_rate: int = 921_600) -> None:
        self._url = url
        self._pending = bytearray()  # read while a write had to wait
        try:
            self._port = serial.serial_for_url(url, baudrate=baud_rate, timeout=0, do_not_open=True)
            self._port.open()
        except (OSError, ValueError) as error:  # SerialException is an OSError
            raise _open_error(url, error) from error
        self._descriptor = _descriptor_of(self._port)
        if self._descriptor is not None:
            self._port.write_timeout = 0  # `write` waits by itself, and reads meanwhile

    def write(self, data: bytes) -> None:
        """Hand over `data`. Input is taken in meanwhile, so that two sides writing at once cannot wait for each other."""
        try:
            if self._descriptor is None:
                self._port.write(data)
            else:
                self._write_by_select(memoryview(data), self._descriptor)
        except (OSError, TypeError, ValueError) as error:
            raise self._vanished(error) from error

    def read(self, max_bytes: int, *, timeout_seconds: float) -> bytes:
        """Return what has come; ``b""`` after `timeout_seconds` without anything."""
        try:
            if not self._pending:
                self._port.timeout = timeout_seconds
                self._pending += self._port.read(1)
                self._take_in()
        except (OSError, TypeError, ValueError) as error:  # pyserial: TypeError when another thread closed the port
            raise self._vanished(error) from error
        taken = bytes(self._pending[:max_bytes])
        del self._pending[:max_bytes]
        return taken

    def close(self) -> None:
        """Close the port."""
        self._port.close()

    def _take_in(self) -> None:
        self._port.timeout = 0
        while data := self._port.read(4_096):
            self._pending += data

    def _write_by_select(self, view: memoryview, descriptor: int) -> None:
        deadline = Deadline.after(_WRITE_SECONDS)
        while view:
            readable, writable, _ = select.select([descriptor], [descriptor], [], deadline.remaining_seconds)
            if readable:
                self._take_in()
            if writable:
                view = view[self._port.write(view[:1_024]) :]
                deadline = Deadline.after(_WRITE_SECONDS)
            elif deadline.expired:
                raise TransportError(f"took no byte for {_WRITE_SECONDS:g} s", hint="check the cable and the flow control", where=self._url)

    def _vanished(self, error: Exception) -> TransportError:
        return TransportError(
            f"the port vanished or failed: {error}", hint="check the cable, plug the board in again, and run it again", where=self._url
        )


def _descriptor_of(port: serial.SerialBase) -> int | None:
    try:
        return int(port.fileno())
    except (OSError, AttributeError):  # ports such as loop:// have none
        return None


def _open_error(url: str, error: Exception) -> TransportError:
    number = getattr(error, "errno", None)
    if number == errno.ENOENT:
        return TransportError("there is no such port", hint=_ports_hint(), where=url)
    if number in (errno.EACCES, errno.EPERM):
        group = _group_of(url)
        return TransportError(
            "you have no right to open the port", hint=f"join its group: sudo usermod -aG {group} $USER, then log in again", where=url
        )
    if number == errno.EBUSY:
        return TransportError("the port is in use", hint="close the other program (a serial monitor?)", where=url)
    return TransportError(f"cannot open the port: {error}", hint=_ports_hint(), where=url)


def _group_of(url: str) -> str:
    try:
        return Path(url).group()
    except (OSError, KeyError, NotImplementedError):
        return "dialout"


def _ports_hint() -> str:
    names = [port.device for port in list_ports.comports()]
    return f"ports that are there: {', '.join(names)}" if names else "no serial port is there: plug the board in, or check its cable"
