"""SAI1, block A or B as a master receiver of an I2S microphone (RM0433, 51)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from tinyaudio.bench.emulation.stm32h743.audio_input import AudioInput
from tinyaudio.bench.emulation.stm32h743.bus import Peripheral
from tinyaudio.bench.emulation.stm32h743.dma import Dmamux
from tinyaudio.bench.emulation.stm32h743.exceptions import Exceptions
from tinyaudio.bench.emulation.stm32h743.microphone import Microphone
from tinyaudio.bench.emulation.stm32h743.problems import MisuseError, UnmodelledError
from tinyaudio.bench.emulation.stm32h743.timeline import Timeline

_CR1, _CR2, _FRCR, _SLOTR, _IM, _SR, _CLRFR, _DR = range(0x00, 0x20, 4)  # within a block
_BLOCK_BYTES = 0x20
_FIRST_BLOCK = 0x04
_ENABLED, _DMA, _NODIV, _MONO, _OSR = 1 << 16, 1 << 17, 1 << 19, 1 << 12, 1 << 26
_MASTER_RECEIVER = 1
_DATA_BITS = {2: 8, 3: 10, 4: 16, 5: 20, 6: 24, 7: 32}
_FSOFF = 1 << 18
_OVERRUN, _REQUEST = 1 << 0, 1 << 3
_FIFO_ITEMS = 8
_INTERRUPT = 87
_SLOT_BITS = 32  # a microphone sends the 24 bits of its sample first in a slot of 32


class SaiBlock:
    """Block A or B."""

    def __init__(
        self, letter: str, *, timeline: Timeline, dmamux: Dmamux, exceptions: Exceptions, microphone: Microphone, kernel_hz: Callable[[], float]
    ) -> None:
        self.name = f"SAI1 block {letter}"
        self._kernel_hz = kernel_hz
        self._exceptions = exceptions
        self.registers: dict[int, int] = {}
        self.check_pins: Callable[[], None] = lambda: None
        self.input = AudioInput(
            self.name,
            request=f"SAI1_{letter}",
            depth=_FIFO_ITEMS,
            timeline=timeline,
            dmamux=dmamux,
            microphone=microphone,
            to_items=self._items,
            on_change=self._update_line,
        )
        self.reset()

    def reset(self) -> None:
        """As after a reset."""
        self.registers = {_CR1: 0x40, _CR2: 0, _FRCR: 0x07, _SLOTR: 0, _IM: 0}
        self.input.stop()

    def read_register(self, offset: int) -> int:
        """Return a register of the block."""
        self.input.advance()
        if offset == _SR:
            return self._status()
        if offset == _DR:
            value = self.input.fifo.pop(0) if self.input.fifo else 0
            self._update_line()
            return value
        return 0 if offset == _CLRFR else self.registers[offset]

    def write_register(self, offset: int, value: int) -> None:
        """Write a register of the block."""
        self.input.advance()
        if offset == _CLRFR:
            self.input.overrun &= not value & 1
        elif offset == _CR1:
            self._write_control(value)
        elif offset == _CR2:
            if value & 1 << 3:
                self.input.fifo.clear()
            self.registers[_CR2] = value & ~(1 << 3)
        elif offset in (_FRCR, _SLOTR) and self.input.is_on:
            raise MisuseError(f"{self.name}: frame or slots are changed while it is on")
        elif offset not in (_SR, _DR):
            self.registers[offset] = value
        self._update_line()

    def _write_control(self, value: int) -> None:
        was_on = bool(self.registers[_CR1] & _ENABLED)
        self.registers[_CR1] = value
        self.input.uses_dma = bool(value & _DMA)
        if value & _ENABLED and not was_on:
            if value & 3 != _MASTER_RECEIVER or value >> 2 & 3 or value >> 5 & 7 not in _DATA_BITS:
                raise UnmodelledError(f"{self.name} is switched on with CR1 = 0x{value:08x}; only a master receiver in free protocol is modelled")
            self.check_pins()
            self.input.start(self.rate_hz(), items_of_frame=self._items_of_frame(), uses_dma=bool(value & _DMA))
        elif was_on and not value & _ENABLED:
            self.input.stop()

    def rate_hz(self) -> Fraction:
        """Return frames a second: the kernel clock through MCKDIV, and the frame's length or the fixed 256 or 512."""
        control = self.registers[_CR1]
        clock_hz = Fraction(self._kernel_hz()).limit_denominator(1_000_000) / ((control >> 20 & 0x3F) or 1)
        if control & _NODIV:
            return clock_hz / ((self.registers[_FRCR] & 0xFF) + 1)
        return clock_hz / (512 if control & _OSR else 256)

    def _slots(self) -> list[int]:
        count = (self.registers[_SLOTR] >> 8 & 0xF) + 1
        return [slot for slot in range(count) if self.registers[_SLOTR] >> (16 + slot) & 1]

    def _items_of_frame(self) -> int:
        slots = self._slots()
        if not slots:
            raise MisuseError(f"{self.name} is switched on without a slot (SLOTEN)")
        return 1 if self.registers[_CR1] & _MONO else len(slots)

    def _items(self, samples: NDArray[np.int16]) -> NDArray[np.uint32]:
        """The microphone sends its sample, 16 bits and 8 zeros, in the first slot, a bit behind the edge of the frame signal (I2S)."""
        slot = samples.astype(np.int64) << (_SLOT_BITS - 16)
        if not self.registers[_FRCR] & _FSOFF:
            slot >>= 1  # everything is read a bit too early
        data_bits = _DATA_BITS[self.registers[_CR1] >> 5 & 7]
        slot = (slot >> (_SLOT_BITS - data_bits)) & ((1 << data_bits) - 1)
        items = np.zeros((len(samples), self._items_of_frame()), np.uint32)
        if 0 in self._slots():
            items[:, 0] = slot
        return items.reshape(-1)

    def _status(self) -> int:
        level = len(self.input.fifo)
        threshold = {0: 1, 1: 2, 2: 4, 3: 6, 4: 8}.get(self.registers[_CR2] & 7, 1)
        level_field = 0 if level == 0 else 1 if level < 2 else 2 if level < 4 else 3 if level < 6 else 4 if level < 8 else 5
        return (_OVERRUN if self.input.overrun else 0) | (_REQUEST if level >= threshold else 0) | level_field << 16

    def _update_line(self) -> None:
        self._exceptions.set_line(_INTERRUPT, bool(self._status() & self.registers.get(_IM, 0)))


class Sai1(Peripheral):
    """The two blocks."""

    name = "SAI1"
    origin = 0x4001_5800
    reset_values: ClassVar[Mapping[int, int]] = {0x00: 0, 0x44: 0, 0x48: 0}

    def __init__(self, blocks: dict[str, SaiBlock]) -> None:
        super().__init__()
        self.blocks = blocks

    def reset(self) -> None:
        """As after a system reset."""
        super().reset()
        for block in self.blocks.values():
            block.reset()

    def _block(self, offset: int) -> tuple[SaiBlock, int] | None:
        index, inner = divmod(offset - _FIRST_BLOCK, _BLOCK_BYTES)
        return (self.blocks["AB"[index]], inner) if 0 <= index <= 1 else None

    def read_register(self, offset: int) -> int:
        """Return the register at `offset`."""
        found = self._block(offset)
        return super().read_register(offset) if found is None else found[0].read_register(found[1])

    def write_register(self, offset: int, value: int) -> None:
        """Write the register at `offset`."""
        found = self._block(offset)
        if found is None:
            super().write_register(offset, value)
        else:
            found[0].write_register(found[1], value)
