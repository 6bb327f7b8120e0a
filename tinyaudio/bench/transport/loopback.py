"""A line in memory to something that answers byte for byte, with a clock of its own."""

from __future__ import annotations

from typing import Protocol

from tinyaudio.core.errors import TransportError


class BytePeer(Protocol):
    """The other end of a loopback: takes bytes, and has bytes to give."""

    def receive(self, data: bytes) -> None:
        """Take bytes that were written."""

    def take_output(self) -> bytes:
        """Return the bytes to be read, and forget them."""


class LoopbackTransport:
    """A line to `peer`. Nothing ever waits: where a real line would, the clock `now_seconds` is put forward instead."""

    def __init__(self, peer: BytePeer) -> None:
        self._peer = peer
        self._pending = bytearray()
        self._now_seconds = 0.0
        self._closed = False

    def now_seconds(self) -> float:
        """Return the time; hand it to `Device` as its clock."""
        return self._now_seconds

    def write(self, data: bytes) -> None:
        """Hand `data` to the peer."""
        self._require_open()
        self._peer.receive(data)

    def read(self, max_bytes: int, *, timeout_seconds: float) -> bytes:
        """Return what the peer has said; if nothing, ``b""`` after `timeout_seconds` of the clock."""
        self._require_open()
        self._pending += self._peer.take_output()
        if not self._pending:
            self._now_seconds += timeout_seconds
        taken = bytes(self._pending[:max_bytes])
        del self._pending[:max_bytes]
        return taken

    def close(self) -> None:
        """End the line."""
        self._closed = True

    def _require_open(self) -> None:
        if self._closed:
            raise TransportError("the line is closed", hint="open it again", where="loopback")
