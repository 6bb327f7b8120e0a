"""LPTIM1 and LPTIM2 as timers (RM0433, 43): one shot or continuous, compare and reload interrupts."""

from __future__ import annotations

from collections.abc import Callable

from tinyaudio.bench.emulation.stm32h743.bus import Peripheral
from tinyaudio.bench.emulation.stm32h743.exceptions import Exceptions
from tinyaudio.bench.emulation.stm32h743.problems import MisuseError, UnmodelledError
from tinyaudio.bench.emulation.stm32h743.timeline import PICOSECONDS_PER_SECOND, Timeline

_ISR, _ICR, _IER, _CFGR, _CR, _CMP, _ARR, _CNT, _CFGR2 = 0x00, 0x04, 0x08, 0x0C, 0x10, 0x14, 0x18, 0x1C, 0x24
_ENABLE, _SINGLE, _CONTINUOUS = 1 << 0, 1 << 1, 1 << 2
_COMPARE, _RELOAD, _COMPARE_OK, _RELOAD_OK = 1 << 0, 1 << 1, 1 << 3, 1 << 4
_INTERRUPTS = {"LPTIM1": 93, "LPTIM2": 138}


class Lptim(Peripheral):
    """One low-power timer."""

    def __init__(self, name: str, origin: int, *, timeline: Timeline, exceptions: Exceptions, kernel_hz: Callable[[str], float]) -> None:
        self.name = name
        self.origin = origin
        self._timeline = timeline
        self._exceptions = exceptions
        self._kernel_hz = kernel_hz
        self._alarm = timeline.new_alarm(self._ring)
        super().__init__()
        self.reset()

    def reset(self) -> None:
        """As after a system reset."""
        self.registers = {_IER: 0, _CFGR: 0, _CR: 0, _CMP: 0, _ARR: 1, _CFGR2: 0, 0x20: 0}
        self._flags = 0
        self._begun_ps: int | None = None  # when the count was 0
        self._is_single = False
        self._last_ps = 0
        self._timeline.set(self._alarm, None)

    @property
    def is_requesting(self) -> bool:
        """Whether its interrupt line is high."""
        return bool(self._flags & self.registers[_IER])

    @property
    def wakes_at_ps(self) -> int | None:
        """When its next event is due."""
        return self._alarm.at_ps

    def advance(self) -> None:
        """Bring it up to now."""
        self._ring()

    def _tick_ps(self) -> float:
        clock_hz = self._kernel_hz(self.name)
        if clock_hz <= 0:
            raise MisuseError(f"{self.name} counts, but its kernel clock is off or not ready")
        return PICOSECONDS_PER_SECOND * (1 << (self.registers[_CFGR] >> 9 & 7)) / clock_hz

    def _count(self) -> int:
        if self._begun_ps is None:
            return 0
        ticks = int((self._timeline.now_ps() - self._begun_ps) / self._tick_ps())
        return min(ticks, self.registers[_ARR]) if self._is_single else ticks % (self.registers[_ARR] + 1)

    def read_register(self, offset: int) -> int:
        """Return the register at `offset`."""
        if offset == _ISR:
            return self._flags
        if offset == _CNT:
            return self._count()
        return super().read_register(offset)

    def write_register(self, offset: int, value: int) -> None:
        """Write the register at `offset`."""
        if offset == _ICR:
            self._flags &= ~value
        elif offset == _CR:
            self._write_control(value)
        elif offset in (_CFGR, _IER) and self.registers[_CR] & _ENABLE:
            raise MisuseError(f"{self.name}: CFGR or IER is written while the timer is enabled (RM0433, 43.7)")
        else:
            if offset in (_CMP, _ARR) and not self.registers[_CR] & _ENABLE:
                raise MisuseError(f"{self.name}: CMP or ARR is written while the timer is disabled (RM0433, 43.7)")
            if offset == _CFGR and value & ~(7 << 9 | 1 << 22):
                raise UnmodelledError(f"{self.name}_CFGR = 0x{value:08x}: only the prescaler is modelled")
            super().write_register(offset, value)
            self._flags |= {_CMP: _COMPARE_OK, _ARR: _RELOAD_OK}.get(offset, 0)
            self._schedule()
        self._update_line()

    def _write_control(self, value: int) -> None:
        self.registers[_CR] = value & _ENABLE
        if not value & _ENABLE:
            self._begun_ps = None
        elif value & (_SINGLE | _CONTINUOUS):
            if self.registers[_ARR] <= self.registers[_CMP]:
                raise MisuseError(f"{self.name}: ARR ({self.registers[_ARR]}) is not above CMP ({self.registers[_CMP]}) (RM0433, 43.7)")
            self._begun_ps = self._last_ps = self._timeline.now_ps()
            self._is_single = bool(value & _SINGLE)
        self._schedule()

    def _events(self) -> list[tuple[int, int]]:
        """Return the next event of each kind: (time, flag)."""
        if self._begun_ps is None:
            return []
        tick_ps, period = self._tick_ps(), self.registers[_ARR] + 1
        found = []
        for flag, at in ((_COMPARE, self.registers[_CMP] + 1), (_RELOAD, period)):
            passed = max(0.0, (self._last_ps - self._begun_ps) / tick_ps)
            rounds = 0 if self._is_single else max(0, int((passed - at) // period) + 1)
            when = self._begun_ps + int((at + rounds * period) * tick_ps)
            if when > self._last_ps:
                found.append((when, flag))
        return found

    def _schedule(self) -> None:
        self._timeline.set(self._alarm, min((when for when, _ in self._events()), default=None), background=True)

    def _ring(self) -> None:
        now = self._timeline.now_ps()
        for when, flag in self._events():
            if when <= now:
                self._flags |= flag
        self._last_ps = now
        if self._is_single and self._flags & _RELOAD:
            self._begun_ps = None
        self._schedule()
        self._update_line()

    def _update_line(self) -> None:
        self._exceptions.set_line(_INTERRUPTS[self.name], self.is_requesting)
