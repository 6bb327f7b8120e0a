"""The mel filter bank in float64: what the integer weights are rounded from and what the reference multiplies by.

Neighbouring triangles share their edges: where one falls from 1 to 0, the next rises from 0 to 1, and the two weights
of a bin add up to 1. So a filter bank of B triangles is B + 1 *segments* between neighbouring edges, and each bin
carries one number, the rising weight; this halves the multiplications of the usual sparse matrix. What disturbs this
sum to 1 is kept apart: the norm of a band, and the gain of a bin that corrects a microphone's response.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tinyaudio.core.spec import FrontendSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class MelSegments:
    """A mel filter bank by segments.

    Band ``b`` is ``band_norms[b]`` times the sum of ``rising * bin_gains * spectrum`` over segment ``b`` and of
    ``(1 - rising) * bin_gains * spectrum`` over segment ``b + 1``.
    """

    edges_hz: NDArray[np.float64]  # [mel_bands + 2], edges of the triangles; band b spans edges b to b + 2, its peak is edge b + 1
    first_bin: int  # first FFT bin behind the lowest edge
    segment_bins: NDArray[np.int64]  # [mel_bands + 1], bins in each segment, in order, without gaps
    rising: NDArray[np.float64]  # [sum(segment_bins)], weight of the band that rises at the bin, 0 to 1
    band_norms: NDArray[np.float64]  # [mel_bands], all 1 without mel_norm
    bin_gains: NDArray[np.float64]  # [sum(segment_bins)], of the spectrum (of its square for power); all 1 without microphone_response

    @property
    def bins(self) -> int:
        """Number of FFT bins that any band uses."""
        return len(self.rising)


def htk_mel(frequency_hz: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the mel of `frequency_hz`: ``1127 ln(1 + f / 700 Hz)`` (Young et al., The HTK Book, section 5.4)."""
    return 1127.0 * np.log1p(frequency_hz / 700.0)


def _htk_hz(mel: NDArray[np.float64]) -> NDArray[np.float64]:
    return 700.0 * np.expm1(mel / 1127.0)


def slaney_mel(frequency_hz: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return Slaney's mel of `frequency_hz`: 3 mel in 200 Hz up to 1 kHz, 27 mel in a factor of 6.4 above.

    M. Slaney, Auditory Toolbox, Interval Research technical report 1998-010; librosa's default.
    """
    above = np.maximum(frequency_hz, _SLANEY_BREAK_HZ) / _SLANEY_BREAK_HZ
    return np.where(frequency_hz < _SLANEY_BREAK_HZ, frequency_hz * 3.0 / 200.0, _SLANEY_BREAK_MEL + np.log(above) / _SLANEY_STEP)


def _slaney_hz(mel: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.where(mel < _SLANEY_BREAK_MEL, mel * 200.0 / 3.0, _SLANEY_BREAK_HZ * np.exp(_SLANEY_STEP * (mel - _SLANEY_BREAK_MEL)))


_SLANEY_BREAK_HZ = 1_000.0
_SLANEY_BREAK_MEL = 15.0
_SLANEY_STEP = float(np.log(6.4)) / 27.0  # neper a mel
_SCALES = {"htk": (htk_mel, _htk_hz), "slaney": (slaney_mel, _slaney_hz)}


def mel_segments(spec: FrontendSpec) -> MelSegments:
    """Return the filter bank of `spec`.

    Edges are spaced evenly in mel. The sides of the triangles are straight over mel, as in TensorFlow's
    ``tf.signal.linear_to_mel_weight_matrix``, or over Hz, as in ``librosa.filters.mel``; the norm "slaney" is librosa's,
    2 / (width in Hz). A bin on the lowest or the highest edge has weight 0 and is left out.
    """
    to_mel, to_hz = _SCALES[spec.mel_scale]
    low, high = to_mel(np.array([spec.mel_low_hz, spec.mel_high_hz]))
    edges_mel = np.linspace(low, high, spec.mel_bands + 2)
    edges_hz = to_hz(edges_mel)
    bins_hz = np.arange(spec.bins, dtype=np.float64) * spec.sample_rate_hz / spec.fft_samples
    edges, bins = (edges_mel, to_mel(bins_hz)) if spec.mel_triangles == "mel" else (edges_hz, bins_hz)
    used = np.flatnonzero((bins > edges[0]) & (bins < edges[-1]))
    segment = np.searchsorted(edges, bins[used], side="right") - 1
    return MelSegments(
        edges_hz=edges_hz,
        first_bin=int(used[0]) if len(used) else 0,
        segment_bins=np.bincount(segment, minlength=spec.mel_bands + 1),
        rising=(bins[used] - edges[segment]) / (edges[segment + 1] - edges[segment]),
        band_norms=2.0 / (edges_hz[2:] - edges_hz[:-2]) if spec.mel_norm == "slaney" else np.ones(spec.mel_bands),
        bin_gains=_bin_gains(spec, bins_hz[used]),
    )


def _bin_gains(spec: FrontendSpec, bins_hz: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return what undoes the microphone's response: its curve is straight in dB over Hz between the points, level beyond them."""
    if not spec.microphone_response:
        return np.ones(len(bins_hz))
    frequencies_hz, response_db = np.array(spec.microphone_response, dtype=np.float64).T
    per_decade = 20.0 if spec.spectrum == "magnitude" else 10.0
    gains: NDArray[np.float64] = 10.0 ** (-np.interp(bins_hz, frequencies_hz, response_db) / per_decade)
    return gains


def mel_matrix(spec: FrontendSpec) -> NDArray[np.float64]:
    """Return the filter bank of `spec` as a dense matrix [bins, mel_bands]."""
    segments = mel_segments(spec)
    bins = segments.first_bin + np.arange(segments.bins)
    segment = np.repeat(np.arange(spec.mel_bands + 1), segments.segment_bins)
    matrix = np.zeros((spec.bins, spec.mel_bands + 2))  # columns: the falling part of segment 0, the bands, the rising part of the last segment
    matrix[bins, segment + 1] = segments.rising * segments.bin_gains
    matrix[bins, segment] = (1.0 - segments.rising) * segments.bin_gains
    return matrix[:, 1:-1] * segments.band_norms
