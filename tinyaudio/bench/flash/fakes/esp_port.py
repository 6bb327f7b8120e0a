"""A serial port with a fake ESP32-S3 behind it: a pseudo terminal whose other side frames packets as SLIP does."""

from __future__ import annotations

import contextlib
import os
import select
import termios
import threading
import tty
from pathlib import Path
from typing import Final, Self

from tinyaudio.bench.flash.fakes.esp_rom import EspChip, EspLoader

_END: Final = 0xC0
_ESCAPE: Final = 0xDB
_ESCAPED = {0xDC: _END, 0xDD: _ESCAPE}
_POLL_SECONDS = 0.05
_NOISE = b"\x00\xf8\x80\x1c"  # what a line at another speed looks like
_SPEEDS = {getattr(termios, f"B{rate}"): rate for rate in (9_600, 115_200, 230_400, 460_800, 921_600, 1_500_000, 2_000_000, 3_000_000)}


class FakeEspPort:
    """A port at `path`; a context manager that takes it away.

    Parameters
    ----------
    path
        Where the port appears; it must not be there.
    chip
        What hangs at it, in its loader.
    highest_baud_rate
        Faster, the line garbles everything, as a bad cable or a slow bridge does.
    vanishes_after_bytes
        The port goes away when so many bytes are written to flash, once.
    absent_seconds
        For how long; a reset by the watchdog takes it away as long, if `reenumerates`. Infinite: it does not come back.
    replaced_by
        The chip that hangs at the port when it comes back; None: the same.
    reenumerates
        Whether a reset of the chip takes the port away, as a USB port that is part of the chip is.
    """

    def __init__(
        self,
        path: Path,
        chip: EspChip,
        *,
        highest_baud_rate: int = 3_000_000,
        vanishes_after_bytes: int | None = None,
        absent_seconds: float = 0.3,
        replaced_by: EspChip | None = None,
        reenumerates: bool = False,
    ) -> None:
        self.path = path
        self.chip = chip
        self.sessions = 0
        self.baud_rates: list[int] = []  # commanded
        self._highest_baud_rate = highest_baud_rate
        self._vanishes_after_bytes = vanishes_after_bytes
        self._absent_seconds = absent_seconds
        self._replaced_by = replaced_by
        self._reenumerates = reenumerates
        self._stop = threading.Event()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        self._ready.wait()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _serve(self) -> None:
        """Be there, go away, come back."""
        while not self._stop.is_set():
            controller, device = os.openpty()
            tty.setraw(device)
            self.path.symlink_to(os.ttyname(device))
            os.close(device)
            self.sessions += 1
            self._ready.set()
            try:
                self._converse(controller)
            finally:
                self.path.unlink()
                os.close(controller)
            self.chip = self._replaced_by or self.chip
            self._stop.wait(None if self._absent_seconds == float("inf") else self._absent_seconds)

    def _converse(self, controller: int) -> None:
        """Answer until the port has to go.

        A pseudo terminal has no RTS: whoever opens it resets the chip, as many boards do. Until the host commands a baud rate,
        any will do; from then on, what comes at another one is noise, and so is what is too fast for the line.
        """
        loader = EspLoader(self.chip)
        resets = self.chip.resets
        decoder = _SlipDecoder()
        while not self._stop.is_set():
            if not select.select([controller], [], [], _POLL_SECONDS)[0]:
                continue
            received = _read(controller)
            if received is None:
                loader, decoder = EspLoader(self.chip), _SlipDecoder()
                self._stop.wait(_POLL_SECONDS)
                continue
            rate = _SPEEDS.get(termios.tcgetattr(controller)[5], 0)
            if rate < loader.baud_rate and loader.baud_rate > self._highest_baud_rate:
                loader, decoder = EspLoader(self.chip), _SlipDecoder()  # opened anew, faster than this loop looked
            if rate > self._highest_baud_rate or (loader.baud_rate != 0 and rate != loader.baud_rate):
                _write(controller, _NOISE)
                continue
            for packet in decoder.feed(received):
                commanded = loader.baud_rate
                for reply in loader.answer(packet):
                    _write(controller, _slip(reply))
                if loader.baud_rate != commanded:
                    self.baud_rates.append(loader.baud_rate)
                if self._vanishes_after_bytes is not None and loader.written_bytes >= self._vanishes_after_bytes:
                    self._vanishes_after_bytes = None
                    return
                if self.chip.resets != resets:
                    if self._reenumerates:
                        return
                    resets, loader = self.chip.resets, EspLoader(self.chip)


class _SlipDecoder:
    """Bytes in, whole packets out; what is outside of packets is dropped."""

    def __init__(self) -> None:
        self._packet: bytearray | None = None
        self._is_escaped = False

    def feed(self, data: bytes) -> list[bytes]:
        packets = []
        for byte in data:
            if byte == _END:
                if self._packet:
                    packets.append(bytes(self._packet))
                    self._packet = None
                else:
                    self._packet = bytearray()
                self._is_escaped = False
            elif self._packet is not None:
                self._take(byte)
        return packets

    def _take(self, byte: int) -> None:
        assert self._packet is not None
        if self._is_escaped:
            self._packet.append(_ESCAPED.get(byte, byte))
            self._is_escaped = False
        elif byte == _ESCAPE:
            self._is_escaped = True
        else:
            self._packet.append(byte)


def _slip(packet: bytes) -> bytes:
    escaped = packet.replace(b"\xdb", b"\xdb\xdd").replace(b"\xc0", b"\xdb\xdc")
    return bytes([_END]) + escaped + bytes([_END])


def _read(descriptor: int) -> bytes | None:
    """Return what the host has sent, ``None`` while nobody has the port open."""
    try:
        return os.read(descriptor, 65_536)
    except OSError:
        return None


def _write(descriptor: int, data: bytes) -> None:
    with contextlib.suppress(OSError):  # the host has gone; it will notice itself
        view = memoryview(data)
        while view:
            view = view[os.write(descriptor, view) :]
