"""DFSDM1 as far as a PDM microphone on one channel and one filter needs it (RM0433, 30)."""

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
from tinyaudio.bench.emulation.stm32h743.problems import MisuseError
from tinyaudio.bench.emulation.stm32h743.timeline import Timeline

_CHANNELS, _CHANNEL_BYTES, _FILTERS = 8, 0x20, 0x100
_CR1, _CR2, _ISR, _ICR, _FCR, _RDATAR = 0x100, 0x104, 0x108, 0x10C, 0x114, 0x11C  # of filter 0
_DFEN, _START, _CONTINUOUS, _DMA = 1 << 0, 1 << 17, 1 << 18, 1 << 21
_CHANNEL_ON, _INTERFACE_ON, _AUDIO_CLOCK = 1 << 7, 1 << 31, 1 << 30
_END_OF_CONVERSION, _OVERRUN = 1 << 1, 1 << 3
_INTERRUPT = 110


class Dfsdm1(Peripheral):
    """Channels as registers, filter 0 as a source of samples."""

    name = "DFSDM1"
    origin = 0x4001_7000
    reset_values: ClassVar[Mapping[int, int]] = {
        **{_CHANNEL_BYTES * channel + offset: 0 for channel in range(_CHANNELS) for offset in (0, 4, 8, 12, 16, 20)},
        _CR1: 0, _CR2: 0, _ICR: 0, 0x110: 0, _FCR: 0, 0x120: 0, 0x124: 0, 0x128: 0, 0x12C: 0,
    }  # fmt: skip

    def __init__(
        self,
        *,
        timeline: Timeline,
        dmamux: Dmamux,
        exceptions: Exceptions,
        microphone: Microphone,
        kernel_hz: Callable[[], float],
        audio_hz: Callable[[], float],
    ) -> None:
        super().__init__()
        self._kernel_hz = kernel_hz
        self._audio_hz = audio_hz
        self._exceptions = exceptions
        self.check_pins: Callable[[], None] = lambda: None
        self.input = AudioInput(
            "DFSDM1 filter 0",
            request="DFSDM1_FLT0",
            depth=1,
            timeline=timeline,
            dmamux=dmamux,
            microphone=microphone,
            to_items=self._items,
            on_change=self._update_line,
        )

    def reset(self) -> None:
        """As after a system reset."""
        super().reset()
        self.input.stop()

    def rate_hz(self) -> Fraction:
        """Return samples a second: the clock of the microphone through the oversampling of filter and integrator."""
        source_hz = self._audio_hz() if self.registers[0] & _AUDIO_CLOCK else self._kernel_hz()
        divider = self.registers[0] >> 16 & 0xFF
        if not divider:
            raise MisuseError("DFSDM1 is switched on without a clock for the microphone (CKOUTDIV = 0)")
        oversampling = ((self.registers[_FCR] >> 16 & 0x3FF) + 1) * ((self.registers[_FCR] & 0xFF) + 1)
        return Fraction(source_hz).limit_denominator(1_000_000) / (divider + 1) / oversampling

    def _channel(self) -> int:
        return self.registers[_CR1] >> 24 & 7

    def _items(self, samples: NDArray[np.int16]) -> NDArray[np.uint32]:
        """RDATAR: 24 bits of result above the channel; the gain of the filter is taken to be one."""
        return (samples.astype(np.int64) << 16 & 0xFFFF_FFFF | self._channel()).astype(np.uint32)

    def read_register(self, offset: int) -> int:
        """Return the register at `offset`."""
        self.input.advance()
        if offset == _ISR:
            return self._status()
        if offset == _RDATAR:
            value = self.input.fifo.pop(0) if self.input.fifo else 0
            self._update_line()
            return value
        return super().read_register(offset)

    def write_register(self, offset: int, value: int) -> None:
        """Write the register at `offset`."""
        self.input.advance()
        if offset == _ICR:
            self.input.overrun &= not value & _OVERRUN
        elif offset != _ISR:
            super().write_register(offset, value & ~_START if offset == _CR1 else value)
            if offset == _CR1:
                self._write_control(value)
        self._update_line()

    def _write_control(self, value: int) -> None:
        self.input.uses_dma = bool(value & _DMA)
        if not value & _DFEN:
            self.input.stop()
        elif value & _START and value & _CONTINUOUS and not self.input.is_on:
            channel = self.registers[_CHANNEL_BYTES * self._channel()]
            if not self.registers[0] & _INTERFACE_ON or not channel & _CHANNEL_ON:
                raise MisuseError(f"DFSDM1 filter 0 is started with the interface or its channel {self._channel()} off")
            self.check_pins()
            self.input.start(self.rate_hz(), items_of_frame=1, uses_dma=bool(value & _DMA))

    def _status(self) -> int:
        running = 1 << 14 if self.input.is_on else 0
        return running | (_END_OF_CONVERSION if self.input.fifo else 0) | (_OVERRUN if self.input.overrun else 0)

    def _update_line(self) -> None:
        self._exceptions.set_line(_INTERRUPT, bool(self._status() & self.registers[_CR2] & (_END_OF_CONVERSION | _OVERRUN)))
