"""Small peripherals: DWT, DBGMCU, GPIO, RNG."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import ClassVar

import numpy as np

from tinyaudio.bench.emulation.stm32h743.bus import Peripheral
from tinyaudio.bench.emulation.stm32h743.problems import UnmodelledError
from tinyaudio.bench.emulation.stm32h743.timeline import Timeline

_DWT_KEY = 0xC5AC_CE55
_REVISION_V = 0x2003 << 16


class Dwt(Peripheral):
    """The cycle counter of the data watchpoint and trace unit (Armv7-M ARM, C1.8); locked against software until LAR has its key."""

    name = "DWT"
    origin = 0xE000_1000
    length_bytes = 0x1000
    reset_values: ClassVar[Mapping[int, int]] = {0x000: 0x4000_0000}

    def __init__(self, timeline: Timeline, is_tracing: Callable[[], bool]) -> None:
        super().__init__()
        self._timeline = timeline
        self._is_tracing = is_tracing
        self._unlocked = False
        self._count = 0  # while it stands; otherwise what to add to the cycles

    def reset(self) -> None:
        """As after a system reset."""
        super().reset()
        self._count = 0
        self._unlocked = False

    def _counts(self) -> bool:
        return bool(self.registers[0] & 1) and self._is_tracing()

    def read_register(self, offset: int) -> int:
        """Return the register at `offset`."""
        if offset == 0x004:
            return (self._count + self._timeline.cycles()) & 0xFFFF_FFFF if self._counts() else self._count & 0xFFFF_FFFF
        if offset == 0xFB4:
            return 1 if self._unlocked else 3  # LSR
        return super().read_register(offset)

    def write_register(self, offset: int, value: int) -> None:
        """Write the register at `offset`."""
        if offset == 0xFB0:
            self._unlocked = value == _DWT_KEY
        elif not self._unlocked or not self._is_tracing():
            return  # ignored, as on the chip
        elif offset == 0x004:
            self._count = value - (self._timeline.cycles() if self._counts() else 0)
        elif offset == 0x000:
            was_counting = self._counts()
            self.registers[0] = 0x4000_0000 | value & 1
            if was_counting != self._counts():
                self._count += self._timeline.cycles() if was_counting else -self._timeline.cycles()
        else:
            raise UnmodelledError(f"the DWT register at 0x{self.origin + offset:08x} is written and not modelled")


class Dbgmcu(Peripheral):
    """Debug support: the identity of the chip (RM0433, 60.5.8)."""

    name = "DBGMCU"
    origin = 0x5C00_1000

    def __init__(self, device_id: int) -> None:
        super().__init__({0x00: _REVISION_V | device_id, 0x04: 0, 0x34: 0, 0x3C: 0, 0x4C: 0, 0x54: 0})


class Gpio(Peripheral):
    """A port of 16 pins (RM0433, 11.4). Inputs are low, outputs read back."""

    length_bytes = 0x400

    def __init__(self, letter: str) -> None:
        index = "ABCDEFGHIJK".index(letter)
        self.name = f"GPIO{letter}"
        self.origin = 0x5802_0000 + 0x400 * index
        mode = {"A": 0xABFF_FFFF, "B": 0xFFFF_FEBF}.get(letter, 0xFFFF_FFFF)  # the debugger's pins are not analog
        speed = {"A": 0x0C00_0000, "B": 0x0000_00C0}.get(letter, 0)
        pull = {"A": 0x6400_0000, "B": 0x0000_0100}.get(letter, 0)
        super().__init__({0x00: mode, 0x04: 0, 0x08: speed, 0x0C: pull, 0x14: 0, 0x1C: 0, 0x20: 0, 0x24: 0})

    def read_register(self, offset: int) -> int:
        """Return the register at `offset`."""
        if offset == 0x10:
            outputs = sum(1 << pin for pin in range(16) if self.registers[0x00] >> 2 * pin & 3 == 1)
            return self.registers[0x14] & outputs
        if offset == 0x18:
            return 0
        return super().read_register(offset)

    def write_register(self, offset: int, value: int) -> None:
        """Write the register at `offset`."""
        if offset == 0x18:
            self.registers[0x14] = (self.registers[0x14] | value & 0xFFFF) & ~(value >> 16 & ~value)
        else:
            super().write_register(offset, value)

    def has_function(self, pin: int, function: int) -> bool:
        """Whether `pin` is given to the alternate `function`."""
        selected = self.registers[0x20 if pin < 8 else 0x24] >> 4 * (pin % 8) & 0xF
        return self.registers[0x00] >> 2 * pin & 3 == 2 and selected == function


class Rng(Peripheral):
    """The random number generator (RM0433, 33.7): a word is ready at once, as long as its 48 MHz oscillator is on."""

    name = "RNG"
    origin = 0x4802_1800
    reset_values: ClassVar[Mapping[int, int]] = {0x00: 0}

    def __init__(self, seed: int) -> None:
        super().__init__()
        self._random = np.random.default_rng(seed)

    def read_register(self, offset: int) -> int:
        """Return the register at `offset`."""
        is_on = bool(self.registers[0] & 4)
        if offset == 0x04:
            return 1 if is_on else 0
        if offset == 0x08:
            return int(self._random.integers(1, 2**32)) if is_on else 0
        return super().read_register(offset)

    def write_register(self, offset: int, value: int) -> None:
        """Write the register at `offset`."""
        if offset == 0x04:
            return  # clears error flags, of which there are none
        super().write_register(offset, value)
