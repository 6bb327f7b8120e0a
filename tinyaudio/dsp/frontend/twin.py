"""The integer twin: the very integers of the C++ front end, in NumPy, vectorised over frames."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from tinyaudio.dsp.frontend.conditioning import condition_samples
from tinyaudio.dsp.frontend.framing import frame_view
from tinyaudio.dsp.frontend.kernels import KERNELS
from tinyaudio.dsp.frontend.post import post_process
from tinyaudio.dsp.frontend.square_root import floor_square_root
from tinyaudio.dsp.frontend.tables import (
    LN2_Q24,
    LOG_FRACTION_BITS,
    LOG_TABLE_FRACTION_BITS,
    LOG_TABLE_SEGMENTS,
    WEIGHT_FRACTION_BITS,
    FrontendTables,
)

_BLOCK_FRAMES = 96  # the arrays of one block fit in a second-level cache


@dataclass(frozen=True, slots=True, kw_only=True)
class FrontendStages:
    """Every stage of some frames, laid out as in the C++ memory; see `stage_dtypes`."""

    window: NDArray[Any]  # [frames, fft_samples], in the kernel's format, zeros behind the window
    fft: NDArray[Any]  # [frames, elements], in the kernel's format
    energy: NDArray[np.uint32] | NDArray[np.uint64]  # [frames, energy_bins], magnitude or power
    mel: NDArray[np.uint64]  # [frames, mel_bands], Q(accumulator_fraction_bits)
    log: NDArray[np.int32]  # [frames, mel_bands], nepers, Q(log_fraction_bits)
    post: NDArray[np.int32]  # [frames, feature_bands], nepers, Q(log_fraction_bits): what the affine step takes; see `post_process`


def stage_dtypes(tables: FrontendTables) -> dict[str, tuple[np.dtype[Any], int]]:
    """Return {stage: (element type, elements in a frame)} for the stages of `compute_stages`, in their order."""
    spec = tables.spec
    energy: DTypeLike = np.uint64 if spec.spectrum == "power" else np.uint32
    kernel = KERNELS[tables.kernel]
    layout: dict[str, tuple[DTypeLike, int]] = {
        "window": (kernel.window_dtype, spec.fft_samples),
        "fft": (kernel.spectrum_dtype, kernel.spectrum_elements(spec.fft_samples)),
        "energy": (energy, tables.energy_bins),
        "mel": (np.uint64, spec.mel_bands),
        "log": (np.int32, spec.mel_bands),
        "post": (np.int32, spec.feature_bands),
    }
    return {stage: (np.dtype(dtype).newbyteorder("<"), elements) for stage, (dtype, elements) in layout.items()}


def compute_log_mel(tables: FrontendTables, pcm: NDArray[np.int16]) -> NDArray[np.int32]:
    """Return the log-mel of `pcm` (int16 [samples]) in nepers, int32 [frames, mel_bands], Q(log_fraction_bits).

    Raises
    ------
    TypeError
        If `pcm` is not a one-dimensional int16 array.
    """
    return _join(tables, [block["log"] for block in _blocks(tables, pcm)], "log")


def compute_feature_rows(tables: FrontendTables, pcm: NDArray[np.int16]) -> NDArray[np.int32]:
    """Return what the affine step takes of the clip `pcm` (int16 [samples]), int32 [frames, feature_bands], nepers, Q(log_fraction_bits).

    Raises
    ------
    TypeError
        If `pcm` is not a one-dimensional int16 array.
    """
    return post_process(tables, compute_log_mel(tables, pcm))[0]


def compute_stages(tables: FrontendTables, pcm: NDArray[np.int16]) -> FrontendStages:
    """Return every stage of all frames of the clip `pcm` (int16 [samples]).

    Raises
    ------
    TypeError
        If `pcm` is not a one-dimensional int16 array.
    """
    blocks = list(_blocks(tables, pcm))
    stages = {stage: _join(tables, [block[stage] for block in blocks], stage) for stage in stage_dtypes(tables) if stage != "post"}
    return FrontendStages(**stages, post=post_process(tables, stages["log"])[0])


def _blocks(tables: FrontendTables, pcm: NDArray[np.int16]) -> Iterator[dict[str, NDArray[Any]]]:
    frames = frame_view(pcm, tables.spec)
    for start in range(0, len(frames), _BLOCK_FRAMES):
        yield _compute_block(tables, frames[start : start + _BLOCK_FRAMES])


def _join(tables: FrontendTables, blocks: list[NDArray[Any]], stage: str) -> NDArray[Any]:
    """Concatenate blocks [elements, frames] to [frames, elements] of the stage's type."""
    dtype, elements = stage_dtypes(tables)[stage]
    result = np.empty((sum(block.shape[1] for block in blocks), elements), dtype=dtype)
    start = 0
    for block in blocks:
        result[start : start + block.shape[1]] = block.T
        start += block.shape[1]
    return result


def _compute_block(tables: FrontendTables, frames: NDArray[np.int16]) -> dict[str, NDArray[Any]]:
    """Return {stage: [elements, frames]}: frames last, so that every operation runs along contiguous memory."""
    kernel = KERNELS[tables.kernel]
    samples = condition_samples(tables.spec, frames, gain_q24=tables.gain_q24)
    window = kernel.apply_window(tables.kernel_tables, samples.T, fft_samples=tables.spec.fft_samples)
    spectrum = kernel.transform(tables.kernel_tables, window)
    power = kernel.power(spectrum, slice(tables.first_bin, tables.first_bin + tables.energy_bins))
    energy = power if tables.spec.spectrum == "power" else floor_square_root(power << np.uint64(2))
    mel = _mel(tables, energy)
    return {"window": window, "fft": spectrum, "energy": energy, "mel": mel, "log": _log(tables, mel)}


def _mel(tables: FrontendTables, energy: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Sum the segments, then the two segments of each band."""
    rising = _weighted_sums(tables, energy, tables.rising_weights)
    if len(tables.bin_weights):
        total = _weighted_sums(tables, energy, tables.bin_weights)
    else:
        total = _segment_sums(tables, energy)
        if tables.spec.spectrum == "magnitude":
            total <<= np.uint64(WEIGHT_FRACTION_BITS)
    bands: NDArray[np.uint64] = rising[:-1] + (total[1:] - rising[1:])
    return bands


def _weighted_sums(tables: FrontendTables, energy: NDArray[np.uint64], bin_weights: NDArray[np.uint32]) -> NDArray[np.uint64]:
    """Sum weight x energy over each segment; of power in two halves, each with its own 64-bit sum."""
    weights = bin_weights.astype(np.uint64)[:, np.newaxis]
    if tables.spec.spectrum == "magnitude":
        return _segment_sums(tables, weights * energy)
    low, high = energy & np.uint64(0xFFFF_FFFF), energy >> np.uint64(32)
    sums = _segment_sums(tables, weights * high) << np.uint64(32 - WEIGHT_FRACTION_BITS)
    sums += _segment_sums(tables, weights * low) >> np.uint64(WEIGHT_FRACTION_BITS)
    return sums


def _segment_sums(tables: FrontendTables, values: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """[energy_bins, frames] -> [mel_bands + 1, frames]; through running sums, since a segment may be empty."""
    running = np.zeros((len(values) + 1, values.shape[1]), dtype=np.uint64)
    np.cumsum(values, axis=0, out=running[1:])
    ends = np.cumsum(tables.segment_bins, dtype=np.int64)
    sums: NDArray[np.uint64] = running[ends] - running[ends - tables.segment_bins]
    return sums


def _log(tables: FrontendTables, mel: NDArray[np.uint64]) -> NDArray[np.int64]:
    """Natural logarithm of mel plus offset, at least 1 in Q(accumulator_fraction_bits): exponent by leading zeros, mantissa by table and chord."""
    values = mel + (tables.band_offsets[:, np.newaxis] if len(tables.band_offsets) else np.uint64(tables.log_offset))
    exponent = np.frexp(values.astype(np.float64))[1].astype(np.int64) - 1
    exponent -= (values >> exponent.astype(np.uint64)) == 0  # the conversion to float64 rounded up to a power of two
    mantissa = ((values << (63 - exponent).astype(np.uint64)) >> np.uint64(32)).astype(np.int64)  # [2^31, 2^32)
    segment_bits = 31 - (LOG_TABLE_SEGMENTS.bit_length() - 1)
    segment = (mantissa >> segment_bits) - LOG_TABLE_SEGMENTS
    fraction = mantissa & ((1 << segment_bits) - 1)
    table = tables.log_table_q24.astype(np.int64)
    logarithm = table[segment] + ((np.diff(table)[segment] * fraction) >> segment_bits)
    logarithm += (exponent - tables.accumulator_fraction_bits) * LN2_Q24
    if len(tables.band_biases_q24):
        logarithm += tables.band_biases_q24[:, np.newaxis]
    drop = LOG_TABLE_FRACTION_BITS - LOG_FRACTION_BITS
    result: NDArray[np.int64] = (logarithm + (1 << (drop - 1))) >> drop
    return result
