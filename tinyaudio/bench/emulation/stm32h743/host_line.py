"""The line to the host: pipes or a pseudo terminal, never blocking unless the machine wants to wait."""

from __future__ import annotations

import contextlib
import math
import os
import select
import tty
from collections.abc import Mapping

_READ_BYTES = 65_536
_WRITE_WAITS_BYTES = 1 << 20  # with so much unread by the host, the machine waits for it


class HostLine:
    """Two descriptors, set to non-blocking.

    Parameters
    ----------
    lifeline
        A descriptor whose other end is closed when the host is no more, however it ended: standard output.

    Attributes
    ----------
    has_ended
        Whether the host has closed its end.
    """

    def __init__(self, input_descriptor: int, output_descriptor: int, *, lifeline: int) -> None:
        self.has_ended = False
        self._input = input_descriptor
        self._output = output_descriptor
        self._lifeline = lifeline
        self._unsent = bytearray()
        os.set_blocking(input_descriptor, False)
        os.set_blocking(output_descriptor, False)

    def read(self) -> bytes:
        """Return what has come, without waiting."""
        self.flush()
        if self.has_ended:
            return b""
        try:
            data = os.read(self._input, _READ_BYTES)
        except BlockingIOError:
            return b""
        except OSError:  # a pseudo terminal whose other end was closed
            data = b""
        self.has_ended = not data
        return data

    def write(self, data: bytes) -> None:
        """Hand over `data`; waits only if the host has not read for a long time."""
        self._unsent += data
        self.flush()
        while len(self._unsent) > _WRITE_WAITS_BYTES and not self.has_ended and not self.is_deserted:
            self._poll({self._output: select.POLLOUT}, None)
            self.flush()

    def flush(self) -> None:
        """Hand over what can be without waiting."""
        while self._unsent:
            try:
                written = os.write(self._output, self._unsent)
            except BlockingIOError:
                return
            except OSError:  # nobody listens any more
                self.has_ended = True
                self._unsent.clear()
                return
            del self._unsent[:written]

    def wait(self, timeout_seconds: float | None) -> None:
        """Wait until the host has sent something or reads on, at most `timeout_seconds`."""
        self.flush()
        awaited: dict[int, int] = {}
        if not self.has_ended:
            awaited[self._input] = select.POLLIN
        if self._unsent:
            awaited[self._output] = awaited.get(self._output, 0) | select.POLLOUT
        if awaited or timeout_seconds is not None:
            self._poll(awaited, timeout_seconds)

    @property
    def is_deserted(self) -> bool:
        """Whether nobody is left to tell anything: the host was killed, or never wants to hear of it again."""
        return any(descriptor == self._lifeline for descriptor, _ in self._poll({}, 0))

    def _poll(self, awaited: Mapping[int, int], timeout_seconds: float | None) -> list[tuple[int, int]]:
        """Wait for one of these events, or for the end of the host."""
        poll = select.poll()
        for descriptor, events in ({self._lifeline: 0} | dict(awaited)).items():
            poll.register(descriptor, events)
        return poll.poll(None if timeout_seconds is None else math.ceil(timeout_seconds * 1000))


def pseudo_terminal() -> tuple[int, str]:
    """Open a pseudo terminal that passes every byte as it is; return the descriptor of this side, and the name of the other."""
    this_side, other_side = os.openpty()
    tty.setraw(other_side)
    # The other side stays open here: without anybody on it, reading this side would fail instead of waiting.
    name = os.ttyname(other_side)
    with contextlib.suppress(OSError):
        os.set_inheritable(this_side, False)
    return this_side, name
