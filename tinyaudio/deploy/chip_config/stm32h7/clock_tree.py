"""The clock tree: [clock] of a board -> PLL1, bus prescalers, flash wait states, supply."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction

from tinyaudio.core.board import Clock
from tinyaudio.deploy.chip_config.stm32h7.pll import WIDE_VCO_AT_VOS0_HZ, WIDE_VCO_HZ, Pll, plan_pll

_MHZ = 1_000_000
HSI_HZ = 64 * _MHZ  # RM0433 8.5
HSE_RANGE_HZ = {"hse_crystal": (4 * _MHZ, 48 * _MHZ), "hse_bypass": (4 * _MHZ, 50 * _MHZ)}  # DS12110 "External clock source"

#: Voltage scale -> highest core, AXI/AHB and APB clock in Hz (DS12110 "General operating conditions").
LIMITS_HZ = {
    0: (480 * _MHZ, 240 * _MHZ, 120 * _MHZ),
    1: (400 * _MHZ, 200 * _MHZ, 100 * _MHZ),
    2: (300 * _MHZ, 150 * _MHZ, 75 * _MHZ),
    3: (200 * _MHZ, 100 * _MHZ, 50 * _MHZ),
}
#: Voltage scale -> (highest AXI clock in Hz, LATENCY, WRHIGHFREQ), rising (RM0433 4.3, "FLASH recommended number of wait states").
FLASH_TIMING = {
    0: ((70 * _MHZ, 0, 0), (140 * _MHZ, 1, 1), (185 * _MHZ, 2, 1), (210 * _MHZ, 2, 2), (225 * _MHZ, 3, 2), (240 * _MHZ, 4, 2)),
    1: ((70 * _MHZ, 0, 0), (140 * _MHZ, 1, 1), (185 * _MHZ, 2, 1), (210 * _MHZ, 2, 2), (225 * _MHZ, 3, 2)),
    2: ((55 * _MHZ, 0, 0), (110 * _MHZ, 1, 1), (165 * _MHZ, 2, 1), (225 * _MHZ, 3, 2)),
    3: ((45 * _MHZ, 0, 0), (90 * _MHZ, 1, 1), (135 * _MHZ, 2, 1), (180 * _MHZ, 3, 2), (225 * _MHZ, 4, 2)),
}
_MAX_SPARE_ERROR = Fraction(1, 10_000)  # of a PLL behind the internal oscillator, which is off by up to 2 % itself (DS12110, HSI)
#: Divider -> code of a prescaler (RM0433 8.7): HPRE in RCC_D1CFGR; D1PPRE, D2PPRE1, D2PPRE2, D3PPRE in RCC_D1CFGR to RCC_D3CFGR.
HPRE_CODES = {1: 0, 2: 8, 4: 9, 8: 10, 16: 11}
PPRE_CODES = {1: 0, 2: 4, 4: 5, 8: 6, 16: 7}


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockTree:
    """What the port writes into RCC, PWR and FLASH_ACR, and the clocks that come of it."""

    pll1: Pll  # DIVP feeds the core
    bus_divider: int  # HPRE: core -> AXI and AHB
    peripheral_divider: int  # D1PPRE, D2PPRE1, D2PPRE2, D3PPRE: AHB -> APB
    flash_latency: int
    flash_write_delay: int

    @property
    def core_hz(self) -> int:
        """Core clock."""
        return int(self.pll1.output_hz)

    @property
    def bus_hz(self) -> int:
        """AXI and AHB clock."""
        return self.core_hz // self.bus_divider

    @property
    def peripheral_hz(self) -> int:
        """Clock of all APB buses."""
        return self.bus_hz // self.peripheral_divider


def wide_vco_hz(clock: Clock) -> tuple[int, int]:
    """Return the ends of the wide VCO range on the silicon that `clock` is for."""
    return WIDE_VCO_AT_VOS0_HZ if clock.voltage_scale == 0 else WIDE_VCO_HZ


def plan_clock_tree(clock: Clock) -> ClockTree | None:
    """Return the tree for `clock`, or None where PLL1 cannot give its core clock."""
    pll1 = plan_pll(clock.source_hz, [Fraction(clock.core_hz)], wide_vco_hz=wide_vco_hz(clock), even_divider=True)
    if pll1 is None:
        return None
    _, bus_limit_hz, peripheral_limit_hz = LIMITS_HZ[clock.voltage_scale]
    bus_divider = _smallest(HPRE_CODES, clock.core_hz, bus_limit_hz)
    bus_hz = clock.core_hz // bus_divider
    latency, write_delay = next(
        ((latency, delay) for highest_hz, latency, delay in FLASH_TIMING[clock.voltage_scale] if bus_hz <= highest_hz), (4, 2)
    )
    return ClockTree(
        pll1=pll1,
        bus_divider=bus_divider,
        peripheral_divider=_smallest(PPRE_CODES, bus_hz, peripheral_limit_hz),
        flash_latency=latency,
        flash_write_delay=write_delay,
    )


def plan_spare_plls(clock: Clock, plls: Sequence[Pll | None]) -> tuple[Pll | None, ...]:
    """Return settings that make of the internal oscillator what `plls`, with PLL1 first, make of `clock`'s.

    All dividers behind them stay as they are, those of the UART too. Where an output cannot be had exactly, it is off by far
    less than the oscillator.
    """
    return tuple(
        None
        if pll is None
        else plan_pll(HSI_HZ, [pll.output_hz], wide_vco_hz=wide_vco_hz(clock), even_divider=pll is plls[0], max_error=_MAX_SPARE_ERROR)
        for pll in plls
    )


def clock_source_is_in_range(clock: Clock) -> Iterator[str]:
    """The oscillator is one that the chip can take (RM0433 8.5)."""
    if clock.source == "hsi":
        if clock.source_hz != HSI_HZ:
            yield f"clock.source_hz is {clock.source_hz}, but the internal oscillator (hsi) has {HSI_HZ} Hz"
        return
    lowest_hz, highest_hz = HSE_RANGE_HZ[clock.source]
    if not lowest_hz <= clock.source_hz <= highest_hz:
        yield f"clock.source_hz is {clock.source_hz}; {clock.source} takes {lowest_hz} to {highest_hz} Hz"


def core_clock_fits_the_voltage_scale(clock: Clock) -> Iterator[str]:
    """The core is not faster than its supply voltage allows (DS12110 "General operating conditions")."""
    limit_hz = LIMITS_HZ[clock.voltage_scale][0]
    if clock.core_hz > limit_hz:
        yield f"clock.core_hz is {clock.core_hz}; voltage scale {clock.voltage_scale} allows {limit_hz} Hz"


def voltage_scale_0_needs_the_ldo(clock: Clock) -> Iterator[str]:
    """The step-down converter does not supply VOS0 (RM0399 chapter 7)."""
    if clock.voltage_scale == 0 and clock.power_supply != "ldo":
        yield "clock.voltage_scale 0 needs clock.power_supply 'ldo': the step-down converter gives voltage scale 1 at most"


def core_clock_can_be_had(clock: Clock) -> Iterator[str]:
    """PLL1 gives the core clock exactly (RM0433 8.5, 8.7: RCC_PLLCKSELR, RCC_PLL1DIVR)."""
    if plan_clock_tree(clock) is None:
        yield f"no setting of PLL1 makes clock.core_hz = {clock.core_hz} of clock.source_hz = {clock.source_hz}"


CLOCK_RULES = (clock_source_is_in_range, core_clock_fits_the_voltage_scale, voltage_scale_0_needs_the_ldo, core_clock_can_be_had)


def _smallest(codes: dict[int, int], input_hz: int, limit_hz: int) -> int:
    return next((divider for divider in codes if input_hz <= limit_hz * divider), max(codes))
