"""Signals that front ends are proved and measured with: int16, deterministic, each named by what it is and its level.

Levels are in dB of full scale: of the peak, but of the RMS for noise.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
from numpy.typing import NDArray

from tinyaudio.core.spec import FrontendSpec

Pcm = NDArray[np.int16]

_FULL_SCALE = 32_768.0
_IMPULSE_SPACING_SAMPLES = 1_000  # no multiple of a hop, so that impulses wander through the window
_FORMANTS_HZ = (500.0, 1_500.0, 2_500.0)
_FORMANT_WIDTH_HZ = 300.0
_PITCH_HZ = 120.0
_SYLLABLES_HZ = 3.0


def to_int16(values: NDArray[np.float64]) -> Pcm:
    """Return `values`, full scale 1.0, rounded to int16 and saturated."""
    return np.clip(np.rint(values * _FULL_SCALE), -32768, 32767).astype(np.int16)


def amplitude(dbfs: float) -> float:
    """Return the level `dbfs` as a factor of full scale."""
    return float(10.0 ** (dbfs / 20.0))


def silence(samples: int) -> Pcm:
    """Return zeros."""
    return np.zeros(samples, dtype=np.int16)


def constant(samples: int, *, value: int) -> Pcm:
    """Return the same `value` everywhere: DC."""
    return np.full(samples, value, dtype=np.int16)


def full_scale_square(samples: int, *, period_samples: int = 32) -> Pcm:
    """Return a square wave between the extremes of int16: what a clipped recording looks like at its worst."""
    return np.where(np.arange(samples) % period_samples < period_samples // 2, 32767, -32768).astype(np.int16)


def impulses(samples: int) -> Pcm:
    """Return full-scale impulses of both signs, 500 samples apart."""
    result = silence(samples)
    result[37::_IMPULSE_SPACING_SAMPLES] = 32767
    result[537::_IMPULSE_SPACING_SAMPLES] = -32768
    return result


def tone(samples: int, *, cycles_per_sample: float, dbfs: float) -> Pcm:
    """Return a sine."""
    return to_int16(amplitude(dbfs) * np.sin(2 * np.pi * cycles_per_sample * np.arange(samples)))


def chirp(samples: int, *, dbfs: float = -1.0) -> Pcm:
    """Return a sine that rises from 0 to half the sample rate."""
    phase = 0.5 * np.arange(samples, dtype=np.float64) ** 2 / (2.0 * samples)
    return to_int16(amplitude(dbfs) * np.sin(2 * np.pi * phase))


def white_noise(samples: int, *, dbfs: float, seed: int = 1) -> Pcm:
    """Return Gaussian noise of the RMS level `dbfs`, clipped at full scale."""
    return to_int16(np.random.default_rng(seed).normal(0.0, amplitude(dbfs), samples))


def speech_like(samples: int, *, dbfs: float, sample_rate_hz: int = 16_000, seed: int = 2) -> Pcm:
    """Return a gliding harmonic voice under a formant envelope, in syllables, over faint noise."""
    seconds = np.arange(samples) / sample_rate_hz
    pitch_hz = _PITCH_HZ + 30.0 * np.sin(2 * np.pi * 0.7 * seconds)
    phase = 2 * np.pi * np.cumsum(pitch_hz) / sample_rate_hz
    voice = np.zeros(samples)
    for harmonic in range(1, 40):
        formants = sum(np.exp(-(((harmonic * _PITCH_HZ - centre) / _FORMANT_WIDTH_HZ) ** 2)) for centre in _FORMANTS_HZ)
        voice += formants / harmonic * np.sin(harmonic * phase)
    voice *= (0.5 + 0.5 * np.sin(2 * np.pi * _SYLLABLES_HZ * seconds)) ** 2
    voice += np.random.default_rng(seed).normal(0.0, 1e-3, samples)
    return to_int16(amplitude(dbfs) * voice / np.max(np.abs(voice)))


#: Signals of one level: name -> maker of so many samples.
_FIXED: dict[str, Callable[[int], Pcm]] = {
    "silence": silence,
    "full_scale_clip": full_scale_square,
    "dc": partial(constant, value=32767),
    "dc_negative": partial(constant, value=-32768),
    "impulses": impulses,
    "chirp": chirp,
}


def bench_signals(spec: FrontendSpec, *, frames: int) -> dict[str, Pcm]:
    """Return {name: int16 [samples]} of all signals, each as long as `frames` frames of `spec`."""
    samples = spec.window_samples + (frames - 1) * spec.hop_samples
    at_bin = 1 / 16  # a bin of every FFT length
    between_bins = (75 * spec.fft_samples // 512 + 0.5) / spec.fft_samples
    levelled: tuple[tuple[str, Callable[..., Pcm], tuple[int, ...]], ...] = (
        ("tone_at_bin", partial(tone, cycles_per_sample=at_bin), (-1, -40, -80)),
        ("tone_between_bins", partial(tone, cycles_per_sample=between_bins), (-1, -40, -80)),
        ("noise", white_noise, (-3, -40, -70)),
        ("speech_like", partial(speech_like, sample_rate_hz=spec.sample_rate_hz), (-1, -3, -20, -40, -60)),
    )
    fixed = {name: make(samples) for name, make in _FIXED.items()}
    return fixed | {f"{name}_{dbfs}_dbfs": make(samples, dbfs=float(dbfs)) for name, make, levels in levelled for dbfs in levels}
