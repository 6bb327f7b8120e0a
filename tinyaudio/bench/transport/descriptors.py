"""A transport over two file descriptors: what FIFOs and child processes have in common."""

from __future__ import annotations

import os
import select
from collections.abc import Callable

from tinyaudio.bench.transport.base import Deadline
from tinyaudio.core.errors import TransportError

_WRITE_SECONDS = 20.0
_LOOK_SECONDS = 0.1  # how often the other side is asked whether it still lives, while nothing can be written


class DescriptorTransport:
    """Bytes over two descriptors, neither of which ever blocks.

    Parameters
    ----------
    read_descriptor, write_descriptor
        Owned by the transport from here on; set to non-blocking.
    name
        What errors call the other side.
    cause_of_death
        Returns how the other side ended, ``""`` while it lives.
    """

    def __init__(self, *, read_descriptor: int, write_descriptor: int, name: str, cause_of_death: Callable[[], str] = str) -> None:
        self._read_descriptor = read_descriptor
        self._write_descriptor = write_descriptor
        self._name = name
        self._cause_of_death = cause_of_death
        self._pending = bytearray()  # read while a write had to wait
        self._closed = False
        os.set_blocking(read_descriptor, False)
        os.set_blocking(write_descriptor, False)

    def write(self, data: bytes) -> None:
        """Hand over `data`. Input is taken in meanwhile, so that two sides writing at once cannot wait for each other."""
        self._require_open()
        deadline = Deadline.after(_WRITE_SECONDS)
        view = memoryview(data)
        reading = [self._read_descriptor]
        while view:
            readable, writable, _ = select.select(reading, [self._write_descriptor], [], min(_LOOK_SECONDS, deadline.remaining_seconds))
            if readable and not self._take_in():
                reading = []  # ended; the write will say so
            if writable:
                view = view[self._write_some(view) :]
                deadline = Deadline.after(_WRITE_SECONDS)
            elif not readable:
                self._require_life()
                if deadline.expired:
                    raise TransportError(
                        f"took no byte for {_WRITE_SECONDS:g} s", hint="the firmware hangs or was stopped; start it again", where=self._name
                    )

    def read(self, max_bytes: int, *, timeout_seconds: float) -> bytes:
        """Return what has come; ``b""`` after `timeout_seconds` without anything."""
        self._require_open()
        if not self._pending:
            readable, _, _ = select.select([self._read_descriptor], [], [], timeout_seconds)
            if not readable:
                self._require_life()
            elif not self._take_in():
                raise self._ended()
        taken = bytes(self._pending[:max_bytes])
        del self._pending[:max_bytes]
        return taken

    def close(self) -> None:
        """Close both descriptors."""
        if not self._closed:
            self._closed = True
            for descriptor in {self._read_descriptor, self._write_descriptor}:
                os.close(descriptor)

    def _take_in(self) -> bool:
        """Move what has come to `_pending`; return False at the end of the stream."""
        try:
            data = os.read(self._read_descriptor, 65_536)
        except BlockingIOError:
            return True
        except OSError as error:
            raise self._failed(error) from error
        self._pending += data
        return bool(data)

    def _write_some(self, view: memoryview) -> int:
        try:
            return os.write(self._write_descriptor, view)
        except BlockingIOError:
            return 0
        except BrokenPipeError as error:
            raise self._ended() from error
        except OSError as error:
            raise self._failed(error) from error

    def _require_open(self) -> None:
        if self._closed:
            raise TransportError("the line is closed", hint="open it again", where=self._name)

    def _require_life(self) -> None:
        if self._cause_of_death():
            raise self._ended()

    def _ended(self) -> TransportError:
        cause = self._cause_of_death()
        message = f"ended in the middle of the conversation: {cause}" if cause else "closed the line in the middle of the conversation"
        return TransportError(message, hint="run it again; if it ends again, build the firmware anew", where=self._name)

    def _failed(self, error: OSError) -> TransportError:
        return TransportError(f"the line failed: {error.strerror}", hint="run it again", where=self._name)
