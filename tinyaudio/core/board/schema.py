"""The fields of a board file. The names are the keys of the TOML; units are in the names."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from tinyaudio.core.spec import KernelId

Depth = Literal["fake", "virtual", "serial"]
CounterUnit = Literal["instructions", "cycles", "nanoseconds"]
RegionKind = Literal["flash", "itcm", "dtcm", "sram", "psram", "settings"]
DmaController = Literal["dma1", "dma2", "mdma", "bdma"]

_NANOSECONDS_PER_SECOND = 1e9
# STM32: port, pin, alternate function. ESP32-S3: a pin, which its matrix connects to any peripheral.
_PIN = r"^(P[A-K]([0-9]|1[0-5]):AF([0-9]|1[0-5])|GPIO([0-9]|[1-3][0-9]|4[0-8]))$"


class _Table(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class MemoryRegion(_Table):
    """One region of the memory map."""

    origin: int = Field(ge=0, lt=2**32)  # first address
    length_bytes: int = Field(gt=0)
    attributes: str = Field(pattern="^r?w?x?$")  # as in a linker script
    kind: RegionKind
    dma: tuple[DmaController, ...] = ()  # controllers that reach it
    cached: bool = False  # behind the data cache, unless the MPU says otherwise
    sector_bytes: int = Field(default=0, ge=0)  # settings: what is erased at once
    program_bytes: int = Field(default=0, ge=0)  # settings: what is written at once


class Memory(_Table):
    """The memory map, and which regions hold what the planner is not free to place."""

    regions: dict[str, MemoryRegion] = Field(default_factory=dict)
    code: str = ""  # region of vectors, code and constants
    data: str = ""  # region of the stack, .data and .bss
    dma_buffers: str = ""  # region of DMA buffers; "": the planner chooses
    stack_bytes: int = Field(default=8_192, ge=1_024)


class Budget(_Table):
    """What an image may use."""

    flash_bytes: int = Field(gt=0)
    ram_bytes: int = Field(gt=0)


class Clock(_Table):
    """Where the core's clock comes from and how fast it is."""

    source: Literal["hse_bypass", "hse_crystal", "hsi"]
    source_hz: int = Field(gt=0)
    core_hz: int = Field(gt=0)
    power_supply: Literal["ldo", "smps"]  # what feeds the core
    voltage_scale: int = Field(ge=0, le=3)  # the chip's VOS number


class Module(_Table):
    """Memory chips beside the processor's: a module of Espressif is the same chip with one flash or another, with PSRAM or without."""

    flash_size_kib: int = Field(gt=0)
    flash_mode: Literal["dio", "qio"]  # data lines while reading
    psram_mode: Literal["none", "quad", "octal"]


class Link(_Table):
    """The way to the host: a UART, or the USB serial port that is part of the chip."""

    peripheral: str = Field(pattern="^((usart|uart)[0-8]|usb_serial_jtag)$")
    tx: str = Field(default="", pattern=f"{_PIN}|^$")  # of a UART
    rx: str = Field(default="", pattern=f"{_PIN}|^$")
    baud: int = Field(ge=9_600)  # of a UART; USB takes any for its own
    also_usb: bool = False  # the chip's USB serial port is answered as well


class Microphone(_Table):
    """The board's microphone."""

    sample_rates_hz: tuple[int, ...] = Field(min_length=1)  # that it can give, rising
    interface: Literal["i2s", "pdm"]
    peripheral: str = Field(pattern="^[a-z][a-z0-9_]*$")  # sai1_a, dfsdm1_channel0, ...
    pins: dict[str, str] = Field(default_factory=dict)  # signal -> "PE5:AF6"


class Probe(_Table):
    """How the board is flashed, and how its chip is told from others."""

    kind: Literal["stlink"]
    pyocd_target: str
    openocd_config: tuple[str, ...] = Field(min_length=1)
    device_id: int = Field(ge=0, lt=2**12)  # DEV_ID of the identity register
    flash_size_kib: int = Field(gt=0)
    idcode_address: int = Field(ge=0, lt=2**32)
    flash_size_address: int = Field(ge=0, lt=2**32)
    unique_id_address: int = Field(ge=0, lt=2**32)


class EsptoolProbe(_Table):
    """A chip that is flashed through its own serial loader."""

    kind: Literal["esptool"]
    chip: Literal["esp32s3"]  # as esptool calls it
    baud: int = Field(default=921_600, ge=115_200)  # while writing


class Emulator(_Table):
    """How the board is emulated."""

    kind: Literal["qemu", "process", "unicorn"]
    machine: str = ""  # which machine of that emulator; a process has none
    instructions_per_tick: int = Field(default=0, ge=0)  # of the firmware's counter; 0: it does not count instructions


class PlatformIo(_Table):
    """The environment of platformio.ini."""

    platform: str  # "tinyaudio" is the local platform
    board: str
    build_flags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class CounterScale:
    """What a tick of the firmware's counter stands for."""

    unit: CounterUnit
    units_per_tick: float

    def units(self, ticks: float) -> int:
        """Return `ticks` in the unit, rounded."""
        return round(ticks * self.units_per_tick)


class Board(_Table):
    """A board type. Field names are the keys of the TOML file."""

    id: str = Field(pattern="^[a-z][a-z0-9_]*$")
    name: str
    family: Literal["esp32s3", "mps2", "native", "stm32h7"]  # the folder of firmware/ports/
    mcu: str
    description: str
    core: Literal["cortex-m7", "xtensa-lx7", "host"]
    default_runtime: Literal["aot", "tflm"]
    fft_kernel: KernelId
    counter_unit: CounterUnit  # what the firmware's counter counts on the chip
    counter_frequency_hz: int = Field(gt=0)
    memory: Memory = Memory()
    budget: Budget
    clock: Clock | None = None  # None: fixed
    module: Module | None = None  # None: all memory is the chip's own
    link: Link | None = None  # None: the port knows the only one
    microphone: Microphone | None = None  # None: samples come from the host alone, at any rate
    probe: Probe | EsptoolProbe | None = Field(default=None, discriminator="kind")  # None: nothing to flash
    emulator: Emulator | None = None
    platformio: PlatformIo

    @property
    def default_depth(self) -> Depth:
        """``virtual`` for a board that is emulated, ``serial`` for one that has to be plugged in."""
        return "virtual" if self.emulator is not None else "serial"

    def counter_scale(self, depth: Depth) -> CounterScale:
        """Return what a tick stands for at `depth`: an emulator counts instructions with what counts cycles on the chip."""
        if depth == "virtual" and self.emulator is not None and self.emulator.instructions_per_tick:
            return CounterScale(unit="instructions", units_per_tick=float(self.emulator.instructions_per_tick))
        if self.counter_unit == "nanoseconds":
            return CounterScale(unit="nanoseconds", units_per_tick=_NANOSECONDS_PER_SECOND / self.counter_frequency_hz)
        return CounterScale(unit=self.counter_unit, units_per_tick=1.0)
