"""PWR and SYSCFG: supply and voltage scaling (RM0433, 6.8 and 12.3), and EXTI as far as waking up goes (20.6)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import ClassVar

from tinyaudio.bench.emulation.stm32h743.bus import Peripheral
from tinyaudio.bench.emulation.stm32h743.problems import MisuseError, UnmodelledError
from tinyaudio.bench.emulation.stm32h743.timeline import Timeline

_CR1, _CSR1, _CR3, _D3CR = 0x00, 0x04, 0x0C, 0x18
_BACKUP_WRITABLE = 1 << 8  # CR1.DBP
_LDO_ON = 1 << 1  # CR3.LDOEN
_SCALES = {1: 3, 2: 2, 3: 1}  # the field VOS -> the number of the scale
_STOP_AT_SCALE_3 = 3  # CR1.SVOS; 2 is scale 4, 1 is scale 5
_VOS_READY = 1 << 13
_CHANGE_PS = 20_000_000  # 20 us, of the order of DS12110, 6.3.3
_PWRCR = 0x2C  # of SYSCFG; bit 0 is ODEN, the overdrive that makes VOS0 of VOS1


class Pwr(Peripheral):
    """Power control."""

    name = "PWR"
    origin = 0x5802_4800
    reset_values: ClassVar[Mapping[int, int]] = {_CR1: 0xF000_C000, 0x08: 0, _CR3: 0x46, 0x10: 0, _D3CR: 0x4000, 0x20: 0, 0x24: 0, 0x28: 0}

    def __init__(self, timeline: Timeline) -> None:
        super().__init__()
        self._timeline = timeline
        self._changed_ps = -_CHANGE_PS
        self.overdrive: Callable[[], bool] = lambda: False
        self.on_backup_guard: Callable[[], None] = lambda: None

    def scale(self) -> int:
        """Return the voltage scale, VOS0 to VOS3."""
        scale = _SCALES.get(self.registers[_D3CR] >> 14 & 3, 3)
        return 0 if scale == 1 and self.overdrive() else scale

    def backup_problem(self) -> str:
        """Return "" or why the backup SRAM cannot be written."""
        return "" if self.registers[_CR1] & _BACKUP_WRITABLE else "PWR_CR1.DBP is clear"

    def note_change(self) -> None:
        """The core's voltage begins to change."""
        self._changed_ps = self._timeline.now_ps()

    def stop(self) -> None:
        """STOP mode ends at VOS3 (RM0433, 6.6.2).

        Raises
        ------
        UnmodelledError
            If the firmware chose a lower voltage for it: waking up takes longer then, and fewer peripherals can do it.
        """
        scale = self.registers[_CR1] >> 14 & 3
        if scale != _STOP_AT_SCALE_3:
            raise UnmodelledError(f"STOP with PWR_CR1.SVOS = {scale}: only voltage scale 3 ({_STOP_AT_SCALE_3}) is modelled")
        self.registers[_D3CR] = 0x4000

    def read_register(self, offset: int) -> int:
        """Return the register at `offset`."""
        ready = self._timeline.now_ps() - self._changed_ps >= _CHANGE_PS
        if offset == _CSR1:
            return (_VOS_READY if ready else 0) | self.registers[_D3CR] & 0xC000
        if offset == _D3CR:
            return self.registers[_D3CR] & 0xC000 | (_VOS_READY if ready else 0)
        if offset == _CR3:
            return super().read_register(offset) | 1 << 16 if self.registers[_CR3] & 1 << 24 else super().read_register(offset)
        return super().read_register(offset)

    def write_register(self, offset: int, value: int) -> None:
        """Write the register at `offset`."""
        if offset == _D3CR:
            if not self.registers[_CR3] & _LDO_ON and value & 0xC000 != self.registers[_D3CR]:
                raise MisuseError("PWR_D3CR.VOS is changed, but the LDO that feeds the core is off (PWR_CR3.LDOEN)")
            value &= 0xC000
            self.note_change()
        super().write_register(offset, value)
        if offset == _CR1:
            self.on_backup_guard()


class Syscfg(Peripheral):
    """System configuration."""

    name = "SYSCFG"
    origin = 0x5800_0400
    reset_values: ClassVar[Mapping[int, int]] = {0x04: 0, 0x08: 0, 0x0C: 0, 0x10: 0, 0x14: 0, 0x18: 0, 0x20: 0, 0x24: 0, 0x28: 0, _PWRCR: 0}

    def __init__(self, pwr: Pwr) -> None:
        super().__init__()
        self._pwr = pwr

    def overdrive(self) -> bool:
        """Whether VOS1 is VOS0."""
        return bool(self.registers[_PWRCR] & 1)

    def write_register(self, offset: int, value: int) -> None:
        """Write the register at `offset`."""
        if offset == _PWRCR and value != self.registers[_PWRCR]:
            self._pwr.note_change()
        super().write_register(offset, value)


class Exti(Peripheral):
    """Extended interrupts: masks of what wakes the core from STOP. Edges of pins are not modelled."""

    name = "EXTI"
    origin = 0x5800_0000
    reset_values: ClassVar[Mapping[int, int]] = {
        **dict.fromkeys((*range(0x00, 0x1C, 4), *range(0x20, 0x3C, 4), *range(0x40, 0x5C, 4)), 0),
        0x80: 0xFFC0_0000, 0x84: 0, 0x88: 0, 0x90: 0xFFF5_FFFF, 0x94: 0, 0x98: 0, 0xA0: 0x018B_FFFF, 0xA4: 0, 0xA8: 0,
    }  # fmt: skip

    def wakes(self, line: int) -> bool:
        """Whether the direct event `line` (RM0433, table 145) wakes the core from STOP."""
        return bool(self.registers[0x80 + 0x10 * (line // 32)] >> line % 32 & 1)

    def write_register(self, offset: int, value: int) -> None:
        """Write the register at `offset`."""
        if offset in (0x88, 0x98, 0xA8):
            self.registers[offset] &= ~value
        else:
            super().write_register(offset, value)
