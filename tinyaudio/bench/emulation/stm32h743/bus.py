"""Devices on the bus: what a peripheral is, and how an access finds its register."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import ClassVar

from tinyaudio.bench.emulation.stm32h743.engine import Engine
from tinyaudio.bench.emulation.stm32h743.problems import MisuseError, UnmodelledError
from tinyaudio.bench.emulation.stm32h743.timeline import Timeline

_WORD = 0xFFFF_FFFF


class Peripheral:
    """A block of 32-bit registers.

    Registers without a meaning of their own live in `registers` (offset -> value); a touch of any other is an error
    unless `read_register` or `write_register` answers it.

    Attributes
    ----------
    name
        As in the reference manual.
    origin, length_bytes
        Its addresses.
    """

    name = ""
    origin = 0
    length_bytes = 0x400
    reset_values: ClassVar[Mapping[int, int]] = {}  # offset -> value after a reset, of registers that just keep what is written

    def __init__(self, reset_values: Mapping[int, int] | None = None) -> None:
        self._reset_values = dict(self.reset_values if reset_values is None else reset_values)
        self.registers = dict(self._reset_values)

    def reset(self) -> None:
        """As after a system reset."""
        self.registers = dict(self._reset_values)

    def read_register(self, offset: int) -> int:
        """Return the register at `offset`, a multiple of 4."""
        if offset not in self.registers:
            raise UnmodelledError(f"{self.name}, offset 0x{offset:03x} (address 0x{self.origin + offset:08x}), is read and not modelled")
        return self.registers[offset]

    def write_register(self, offset: int, value: int) -> None:
        """Write the register at `offset`, a multiple of 4."""
        if offset not in self.registers:
            raise UnmodelledError(
                f"{self.name}, offset 0x{offset:03x} (address 0x{self.origin + offset:08x}), is written with 0x{value:08x} and not modelled"
            )
        self.registers[offset] = value

    def peek(self, offset: int) -> int:
        """Return what a write of a part of the register at `offset` leaves as it is; 0 where reading does something."""
        return self.registers.get(offset, 0)


class Bus:
    """Maps peripherals into the engine.

    Parameters
    ----------
    clock_problem
        Returns "" or why the peripheral of a name cannot be touched now: its clock is off.
    """

    def __init__(self, engine: Engine, timeline: Timeline, clock_problem: Callable[[str], str]) -> None:
        self._engine = engine
        self._timeline = timeline
        self._clock_problem = clock_problem
        self.peripherals: list[Peripheral] = []

    def add(self, peripheral: Peripheral) -> None:
        """Put `peripheral` at its addresses."""
        self.peripherals.append(peripheral)

        def read(offset: int, size: int) -> int:
            return self._read(peripheral, offset, size)

        def write(offset: int, size: int, value: int) -> None:
            self._write(peripheral, offset, size, value)

        self._engine.map_device(peripheral.origin, peripheral.length_bytes, read, write)

    def _read(self, peripheral: Peripheral, offset: int, size: int) -> int:
        self._require_clock(peripheral)
        self._timeline.in_device = True
        try:
            word = peripheral.read_register(offset & ~3)
        finally:
            self._timeline.in_device = False
        return (word & _WORD) >> 8 * (offset & 3) & ((1 << 8 * size) - 1)

    def _write(self, peripheral: Peripheral, offset: int, size: int, value: int) -> None:
        self._require_clock(peripheral)
        if size < 4:
            shift = 8 * (offset & 3)
            kept = peripheral.peek(offset & ~3) & ~(((1 << 8 * size) - 1) << shift)
            value = kept | value << shift
        self._timeline.in_device = True
        try:
            peripheral.write_register(offset & ~3, value & _WORD)
        finally:
            self._timeline.in_device = False

    def _require_clock(self, peripheral: Peripheral) -> None:
        problem = self._clock_problem(peripheral.name)
        if problem:
            raise MisuseError(f"{peripheral.name} is touched, but {problem}")
