"""Emulated time: cycles of the core's clock, and alarms of the devices in picoseconds.

The core's clock may change at any time; devices run by clocks of their own. So alarms are set in picoseconds since
power-on, and the count of cycles is tied to them anew at every change of the core's clock.
"""

from __future__ import annotations

from collections.abc import Callable

from tinyaudio.bench.emulation.stm32h743.counting import Counter

PICOSECONDS_PER_SECOND = 1_000_000_000_000
_NEVER = 1 << 62


class Alarm:
    """Calls `ring` when its time has come.

    Attributes
    ----------
    at_ps
        When, or ``None``.
    background
        Whether nothing waits for it but the passing of time (a tick, a silent microphone): a sleeping machine then
        goes no faster than the clock on the wall.
    """

    __slots__ = ("at_ps", "background", "ring")

    def __init__(self, ring: Callable[[], None]) -> None:
        self.ring = ring
        self.at_ps: int | None = None
        self.background = False


class Timeline:
    """The clock of the whole machine."""

    def __init__(self, counter: Counter) -> None:
        self._counter = counter
        self._core_hz = 64_000_000
        self._base_cycles = 0
        self._base_ps = 0
        self._alarms: list[Alarm] = []
        self.in_device = False  # the core is inside an access to a device: `Counter.now` is exact

    @property
    def core_hz(self) -> int:
        """The core's clock."""
        return self._core_hz

    def cycles(self) -> int:
        """Return the cycles since power-on."""
        return self._counter.now() if self.in_device else self._counter.cycles

    def now_ps(self) -> int:
        """Return the time since power-on."""
        return self._base_ps + (self.cycles() - self._base_cycles) * PICOSECONDS_PER_SECOND // self._core_hz

    def set_core_hz(self, core_hz: int) -> None:
        """Change the core's clock, from now on."""
        self._base_ps = self.now_ps()
        self._base_cycles = self.cycles()
        self._core_hz = core_hz
        self._counter.stop_at_next_block()  # the deadline was in cycles of the old clock

    def new_alarm(self, ring: Callable[[], None]) -> Alarm:
        """Return an alarm that is not set."""
        alarm = Alarm(ring)
        self._alarms.append(alarm)
        return alarm

    def set(self, alarm: Alarm, at_ps: int | None, *, background: bool = False) -> None:
        """Set `alarm` to `at_ps`; ``None`` takes it back."""
        alarm.at_ps = at_ps
        alarm.background = background
        if at_ps is not None:
            self._counter.stop_at_next_block()  # a running core has an older deadline

    def next_alarm(self) -> Alarm | None:
        """Return the alarm that rings first."""
        return min((alarm for alarm in self._alarms if alarm.at_ps is not None), key=lambda alarm: alarm.at_ps or 0, default=None)

    def deadline_cycles(self) -> int:
        """Return at how many cycles the next alarm rings."""
        alarm = self.next_alarm()
        return _NEVER if alarm is None or alarm.at_ps is None else self._cycles_at(alarm.at_ps)

    def ring_due(self) -> None:
        """Ring every alarm whose time has come, in order."""
        while (alarm := self.next_alarm()) is not None and alarm.at_ps is not None and alarm.at_ps <= self.now_ps():
            alarm.at_ps = None
            alarm.ring()

    def sleep_to(self, at_ps: int) -> None:
        """Let the time pass, up to `at_ps`, with the core asleep."""
        passed = self._cycles_at(at_ps) - self._counter.cycles
        if passed > 0:
            self._counter.cycles += passed
            self._counter.slept += passed

    def stand_to(self, at_ps: int) -> None:
        """Let the time pass, up to `at_ps`, with the core's clock standing."""
        if at_ps > self.now_ps():
            self._base_ps = at_ps
            self._base_cycles = self._counter.cycles

    def _cycles_at(self, at_ps: int) -> int:
        ahead = (at_ps - self._base_ps) * self._core_hz
        return self._base_cycles + -(-ahead // PICOSECONDS_PER_SECOND)
