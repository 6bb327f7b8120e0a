"""What life does to a recording: noise, another level, another microphone. For measuring how much a model bears."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from tinyaudio.core.artifacts import Float64Array, Int16Array
from tinyaudio.core.errors import InputError
from tinyaudio.dsp.audio.files import to_int16

_FULL_SCALE = 32_768.0

#: (Hz, dB) of a small microphone behind a hole in a case: little bass, a resonance, little treble.
CASED_MICROPHONE = ((0.0, -30.0), (100.0, -12.0), (300.0, -3.0), (1_000.0, 0.0), (2_500.0, 5.0), (4_000.0, 2.0), (6_000.0, -6.0), (8_000.0, -14.0))


@dataclass(frozen=True, slots=True, kw_only=True)
class Degradation:
    """One change of a recording."""

    kind: Literal["noise", "level", "microphone"]
    amount_db: float = 0.0  # noise: signal over noise, both as RMS of the whole clip; level: gain; microphone: not used

    def describe(self) -> str:
        """Return it in words."""
        if self.kind == "noise":
            return f"pink noise, {self.amount_db:g} dB SNR"
        return f"{self.amount_db:+g} dB" if self.kind == "level" else "another microphone"


#: What the evaluation page measures.
USUAL_DEGRADATIONS = (
    *(Degradation(kind="noise", amount_db=snr_db) for snr_db in (20.0, 10.0, 5.0, 0.0)),
    *(Degradation(kind="level", amount_db=gain_db) for gain_db in (-20.0, -10.0, 6.0)),
    Degradation(kind="microphone"),
)


def degrade(pcm: Int16Array, degradation: Degradation, *, sample_rate_hz: int, seed: int = 1) -> Int16Array:
    """Return the recording int16[samples] changed by `degradation`; what exceeds full scale is clipped, as a converter would.

    Parameters
    ----------
    pcm
        At least one sample.
    degradation
        What happens to it.
    sample_rate_hz
        8000 to 48000.
    seed
        Of the noise.

    Raises
    ------
    InputError
        If there are no samples.
    """
    if not pcm.size:
        raise InputError("there are no samples to degrade", hint="hand in a recording")
    signal = pcm / _FULL_SCALE
    if degradation.kind == "level":
        return to_int16(signal * 10.0 ** (degradation.amount_db / 20.0))
    if degradation.kind == "microphone":
        return to_int16(_filtered(signal, sample_rate_hz))
    noise = _pink(signal.size, np.random.default_rng(seed))
    wanted = float(np.sqrt(np.mean(signal**2))) * 10.0 ** (-degradation.amount_db / 20.0)
    return to_int16(signal + noise * wanted)


def _pink(samples: int, rng: np.random.Generator) -> Float64Array:
    """Return noise of RMS 1 whose power falls with 1/f."""
    spectrum = np.fft.rfft(rng.standard_normal(samples))
    spectrum /= np.sqrt(np.maximum(np.arange(spectrum.size), 1.0))
    noise = np.fft.irfft(spectrum, samples) if samples > 1 else np.ones(1)
    return np.asarray(noise / max(float(np.sqrt(np.mean(noise**2))), 1e-12), np.float64)


def _filtered(signal: Float64Array, sample_rate_hz: int) -> Float64Array:
    """Return `signal` as `CASED_MICROPHONE` hears it: its gains, straight in dB over Hz, zero phase."""
    spectrum = np.fft.rfft(signal)
    frequencies = np.fft.rfftfreq(signal.size, 1.0 / sample_rate_hz)
    points = np.array(CASED_MICROPHONE)
    gain_db = np.interp(frequencies, points[:, 0], points[:, 1])
    return np.asarray(np.fft.irfft(spectrum * 10.0 ** (gain_db / 20.0), signal.size), np.float64)
