"""Exceptions of the core: what is pending, what may pre-empt what, entry and return.

Armv7-M Architecture Reference Manual, B1.5. Numbers are exception numbers: 15 is SysTick, 16 the first interrupt.
"""

from __future__ import annotations

from typing import Protocol

from unicorn import arm_const as reg

from tinyaudio.bench.emulation.stm32h743.engine import Engine
from tinyaudio.bench.emulation.stm32h743.memory import Memories

NMI, HARD_FAULT, MEM_MANAGE, BUS_FAULT, USAGE_FAULT, SV_CALL, DEBUG_MONITOR, PEND_SV, SYS_TICK = 2, 3, 4, 5, 6, 11, 12, 14, 15
FIRST_INTERRUPT = 16
INTERRUPTS = 150  # RM0433, 19.1.1
_FIXED_PRIORITY = {NMI: -2, HARD_FAULT: -1}
_THREAD_PRIORITY = 256
_CONTROL_SPSEL, _CONTROL_FPCA = 2, 4
_XPSR_ALIGNED = 1 << 9  # the frame was moved by a word to keep the stack aligned to 8 bytes
_BASIC_FRAME_BYTES, _FPU_FRAME_BYTES = 32, 104
_FPU_REGISTERS = tuple(reg.UC_ARM_REG_S0 + index for index in range(16))

NAMES = {
    NMI: "NMI",
    HARD_FAULT: "HardFault",
    MEM_MANAGE: "MemManage",
    BUS_FAULT: "BusFault",
    USAGE_FAULT: "UsageFault",
    SV_CALL: "SVCall",
    PEND_SV: "PendSV",
    SYS_TICK: "SysTick",
}


def exception_name(number: int) -> str:
    """Return how the manuals call the exception `number`."""
    return NAMES.get(number, f"interrupt {number - FIRST_INTERRUPT}")


class VectorTable(Protocol):
    """Where the handlers are."""

    def vector(self, number: int) -> int:
        """Return the address of the handler of exception `number`."""


class Exceptions:
    """The nested vectored interrupt controller, and the stack frames."""

    def __init__(self, engine: Engine, memories: Memories) -> None:
        self._engine = engine
        self._memories = memories
        self.reset()

    def reset(self) -> None:
        """As after a reset: nothing enabled, nothing pending."""
        count = FIRST_INTERRUPT + INTERRUPTS
        self.enabled = [number < FIRST_INTERRUPT for number in range(count)]  # of the faults SHCSR decides
        self.priority = [0] * count
        self.pending: set[int] = set()
        self.lines: set[int] = set()  # exceptions whose device holds its line high
        self.active: list[int] = []  # innermost last
        self.priority_group = 0  # AIRCR.PRIGROUP

    # -- requests ------------------------------------------------------------------------------------------------

    def pend(self, number: int) -> None:
        """Make the exception `number` pending; the core stops at its next block if it may be taken."""
        if number not in self.pending:
            self.pending.add(number)
            self._engine.counter.stop_at_next_block()

    def look_again(self) -> None:
        """Let the core stop at its next block: what is enabled, or how urgent, has changed."""
        if self.pending:
            self._engine.counter.stop_at_next_block()

    def set_line(self, interrupt: int, high: bool) -> None:
        """Set the line of a device's interrupt. High makes it pending, now and again after every return while it stays high."""
        number = FIRST_INTERRUPT + interrupt
        if not high:
            self.lines.discard(number)
        elif number not in self.lines:
            self.lines.add(number)
            if number not in self.active:
                self.pend(number)

    def clear_pending(self, number: int) -> None:
        """Forget a request; a line that is still high makes it again."""
        if number not in self.lines:
            self.pending.discard(number)

    # -- priorities ----------------------------------------------------------------------------------------------

    def _priority_of(self, number: int) -> int:
        return _FIXED_PRIORITY.get(number, self.priority[number])

    def _group_priority(self, priority: int) -> int:
        return priority if priority < 0 else priority >> (self.priority_group + 1) << (self.priority_group + 1)

    def execution_priority(self, *, with_primask: bool = True) -> int:
        """Return the priority that an exception has to be below, as a number, to be taken."""
        priority = min((self._group_priority(self._priority_of(number)) for number in self.active), default=_THREAD_PRIORITY)
        primask, basepri, faultmask = self._engine.masks()
        if basepri:
            priority = min(priority, self._group_priority(basepri))
        if primask and with_primask:
            priority = min(priority, 0)
        return min(priority, -1) if faultmask else priority

    def next_to_take(self, *, with_primask: bool = True) -> int | None:
        """Return the pending exception that pre-empts now; without PRIMASK, the one that wakes from WFI."""
        candidates = [number for number in self.pending if self.enabled[number]]
        if not candidates:
            return None
        best = min(candidates, key=lambda number: (self._priority_of(number), number))
        return best if self._group_priority(self._priority_of(best)) < self.execution_priority(with_primask=with_primask) else None

    def can_take(self, number: int) -> bool:
        """Whether a synchronous exception `number` would be taken now, rather than escalate."""
        return self.enabled[number] and self._group_priority(self._priority_of(number)) < self.execution_priority()

    def has_waiting(self) -> bool:
        """Whether something enabled waits that the masks or the priority of what runs hold back."""
        return any(self.enabled[number] for number in self.pending)

    # -- entry and return ----------------------------------------------------------------------------------------

    def replace_entry(self, number: int, vectors: VectorTable) -> None:
        """Go to the handler of `number` instead of the one just entered, whose frame could not be written."""
        self.active[-1] = number
        self._engine.set_register(reg.UC_ARM_REG_IPSR, number)
        self._engine.set_register(reg.UC_ARM_REG_PC, vectors.vector(number) | 1)

    def enter(self, number: int, *, return_address: int, vectors: VectorTable) -> bool:
        """Stack the frame and go to the handler; return whether the frame could be written.

        The FPU's part is written at once where FPCCR would allow to put it off: the same values, seen earlier.
        """
        engine = self._engine
        control = engine.register(reg.UC_ARM_REG_CONTROL)
        with_fpu = bool(control & _CONTROL_FPCA)
        on_process_stack = bool(control & _CONTROL_SPSEL) and not self.active
        stack = engine.register(reg.UC_ARM_REG_SP)
        frame_bytes = _FPU_FRAME_BYTES if with_fpu else _BASIC_FRAME_BYTES
        aligned = stack & 4
        frame = (stack - frame_bytes) & ~7 & 0xFFFF_FFFF
        written = self._write_frame(frame, return_address, aligned=bool(aligned), with_fpu=with_fpu)
        exception_return = 0xFFFF_FFE1 | (0 if with_fpu else 0x10) | (0 if self.active else 0x8) | (0x4 if on_process_stack else 0)
        engine.set_register(reg.UC_ARM_REG_SP, frame)
        self.pending.discard(number)
        self.active.append(number)
        engine.set_register(reg.UC_ARM_REG_IPSR, number)
        engine.set_register(reg.UC_ARM_REG_EPSR, 1 << 24)  # Thumb, no IT block
        engine.set_register(reg.UC_ARM_REG_CONTROL, control & ~(_CONTROL_SPSEL | _CONTROL_FPCA))
        engine.set_register(reg.UC_ARM_REG_LR, exception_return)
        engine.set_register(reg.UC_ARM_REG_PC, vectors.vector(number) | 1)
        return written

    def _write_frame(self, frame: int, return_address: int, *, aligned: bool, with_fpu: bool) -> bool:
        engine = self._engine
        basic = (reg.UC_ARM_REG_R0, reg.UC_ARM_REG_R1, reg.UC_ARM_REG_R2, reg.UC_ARM_REG_R3, reg.UC_ARM_REG_R12, reg.UC_ARM_REG_LR)
        xpsr = engine.register(reg.UC_ARM_REG_XPSR) & ~_XPSR_ALIGNED | (_XPSR_ALIGNED if aligned else 0)
        words = [engine.register(number) for number in basic] + [return_address & ~1, xpsr]
        if with_fpu:
            words += [engine.register(number) for number in _FPU_REGISTERS] + [engine.register(reg.UC_ARM_REG_FPSCR), 0]
        view = self._memories.view(frame, 4 * len(words))
        if view is None:
            return False
        view[:] = list(b"".join((word & 0xFFFF_FFFF).to_bytes(4, "little") for word in words))
        return True

    def leave(self, exception_return: int) -> bool:
        """Return from the innermost exception; return whether that was possible (otherwise: INVPC or UNSTKERR)."""
        engine = self._engine
        if not self.active:
            return False
        to_thread = bool(exception_return & 0x8)
        with_fpu = not exception_return & 0x10
        left = self.active.pop()
        if to_thread == bool(self.active):
            return False
        if left != NMI:
            engine.set_register(reg.UC_ARM_REG_FAULTMASK, 0)
        control = engine.register(reg.UC_ARM_REG_CONTROL) & ~(_CONTROL_SPSEL | _CONTROL_FPCA)
        engine.set_register(reg.UC_ARM_REG_IPSR, self.active[-1] if self.active else 0)
        if exception_return & 0x4:
            control |= _CONTROL_SPSEL
        engine.set_register(reg.UC_ARM_REG_CONTROL, control)
        if not self._read_frame(with_fpu=with_fpu):
            return False
        if with_fpu:
            engine.set_register(reg.UC_ARM_REG_CONTROL, control | _CONTROL_FPCA)
        if left in self.lines:
            self.pending.add(left)
        return True

    def _read_frame(self, *, with_fpu: bool) -> bool:
        engine = self._engine
        frame = engine.register(reg.UC_ARM_REG_SP)
        frame_bytes = _FPU_FRAME_BYTES if with_fpu else _BASIC_FRAME_BYTES
        view = self._memories.view(frame, frame_bytes)
        if view is None:
            return False
        content = view.tobytes()
        words = [int.from_bytes(content[offset : offset + 4], "little") for offset in range(0, frame_bytes, 4)]
        if with_fpu:
            for number, word in zip(_FPU_REGISTERS, words[8:24], strict=True):
                engine.set_register(number, word)
            engine.set_register(reg.UC_ARM_REG_FPSCR, words[24])
        registers = (reg.UC_ARM_REG_R0, reg.UC_ARM_REG_R1, reg.UC_ARM_REG_R2, reg.UC_ARM_REG_R3, reg.UC_ARM_REG_R12, reg.UC_ARM_REG_LR)
        for number, word in zip(registers, words[:6], strict=True):
            engine.set_register(number, word)
        xpsr = words[7]
        engine.set_register(reg.UC_ARM_REG_SP, frame + frame_bytes + (4 if xpsr & _XPSR_ALIGNED else 0))
        engine.set_register(reg.UC_ARM_REG_XPSR_NZCVQG, xpsr & ~_XPSR_ALIGNED & ~0x1FF | (self.active[-1] if self.active else 0))
        engine.set_register(reg.UC_ARM_REG_PC, words[6] | 1)
        return True
