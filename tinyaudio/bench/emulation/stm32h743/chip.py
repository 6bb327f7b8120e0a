"""The chip as a set of parts that know each other; `machine.Machine` lets it run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from unicorn import unicorn_const

from tinyaudio.bench.emulation.stm32h743.bus import Bus
from tinyaudio.bench.emulation.stm32h743.dfsdm import Dfsdm1
from tinyaudio.bench.emulation.stm32h743.dma import Dma, Dmamux, Stream
from tinyaudio.bench.emulation.stm32h743.engine import Engine
from tinyaudio.bench.emulation.stm32h743.exceptions import Exceptions
from tinyaudio.bench.emulation.stm32h743.flash import Flash
from tinyaudio.bench.emulation.stm32h743.flash_store import FlashStore
from tinyaudio.bench.emulation.stm32h743.image import Image
from tinyaudio.bench.emulation.stm32h743.lptim import Lptim
from tinyaudio.bench.emulation.stm32h743.memory import BACKUP_SRAM, SYSTEM_FLASH, Memories, Region
from tinyaudio.bench.emulation.stm32h743.microphone import Microphone
from tinyaudio.bench.emulation.stm32h743.mpu import Mpu
from tinyaudio.bench.emulation.stm32h743.power import Exti, Pwr, Syscfg
from tinyaudio.bench.emulation.stm32h743.problems import MisuseError
from tinyaudio.bench.emulation.stm32h743.rcc import Rcc
from tinyaudio.bench.emulation.stm32h743.sai import Sai1, SaiBlock
from tinyaudio.bench.emulation.stm32h743.small import Dbgmcu, Dwt, Gpio, Rng
from tinyaudio.bench.emulation.stm32h743.sys_tick import SysTick
from tinyaudio.bench.emulation.stm32h743.system_control import SystemControl
from tinyaudio.bench.emulation.stm32h743.timeline import Timeline
from tinyaudio.bench.emulation.stm32h743.usart import Usart
from tinyaudio.core.board import Board, Clock, Probe
from tinyaudio.core.errors import BuildError

_PORTS = "ABCDEFGHIJK"
_USARTS = {"USART1": 0x4001_1000, "USART2": 0x4000_4400, "USART3": 0x4000_4800}
_UNIQUE_ID = b"\x43\x07\x00\x00TINYAUDI"  # 96 bits
_FLASH_SIZE_OFFSET = 0x80
_DEFAULT_CLOCK = Clock(source="hsi", source_hz=64_000_000, core_hz=64_000_000, power_supply="ldo", voltage_scale=3)
_DEFAULT_DEVICE_ID, _DEFAULT_FLASH_KIB = 0x450, 2_048


@dataclass(frozen=True, slots=True, kw_only=True)
class ChipOptions:
    """What surrounds the chip."""

    exact: bool = True  # count every instruction
    microphone: Path | None = None  # WAV
    settings: Path | None = None  # file that keeps the settings sectors
    power_loss_at: int | None = None
    seed: int = 0  # of the random number generator
    external_clock: bool = True  # it runs, if the board has one


class Chip:
    """Core, memories and peripherals.

    Raises
    ------
    BuildError
        If the image does not fit the chip's flash.
    """

    def __init__(self, board: Board, image: Image, options: ChipOptions) -> None:
        self.board = board
        self.engine = Engine(exact=options.exact)
        self.memories = Memories(self.engine.uc, board)
        self.timeline = Timeline(self.engine.counter)
        self.exceptions = Exceptions(self.engine, self.memories)
        self.image = image
        self.reset_requested = False
        self.rights_changed = False  # the MPU, a clock gate or a write protection: to be applied between two blocks
        self._add_core()
        self._add_clocks(board.clock or _DEFAULT_CLOCK, hse_runs=options.external_clock)
        self._add_dma()
        self._add_link(board)
        self._add_audio(Microphone(options.microphone))
        self._add_rest(board, options)
        self._load(image)

    # -- parts ---------------------------------------------------------------------------------------------------

    def _add_core(self) -> None:
        self.bus = Bus(self.engine, self.timeline, self._clock_problem)
        self.mpu = Mpu()
        self.mpu.on_change = self._note_rights
        self.sys_tick = SysTick(self.exceptions, self.timeline)
        self.system_control = SystemControl(self.exceptions, self.memories, sys_tick=self.sys_tick, mpu=self.mpu, on_reset=self._request_reset)
        self.system_control.on_fpu_enabled = self._enable_fpu
        self.system_control.on_code_changed = self.engine.counter.forget_code
        self.bus.add(self.system_control)
        self.bus.add(Dwt(self.timeline, lambda: self.system_control.traces))

    def _add_clocks(self, clock: Clock, *, hse_runs: bool) -> None:
        self.rcc = Rcc(self.timeline, clock, hse_runs=hse_runs)
        self.pwr = Pwr(self.timeline)
        syscfg = Syscfg(self.pwr)
        self.pwr.overdrive = syscfg.overdrive
        self.pwr.on_backup_guard = self._note_rights
        self.rcc.voltage_scale = self.pwr.scale
        self.rcc.on_clocks_changed = self._note_clocks
        self.exti = Exti()
        for peripheral in (self.pwr, syscfg, self.rcc, self.exti):
            self.bus.add(peripheral)

    def _add_dma(self) -> None:
        controllers = (
            Dma("DMA1", 0x4002_0000, exceptions=self.exceptions, check=self._dma_buffer),
            Dma("DMA2", 0x4002_0400, exceptions=self.exceptions, check=self._dma_buffer),
        )
        self.dmamux = Dmamux(controllers)
        for controller in controllers:
            controller.before_look = controller.on_switched = self._advance_owner
            self.bus.add(controller)
        self.bus.add(self.dmamux)

    def _add_link(self, board: Board) -> None:
        self.gpio = {letter: Gpio(letter) for letter in _PORTS}
        for port in self.gpio.values():
            self.bus.add(port)
        self.usarts = {
            name: Usart(name, origin, timeline=self.timeline, exceptions=self.exceptions, dmamux=self.dmamux, kernel_hz=self.rcc.usart_hz)
            for name, origin in _USARTS.items()
        }
        for usart in self.usarts.values():
            self.bus.add(usart)
        self.link: Usart | None = None
        if board.link is not None and board.link.peripheral.upper() in self.usarts:
            self.link = self.usarts[board.link.peripheral.upper()]
            self.link.line_baud = board.link.baud
            pins = {"tx": board.link.tx, "rx": board.link.rx}
            self.link.check_pins = lambda: self._require_pins(pins, board.link.peripheral.upper() if board.link else "")

    def _add_audio(self, microphone: Microphone) -> None:
        self.sai_blocks = {
            letter: SaiBlock(
                letter, timeline=self.timeline, dmamux=self.dmamux, exceptions=self.exceptions, microphone=microphone, kernel_hz=self.rcc.sai1_hz
            )
            for letter in "AB"
        }
        self.dfsdm = Dfsdm1(
            timeline=self.timeline,
            dmamux=self.dmamux,
            exceptions=self.exceptions,
            microphone=microphone,
            kernel_hz=self.rcc.dfsdm1_hz,
            audio_hz=self.rcc.sai1_hz,
        )
        self.bus.add(Sai1(self.sai_blocks))
        self.bus.add(self.dfsdm)
        if self.board.microphone is not None:
            pins = self.board.microphone.pins

            def check_pins() -> None:
                self._require_pins(pins, "the microphone")

            self.dfsdm.check_pins = check_pins
            for block in self.sai_blocks.values():
                block.check_pins = check_pins

    def _add_rest(self, board: Board, options: ChipOptions) -> None:
        settings = self.memories.of_kind("settings")
        table = None if settings is None else board.memory.regions[settings.name]
        store = None if settings is None or table is None else FlashStore(settings.content, sector_bytes=table.sector_bytes, path=options.settings)
        self.flash = Flash(
            self.engine,
            self.timeline,
            self.exceptions,
            self.memories,
            settings=settings,
            store=store,
            power_loss_at=options.power_loss_at,
            ignores_bus_faults=lambda: self.system_control.ignores_bus_faults and self.exceptions.execution_priority() < 0,
        )
        self.rcc.flash_wait_states = self.flash.wait_states
        self.lptims = {
            name: Lptim(name, origin, timeline=self.timeline, exceptions=self.exceptions, kernel_hz=self.rcc.lptim_hz)
            for name, origin in (("LPTIM1", 0x4000_2400), ("LPTIM2", 0x5800_2400))
        }
        self.rcc.on_lptim1_reset = self.lptims["LPTIM1"].reset
        probe = board.probe if isinstance(board.probe, Probe) else None
        for peripheral in (self.flash, *self.lptims.values(), Rng(options.seed), Dbgmcu(probe.device_id if probe else _DEFAULT_DEVICE_ID)):
            self.bus.add(peripheral)
        system_flash = self.memories.named("system_flash").content
        system_flash[: len(_UNIQUE_ID)] = list(_UNIQUE_ID)
        flash_kib = probe.flash_size_kib if probe else _DEFAULT_FLASH_KIB
        system_flash[_FLASH_SIZE_OFFSET : _FLASH_SIZE_OFFSET + 2] = list(flash_kib.to_bytes(2, "little"))
        assert system_flash.size == SYSTEM_FLASH[1]

    def _load(self, image: Image) -> None:
        for address, content in image.segments:
            region = self.memories.at(address)
            view = self.memories.view(address, len(content))
            if region is None or view is None or region.kind != "flash":
                raise BuildError(
                    f"has {len(content)} bytes for 0x{address:08x}, where {self.board.id} has no flash for an image",
                    hint="build the project for this board",
                    where="the image",
                )
            view[:] = np.frombuffer(content, np.uint8)

    # -- what the parts tell each other --------------------------------------------------------------------------

    def reset(self) -> None:
        """System reset: flash, RAM and time stay."""
        self.reset_requested = False
        self.exceptions.reset()
        for peripheral in self.bus.peripherals:
            if peripheral is not self.rcc:
                peripheral.reset()
        self.rcc.reset()
        self.engine.counter.forget_code()
        self._note_rights()

    def _request_reset(self) -> None:
        self.reset_requested = True
        self.engine.counter.stop_at_next_block()

    def _enable_fpu(self, enabled: bool) -> None:
        self.engine.counter.fpu_enabled = enabled

    def _note_rights(self) -> None:
        self.rights_changed = True
        self.engine.counter.stop_at_next_block()

    def _note_clocks(self) -> None:
        self._note_rights()  # of memories behind a clock gate
        self.sys_tick.restart_clock()

    def _clock_problem(self, name: str) -> str:
        return self.rcc.clock_problem(name)

    def memory_problem(self, region: Region, *, writes: bool) -> str:
        """Return "" or why `region` cannot be used at this moment."""
        problem = self.rcc.clock_problem(region.name)
        if not problem and writes and region.origin == BACKUP_SRAM[0]:
            return self.pwr.backup_problem()
        return problem

    def apply_rights(self) -> None:
        """Bring what the engine allows in line with MPU, clock gates and write protection."""
        self.rights_changed = False
        self.flash.arrange()
        cuts = self.mpu.boundaries()
        for region in self.memories.regions:
            if region.kind == "settings" and self.flash.is_guarded:
                continue
            self.memories.protect(region, cuts=cuts, rights_at=self._rights_of(region))

    def _rights_of(self, region: Region) -> Callable[[int], int]:
        if self.memory_problem(region, writes=False):
            return lambda _address: 0
        forbidden = unicorn_const.UC_PROT_WRITE if self.memory_problem(region, writes=True) else 0
        return lambda address: self.mpu.rights_at(address) & ~forbidden

    def _advance_owner(self, stream: Stream) -> None:
        request = self.dmamux.request_of(stream)
        if request is None:
            return
        device = request.partition("_")[0]
        if device in self.usarts:
            self.usarts[device].advance()
        elif device == "SAI1":
            self.sai_blocks[request[-1]].input.advance()
        else:
            self.dfsdm.input.advance()

    def _dma_buffer(self, controller: str, address: int, count: int, to_memory: bool) -> memoryview:
        region, view = self.memories.at(address), self.memories.view(address, count)
        place = f"{controller} buffer {self.image.place(address)}, {count} bytes"
        if region is None or view is None:
            raise MisuseError(f"{place}: no memory is there")
        problem = self.memory_problem(region, writes=to_memory)
        if problem:
            raise MisuseError(f"{place} in {region.name}: {problem}")
        if region.kind == "flash" and not to_memory:
            return view.data
        if controller.lower() not in region.dma:
            raise MisuseError(f"{place} lies in {region.name}, which {controller} cannot reach")
        is_cached = any(self.mpu.is_cached(at) for at in (address, address + count - 1))
        if is_cached and self.system_control.has_data_cache_on:
            raise MisuseError(
                f"{place} lies in {region.name} behind the data cache: core and DMA would see different bytes; make it non-cacheable by the MPU"
            )
        return view.data

    def _require_pins(self, pins: dict[str, str], whose: str) -> None:
        for signal, pin in pins.items():
            name, _, function = pin.partition(":AF")
            if not self.gpio[name[1]].has_function(int(name[2:]), int(function)):
                raise MisuseError(f"{whose} is used, but its pin {signal} ({name}) is not switched to AF{function}")
