"""Hours in which nothing happens: noise of all colours, machines, rain, murmur, taps; none of the events of `sources`.

For measuring how often a classifier hears what is not there. A scene is a pure function of its number and seed.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from tinyaudio.core.artifacts import Int16Array
from tinyaudio.dsp.audio.files import to_int16
from tinyaudio.dsp.audio.synthesis.scenes import NOISE_COLOURS, coloured_noise
from tinyaudio.dsp.audio.synthesis.sources import Signal, add_at

#: A scene is as long as a recording might be, and short enough to be held in memory.
SCENE_SECONDS = 60

_PEAK_DBFS = (-55.0, -9.0)
_LAYERS = (1, 3)  # sounds at once, at least and at most
_LAYER_DB = (-20.0, 0.0)  # of the second and third, relative to the first


def synthesize_background(scene: int, *, seed: int, sample_rate_hz: int, seconds: float = SCENE_SECONDS) -> Int16Array:
    """Return one scene of background, int16[samples].

    Parameters
    ----------
    scene
        Its number, 0 or more.
    seed
        Of all scenes.
    sample_rate_hz
        8000 to 48000.
    seconds
        Length.
    """
    rng = np.random.default_rng([seed, scene])
    samples = round(seconds * sample_rate_hz)
    kinds = rng.permutation(len(_KINDS))[: int(rng.integers(_LAYERS[0], _LAYERS[1] + 1))]
    mixture = np.zeros(samples)
    for number, kind in enumerate(kinds):
        layer = _KINDS[kind](rng, samples, sample_rate_hz)
        gain_db = 0.0 if number == 0 else rng.uniform(*_LAYER_DB)
        mixture += 10.0 ** (gain_db / 20.0) * layer / (np.sqrt(np.mean(layer**2)) + 1e-12)
    return to_int16(mixture * 10.0 ** (rng.uniform(*_PEAK_DBFS) / 20.0) / (np.abs(mixture).max() + 1e-12))


def _gusts(rng: np.random.Generator, samples: int, sample_rate_hz: int) -> Signal:
    """Return noise of some colour that swells and sinks."""
    noise = coloured_noise(rng, samples, NOISE_COLOURS[str(rng.choice(list(NOISE_COLOURS)))])
    return np.asarray(noise * _wandering(rng, samples, sample_rate_hz, turn_seconds=rng.uniform(0.5, 6.0), depth=rng.uniform(0.0, 0.9)))


def _machine(rng: np.random.Generator, samples: int, sample_rate_hz: int) -> Signal:
    """Return a fan or a transformer: a few steady harmonics over hiss."""
    seconds = np.arange(samples) / sample_rate_hz
    base_hz = rng.uniform(40.0, 180.0)
    tones = sum(rng.uniform(0.1, 1.0) / order * np.sin(2.0 * np.pi * (base_hz * order * seconds + rng.uniform())) for order in range(1, 7))
    return np.asarray(tones + rng.uniform(0.3, 3.0) * coloured_noise(rng, samples, -1.0))


def _rain(rng: np.random.Generator, samples: int, sample_rate_hz: int) -> Signal:
    """Return drops: thousands of short clicks of random strength, thickening and thinning."""
    density = rng.uniform(30.0, 400.0) / sample_rate_hz
    rate = density * _wandering(rng, samples, sample_rate_hz, turn_seconds=rng.uniform(2.0, 15.0), depth=0.7)
    drops = (rng.uniform(size=samples) < rate) * rng.exponential(size=samples) * rng.choice([-1.0, 1.0], size=samples)
    length = int(rng.uniform(0.0005, 0.004) * sample_rate_hz) + 2
    ring = np.exp(-5.0 * np.arange(length) / length) * np.sin(rng.uniform(0.5, 2.5) * np.arange(length) + 0.5)
    return np.asarray(np.convolve(drops, ring)[:samples] + 0.02 * coloured_noise(rng, samples, 0.0))


def _murmur(rng: np.random.Generator, samples: int, sample_rate_hz: int) -> Signal:
    """Return a crowd far away: noise with speech's long-term slope, in the rhythm of syllables."""
    noise = coloured_noise(rng, samples, -1.5)
    syllables = _wandering(rng, samples, sample_rate_hz, turn_seconds=rng.uniform(0.1, 0.25), depth=0.9)
    return np.asarray(noise * syllables * _wandering(rng, samples, sample_rate_hz, turn_seconds=2.0, depth=0.5))


def _handling(rng: np.random.Generator, samples: int, sample_rate_hz: int) -> Signal:
    """Return single bumps and scrapes of a device that is moved now and then, over a quiet room."""
    result = 0.05 * coloured_noise(rng, samples, -1.0)
    for _ in range(int(rng.integers(1, 12))):
        length = int(rng.uniform(0.02, 0.6) * sample_rate_hz)
        bump = coloured_noise(rng, length, rng.uniform(-2.5, -0.5)) * np.hanning(length) * rng.uniform(0.2, 1.0)
        add_at(result, int(rng.integers(samples)), bump)
    return result


def _steps(rng: np.random.Generator, samples: int, sample_rate_hz: int) -> Signal:
    """Return noise that is switched: another level and another colour every few seconds."""
    result, position = np.zeros(samples), 0
    while position < samples:
        length = min(int(rng.uniform(1.0, 9.0) * sample_rate_hz), samples - position)
        result[position : position + length] = rng.uniform(0.05, 1.0) * coloured_noise(rng, max(length, 2), rng.uniform(-2.0, 0.7))[:length]
        position += length
    return result


def _wandering(rng: np.random.Generator, samples: int, sample_rate_hz: int, *, turn_seconds: float, depth: float) -> Signal:
    """Return an envelope, float64[samples], from ``1 - depth`` to 1, that turns at random about every `turn_seconds`."""
    points = max(3, int(samples / (turn_seconds * sample_rate_hz)) + 2)
    return np.asarray(1.0 - depth * np.interp(np.linspace(0.0, points - 1.0, samples), np.arange(points), rng.uniform(size=points)))


_KINDS: tuple[Callable[[np.random.Generator, int, int], Signal], ...] = (_gusts, _machine, _rain, _murmur, _handling, _steps)
