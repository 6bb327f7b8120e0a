"""Unicorn's Cortex-M7: registers, running until something happens, and what it was that happened.

Three facts shape this file. With ``UC_MODE_MCLASS`` Unicorn stays a Cortex-M33 whatever model is set, so the mode is
plain Thumb. An exception return is a fetch from its magic address, because nobody told the translator of the handler
mode. And a device's callback does not know the exact program counter, unless its page has no rights and a hook for
forbidden accesses ran first.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any

from unicorn import Uc, arm_const, unicorn_const
from unicorn.unicorn_py3.unicorn import uclib

from tinyaudio.bench.emulation.stm32h743.counting import DEADLINE, FPU_OFF, MASK_REGISTERS, MASKS_CHANGED, CoarseCounter, Counter, ExactCounter

_NOWHERE = 0xFFFF_FF00  # an address that is never executed, where Unicorn would stop by itself
_WFI, _WFE, _YIELD = 0xBF30, 0xBF20, 0xBF10
_EXCEPTION_RETURN_FIRST = 0xFFFF_FFE0

#: Everything from the first to the last of these is a device: peripherals, and the private peripheral bus.
DEVICE_RANGES = ((0x4000_0000, 0x5FFF_FFFF), (0xE000_0000, 0xFFFF_FFFF))

# Unicorn's numbers of exceptions (QEMU's).
_UNDEFINED, _SUPERVISOR_CALL, _PREFETCH_ABORT, _BREAKPOINT, _EXCEPTION_EXIT, _INVALID_STATE = 1, 2, 3, 7, 8, 18

_READS = (unicorn_const.UC_MEM_READ_UNMAPPED, unicorn_const.UC_MEM_READ_PROT)
_WRITES = (unicorn_const.UC_MEM_WRITE_UNMAPPED, unicorn_const.UC_MEM_WRITE_PROT)


class Happened(Enum):
    """What ended a run of the core."""

    TIME = auto()  # the deadline
    SLEEP = auto()  # WFI
    YIELDED = auto()  # WFE, YIELD
    SUPERVISOR_CALL = auto()
    EXCEPTION_RETURN = auto()
    BREAKPOINT = auto()
    UNDEFINED = auto()
    INVALID_STATE = auto()
    FPU_OFF = auto()
    READ = auto()
    WRITE = auto()
    FETCH = auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    """How a run ended. The program counter is at the instruction that did it, behind it for SLEEP, YIELDED and SUPERVISOR_CALL."""

    happened: Happened
    address: int = 0  # of a memory access; the magic value of an exception return
    size_bytes: int = 0


class Engine:
    """The core.

    Parameters
    ----------
    exact
        Whether instructions are counted exactly.
    """

    def __init__(self, *, exact: bool) -> None:
        self.uc = Uc(unicorn_const.UC_ARCH_ARM, unicorn_const.UC_MODE_THUMB)
        self.uc.ctl_set_cpu_model(arm_const.UC_CPU_ARM_CORTEX_M7)
        self.counter: Counter = ExactCounter(self.uc, DEVICE_RANGES) if exact else CoarseCounter()
        self._interrupt: int | None = None
        self._refused: tuple[int, int, int] | None = None  # kind, address, size of the access that was not allowed
        self._trouble: BaseException | None = None
        self._last_sleep_pc = -1
        self._exact = exact
        self.uc.hook_add(unicorn_const.UC_HOOK_INTR, self._on_interrupt)
        if not exact:
            for first, last in DEVICE_RANGES:
                access = unicorn_const.UC_HOOK_MEM_READ_PROT | unicorn_const.UC_HOOK_MEM_WRITE_PROT
                self.uc.hook_add(access, lambda *_: True, begin=first, end=last)
        self.uc.hook_add(unicorn_const.UC_HOOK_MEM_INVALID, self._on_refused)

    def register(self, number: int) -> int:
        """Return a register, by Unicorn's number."""
        return int(self.uc.reg_read(number))

    def set_register(self, number: int, value: int) -> None:
        """Write a register, by Unicorn's number."""
        self.uc.reg_write(number, value)

    def reset(self, *, stack: int, start: int) -> None:
        """Put the core where a reset puts it: privileged thread mode, everything unmasked, the two first vectors taken."""
        for number in (*MASK_REGISTERS, arm_const.UC_ARM_REG_IPSR, arm_const.UC_ARM_REG_CONTROL):
            self.set_register(number, 0)
        self.set_register(arm_const.UC_ARM_REG_MSP, stack)
        self.set_register(arm_const.UC_ARM_REG_LR, 0xFFFF_FFFF)
        self.set_register(arm_const.UC_ARM_REG_EPSR, 1 << 24)
        self.set_register(arm_const.UC_ARM_REG_PC, start | 1)
        self.uc.ctl_flush_tb()

    def masks(self) -> tuple[int, int, int]:
        """Return PRIMASK, BASEPRI and FAULTMASK."""
        primask, basepri, faultmask = (int(self.uc.reg_read(number)) for number in MASK_REGISTERS)
        return primask, basepri, faultmask

    def map_device(
        self, origin: int, length_bytes: int, read: Callable[[int, int], int], write: Callable[[int, int, int], None], *, exact: bool = True
    ) -> None:
        """Let `read(offset, size)` and `write(offset, size, value)` answer for a range of addresses; what they raise, `run` raises.

        With `exact` (for devices) the counter knows the instruction of every access.
        """

        def on_read(_uc: Uc, offset: int, size: int, _user: Any) -> int:
            try:
                return read(offset, size)
            except BaseException as error:  # noqa: BLE001 a callback from C must not raise
                self.fail(error)
                return 0

        def on_write(_uc: Uc, offset: int, size: int, value: int, _user: Any) -> None:
            try:
                write(offset, size, value)
            except BaseException as error:  # noqa: BLE001
                self.fail(error)

        self.uc.mmio_map(origin, length_bytes, on_read, None, on_write, None)
        if exact:
            self.uc.mem_protect(origin, length_bytes, unicorn_const.UC_PROT_NONE)

    def fail(self, error: BaseException) -> None:
        """End the run at this very instruction with `error`."""
        if self._trouble is None:
            self._trouble = error
        self.uc.emu_stop()

    def run(self, deadline: int) -> Stop:
        """Run until something happens, at the latest at the first block that begins at `deadline` cycles or behind it."""
        while True:
            self._interrupt = self._refused = None
            error, reason = self.counter.run(self._start, deadline=deadline)
            pc = self.register(arm_const.UC_ARM_REG_PC)
            if self._trouble is not None:
                trouble, self._trouble = self._trouble, None
                self.counter.settle(pc)
                raise trouble
            if reason in (DEADLINE, MASKS_CHANGED):
                return Stop(happened=Happened.TIME)
            if reason == FPU_OFF:
                return Stop(happened=Happened.FPU_OFF)
            stop = self._classify(error, pc)
            if stop is not None:
                return stop
            if self.counter.cycles >= deadline or not self._exact:
                return Stop(happened=Happened.TIME)

    def _start(self, count: int) -> int:
        begin = self.register(arm_const.UC_ARM_REG_PC) | 1
        return int(uclib.uc_emu_start(self.uc._uch, begin, _NOWHERE, 0, count))

    def _classify(self, error: int, pc: int) -> Stop | None:
        if self._interrupt is not None:
            return self._classify_interrupt(self._interrupt, pc)
        if error == unicorn_const.UC_ERR_OK:
            return self._asleep(pc)
        if self._refused is not None and error != unicorn_const.UC_ERR_INSN_INVALID:
            kind, address, size = self._refused
            self.counter.settle(pc)
            happened = Happened.READ if kind in _READS else Happened.WRITE if kind in _WRITES else Happened.FETCH
            return Stop(happened=happened, address=address, size_bytes=size)
        if error == unicorn_const.UC_ERR_INSN_INVALID:
            if self._halfword(pc - 2) in (_WFE, _YIELD) and self._halfword(pc) is not None:
                return Stop(happened=Happened.YIELDED)
            self.counter.settle(pc)
            return Stop(happened=Happened.UNDEFINED)
        if error == unicorn_const.UC_ERR_EXCEPTION:
            return Stop(happened=Happened.INVALID_STATE)
        raise RuntimeError(f"Unicorn stopped at 0x{pc:08x} with error {error}")

    def _asleep(self, pc: int) -> Stop | None:
        if self._halfword(pc - 2) != _WFI:
            return None
        # In slices a run may end behind a WFI by chance; it may also wake for no reason, so only the second stop counts.
        slept = self._exact or self._last_sleep_pc == pc
        self._last_sleep_pc = -1 if slept else pc
        return Stop(happened=Happened.SLEEP if slept else Happened.TIME)

    def _classify_interrupt(self, number: int, pc: int) -> Stop:
        if number == _SUPERVISOR_CALL:
            return Stop(happened=Happened.SUPERVISOR_CALL)
        if number in (_PREFETCH_ABORT, _EXCEPTION_EXIT):
            if pc >= _EXCEPTION_RETURN_FIRST:
                return Stop(happened=Happened.EXCEPTION_RETURN, address=pc | 1)
            return Stop(happened=Happened.FETCH, address=pc, size_bytes=2)
        self.counter.settle(pc)
        if number == _BREAKPOINT:
            return Stop(happened=Happened.BREAKPOINT)
        if number == _INVALID_STATE:
            return Stop(happened=Happened.INVALID_STATE)
        if number == _UNDEFINED:
            return Stop(happened=Happened.UNDEFINED)
        raise RuntimeError(f"Unicorn raised its exception {number} at 0x{pc:08x}")

    def _halfword(self, address: int) -> int | None:
        try:
            return int.from_bytes(self.uc.mem_read(address, 2), "little")
        except Exception:  # noqa: BLE001 Unicorn has one class for everything
            return None

    def _on_interrupt(self, uc: Uc, number: int, _user: Any) -> None:
        self._interrupt = number
        uc.emu_stop()

    def _on_refused(self, _uc: Uc, kind: int, address: int, size: int, _value: int, _user: Any) -> bool:
        self._refused = (kind, address, size)
        return False
