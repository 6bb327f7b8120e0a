"""Design the integer tables of a front end, once, from its spec. docs/front_end.md derives every format named here."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from tinyaudio.core.canonical import fingerprint
from tinyaudio.core.errors import SpecError
from tinyaudio.core.spec import FrontendSpec, KernelId
from tinyaudio.dsp.frontend.conditioning import design_gain_q24
from tinyaudio.dsp.frontend.cosine import COSINE_FRACTION_BITS, cosine_matrix
from tinyaudio.dsp.frontend.kernels import KERNELS
from tinyaudio.dsp.frontend.mel import MelSegments, mel_segments

#: Raised whenever the integers of all kernels change for an unchanged spec; part of the fingerprint. A kernel has its own version besides.
TABLES_VERSION = 1
#: The log-mel is in nepers, Q16: every value fits in 22 bits, so float32 holds it exactly.
LOG_FRACTION_BITS = 16
#: Mel weights are Q21: with 32-bit factors and at most 2^11 bins, no 64-bit sum of products overflows.
WEIGHT_FRACTION_BITS = 21
#: The logarithm's table has this many segments for one octave, in Q24.
LOG_TABLE_SEGMENTS = 128
LOG_TABLE_FRACTION_BITS = 24
#: Bits that a mel accumulator may have: docs/front_end.md.
_MEL_BITS = {"magnitude": 63, "power": 61}
LN2_Q24 = round(0.6931471805599453 * 2**LOG_TABLE_FRACTION_BITS)


@dataclass(frozen=True, slots=True, kw_only=True)
class FrontendTables:
    """Everything the integer front end needs, in Python and in C++. Arrays are read-only."""

    spec: FrontendSpec
    kernel: KernelId
    fingerprint: str  # of spec, kernel and tables version, 64 hexadecimal digits
    kernel_tables: Mapping[str, NDArray[Any]]  # of the kernel's window and FFT, one-dimensional, in the order of its C++ struct
    first_bin: int  # first bin of the energy stage
    segment_bins: NDArray[np.uint16]  # [mel_bands + 1], bins in each mel segment
    rising_weights: NDArray[np.uint32]  # [energy_bins], Q21, 0 to 1
    bin_weights: NDArray[np.uint32]  # [energy_bins], Q21, 0 to 1: gain of each bin, which rising_weights have in them; empty: 1
    log_offset: int  # spec.log_offset, Q(accumulator_fraction_bits)
    band_offsets: NDArray[np.uint64]  # [mel_bands], in place of log_offset where bands have norms; else empty
    band_biases_q24: NDArray[np.int32]  # [mel_bands], logarithms of the norms, nepers; else empty
    accumulator_fraction_bits: int  # of the mel stage, spectrum at full scale 1.0
    log_table_q24: NDArray[np.int32]  # [LOG_TABLE_SEGMENTS + 1], ln(1 + i / LOG_TABLE_SEGMENTS)
    gain_q24: int  # of the samples; 0: they are taken as they are
    cosines_q30: NDArray[np.int32]  # [cepstral_coefficients, mel_bands]
    log_fraction_bits: int = LOG_FRACTION_BITS

    @property
    def energy_bins(self) -> int:
        """Number of bins of the energy stage: those that some mel band uses."""
        return len(self.rising_weights)

    @property
    def table_bytes(self) -> int:
        """Bytes of the tables in an image, without those that an FFT library brings along."""
        mel = (self.segment_bins, self.rising_weights, self.bin_weights, self.band_offsets, self.band_biases_q24)
        arrays = (*self.kernel_tables.values(), *mel, self.log_table_q24, self.cosines_q30)
        return sum(array.nbytes for array in arrays)

    @property
    def scratch_bytes(self) -> int:
        """Bytes of RAM that the C++ front end works in: the spectrum, the mel accumulators, the samples where they are conditioned."""
        return 8 * self.spec.bins + 8 * self.spec.mel_bands + 2 * self.conditioned_samples

    @property
    def conditioned_samples(self) -> int:
        """Number of samples that the C++ front end keeps besides the caller's: a window, or none."""
        return self.spec.window_samples if self.gain_q24 else 0


def design_frontend(spec: FrontendSpec, *, kernel: KernelId) -> FrontendTables:
    """Return the integer tables that compute `spec` with the FFT `kernel`.

    Raises
    ------
    SpecError
        If the kernel or its FFT length does not exist, if a mel band catches no FFT bin (every such band is named), or if
        the offset of a band's logarithm leaves no room in 64 bits.
    """
    if kernel not in KERNELS:
        raise SpecError(f"there is no FFT kernel {kernel!r}", hint=f"kernels: {', '.join(KERNELS)}", where="fft_kernel")
    fft_kernel = KERNELS[kernel]
    if spec.fft_samples not in fft_kernel.fft_samples:
        raise SpecError(
            f"{kernel} has no FFT of {spec.fft_samples} samples",
            hint=f"lengths: {', '.join(map(str, fft_kernel.fft_samples))}",
            where="frontend.fft_samples",
        )
    segments = mel_segments(spec)
    kernel_tables = fft_kernel.design(spec.window_samples, spec.fft_samples)
    version = {"kernel_version": fft_kernel.version} if fft_kernel.version > 1 else {}
    is_power = spec.spectrum == "power"
    gain_exponent = _binary_exponent(segments.bin_gains)
    scale = 2.0 ** (WEIGHT_FRACTION_BITS - gain_exponent)
    weights = np.rint(segments.rising * segments.bin_gains * scale).astype(np.int64)
    bin_weights = np.rint(segments.bin_gains * scale).astype(np.int64)
    _refuse_empty_bands(segments, weights, bin_weights)
    fft_bits = 31 - (spec.fft_samples.bit_length() - 1)  # every kernel hands over energies of a spectrum divided by its length
    accumulator_bits = (2 * fft_bits if is_power else fft_bits + 1 + WEIGHT_FRACTION_BITS) - gain_exponent
    offsets = _band_offsets(spec, segments, accumulator_bits=accumulator_bits)
    has_norms = spec.mel_norm != "none"
    cosines = cosine_matrix(spec.mel_bands, spec.cepstral_coefficients)
    return FrontendTables(
        spec=spec,
        kernel=kernel,
        fingerprint=fingerprint({"frontend": spec.fingerprint(kernel), "tables_version": TABLES_VERSION, **version}),
        kernel_tables=MappingProxyType({name: _frozen(table, table.dtype) for name, table in kernel_tables.items()}),
        first_bin=segments.first_bin,
        segment_bins=_frozen(segments.segment_bins, np.uint16),
        rising_weights=_frozen(weights, np.uint32),
        bin_weights=_frozen(bin_weights if spec.microphone_response else bin_weights[:0], np.uint32),
        log_offset=round(spec.log_offset * 2**accumulator_bits),
        band_offsets=_frozen(np.array(offsets if has_norms else [], np.uint64), np.uint64),
        band_biases_q24=_frozen(np.rint(np.log(segments.band_norms if has_norms else []) * 2.0**LOG_TABLE_FRACTION_BITS), np.int32),
        accumulator_fraction_bits=accumulator_bits,
        log_table_q24=_frozen(_log_table(), np.int32),
        gain_q24=design_gain_q24(spec),
        cosines_q30=_frozen(np.rint(cosines * 2.0**COSINE_FRACTION_BITS), np.int32),
    )


def _binary_exponent(gains: NDArray[np.float64]) -> int:
    """Return the least e with gains of at most 2^e."""
    mantissa, exponent = math.frexp(float(np.max(gains, initial=0.0))) if len(gains) else (0.5, 1)
    return exponent - 1 if mantissa == 0.5 else exponent


def _band_offsets(spec: FrontendSpec, segments: MelSegments, *, accumulator_bits: int) -> list[int]:
    """Return log_offset / norm of each band, in the format of the mel stage: ln(n m + o) = ln(m + o / n) + ln n."""
    offsets = [max(1, round(spec.log_offset / norm * 2**accumulator_bits)) for norm in segments.band_norms.tolist()]
    if max(offsets) + (1 << _MEL_BITS[spec.spectrum]) >= 1 << 64:
        raise SpecError(
            f"log_offset {spec.log_offset} is too large for these norms and gains of the mel bands",
            hint="lower log_offset, or let the microphone's response vary around 0 dB",
            where="frontend.log_offset",
        )
    return offsets


def _refuse_empty_bands(segments: MelSegments, weights: NDArray[np.int64], bin_weights: NDArray[np.int64]) -> None:
    segment = np.repeat(np.arange(len(segments.segment_bins)), segments.segment_bins)
    rising = np.bincount(segment, weights=weights, minlength=len(segments.segment_bins))
    falling = np.bincount(segment, weights=bin_weights - weights, minlength=len(segments.segment_bins))
    empty = np.flatnonzero(rising[:-1] + falling[1:] == 0)
    if len(empty) == 0:
        return
    edges = segments.edges_hz
    bands = ", ".join(f"{band} ({edges[band]:.1f} to {edges[band + 2]:.1f} Hz)" for band in empty)
    raise SpecError(
        f"{'these mel bands catch' if len(empty) > 1 else 'this mel band catches'} no FFT bin: {bands}",
        hint="use fewer mel_bands, a higher mel_low_hz, or more fft_samples",
        where="frontend.mel_bands",
    )


def _log_table() -> NDArray[np.float64]:
    """Nodes of ln on [1, 2], lifted by half of the chord's greatest error h^2 / (8 x^2), so that the error is centred: below 3.9e-6."""
    width = 1.0 / LOG_TABLE_SEGMENTS
    nodes = 1.0 + width * np.arange(LOG_TABLE_SEGMENTS + 1)
    table: NDArray[np.float64] = np.rint((np.log(nodes) + width**2 / (16.0 * nodes**2)) * 2.0**LOG_TABLE_FRACTION_BITS)
    return table


def _frozen(values: NDArray[Any], dtype: DTypeLike) -> NDArray[Any]:
    result = np.ascontiguousarray(values, dtype=dtype)
    result.flags.writeable = False
    return result
