"""The three PLLs: which dividers give a wanted clock.

RM0433 8.5 (PLL description): reference = source / DIVM, VCO = reference * DIVN, output = VCO / DIVP. The fractional part is not used: an
integer setting is found for every crystal in use, and it has less jitter.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction

_MHZ = 1_000_000

#: Reference frequencies of PLLxRGE = 0, 1, 2, 3 (RM0433 8.7, RCC_PLLCFGR).
REFERENCE_RANGES_HZ = ((1 * _MHZ, 2 * _MHZ), (2 * _MHZ, 4 * _MHZ), (4 * _MHZ, 8 * _MHZ), (8 * _MHZ, 16 * _MHZ))
#: VCO ranges (RM0433 8.5, DS12110 "PLL characteristics"): the medium one for references below 2 MHz, the wide one from
#: 2 MHz on. Its upper end is 836 MHz on revision Y; revision V, the only one with VOS0, goes to 960 MHz.
MEDIUM_VCO_HZ = (150 * _MHZ, 420 * _MHZ)
WIDE_VCO_HZ = (192 * _MHZ, 836 * _MHZ)
WIDE_VCO_AT_VOS0_HZ = (192 * _MHZ, 960 * _MHZ)
MAX_DIVM = 63
MIN_DIVN, MAX_DIVN = 4, 512
MAX_OUTPUT_DIVIDER = 128


@dataclass(frozen=True, slots=True, kw_only=True)
class Pll:
    """One PLL with one output in use."""

    source_hz: int
    divm: int  # 1 to 63
    divn: int  # 4 to 512
    output_divider: int  # DIVP or DIVQ, 1 to 128

    @property
    def reference_hz(self) -> Fraction:
        """What the phase detector compares with, in Hz."""
        return Fraction(self.source_hz, self.divm)

    @property
    def vco_hz(self) -> Fraction:
        """The oscillator, in Hz."""
        return self.reference_hz * self.divn

    @property
    def output_hz(self) -> Fraction:
        """The output in use, in Hz."""
        return self.vco_hz / self.output_divider

    @property
    def reference_range(self) -> int:
        """PLLxRGE, 0 to 3."""
        return max(index for index, (low, _) in enumerate(REFERENCE_RANGES_HZ) if self.reference_hz >= low)

    @property
    def vco_is_medium(self) -> bool:
        """PLLxVCOSEL."""
        return self.reference_hz < REFERENCE_RANGES_HZ[1][0]


def plan_pll(source_hz: int, output_hz: Sequence[Fraction], *, wide_vco_hz: tuple[int, int], even_divider: bool = False) -> Pll | None:
    """Return a setting that gives one of `output_hz` exactly, or None.

    The first output that can be had is taken; for it the highest reference (least jitter), then the lowest VCO (least
    current).

    Parameters
    ----------
    source_hz
        Clock in front of DIVM.
    output_hz
        Wanted clocks, the most wanted first.
    wide_vco_hz
        Lowest and highest frequency of the wide VCO range.
    even_divider
        Whether the output divider has to be even, as DIVP of PLL1 (RM0433 8.7, RCC_PLL1DIVR).
    """
    for wanted_hz in output_hz:
        for divm in range(1, MAX_DIVM + 1):
            found = _with_reference(source_hz, divm, wanted_hz, wide_vco_hz, 2 if even_divider else 1)
            if found is not None:
                return found
    return None


def _with_reference(source_hz: int, divm: int, wanted_hz: Fraction, wide_vco_hz: tuple[int, int], step: int) -> Pll | None:
    reference_hz = Fraction(source_hz, divm)
    if not REFERENCE_RANGES_HZ[0][0] <= reference_hz <= REFERENCE_RANGES_HZ[-1][1]:
        return None
    lowest_hz, highest_hz = MEDIUM_VCO_HZ if reference_hz < REFERENCE_RANGES_HZ[1][0] else wide_vco_hz
    for divider in _dividers(wanted_hz, lowest_hz, highest_hz, step):
        divn = wanted_hz * divider / reference_hz
        if divn.denominator == 1 and MIN_DIVN <= divn <= MAX_DIVN:
            return Pll(source_hz=source_hz, divm=divm, divn=int(divn), output_divider=divider)
    return None


def _dividers(wanted_hz: Fraction, lowest_hz: int, highest_hz: int, step: int) -> Iterator[int]:
    for divider in range(step, MAX_OUTPUT_DIVIDER + 1, step):
        if lowest_hz <= wanted_hz * divider <= highest_hz:
            yield divider
