"""Faults: what goes wrong in an instruction becomes an exception, as on the chip, or ends the machine where that is no help.

Armv7-M Architecture Reference Manual, B1.5.14 (escalation) and B3.2.15 (CFSR).
"""

from __future__ import annotations

from collections.abc import Callable

from unicorn import arm_const as reg
from unicorn import unicorn_const

from tinyaudio.bench.emulation.stm32h743.chip import Chip
from tinyaudio.bench.emulation.stm32h743.engine import Happened, Stop
from tinyaudio.bench.emulation.stm32h743.exceptions import BUS_FAULT, HARD_FAULT, MEM_MANAGE, NMI, USAGE_FAULT, exception_name
from tinyaudio.bench.emulation.stm32h743.problems import FirmwareFaultError, MisuseError, UnmodelledError

_IACCVIOL, _DACCVIOL, _MSTKERR, _MMARVALID = 1 << 0, 1 << 1, 1 << 4, 1 << 7
_IBUSERR, _PRECISERR, _STKERR, _BFARVALID = 1 << 8, 1 << 9, 1 << 12, 1 << 15
_UNDEFINSTR, _INVSTATE, _INVPC = 1 << 16, 1 << 17, 1 << 18
_FIRST_DEVICE = 0x4000_0000
_RIGHT = {Happened.READ: unicorn_const.UC_PROT_READ, Happened.WRITE: unicorn_const.UC_PROT_WRITE, Happened.FETCH: unicorn_const.UC_PROT_EXEC}
_VERB = {Happened.READ: "read", Happened.WRITE: "written", Happened.FETCH: "executed"}


class Faults:
    """Turns stops of the engine into exceptions.

    Parameters
    ----------
    tell
        Gets one line about every fault that a handler of the firmware is given.
    """

    def __init__(self, chip: Chip, tell: Callable[[str], None]) -> None:
        self._chip = chip
        self._tell = tell

    def undefined(self, pc: int) -> None:
        """An instruction that does not exist."""
        self.take(USAGE_FAULT, _UNDEFINSTR, pc=pc)

    def invalid_state(self, pc: int) -> None:
        """A branch to an even address."""
        self.take(USAGE_FAULT, _INVSTATE, pc=pc)

    def invalid_return(self, pc: int) -> None:
        """An exception return that does not fit."""
        self.take(USAGE_FAULT, _INVPC, pc=pc)

    def breakpoint(self, pc: int) -> None:
        """BKPT without a debugger."""
        self.take(HARD_FAULT, 0, pc=pc)

    def bus_error(self, pc: int, address: int) -> None:
        """A precise data bus error."""
        self.take(BUS_FAULT, _PRECISERR | _BFARVALID, pc=pc, bus_address=address)

    def access(self, stop: Stop, pc: int) -> None:
        """An access that the engine has refused: find out whose error it is.

        Raises
        ------
        UnmodelledError
            If the address belongs to nothing that is modelled.
        MisuseError
            If the chip would ignore the access, or hang.
        """
        chip, address = self._chip, stop.address
        if not chip.mpu.rights_at(address) & _RIGHT[stop.happened]:
            if stop.happened is Happened.FETCH:
                self.take(MEM_MANAGE, _IACCVIOL, pc=pc)
            else:
                self.take(MEM_MANAGE, _DACCVIOL | _MMARVALID, pc=pc, memory_address=address)
            return
        region = chip.memories.at(address)
        if region is not None:
            problem = chip.memory_problem(region, writes=stop.happened is Happened.WRITE)
            if not problem and stop.happened is Happened.WRITE:
                problem = "the flash controller is not set to program (FLASH_CR.PG)" if region.kind == "settings" else "it cannot be written"
            raise MisuseError(f"0x{address:08x} in {region.name} is {_VERB[stop.happened]}, but {problem or 'not allowed'}")
        if address >= _FIRST_DEVICE:
            raise UnmodelledError(f"0x{address:08x} is {_VERB[stop.happened]}: nothing that is modelled is there")
        if stop.happened is Happened.FETCH:
            self.take(BUS_FAULT, _IBUSERR, pc=pc)
        else:
            self.bus_error(pc, address)

    def take(self, number: int, cfsr_bits: int, *, pc: int, memory_address: int | None = None, bus_address: int | None = None) -> None:
        """Enter the handler of fault `number`, or of the hard fault; `pc` is stacked.

        Raises
        ------
        FirmwareFaultError
            If the core locks up.
        """
        chip = self._chip
        control = chip.system_control
        control.note_fault(cfsr_bits, memory_address=memory_address, bus_address=bus_address)
        account = self._account(number, pc)
        if not chip.exceptions.can_take(number):
            if HARD_FAULT in chip.exceptions.active or NMI in chip.exceptions.active or not chip.exceptions.can_take(HARD_FAULT):
                raise FirmwareFaultError(f"the core locks up: {account}")
            control.note_hard_fault()
            number = HARD_FAULT
        self._tell(account)
        self.enter(number, return_address=pc)

    def enter(self, number: int, *, return_address: int) -> None:
        """Enter the handler of `number`; a stack that cannot take the frame is a fault of its own."""
        chip = self._chip
        vectors = chip.system_control
        if chip.exceptions.enter(number, return_address=return_address, vectors=vectors):
            if not vectors.vector(number):
                raise FirmwareFaultError(f"{exception_name(number)} has no handler: its vector is 0")
            return
        stack = chip.engine.register(reg.UC_ARM_REG_SP)
        denied = not chip.mpu.rights_at(stack) & unicorn_const.UC_PROT_WRITE
        derived, bit = (MEM_MANAGE, _MSTKERR) if denied else (BUS_FAULT, _STKERR)
        vectors.note_fault(bit)
        self._tell(f"the stack overflowed at 0x{stack:08x}, {self._account(derived, return_address)}")
        if number != HARD_FAULT:
            chip.exceptions.active.pop()
            taken = derived if chip.exceptions.can_take(derived) else HARD_FAULT
            chip.exceptions.active.append(number)
            if taken == HARD_FAULT:
                vectors.note_hard_fault()
            chip.exceptions.replace_entry(taken, vectors)

    def _account(self, number: int, pc: int) -> str:
        control = self._chip.system_control
        return f"{exception_name(number)} at pc={self._chip.image.place(pc)}, cfsr=0x{control.fault_status:08x}"
