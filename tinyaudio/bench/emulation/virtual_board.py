"""A running virtual board, whatever runs it: its line, its end, and why it ended."""

from __future__ import annotations

from contextlib import ExitStack
from types import TracebackType
from typing import Literal, Self

from tinyaudio.bench.transport import Transport
from tinyaudio.core.errors import TransportError
from tinyaudio.core.tools import ToolProcess

Link = Literal["fifo", "uart"]
Mode = Literal["counting", "fast"]
MODES: tuple[Mode, ...] = ("counting", "fast")

END_SECONDS = 10.0  # for a process that has closed its end to be gone, on a computer that is busy with other things


class VirtualBoard:
    """A running virtual board; a context manager that ends it. Made by `start_virtual`.

    Attributes
    ----------
    transport
        The line to the firmware. If the emulator dies, it raises `TransportError` with the cause at once.
    """

    def __init__(self, process: ToolProcess, transport: Transport, *, description: str, resources: ExitStack) -> None:
        self.transport: Transport = _WatchedTransport(transport, process)
        self._process = process
        self._description = description
        self._resources = resources  # transport, process and FIFOs, to be let go in this order

    @property
    def pid(self) -> int:
        """Process id of the emulator."""
        return self._process.pid

    def describe(self) -> str:
        """Return how the board is reached, for a human reader."""
        return self._description

    def wait(self, timeout_seconds: float) -> int | None:
        """Wait for the emulator to end; return its exit code, or ``None`` if it still runs after `timeout_seconds`."""
        return self._process.wait(timeout_seconds)

    def exit_reason(self) -> str:
        """Return one line: how the emulator ended and the last it said; ``""`` while it runs."""
        return self._process.cause_of_death()

    def close(self) -> None:
        """End the emulator and remove its FIFOs; twice is allowed."""
        self._resources.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


class _WatchedTransport:
    """A line to an emulator that says how the emulator ended as soon as it did, whatever the line itself noticed."""

    def __init__(self, line: Transport, process: ToolProcess) -> None:
        self._line = line
        self._process = process

    def write(self, data: bytes) -> None:
        try:
            self._line.write(data)
        except TransportError as error:
            raise self._explained(error) from error

    def read(self, max_bytes: int, *, timeout_seconds: float) -> bytes:
        try:
            data = self._line.read(max_bytes, timeout_seconds=timeout_seconds)
        except TransportError as error:
            raise self._explained(error) from error
        if not data and self._process.poll() is not None:
            raise self._ended()
        return data

    def close(self) -> None:
        self._line.close()

    def _explained(self, error: TransportError) -> TransportError:
        """A line may break a moment before its process can be waited for."""
        return error if self._process.wait(END_SECONDS) is None else self._ended()

    def _ended(self) -> TransportError:
        return TransportError(
            f"the emulator died in the middle of the conversation: {self._process.cause_of_death()}",
            hint="finished stages are kept: run the command again; if it dies again, the line above is its own account",
            where=self._process.name,
        )
