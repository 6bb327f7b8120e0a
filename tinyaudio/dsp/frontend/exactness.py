"""How far an integer front end is from the float64 reference, and two integer front ends from each other."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tinyaudio.core.spec import FrontendSpec
from tinyaudio.dsp.frontend.mel import mel_segments
from tinyaudio.dsp.frontend.quantization import FeatureQuantization, design_feature_quantization
from tinyaudio.dsp.frontend.reference import reference_feature_rows
from tinyaudio.dsp.frontend.signals import bench_signals
from tinyaudio.dsp.frontend.window import periodic_hann

#: Values below the level of a sine of this level do not count: there is no microphone that could tell.
FLOOR_DBFS = -80.0
_NOMINAL_FRAMES = 50


def floor_log_mel(spec: FrontendSpec, *, peak: float = 1.0) -> float:
    """Return the log-mel (nepers) of a sine at `FLOOR_DBFS`, on a bin's centre, in a band that gives that bin the weight `peak`.

    The spectrum of a sine of amplitude ``a`` peaks at ``a * sum(window) / 2``.
    """
    magnitude = 10.0 ** (FLOOR_DBFS / 20.0) * float(periodic_hann(spec.window_samples).sum()) / 2.0
    return math.log(peak * (magnitude if spec.spectrum == "magnitude" else magnitude**2) + spec.log_offset)


@dataclass(frozen=True, slots=True, kw_only=True)
class NominalInput:
    """The int8 input of a model that no one has trained: ``feature in nepers = scale * (int8 - zero_point)``."""

    scale: float
    zero_point: int

    def quantization(self, *, log_fraction_bits: int) -> FeatureQuantization:
        """Return the integers that quantize Q(`log_fraction_bits`) nepers for this input."""
        return design_feature_quantization(self.scale, self.zero_point, log_fraction_bits=log_fraction_bits)

    def quantize(self, features: NDArray[np.float64]) -> NDArray[np.int8]:
        """Return float64 nepers as int8: rounded to nearest, ties upwards, saturated."""
        quantized: NDArray[np.int8] = np.clip(np.floor(features / self.scale + 0.5) + self.zero_point, -128, 127).astype(np.int8)
        return quantized


def nominal_input(spec: FrontendSpec) -> NominalInput:
    """Return the input that spreads int8 over all that the float64 reference makes of `bench_signals`, silence and full scale included.

    Trained models have such inputs, too: real recordings come near both ends.
    """
    features = [reference_feature_rows(spec, pcm) for pcm in bench_signals(spec, frames=_NOMINAL_FRAMES).values()]
    least, most = min(0.0, *(float(item.min()) for item in features)), max(0.0, *(float(item.max()) for item in features))
    scale = (most - least) / 255.0
    return NominalInput(scale=scale, zero_point=max(-128, min(127, round(-128.0 - least / scale))))


def int8_step_histogram(features: NDArray[np.int8], others: NDArray[np.int8]) -> dict[int, int]:
    """Return {|difference| in int8 steps: how many features differ by it}, by rising difference."""
    steps, counts = np.unique(np.abs(features.astype(np.int16) - others.astype(np.int16)), return_counts=True)
    return dict(zip(steps.tolist(), counts.tolist(), strict=True))


def log_mel_snr_db(spec: FrontendSpec, log_mel: NDArray[np.float64], reference: NDArray[np.float64]) -> float:
    """Return the signal-to-noise ratio of `log_mel` against `reference` in dB, both in nepers [frames, mel_bands].

    ``10 log10(sum reference^2 / sum (log_mel - reference)^2)`` over all frames and bands, both clamped from below at
    the -80 dBFS floor of their band. Infinite if they are equal there.

    Raises
    ------
    ValueError
        If the shapes differ or there are no values.
    """
    if log_mel.shape != reference.shape or reference.size == 0:
        raise ValueError(f"cannot compare log-mels of shapes {log_mel.shape} and {reference.shape}")
    peaks = [1.0] if spec.mel_norm == "none" else mel_segments(spec).band_norms.tolist()
    floor = np.array([floor_log_mel(spec, peak=peak) for peak in peaks])
    clamped = np.maximum(reference, floor)
    noise = float(np.sum((np.maximum(log_mel, floor) - clamped) ** 2))
    return math.inf if noise == 0.0 else 10.0 * math.log10(float(np.sum(clamped**2)) / noise)
