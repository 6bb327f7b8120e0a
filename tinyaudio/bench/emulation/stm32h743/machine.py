"""Lets an emulated chip run: time, interrupts, sleep, and the host at the other end of the line."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import NoReturn

from unicorn import arm_const as reg

from tinyaudio.bench.emulation.stm32h743.chip import Chip
from tinyaudio.bench.emulation.stm32h743.engine import Happened, Stop
from tinyaudio.bench.emulation.stm32h743.exceptions import HARD_FAULT, SV_CALL
from tinyaudio.bench.emulation.stm32h743.faults import Faults
from tinyaudio.bench.emulation.stm32h743.flash import BusFaultError
from tinyaudio.bench.emulation.stm32h743.host_line import HostLine
from tinyaudio.bench.emulation.stm32h743.problems import FirmwareEndedError, FirmwareFaultError, HostGoneError, MachineEndError, MisuseError
from tinyaudio.bench.emulation.stm32h743.timeline import PICOSECONDS_PER_SECOND

_LOOK_CYCLES = 500_000  # how often a busy core looks for bytes of the host: 1 ms of emulated time at 480 MHz
_BRANCH_TO_ITSELF = 0xE7FE
_ENDED = "tinyaudio_stopped"  # the port's way to end: the code in r0, interrupts off, asleep for good
_LPTIM_LINES = {"LPTIM1": 47, "LPTIM2": 48}  # of EXTI (RM0433, table 145)


class Machine:
    """A chip and its host.

    Parameters
    ----------
    tell
        Gets one line about every fault that is left to the firmware.
    """

    def __init__(self, chip: Chip, host: HostLine, tell: Callable[[str], None]) -> None:
        self.chip = chip
        self._host = host
        self._faults = Faults(chip, tell)
        self._deal_with: dict[Happened, Callable[[Stop, int], None]] = {
            Happened.TIME: self._pass_time,
            Happened.SLEEP: lambda _stop, pc: self._sleep(pc),
            Happened.YIELDED: lambda _stop, _pc: None,
            Happened.SUPERVISOR_CALL: lambda _stop, pc: self._supervisor_call(pc),
            Happened.EXCEPTION_RETURN: self._return,
            Happened.BREAKPOINT: lambda _stop, pc: self._faults.breakpoint(pc),
            Happened.UNDEFINED: lambda _stop, pc: self._faults.undefined(pc),
            Happened.INVALID_STATE: lambda _stop, pc: self._faults.invalid_state(pc),
            Happened.FPU_OFF: self._fpu_off,
            Happened.READ: self._access,
            Happened.WRITE: self._access,
            Happened.FETCH: self._access,
        }
        if chip.link is not None:
            chip.link.on_sent = host.write

    def run(self) -> NoReturn:
        """Run until something ends the machine.

        Raises
        ------
        MachineEndError
            Always; its class and text say why, with the place in the firmware.
        """
        try:
            self._reset()
            while True:
                self._step()
        except MachineEndError as end:
            if end.exit_code and not isinstance(end, FirmwareEndedError):
                pc = self.chip.engine.register(reg.UC_ARM_REG_PC)
                raise type(end)(f"{end}, at pc={self.chip.image.place(pc)}") from end
            raise
        finally:
            self._host.flush()

    def _step(self) -> None:
        chip = self.chip
        if chip.reset_requested:
            self._reset()
        if chip.rights_changed:
            chip.apply_rights()
        chip.flash.arrange()
        self._take_exceptions()
        counter = chip.engine.counter
        try:
            stop = chip.engine.run(min(chip.timeline.deadline_cycles(), counter.cycles + _LOOK_CYCLES))
        except BusFaultError as error:
            self._faults.bus_error(chip.engine.register(reg.UC_ARM_REG_PC), error.address)
            return
        self._deal_with[stop.happened](stop, chip.engine.register(reg.UC_ARM_REG_PC))
        chip.timeline.ring_due()

    def _reset(self) -> None:
        chip = self.chip
        chip.reset()
        chip.engine.reset(stack=chip.system_control.vector(0), start=chip.system_control.vector(1))

    # -- exceptions ----------------------------------------------------------------------------------------------

    def _take_exceptions(self) -> None:
        exceptions, engine = self.chip.exceptions, self.chip.engine
        number = exceptions.next_to_take()
        if number is not None:
            self._faults.enter(number, return_address=engine.register(reg.UC_ARM_REG_PC))
        masks = engine.masks() if exceptions.has_waiting() else (0, 0, 0)
        engine.counter.watch_masks(masks if any(masks) else None)

    def _supervisor_call(self, pc: int) -> None:
        if self.chip.exceptions.can_take(SV_CALL):
            self._faults.enter(SV_CALL, return_address=pc)
        else:
            self._faults.take(HARD_FAULT, 0, pc=pc)

    def _return(self, stop: Stop, pc: int) -> None:
        chip = self.chip
        if not chip.exceptions.leave(stop.address):
            self._faults.invalid_return(pc)
        elif chip.system_control.sleeps_on_exit and not chip.exceptions.active:
            self._sleep(chip.engine.register(reg.UC_ARM_REG_PC))

    def _fpu_off(self, _stop: Stop, _pc: int) -> None:
        raise MisuseError("the FPU is used before CPACR gives access to it")

    def _access(self, stop: Stop, pc: int) -> None:
        chip = self.chip
        if chip.rights_changed:
            chip.apply_rights()  # and let the instruction try again
        elif not (stop.happened is Happened.WRITE and chip.flash.wants_write(stop.address)):
            self._faults.access(stop, pc)

    # -- time ----------------------------------------------------------------------------------------------------

    def _pass_time(self, _stop: Stop, pc: int) -> None:
        self._look_at_host()
        if self._hangs(pc) and not self.chip.reset_requested:
            raise FirmwareFaultError("the firmware hangs: it branches to itself with nothing that could interrupt it")

    def _hangs(self, pc: int) -> bool:
        chip = self.chip
        view = chip.memories.view(pc, 2)
        if view is None or int.from_bytes(view.tobytes(), "little") != _BRANCH_TO_ITSELF:
            return False
        return chip.exceptions.execution_priority() <= 0

    def _look_at_host(self) -> None:
        if self._host.is_deserted:  # it may have been killed in the middle of a recording that has hours to go
            raise HostGoneError("the host is gone")
        link = self.chip.link
        if link is not None and link.is_hungry() and (data := self._host.read()):
            link.deliver(data)
        else:
            self._host.flush()

    def _sleep(self, pc: int) -> None:
        chip = self.chip
        if chip.image.holds(_ENDED, pc):
            raise FirmwareEndedError(chip.engine.register(reg.UC_ARM_REG_R0))
        if chip.system_control.is_deep_sleep:
            self._stop_mode()
            return
        while chip.exceptions.next_to_take(with_primask=False) is None and not chip.reset_requested:
            self._look_at_host()
            alarm = chip.timeline.next_alarm()
            if alarm is not None and alarm.at_ps is not None and not alarm.background:
                chip.timeline.sleep_to(alarm.at_ps)
            elif not self._wait_for_host(None if alarm is None else alarm.at_ps):
                continue
            chip.timeline.ring_due()

    def _wait_for_host(self, until_ps: int | None) -> bool:
        """Wait for bytes of the host, at most until the clock on the wall has reached `until_ps`; return whether it has."""
        if self._host.has_ended:
            raise HostGoneError("the host has closed the line")
        timeline = self.chip.timeline
        if until_ps is None:
            self._host.wait(None)
            return False
        left_seconds = max(0, until_ps - timeline.now_ps()) / PICOSECONDS_PER_SECOND
        begun = time.monotonic()
        self._host.wait(left_seconds)
        passed_ps = int((time.monotonic() - begun) * PICOSECONDS_PER_SECOND)
        if passed_ps >= left_seconds * PICOSECONDS_PER_SECOND:
            timeline.sleep_to(until_ps)
            return True
        timeline.sleep_to(timeline.now_ps() + passed_ps)
        return False

    def _stop_mode(self) -> None:
        """STOP: only what EXTI lets through wakes, the core's clock stands, and runs from the HSI afterwards (RM0433, 6.7.7)."""
        chip = self.chip
        chip.sys_tick.stop_clock()
        timers = [timer for name, timer in chip.lptims.items() if chip.exti.wakes(_LPTIM_LINES[name])]
        while not any(timer.is_requesting for timer in timers):
            at_ps = min((timer.wakes_at_ps for timer in timers if timer.wakes_at_ps is not None), default=None)
            if at_ps is None:
                raise FirmwareFaultError("the firmware goes to STOP with nothing that could wake it")
            chip.timeline.stand_to(at_ps)
            for timer in timers:
                timer.advance()
        chip.pwr.stop()
        chip.rcc.stop_clocks()
        chip.sys_tick.restart_clock()
