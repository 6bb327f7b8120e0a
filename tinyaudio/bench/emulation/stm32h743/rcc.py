"""RCC: oscillators, PLLs, dividers, kernel clocks and clock gates (RM0433, 8).

Every rate in the emulated chip follows from what the firmware wrote here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import ClassVar

from tinyaudio.bench.emulation.stm32h743.bus import Peripheral
from tinyaudio.bench.emulation.stm32h743.problems import MisuseError, UnmodelledError
from tinyaudio.bench.emulation.stm32h743.timeline import PICOSECONDS_PER_SECOND, Timeline
from tinyaudio.core.board import Clock

HSI_HZ, CSI_HZ, HSI48_HZ, LSI_HZ = 64_000_000, 4_000_000, 48_000_000, 32_000
_CR, _CFGR, _D1CFGR, _D2CFGR, _D3CFGR, _PLLCKSELR, _PLLCFGR = 0x00, 0x10, 0x18, 0x1C, 0x20, 0x28, 0x2C
_PLL_DIVR, _PLL_FRACR = (0x30, 0x38, 0x40), (0x34, 0x3C, 0x44)
_D1CCIPR, _D2CCIP1R, _D2CCIP2R, _D3CCIPR, _BDCR, _CSR, _RSR = 0x4C, 0x50, 0x54, 0x58, 0x70, 0x74, 0xD0
_CR_RESET = 0x0000_0083
_HSEON, _HSEBYP = 16, 1 << 18
_PLL_ON = (24, 26, 28)
_PLL_FROM_HSE = 2  # PLLCKSELR.PLLSRC
#: Bit of CR that switches an oscillator on -> (bit that says it is ready, how long that takes in microseconds: DS12110, 6.3.9 and 6.3.10).
_OSCILLATORS = {0: (2, 4), 7: (8, 4), 12: (13, 6), 16: (17, 10), 24: (25, 50), 26: (27, 50), 28: (29, 50)}
_LSI_STARTS_US = 130
#: Largest core and bus clock of VOS0 to VOS3 (DS12110, table 23, revision V).
_LIMITS_HZ = {0: (480_000_000, 240_000_000), 1: (400_000_000, 200_000_000), 2: (300_000_000, 150_000_000), 3: (200_000_000, 100_000_000)}
#: Largest AXI clock for a number of flash wait states, VOS0 and VOS1, VOS2, VOS3 (RM0433, table 17).
_FLASH_HZ = {
    0: (70e6, 140e6, 210e6, 225e6, 240e6),
    1: (70e6, 140e6, 210e6, 225e6, 240e6),
    2: (55e6, 110e6, 165e6, 225e6, 240e6),
    3: (45e6, 90e6, 135e6, 180e6, 225e6),
}
#: Name of a peripheral -> (register of its clock gate, bit).
_GATES = {
    "DMA1": (0xD8, 0), "DMA2": (0xD8, 1), "RNG": (0xDC, 6), "USART1": (0xF0, 4), "USART2": (0xE8, 17), "USART3": (0xE8, 18),
    "SAI1": (0xF0, 22), "DFSDM1": (0xF0, 28), "LPTIM1": (0xE8, 9), "LPTIM2": (0xF4, 9), "SYSCFG": (0xF4, 1),
    "sram1": (0xDC, 29), "sram2": (0xDC, 30), "sram3": (0xDC, 31), "backup_sram": (0xE0, 28),
    **{f"GPIO{letter}": (0xE0, index) for index, letter in enumerate("ABCDEFGHIJK")},
}  # fmt: skip
_GATE_REGISTERS = {0xD4: "AHB3ENR", 0xD8: "AHB1ENR", 0xDC: "AHB2ENR", 0xE0: "AHB4ENR", 0xE4: "APB3ENR", 0xE8: "APB1LENR", 0xEC: "APB1HENR",
                   0xF0: "APB2ENR", 0xF4: "APB4ENR"}  # fmt: skip
_RSR_POWER_ON, _RSR_SOFTWARE = 0x00FE_0000, 0x0156_0000  # SFTRSTF, PINRSTF, D1, D2 and CPU flags
_RESET_REGISTERS = range(0x7C, 0xA0, 4)  # AHB3RSTR to APB4RSTR
_APB1LRSTR, _LPTIM1RST = 0x90, 1 << 9
_RSR_CLEAR = 1 << 16


class Rcc(Peripheral):
    """Reset and clock control.

    Parameters
    ----------
    clock
        The board's: what is connected to OSC_IN.
    hse_runs
        Whether anything comes from there.
    """

    name = "RCC"
    origin = 0x5802_4400
    reset_values: ClassVar[Mapping[int, int]] = {
        _CR: _CR_RESET, 0x04: 0x4000_0000, 0x08: 0, 0x0C: 0x2000_0000, _CFGR: 0, _D1CFGR: 0, _D2CFGR: 0, _D3CFGR: 0,
        _PLLCKSELR: 0x0202_0200, _PLLCFGR: 0x01FF_0000,
        **dict.fromkeys(_PLL_DIVR, 0x0101_0280), **dict.fromkeys(_PLL_FRACR, 0),
        _D1CCIPR: 0, _D2CCIP1R: 0, _D2CCIP2R: 0, _D3CCIPR: 0, 0x60: 0, 0x64: 0, 0x68: 0, _BDCR: 0, _CSR: 0,
        **dict.fromkeys(range(0x7C, 0xA4, 4), 0), 0xA8: 0, _RSR: _RSR_POWER_ON,
        0xD4: 0x0001_4000, **dict.fromkeys(range(0xD8, 0xF8, 4), 0), **dict.fromkeys(range(0xFC, 0x120, 4), 0xFFFF_FFFF),
    }  # fmt: skip

    def __init__(self, timeline: Timeline, clock: Clock, *, hse_runs: bool = True) -> None:
        super().__init__()
        self._timeline = timeline
        self._clock = clock
        self._hse_runs = hse_runs
        self.voltage_scale: Callable[[], int] = lambda: 3
        self.flash_wait_states: Callable[[], int] = lambda: 7
        self.on_clocks_changed: Callable[[], None] = lambda: None
        self.on_lptim1_reset: Callable[[], None] = lambda: None
        self._on_since_ps: dict[int, int] = {}  # bit of CR, or -1 for the LSI -> since when it is on
        self._software_reset = False

    def reset(self) -> None:
        """As after a system reset."""
        super().reset()
        if self._software_reset:
            self.registers[_RSR] = _RSR_SOFTWARE
        self._software_reset = True
        self._on_since_ps = {0: -PICOSECONDS_PER_SECOND, 7: -PICOSECONDS_PER_SECOND}
        self._apply()

    def stop_clocks(self) -> None:
        """STOP mode ends: the core runs on the HSI, PLLs and HSE are off (RM0433, 6.7.7 and 8.5.2)."""
        self.registers[_CR] = _CR_RESET | self.registers[_CR] & (_HSEBYP | 1 << 12)
        self.registers[_CFGR] &= ~7
        for bit in (_HSEON, *_PLL_ON):
            self._on_since_ps.pop(bit, None)
        self._apply()

    # -- registers -----------------------------------------------------------------------------------------------

    def read_register(self, offset: int) -> int:
        """Return the register at `offset`."""
        if offset >= 0x130:
            offset -= 0x60  # the C1 copies of RSR, the gates and their low-power twins
        value = super().read_register(offset)
        if offset == _CR:
            ready = sum(1 << ready_bit for on_bit, (ready_bit, _) in _OSCILLATORS.items() if self._is_ready(on_bit))
            return value | ready | (1 << 5) | 3 << 14
        if offset == _CFGR:
            return value & ~(7 << 3) | (value & 7) << 3
        if offset == _CSR:
            return value | (2 if self._is_ready(-1) else 0)
        return value

    def write_register(self, offset: int, value: int) -> None:
        """Write the register at `offset`."""
        if offset >= 0x130:
            offset -= 0x60
        if offset == _CR:
            self._write_control(value)
        elif offset == _CSR:
            self._switch(-1, bool(value & 1))
            super().write_register(offset, value & 1)
        elif offset == _RSR:
            if value & _RSR_CLEAR:
                self.registers[_RSR] = 0
        elif offset in _RESET_REGISTERS:
            if value & ~(_LPTIM1RST if offset == _APB1LRSTR else 0):
                raise UnmodelledError(f"RCC, offset 0x{offset:02x} = 0x{value:08x}: of the resets of peripherals only LPTIM1's is modelled")
            super().write_register(offset, value)
            if value:
                self.on_lptim1_reset()
        else:
            self._require_pll_off(offset, value)
            super().write_register(offset, value)
            if offset in (_CFGR, _D1CFGR):
                self._require_ready_source(self.registers[_CFGR] & 7)
                self._apply()
            else:
                self.on_clocks_changed()

    def _write_control(self, value: int) -> None:
        for on_bit in _OSCILLATORS:
            self._switch(on_bit, bool(value & 1 << on_bit))
        if value & 1 << _HSEON:
            wants_bypass = self._clock.source == "hse_bypass"
            if self._clock.source == "hsi" or wants_bypass != bool(value & _HSEBYP):
                raise MisuseError(f"RCC_CR switches the HSE on with HSEBYP={value >> 18 & 1}, but the board's clock is {self._clock.source}")
        super().write_register(_CR, value & ~sum(1 << ready for ready, _ in _OSCILLATORS.values()))
        for index, bit in enumerate(_PLL_ON):
            if value & 1 << bit:
                self._check_pll(index)
        self._require_ready_source(self.registers[_CFGR] & 7)
        self.on_clocks_changed()

    def _switch(self, bit: int, on: bool) -> None:
        if not on:
            self._on_since_ps.pop(bit, None)
        elif bit not in self._on_since_ps:
            self._on_since_ps[bit] = self._timeline.now_ps()

    def _is_ready(self, bit: int) -> bool:
        if bit == _HSEON and not self._hse_runs:
            return False
        since_ps = self._on_since_ps.get(bit)
        delay_us = _LSI_STARTS_US if bit == -1 else _OSCILLATORS[bit][1]
        return since_ps is not None and self._timeline.now_ps() - since_ps >= delay_us * 1_000_000

    def _require_pll_off(self, offset: int, value: int) -> None:
        for index, bit in enumerate(_PLL_ON):
            is_own = offset in (_PLL_DIVR[index], _PLLCKSELR)
            if is_own and bit in self._on_since_ps and value != self.registers[offset]:
                raise MisuseError(f"RCC, offset 0x{offset:02x}, is written while PLL{index + 1} is on; the chip ignores that")

    def _require_ready_source(self, source: int) -> None:
        bit = {0: 0, 1: 7, 2: 16, 3: 24}.get(source)
        if bit is None or not self._is_ready(bit):
            raise MisuseError(f"RCC_CFGR.SW is {source}, but that clock is not ready")

    # -- rates ---------------------------------------------------------------------------------------------------

    def pll_hz(self, index: int, output: str) -> float:
        """Return the rate of PLL `index` (0 to 2) at `output` "p", "q" or "r"; 0 if it is off."""
        place = "pqr".index(output)
        if _PLL_ON[index] not in self._on_since_ps or not self.registers[_PLLCFGR] >> (16 + 3 * index + place) & 1:
            return 0.0
        divider = (self.registers[_PLL_DIVR[index]] >> (9, 16, 24)[place] & 0x7F) + 1
        return self._vco_hz(index) / divider

    def _pll_input_hz(self, index: int) -> float:
        source = self.registers[_PLLCKSELR] & 3
        divider = self.registers[_PLLCKSELR] >> (4 + 8 * index) & 0x3F
        source_hz = (self._hsi_hz(), CSI_HZ, self._clock.source_hz, 0)[source]
        return source_hz / divider if divider else 0.0

    def _vco_hz(self, index: int) -> float:
        fraction = self.registers[_PLL_FRACR[index]] >> 3 & 0x1FFF if self.registers[_PLLCFGR] >> 4 * index & 1 else 0
        return self._pll_input_hz(index) * ((self.registers[_PLL_DIVR[index]] & 0x1FF) + 1 + fraction / 8192)

    def _check_pll(self, index: int) -> None:
        if self.registers[_PLLCKSELR] & 3 == _PLL_FROM_HSE and not self._is_ready(_HSEON):
            raise MisuseError(f"PLL{index + 1} is on, but the HSE that it is to get its clock from is not ready")
        input_hz, vco_hz = self._pll_input_hz(index), self._vco_hz(index)
        configuration = self.registers[_PLLCFGR] >> 4 * index
        is_medium, input_range = bool(configuration & 2), configuration >> 2 & 3
        vco_least, vco_most = (150e6, 420e6) if is_medium else (192e6, 960e6)
        input_least, input_most = ((1e6, 2e6), (2e6, 4e6), (4e6, 8e6), (8e6, 16e6))[input_range]
        if not input_least <= input_hz <= input_most:
            raise MisuseError(
                f"PLL{index + 1} gets {input_hz / 1e6:g} MHz, but PLL{index + 1}RGE says {input_least / 1e6:g} to {input_most / 1e6:g} MHz"
            )
        if not vco_least <= vco_hz <= vco_most:
            raise MisuseError(
                f"the VCO of PLL{index + 1} would run at {vco_hz / 1e6:g} MHz; its range is {vco_least / 1e6:g} to {vco_most / 1e6:g} MHz"
            )

    def _hsi_hz(self) -> int:
        return HSI_HZ >> (self.registers[_CR] >> 3 & 3)

    def system_hz(self) -> float:
        """Return sys_ck."""
        source = self.registers[_CFGR] & 7
        return (self._hsi_hz, lambda: CSI_HZ, lambda: self._clock.source_hz, lambda: self.pll_hz(0, "p"))[source]()

    def core_hz(self) -> int:
        """Return the core's clock."""
        return round(self.system_hz() / _prescaler(self.registers[_D1CFGR] >> 8))

    def bus_hz(self) -> float:
        """Return the clock of AXI and AHB (hclk)."""
        return self.core_hz() / _prescaler(self.registers[_D1CFGR])

    def peripheral_bus_hz(self, bus: int) -> float:
        """Return pclk1, pclk2, pclk3 or pclk4."""
        field = {1: self.registers[_D2CFGR] >> 4, 2: self.registers[_D2CFGR] >> 8, 3: self.registers[_D1CFGR] >> 4, 4: self.registers[_D3CFGR] >> 4}[
            bus
        ]
        return self.bus_hz() / (1 if not field & 4 else 2 << (field & 3))

    def _per_hz(self) -> float:
        return (self._hsi_hz(), CSI_HZ, self._clock.source_hz, 0)[self.registers[_D1CCIPR] >> 28 & 3]

    def usart_hz(self, name: str) -> float:
        """Return the kernel clock of a USART (RM0433, D2CCIP2R)."""
        is_fast = name in ("USART1", "USART6")
        field = self.registers[_D2CCIP2R] >> (3 if is_fast else 0) & 7
        own = self.peripheral_bus_hz(2 if is_fast else 1)
        return (own, self.pll_hz(1, "q"), self.pll_hz(2, "q"), self._hsi_hz(), CSI_HZ, 32_768, 0, 0)[field]

    def sai1_hz(self) -> float:
        """Return the kernel clock of SAI1, which DFSDM1 may use too (D2CCIP1R)."""
        field = self.registers[_D2CCIP1R] & 7
        return (self.pll_hz(0, "q"), self.pll_hz(1, "p"), self.pll_hz(2, "p"), 0, self._per_hz(), 0, 0, 0)[field]

    def dfsdm1_hz(self) -> float:
        """Return the kernel clock of DFSDM1 (D2CCIP1R)."""
        return self.system_hz() if self.registers[_D2CCIP1R] & 1 << 24 else self.peripheral_bus_hz(2)

    def lptim_hz(self, name: str) -> float:
        """Return the kernel clock of LPTIM1 or LPTIM2; of the LSI once it is ready."""
        if name == "LPTIM1":
            field, bus = self.registers[_D2CCIP2R] >> 28 & 7, self.peripheral_bus_hz(1)
        else:
            field, bus = self.registers[_D3CCIPR] >> 10 & 7, self.peripheral_bus_hz(4)
        lsi_hz = LSI_HZ if self._is_ready(-1) else 0
        return (bus, self.pll_hz(1, "p"), self.pll_hz(2, "r"), 0, lsi_hz, self._per_hz(), 0, 0)[field]

    def clock_problem(self, name: str) -> str:
        """Return "" or why the peripheral or memory `name` does not answer."""
        gate = _GATES.get(name)
        if gate is None or self.registers[gate[0]] >> gate[1] & 1:
            return ""
        return f"its clock is off (RCC_{_GATE_REGISTERS[gate[0]]}, bit {gate[1]})"

    def _apply(self) -> None:
        core_hz, bus_hz = self.core_hz(), self.bus_hz()
        scale = self.voltage_scale()
        most_core_hz, most_bus_hz = _LIMITS_HZ[scale]
        if core_hz > most_core_hz or bus_hz > most_bus_hz:
            raise MisuseError(f"core at {core_hz / 1e6:g} MHz and buses at {bus_hz / 1e6:g} MHz are too fast for the voltage scale VOS{scale}")
        wait_states = self.flash_wait_states()
        if wait_states < 5 and bus_hz > _FLASH_HZ[scale][wait_states]:
            raise MisuseError(f"{wait_states} wait states are too few for flash at {bus_hz / 1e6:g} MHz and VOS{scale}")
        self._timeline.set_core_hz(core_hz)
        self.on_clocks_changed()


def _prescaler(field: int) -> int:
    field &= 0xF
    return 1 if field < 8 else (2, 4, 8, 16, 64, 128, 256, 512)[field - 8]
