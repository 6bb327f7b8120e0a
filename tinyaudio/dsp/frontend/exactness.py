"""How far an integer front end is from the float64 reference."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from tinyaudio.core.spec import FrontendSpec
from tinyaudio.dsp.frontend.window import periodic_hann

#: Values below the level of a sine of this level do not count: there is no microphone that could tell.
FLOOR_DBFS = -80.0


def floor_log_mel(spec: FrontendSpec) -> float:
    """Return the log-mel (nepers) of a sine at `FLOOR_DBFS`, on a bin's centre, in a band that gives that bin the weight 1.

    The spectrum of a sine of amplitude ``a`` peaks at ``a * sum(window) / 2``.
    """
    magnitude = 10.0 ** (FLOOR_DBFS / 20.0) * float(periodic_hann(spec.window_samples).sum()) / 2.0
    return math.log((magnitude if spec.spectrum == "magnitude" else magnitude**2) + spec.log_offset)


def log_mel_snr_db(spec: FrontendSpec, log_mel: NDArray[np.float64], reference: NDArray[np.float64]) -> float:
    """Return the signal-to-noise ratio of `log_mel` against `reference` in dB, both in nepers [frames, mel_bands].

    ``10 log10(sum reference^2 / sum (log_mel - reference)^2)`` over all frames and bands, both clamped from below at
    the -80 dBFS floor. Infinite if they are equal there.

    Raises
    ------
    ValueError
        If the shapes differ or there are no values.
    """
    if log_mel.shape != reference.shape or reference.size == 0:
        raise ValueError(f"cannot compare log-mels of shapes {log_mel.shape} and {reference.shape}")
    floor = floor_log_mel(spec)
    clamped = np.maximum(reference, floor)
    noise = float(np.sum((np.maximum(log_mel, floor) - clamped) ** 2))
    return math.inf if noise == 0.0 else 10.0 * math.log10(float(np.sum(clamped**2)) / noise)
