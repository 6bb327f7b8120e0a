"""The system control space of the Cortex-M7: SysTick, NVIC, SCB, MPU registers, caches, debug.

Armv7-M Architecture Reference Manual, B3.2 to B3.5; Cortex-M7 Technical Reference Manual, 3.3 and 4.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import ClassVar

from tinyaudio.bench.emulation.stm32h743.bus import Peripheral
from tinyaudio.bench.emulation.stm32h743.exceptions import (
    BUS_FAULT,
    FIRST_INTERRUPT,
    INTERRUPTS,
    MEM_MANAGE,
    NMI,
    PEND_SV,
    SYS_TICK,
    USAGE_FAULT,
    Exceptions,
)
from tinyaudio.bench.emulation.stm32h743.memory import Memories
from tinyaudio.bench.emulation.stm32h743.mpu import Mpu
from tinyaudio.bench.emulation.stm32h743.problems import MisuseError, UnmodelledError
from tinyaudio.bench.emulation.stm32h743.sys_tick import SysTick

_CPUID = 0x411F_C271  # Cortex-M7, r1p1
_INITIAL_VECTORS = 0x0800_0000  # option bytes as delivered: boot from flash
_VECTOR_KEY = 0x05FA
_CPACR_FPU = 0xF << 20
_ICSR, _VTOR, _AIRCR, _SCR, _CCR, _SHPR1, _SHCSR, _CFSR, _HFSR, _MMFAR, _BFAR = (
    0xD04, 0xD08, 0xD0C, 0xD10, 0xD14, 0xD18, 0xD24, 0xD28, 0xD2C, 0xD34, 0xD38,
)  # fmt: skip
_CSSELR, _CCSIDR, _CPACR, _DEMCR = 0xD84, 0xD80, 0xD88, 0xDFC
_FAULT_ENABLE_BITS = {MEM_MANAGE: 16, BUS_FAULT: 17, USAGE_FAULT: 18}
_DATA_CACHE, _INSTRUCTION_CACHE = 0xF00F_E019, 0xF01F_E009  # 16 KB each: 128 sets of 4 ways, 256 sets of 2, lines of 32 bytes
_CACHE_MAINTENANCE = {0xF50: "ICIALLU", 0xF58: "ICIMVAU", 0xF5C: "DCIMVAC", 0xF60: "DCISW", 0xF64: "DCCMVAU", 0xF68: "DCCMVAC",
                      0xF6C: "DCCSW", 0xF70: "DCCIMVAC", 0xF74: "DCCISW", 0xF78: "BPIALL"}  # fmt: skip
_ENABLED_DATA_CACHE = 1 << 16  # CCR.DC
_IGNORE_BUS_FAULTS = 1 << 8  # CCR.BFHFNMIGN
_SLEEP_DEEP = 1 << 2  # SCR


class SystemControl(Peripheral):
    """0xE000E000 to 0xE000EFFF."""

    name = "SCS"
    origin = 0xE000_E000
    length_bytes = 0x1000
    reset_values: ClassVar[Mapping[int, int]] = {
        0x008: 0, 0xD00: _CPUID, _VTOR: _INITIAL_VECTORS, _SCR: 0, _CCR: 0x0004_0200, _SHCSR: 0, _CFSR: 0, _HFSR: 0, 0xD30: 0, _MMFAR: 0, _BFAR: 0,
        0xD3C: 0, 0xD78: 0x0900_0003, 0xD7C: 0x8303_C003, _CSSELR: 0, _CPACR: 0, 0xDF0: 0, _DEMCR: 0,
        0xF34: 0xC000_0000, 0xF38: 0, 0xF3C: 0, 0xF40: 0x1011_0221, 0xF44: 0x1200_0011, 0xF48: 0x0000_0040,
        0xF90: 1, 0xF94: 1, 0xF98: 0, 0xF9C: 0, 0xFA0: 0, 0xFA8: 0,
    }  # fmt: skip

    def __init__(self, exceptions: Exceptions, memories: Memories, *, sys_tick: SysTick, mpu: Mpu, on_reset: Callable[[], None]) -> None:
        super().__init__()
        self._exceptions = exceptions
        self._memories = memories
        self._sys_tick = sys_tick
        self._mpu = mpu
        self._on_reset = on_reset
        self.on_fpu_enabled: Callable[[bool], None] = lambda _enabled: None
        self.on_code_changed: Callable[[], None] = lambda: None

    def reset(self) -> None:
        """As after a system reset."""
        super().reset()
        self._sys_tick.reset()
        self._mpu.reset()
        self.on_fpu_enabled(False)
        self._enable_faults(0)

    @property
    def has_data_cache_on(self) -> bool:
        """Whether CCR.DC is set."""
        return bool(self.registers[_CCR] & _ENABLED_DATA_CACHE)

    @property
    def ignores_bus_faults(self) -> bool:
        """Whether CCR.BFHFNMIGN is set."""
        return bool(self.registers[_CCR] & _IGNORE_BUS_FAULTS)

    @property
    def is_deep_sleep(self) -> bool:
        """Whether WFI goes to STOP rather than to sleep."""
        return bool(self.registers[_SCR] & _SLEEP_DEEP)

    @property
    def sleeps_on_exit(self) -> bool:
        """Whether SCR.SLEEPONEXIT is set."""
        return bool(self.registers[_SCR] & 2)

    @property
    def traces(self) -> bool:
        """Whether DEMCR.TRCENA is set."""
        return bool(self.registers[_DEMCR] & 1 << 24)

    @property
    def fault_status(self) -> int:
        """CFSR."""
        return self.registers[_CFSR]

    def vector(self, number: int) -> int:
        """Return the address of the handler of exception `number`; 0 if the table is nowhere."""
        return self._memories.read_word(self.registers[_VTOR] + 4 * number) or 0

    def note_fault(self, cfsr_bits: int, *, memory_address: int | None = None, bus_address: int | None = None) -> None:
        """Record what a fault was about."""
        self.registers[_CFSR] |= cfsr_bits
        if memory_address is not None:
            self.registers[_MMFAR] = memory_address
        if bus_address is not None:
            self.registers[_BFAR] = bus_address

    def note_hard_fault(self, *, vector_table: bool = False) -> None:
        """Record that a fault escalated, or that the vector table cannot be read."""
        self.registers[_HFSR] |= 1 << 1 if vector_table else 1 << 30

    # -- registers -----------------------------------------------------------------------------------------------

    def read_register(self, offset: int) -> int:
        """Return the register at `offset`."""
        if 0x010 <= offset <= 0x01C:
            return self._sys_tick.read_register(offset)
        if 0x100 <= offset < 0x600:
            return self._read_nvic(offset)
        if 0xD90 <= offset <= 0xDB8:
            return self._mpu.read_register(offset)
        if offset == 0x004:
            return (INTERRUPTS - 1) // 32  # ICTR
        if offset == _ICSR:
            return self._icsr()
        if offset == _AIRCR:
            return 0xFA05 << 16 | self._exceptions.priority_group << 8
        if _SHPR1 <= offset < _SHPR1 + 12:
            return self._pack_priorities(4 + offset - _SHPR1)
        if offset == _SHCSR:
            return self.registers[_SHCSR] & 0x7_0000 | self._handlers_active()
        if offset == _CCSIDR:
            return _INSTRUCTION_CACHE if self.registers[_CSSELR] & 1 else _DATA_CACHE
        return super().read_register(offset)

    def write_register(self, offset: int, value: int) -> None:
        """Write the register at `offset`."""
        if 0x010 <= offset <= 0x01C:
            self._sys_tick.write_register(offset, value)
        elif 0x100 <= offset < 0x600:
            self._write_nvic(offset, value)
        elif 0xD90 <= offset <= 0xDB8:
            self._mpu.write_register(offset, value)
        elif _SHPR1 <= offset < _SHPR1 + 12:
            self._unpack_priorities(4 + offset - _SHPR1, value)
        elif offset == _ICSR:
            self._write_icsr(value)
        elif offset == _AIRCR:
            self._write_aircr(value)
        elif offset in _CACHE_MAINTENANCE:
            if offset in (0xF50, 0xF58):
                self.on_code_changed()
        elif offset in (_CFSR, _HFSR, 0xD30):
            self.registers[offset] &= ~value  # cleared by writing ones
        elif offset == _CCR:
            self._check_probing(value)
            super().write_register(offset, value)
        elif offset == 0xF00:
            self._exceptions.pend(FIRST_INTERRUPT + (value & 0x1FF))  # STIR
        else:
            super().write_register(offset, value)
            if offset == _CPACR:
                self.on_fpu_enabled(value & _CPACR_FPU == _CPACR_FPU)
            elif offset == _SHCSR:
                self._enable_faults(value)

    def peek(self, offset: int) -> int:
        """Priorities are written byte by byte."""
        if _SHPR1 <= offset < _SHPR1 + 12 or 0x400 <= offset < 0x600:
            return self.read_register(offset)
        return super().peek(offset)

    def _check_probing(self, ccr: int) -> None:
        """Firmware that is about to read what may fault must not read it through a cache that the MPU keeps it out of otherwise."""
        is_probing = ccr & _IGNORE_BUS_FAULTS and self._exceptions.execution_priority() < 0
        if is_probing and ccr & _ENABLED_DATA_CACHE and self._mpu.is_bypassed_at_negative_priority:
            raise MisuseError(
                "memory is probed (CCR.BFHFNMIGN) at a priority at which the MPU is off (MPU_CTRL.HFNMIENA is 0): "
                "what it keeps out of the data cache is cached meanwhile"
            )

    def _enable_faults(self, shcsr: int) -> None:
        for number, bit in _FAULT_ENABLE_BITS.items():
            self._exceptions.enabled[number] = bool(shcsr & 1 << bit)

    def _icsr(self) -> int:
        exceptions = self._exceptions
        waiting = [number for number in exceptions.pending if exceptions.enabled[number]]
        first = min(waiting, key=lambda number: (exceptions.priority[number], number), default=0)
        value = (exceptions.active[-1] if exceptions.active else 0) | first << 12
        value |= (len(exceptions.active) <= 1) << 11 | any(number >= FIRST_INTERRUPT for number in exceptions.pending) << 22
        return value | (SYS_TICK in exceptions.pending) << 26 | (PEND_SV in exceptions.pending) << 28

    def _write_icsr(self, value: int) -> None:
        for bit, number in ((31, NMI), (28, PEND_SV), (26, SYS_TICK)):
            if value & 1 << bit:
                self._exceptions.pend(number)
        for bit, number in ((27, PEND_SV), (25, SYS_TICK)):
            if value & 1 << bit:
                self._exceptions.clear_pending(number)

    def _write_aircr(self, value: int) -> None:
        if value >> 16 != _VECTOR_KEY:
            return
        self._exceptions.priority_group = value >> 8 & 7
        if value & 1 << 2:
            self._on_reset()

    def _handlers_active(self) -> int:
        bits = {MEM_MANAGE: 0, BUS_FAULT: 1, USAGE_FAULT: 3, 11: 7, 12: 8, PEND_SV: 10, SYS_TICK: 11}
        return sum(1 << bit for number, bit in bits.items() if number in self._exceptions.active)

    # -- NVIC ----------------------------------------------------------------------------------------------------

    def _bits(self, first: int, holds: Callable[[int], bool]) -> int:
        return sum(1 << bit for bit in range(32) if first + bit < INTERRUPTS and holds(FIRST_INTERRUPT + first + bit))

    def _read_nvic(self, offset: int) -> int:
        exceptions = self._exceptions
        first = 8 * (offset & 0x7F)
        if offset >= 0x400:
            return self._pack_priorities(FIRST_INTERRUPT + offset - 0x400)
        if offset < 0x200:
            return self._bits(first, lambda number: exceptions.enabled[number])
        if offset < 0x300:
            return self._bits(first, lambda number: number in exceptions.pending)
        return self._bits(first, lambda number: number in exceptions.active)

    def _write_nvic(self, offset: int, value: int) -> None:
        if offset >= 0x400:
            self._unpack_priorities(FIRST_INTERRUPT + offset - 0x400, value)
            return
        exceptions = self._exceptions
        first = FIRST_INTERRUPT + 8 * (offset & 0x7F)
        numbers = [first + bit for bit in range(32) if value & 1 << bit and first + bit < FIRST_INTERRUPT + INTERRUPTS]
        kind = offset & 0x380
        for number in numbers:
            if kind == 0x100:
                exceptions.enabled[number] = True
            elif kind == 0x180:
                exceptions.enabled[number] = False
            elif kind == 0x200:
                exceptions.pend(number)
            elif kind == 0x280:
                exceptions.clear_pending(number)
            else:
                raise UnmodelledError(f"the NVIC register at 0x{self.origin + offset:08x} is written and not modelled")
        exceptions.look_again()

    def _pack_priorities(self, first: int) -> int:
        priorities = self._exceptions.priority[first : first + 4]
        return sum(priority << 8 * index for index, priority in enumerate(priorities))

    def _unpack_priorities(self, first: int, value: int) -> None:
        for index in range(4):
            if first + index < len(self._exceptions.priority):
                self._exceptions.priority[first + index] = value >> 8 * index & 0xF0
        self._exceptions.look_again()
