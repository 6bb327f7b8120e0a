"""Signals that front ends are tested with: int16, deterministic."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Pcm = NDArray[np.int16]


def to_int16(values: NDArray[np.float64]) -> Pcm:
    """Full scale 1.0 to int16, saturated."""
    return np.clip(np.rint(values * 32768.0), -32768, 32767).astype(np.int16)


def level(dbfs: float) -> float:
    return float(10.0 ** (dbfs / 20.0))


def tone(samples: int, *, cycles_per_sample: float, dbfs: float) -> Pcm:
    return to_int16(level(dbfs) * np.sin(2 * np.pi * cycles_per_sample * np.arange(samples)))


def white_noise(samples: int, *, dbfs: float, seed: int = 1) -> Pcm:
    """Gaussian noise of the RMS level `dbfs`, clipped at full scale."""
    return to_int16(np.random.default_rng(seed).normal(0.0, level(dbfs), samples))


def chirp(samples: int) -> Pcm:
    """From 0 to half the sample rate at -1 dBFS."""
    phase = 0.5 * np.arange(samples, dtype=np.float64) ** 2 / (2.0 * samples)
    return to_int16(level(-1) * np.sin(2 * np.pi * phase))


def speech_like(samples: int, *, dbfs: float, seed: int = 2) -> Pcm:
    """A gliding harmonic voice under a formant envelope, in syllables, over faint noise; `dbfs` is the peak level."""
    seconds = np.arange(samples) / 16_000.0
    pitch_hz = 120.0 + 30.0 * np.sin(2 * np.pi * 0.7 * seconds)
    phase = 2 * np.pi * np.cumsum(pitch_hz) / 16_000.0
    voice = np.zeros(samples)
    for harmonic in range(1, 40):
        formants = sum(np.exp(-(((harmonic * 120.0 - centre) / 300.0) ** 2)) for centre in (500.0, 1_500.0, 2_500.0))
        voice += formants / harmonic * np.sin(harmonic * phase)
    voice *= (0.5 + 0.5 * np.sin(2 * np.pi * 3.0 * seconds)) ** 2
    voice += np.random.default_rng(seed).normal(0.0, 1e-3, samples)
    return to_int16(level(dbfs) * voice / np.max(np.abs(voice)))


def impulses(samples: int) -> Pcm:
    """A full-scale impulse every 1,000 samples, so that it wanders through the window."""
    result = np.zeros(samples, dtype=np.int16)
    result[37::1000] = 32767
    result[537::1000] = -32768
    return result


def full_scale_square(samples: int, period: int = 32) -> Pcm:
    return np.where(np.arange(samples) % period < period // 2, 32767, -32768).astype(np.int16)


#: Name -> maker of so many samples. Tones are at and between the bins of a 512-point FFT.
SIGNALS: dict[str, Callable[[int], Pcm]] = {
    "silence": lambda samples: np.zeros(samples, dtype=np.int16),
    "least_significant_bit": lambda samples: (np.arange(samples) % 2).astype(np.int16),
    "dc_positive": lambda samples: np.full(samples, 32767, dtype=np.int16),
    "dc_negative": lambda samples: np.full(samples, -32768, dtype=np.int16),
    "full_scale_square": full_scale_square,
    "full_scale_nyquist": lambda samples: full_scale_square(samples, 2),
    "impulses": impulses,
    "tone_at_bin_-1": lambda samples: tone(samples, cycles_per_sample=32 / 512, dbfs=-1),
    "tone_at_bin_-40": lambda samples: tone(samples, cycles_per_sample=32 / 512, dbfs=-40),
    "tone_at_bin_-80": lambda samples: tone(samples, cycles_per_sample=32 / 512, dbfs=-80),
    "tone_between_bins_-1": lambda samples: tone(samples, cycles_per_sample=75.5 / 512, dbfs=-1),
    "tone_between_bins_-40": lambda samples: tone(samples, cycles_per_sample=75.5 / 512, dbfs=-40),
    "chirp": chirp,
    "noise_-3": lambda samples: white_noise(samples, dbfs=-3),
    "noise_-40": lambda samples: white_noise(samples, dbfs=-40),
    "noise_-70": lambda samples: white_noise(samples, dbfs=-70),
    "speech_like_-3": lambda samples: speech_like(samples, dbfs=-3),
    "speech_like_-40": lambda samples: speech_like(samples, dbfs=-40),
}
