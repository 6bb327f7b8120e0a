"""Kernel clocks: the UART of the link from an APB clock or PLL3, the microphone from PLL2."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction

from tinyaudio.core.board import Board, Clock, Link, Microphone
from tinyaudio.deploy.chip_config.stm32h7.clock_tree import ClockTree, wide_vco_hz
from tinyaudio.deploy.chip_config.stm32h7.pll import Pll, plan_pll

_MHZ = 1_000_000
_MAX_KERNEL_HZ = 100 * _MHZ  # below what any voltage scale but the lowest allows (DS12110 "kernel clock")

#: RM0433 48.5 (baud rate): a bit has 16 clocks of the kernel at least, 65,535 at most.
_MIN_UART_DIVIDER, _MAX_UART_DIVIDER = 16, 65_535
#: The receiver tolerates 3.3 % in all (RM0433 48.5, tolerance); a deviation above this is mended with a PLL of its own.
_MAX_BAUD_ERROR = Fraction(1, 1000)

_I2S_BITS = 64  # a frame: two slots of 32 bits
_MAX_MCKDIV = 63  # RM0433 51.6 (SAI_xCR1): divider of the kernel clock with NODIV = 1
_MAX_CKOUT_DIVIDER = 256  # RM0433 30.7 (DFSDM_CHyCFGR1): CKOUTDIV + 1
_PDM_CLOCK_HZ = (1 * _MHZ, 3_250_000)  # what PDM microphones take in normal mode
#: Oversampling of the DFSDM: sinc^4 gains its 4th power. 128^4 fills 29 of the filter's 32 bits (RM0433 30.4, FORD, FOSR).
_OVERSAMPLING = (128, 64, 32)
_SINC_ORDER = 4
#: Deviation of the sample rates that a PLL with a fraction may have: less than that of any crystal.
_MAX_RATE_ERROR = Fraction(5, 1_000_000)
_FILTER_BITS = 24  # RM0433 30.8 (DFSDM_FLTxRDATAR)


@dataclass(frozen=True, slots=True, kw_only=True)
class UartClock:
    """The kernel clock of a UART and the divider that makes the baud rate of it."""

    pll3: Pll | None  # None: the clock of its APB bus
    kernel_hz: Fraction
    divider: int  # USARTDIV, 16 to 65,535
    baud: int  # wanted

    @property
    def baud_error(self) -> Fraction:
        """Relative deviation from the wanted baud rate, signed."""
        return self.kernel_hz / self.divider / self.baud - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleRate:
    """How one sample rate is made of the kernel clock."""

    sample_rate_hz: int
    divider: int  # kernel clock -> bit clock (I2S) or clock of the PDM microphone
    oversampling: int  # PDM clocks a sample; 0 for I2S
    right_shift: int  # of the filter's result, so that full scale is 24 bits with one bit to spare; 0 for I2S


@dataclass(frozen=True, slots=True, kw_only=True)
class MicrophoneClock:
    """PLL2 and what each sample rate makes of it."""

    pll2: Pll
    wanted_hz: Fraction  # what PLL2 should give for exact rates
    rates: tuple[SampleRate, ...]

    @property
    def rate_error(self) -> Fraction:
        """Relative deviation of all sample rates, signed; 0 where PLL2 needs no fraction."""
        return self.pll2.output_hz / self.wanted_hz - 1


def plan_uart_clock(clock: Clock, tree: ClockTree, link: Link) -> UartClock | None:
    """Return the kernel clock for `link`, or None where its baud rate cannot be had."""
    divider = round(Fraction(tree.peripheral_hz, link.baud))
    if _MIN_UART_DIVIDER <= divider <= _MAX_UART_DIVIDER:
        own = UartClock(pll3=None, kernel_hz=Fraction(tree.peripheral_hz), divider=divider, baud=link.baud)
        if abs(own.baud_error) <= _MAX_BAUD_ERROR:
            return own
    candidates_hz = [Fraction(link.baud * divider) for divider in range(_MIN_UART_DIVIDER, _MAX_KERNEL_HZ // link.baud + 1)]
    pll3 = plan_pll(clock.source_hz, candidates_hz, wide_vco_hz=wide_vco_hz(clock))
    if pll3 is None:
        return None
    return UartClock(pll3=pll3, kernel_hz=pll3.output_hz, divider=int(pll3.output_hz / link.baud), baud=link.baud)


def plan_microphone_clock(board: Board, microphone: Microphone) -> MicrophoneClock | None:
    """Return the clocks that give every sample rate of `microphone` within 5 ppm of the oscillator, or None where there are none."""
    if board.clock is None:
        return None
    is_pdm = microphone.interface == "pdm"
    oversampling = {rate: pdm_oversampling(rate) if is_pdm else 0 for rate in microphone.sample_rates_hz}
    if is_pdm and not all(oversampling.values()):
        return None
    wanted_hz = {rate: rate * (oversampling[rate] if is_pdm else _I2S_BITS) for rate in microphone.sample_rates_hz}
    step_hz = 2 * math.lcm(*wanted_hz.values())  # twice: all dividers come out even, so that bit clocks have a duty cycle of 50 %
    highest_hz = min(_MAX_KERNEL_HZ, min(wanted_hz.values()) * (_MAX_CKOUT_DIVIDER if is_pdm else _MAX_MCKDIV))
    candidates_hz = [Fraction(kernel_hz) for kernel_hz in range(step_hz, highest_hz + 1, step_hz)]
    pll2 = plan_pll(board.clock.source_hz, candidates_hz, wide_vco_hz=wide_vco_hz(board.clock), max_error=_MAX_RATE_ERROR)
    if pll2 is None:
        return None
    kernel_hz = min(candidates_hz, key=lambda candidate_hz: abs(candidate_hz - pll2.output_hz))
    return MicrophoneClock(
        pll2=pll2,
        wanted_hz=kernel_hz,
        rates=tuple(
            SampleRate(
                sample_rate_hz=rate,
                divider=int(kernel_hz / hz),
                oversampling=oversampling[rate],
                right_shift=_right_shift(oversampling[rate]),
            )
            for rate, hz in wanted_hz.items()
        ),
    )


def pdm_oversampling(sample_rate_hz: int) -> int:
    """Return the greatest oversampling whose clock PDM microphones take, or 0 if there is none."""
    lowest_hz, highest_hz = _PDM_CLOCK_HZ
    return next((factor for factor in _OVERSAMPLING if lowest_hz <= sample_rate_hz * factor <= highest_hz), 0)


def _right_shift(oversampling: int) -> int:
    """A sinc filter's full scale is oversampling^order, one bit more than a signed word of 24 bits holds; one bit to spare."""
    if oversampling == 0:
        return 0
    full_scale_bits = _SINC_ORDER * (oversampling.bit_length() - 1)
    return max(0, full_scale_bits - (_FILTER_BITS - 1) + 1)
