"""Two FIFOs in the file system, as an emulator's semihosting opens them."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from pathlib import Path

from tinyaudio.bench.transport.descriptors import DescriptorTransport
from tinyaudio.core.errors import TransportError


class FifoTransport(DescriptorTransport):
    """A line over two FIFOs, made here if they are not there.

    Opening never waits for the other side, whether it lives or not: the end to write is opened to read as well, which
    Linux and macOS grant at once. Whether someone is there shows in the conversation, or in `cause_of_death`.

    Parameters
    ----------
    to_device, from_device
        Paths of the FIFOs.
    cause_of_death
        Returns how the other side ended, ``""`` while it lives; `tinyaudio.core.tools.ToolProcess.cause_of_death` serves.

    Raises
    ------
    TransportError
        If a FIFO cannot be made or opened, or something else is in its place.
    """

    def __init__(self, *, to_device: Path, from_device: Path, cause_of_death: Callable[[], str] = str) -> None:
        read_descriptor = _open_fifo(from_device, os.O_RDONLY)
        try:
            write_descriptor = _open_fifo(to_device, os.O_RDWR)
        except TransportError:
            os.close(read_descriptor)
            raise
        super().__init__(read_descriptor=read_descriptor, write_descriptor=write_descriptor, name=from_device.name, cause_of_death=cause_of_death)


def make_fifo(path: Path) -> None:
    """Make a FIFO at `path` unless there is one; raise `TransportError` if something else is in its place."""
    try:
        with contextlib.suppress(FileExistsError):
            os.mkfifo(path, 0o600)
    except OSError as error:
        raise TransportError(f"cannot make a FIFO: {error.strerror}", hint="use a folder on a local disk", where=str(path)) from error
    if not path.is_fifo():
        raise TransportError("is not a FIFO", hint="remove it, or use another folder", where=str(path))


def _open_fifo(path: Path, flags: int) -> int:
    make_fifo(path)
    try:
        return os.open(path, flags | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise TransportError(f"cannot open the FIFO: {error.strerror}", hint="check its rights", where=str(path)) from error
