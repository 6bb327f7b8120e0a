"""SysTick, the core's 24-bit timer (Armv7-M Architecture Reference Manual, B3.3)."""

from __future__ import annotations

from tinyaudio.bench.emulation.stm32h743.exceptions import SYS_TICK, Exceptions
from tinyaudio.bench.emulation.stm32h743.problems import UnmodelledError
from tinyaudio.bench.emulation.stm32h743.timeline import PICOSECONDS_PER_SECOND, Timeline

_CSR, _RVR, _CVR, _CALIB = 0x010, 0x014, 0x018, 0x01C
_ENABLE, _TICKINT, _CLKSOURCE, _COUNTFLAG = 1 << 0, 1 << 1, 1 << 2, 1 << 16
_SLOW_DIVIDER = 8  # RM0433, 8.5.12: without CLKSOURCE it counts the core's clock divided by 8


class SysTick:
    """Counts down, lazily: only reloads are events."""

    def __init__(self, exceptions: Exceptions, timeline: Timeline) -> None:
        self._exceptions = exceptions
        self._timeline = timeline
        self._alarm = timeline.new_alarm(self._on_reload)
        self.reset()

    def reset(self) -> None:
        """As after a reset."""
        self._control = 0
        self._reload = 0
        self._wrapped = False
        self._begun_cycles = 0  # when it was at its reload value
        self._timeline.set(self._alarm, None)

    def read_register(self, offset: int) -> int:
        """Return CSR, RVR, CVR or CALIB."""
        if offset == _CSR:
            value = self._control | (_COUNTFLAG if self._wrapped else 0)
            self._wrapped = False
            return value
        if offset == _RVR:
            return self._reload
        if offset == _CVR:
            return self._current()
        return 0x4000_0000  # CALIB: no exact 10 ms

    def write_register(self, offset: int, value: int) -> None:
        """Write CSR, RVR or CVR."""
        if offset == _CSR:
            was_on = self._control & _ENABLE
            self._control = value & 7
            if not was_on:
                self._begun_cycles = self._timeline.cycles()
            self._schedule()
        elif offset == _RVR:
            self._reload = value & 0xFF_FFFF
            self._schedule()
        elif offset == _CVR:
            self._begun_cycles = self._timeline.cycles()
            self._wrapped = False
            self._schedule()
        else:
            raise UnmodelledError("SysTick CALIB is written")

    def stop_clock(self) -> None:
        """The core's clock stops, as in STOP mode: nothing rings meanwhile."""
        self._timeline.set(self._alarm, None)

    def restart_clock(self) -> None:
        """The clock runs again, or at another rate."""
        self._schedule()

    def _divider(self) -> int:
        return 1 if self._control & _CLKSOURCE else _SLOW_DIVIDER

    def _current(self) -> int:
        if not self._control & _ENABLE or self._reload == 0:
            return 0
        ticks = (self._timeline.cycles() - self._begun_cycles) // self._divider()
        return self._reload - ticks % (self._reload + 1)

    def _schedule(self) -> None:
        if not self._control & _ENABLE or self._reload == 0:
            self._timeline.set(self._alarm, None)
            return
        period = (self._reload + 1) * self._divider()
        passed = (self._timeline.cycles() - self._begun_cycles) % period
        left_ps = -(-(period - passed) * PICOSECONDS_PER_SECOND // self._timeline.core_hz)
        self._timeline.set(self._alarm, self._timeline.now_ps() + left_ps, background=True)

    def _on_reload(self) -> None:
        self._wrapped = True
        if self._control & _TICKINT:
            self._exceptions.pend(SYS_TICK)
        self._schedule()
