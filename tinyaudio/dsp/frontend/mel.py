"""The mel filter bank in float64: what the integer weights are rounded from and what the reference multiplies by.

Neighbouring triangles share their edges: where one falls from 1 to 0, the next rises from 0 to 1, and the two weights
of a bin add up to 1. So a filter bank of B triangles is B + 1 *segments* between neighbouring edges, and each bin
carries one number, the rising weight; this halves the multiplications of the usual sparse matrix.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tinyaudio.core.spec import FrontendSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class MelSegments:
    """A mel filter bank by segments.

    Band ``b`` is the sum of ``rising * spectrum`` over segment ``b`` and of ``(1 - rising) * spectrum`` over segment
    ``b + 1``.
    """

    edges_hz: NDArray[np.float64]  # [mel_bands + 2], edges of the triangles; band b spans edges b to b + 2, its peak is edge b + 1
    first_bin: int  # first FFT bin behind the lowest edge
    segment_bins: NDArray[np.int64]  # [mel_bands + 1], bins in each segment, in order, without gaps
    rising: NDArray[np.float64]  # [sum(segment_bins)], weight of the band that rises at the bin, 0 to 1

    @property
    def bins(self) -> int:
        """Number of FFT bins that any band uses."""
        return len(self.rising)


def htk_mel(frequency_hz: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the mel of `frequency_hz`: ``1127 ln(1 + f / 700 Hz)`` (Young et al., The HTK Book, section 5.4)."""
    return 1127.0 * np.log1p(frequency_hz / 700.0)


def mel_segments(spec: FrontendSpec) -> MelSegments:
    """Return the filter bank of `spec`.

    Edges are spaced evenly in mel, and the triangles are linear in mel, as in TensorFlow's
    ``tf.signal.linear_to_mel_weight_matrix``. A bin on the lowest or the highest edge has weight 0 and is left out.
    """
    low, high = htk_mel(np.array([spec.mel_low_hz, spec.mel_high_hz]))
    edges = np.linspace(low, high, spec.mel_bands + 2)
    bins_mel = htk_mel(np.arange(spec.bins, dtype=np.float64) * spec.sample_rate_hz / spec.fft_samples)
    used = np.flatnonzero((bins_mel > edges[0]) & (bins_mel < edges[-1]))
    segment = np.searchsorted(edges, bins_mel[used], side="right") - 1
    rising = (bins_mel[used] - edges[segment]) / (edges[segment + 1] - edges[segment])
    return MelSegments(
        edges_hz=700.0 * np.expm1(edges / 1127.0),
        first_bin=int(used[0]) if len(used) else 0,
        segment_bins=np.bincount(segment, minlength=spec.mel_bands + 1),
        rising=rising,
    )


def mel_matrix(spec: FrontendSpec) -> NDArray[np.float64]:
    """Return the filter bank of `spec` as a dense matrix [bins, mel_bands]."""
    segments = mel_segments(spec)
    bins = segments.first_bin + np.arange(segments.bins)
    segment = np.repeat(np.arange(spec.mel_bands + 1), segments.segment_bins)
    matrix = np.zeros((spec.bins, spec.mel_bands + 2))  # columns: the falling part of segment 0, the bands, the rising part of the last segment
    matrix[bins, segment + 1] = segments.rising
    matrix[bins, segment] = 1.0 - segments.rising
    return matrix[:, 1:-1]
