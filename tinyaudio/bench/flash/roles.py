"""What a programmer can do: find debug probes, connect through one, read, write, erase, reset. One page for each implementation to fill."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

from tinyaudio.bench.flash.image import Segment
from tinyaudio.core.board import Probe as ProbeTable

#: Called with (bytes done, bytes in all).
Advance = Callable[[int, int], None]


class RungError(Exception):
    """A way of connecting or writing failed; a rougher one may succeed. Never leaves `tinyaudio.bench.flash`."""


class Progress(Protocol):
    """Whoever shows the user how far the work is; the pipeline's `Progress` is one."""

    def note(self, text: str) -> None:
        """Say something in passing."""

    def detail(self, text: str) -> None:
        """Say something that only few want to read."""

    def warning(self, text: str) -> None:
        """Warn."""

    def task(self, description: str) -> AbstractContextManager[Advance]:
        """Announce work that may take a while."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeInfo:
    """A debug probe that is plugged in."""

    serial_number: str
    product: str  # as the probe calls itself
    board_name: str = ""  # of the board it sits on, if it knows
    board_mcu: str = ""  # the chip of that board, as in an order code; "" if it does not know
    port: str = ""  # its serial port; "" if it has none

    def describe(self) -> str:
        """Return one line for people."""
        where = f", serial port {self.port}" if self.port else ""
        return f"{self.serial_number} ({self.board_name or self.product}{where})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rung:
    """One rung of the recovery ladder, from the gentlest to the roughest."""

    name: str
    under_reset: bool  # hold the chip in reset while connecting: firmware that sleeps or crashes cannot be in the way
    clock_hz: int  # SWD
    mass_erase: bool = False  # erase the whole flash first, stored settings included


LADDER = (
    Rung(name="plain connect", under_reset=False, clock_hz=4_000_000),
    Rung(name="connect under reset", under_reset=True, clock_hz=4_000_000),
    Rung(name="connect under reset, slow SWD clock", under_reset=True, clock_hz=480_000),
)
MASS_ERASE = Rung(name="mass erase under reset, slow SWD clock", under_reset=True, clock_hz=480_000, mass_erase=True)


class Connection(Protocol):
    """An open line through a probe to a chip. Every method raises `RungError`, or `ProbeError` where no other rung can help."""

    def read(self, address: int, count: int) -> bytes:
        """Return `count` bytes of the chip's memory from `address`, both multiples of 4."""

    def halt(self) -> None:
        """Reset the chip and stop it before its first instruction."""

    def mass_erase(self) -> None:
        """Erase the whole flash."""

    def write(self, blocks: Sequence[Segment], on_progress: Advance) -> None:
        """Erase the sectors of `blocks`, whole programming units each, and program them."""

    def run(self) -> None:
        """Reset the chip and let it run."""


class Programmer(Protocol):
    """A program or library that speaks to probes."""

    @property
    def name(self) -> str:
        """``pyocd`` or ``openocd``."""

    def probes(self) -> tuple[ProbeInfo, ...]:
        """Return the probes that are plugged in and may be used, by serial number.

        Raises
        ------
        ToolError
            If the programmer itself cannot be used here.
        ProbeError
            If there are probes, but the user has no right to any.
        """

    def can_list_every_probe(self) -> bool:
        """Whether a probe that `probes` does not return is not there."""

    def connect(self, serial_number: str, table: ProbeTable, rung: Rung) -> AbstractContextManager[Connection]:
        """Connect through the probe `serial_number`, without writing anything to flash. Closing lets the chip go.

        Raises
        ------
        RungError
            If the chip does not answer this way.
        ProbeError
            If the probe is not there, is in use, or may not be used.
        """
