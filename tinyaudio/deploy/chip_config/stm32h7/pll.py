"""The three PLLs: which dividers give a wanted clock.

RM0433 8.5: reference = source / DIVM, VCO = reference * (DIVN + FRACN / 2^13), output = VCO / DIVP. Settings without a
fraction come first: they are exact and have less jitter.
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
FRACTION_STEPS = 2**13  # RM0433 8.7, RCC_PLLxFRACR


@dataclass(frozen=True, slots=True, kw_only=True)
class Pll:
    """One PLL with one output in use."""

    source_hz: int
    divm: int  # 1 to 63
    divn: int  # 4 to 512
    fraction: int = 0  # FRACN, 0 to 8,191
    output_divider: int  # DIVP or DIVQ, 1 to 128

    @property
    def reference_hz(self) -> Fraction:
        """What the phase detector compares with, in Hz."""
        return Fraction(self.source_hz, self.divm)

    @property
    def vco_hz(self) -> Fraction:
        """The oscillator, in Hz."""
        return self.reference_hz * (self.divn + Fraction(self.fraction, FRACTION_STEPS))

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


def plan_pll(
    source_hz: int,
    output_hz: Sequence[Fraction],
    *,
    wide_vco_hz: tuple[int, int],
    even_divider: bool = False,
    max_error: Fraction = Fraction(0),
) -> Pll | None:
    """Return a setting that gives one of `output_hz`, or None.

    Exact settings come first; among them, and among the others, the first output of the list that can be had; for it the
    highest reference (least jitter), then the lowest VCO (least current).

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
    max_error
        Relative deviation that will do where no setting is exact; then the PLL gets a fraction.
    """
    step = 2 if even_divider else 1
    for allowed_error in (Fraction(0), max_error) if max_error else (Fraction(0),):
        for wanted_hz in output_hz:
            for pll in _candidates(source_hz, wanted_hz, wide_vco_hz, step=step, with_fraction=allowed_error > 0):
                if abs(pll.output_hz / wanted_hz - 1) <= allowed_error:
                    return pll
    return None


def _candidates(source_hz: int, wanted_hz: Fraction, wide_vco_hz: tuple[int, int], *, step: int, with_fraction: bool) -> Iterator[Pll]:
    """Yield the settings that come closest to `wanted_hz`, one for each possible pair of DIVM and output divider."""
    steps = FRACTION_STEPS if with_fraction else 1
    for divm in range(1, MAX_DIVM + 1):
        reference_hz = Fraction(source_hz, divm)
        if not REFERENCE_RANGES_HZ[0][0] <= reference_hz <= REFERENCE_RANGES_HZ[-1][1]:
            continue
        lowest_hz, highest_hz = MEDIUM_VCO_HZ if reference_hz < REFERENCE_RANGES_HZ[1][0] else wide_vco_hz
        for divider in range(step, MAX_OUTPUT_DIVIDER + 1, step):
            divn, fraction = divmod(round(wanted_hz * divider / reference_hz * steps), steps)
            if lowest_hz <= wanted_hz * divider <= highest_hz and MIN_DIVN <= divn <= MAX_DIVN:
                yield Pll(source_hz=source_hz, divm=divm, divn=divn, fraction=fraction, output_divider=divider)
