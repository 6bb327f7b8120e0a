"""From a dry source to a clip: a room around it, other things faintly audible, noise, and a level."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tinyaudio.core.artifacts import Int16Array
from tinyaudio.core.errors import InputError
from tinyaudio.dsp.audio.files import to_int16
from tinyaudio.dsp.audio.synthesis.sources import SOURCES, Signal, Source

SYNTHETIC_LABELS = tuple(sorted(SOURCES))

#: Power spectrum ~ frequency ** exponent.
NOISE_COLOURS = {"white": 0.0, "pink": -1.0, "brown": -2.0, "blue": 0.7}


@dataclass(frozen=True, slots=True, kw_only=True)
class Difficulty:
    """How hard the clips are. The defaults make a small network right in about 19 of 20 clips."""

    snr_db: tuple[float, float] = (-3.0, 20.0)  # event over background, both as RMS of the whole clip
    distractor_db: tuple[float, float] = (-18.0, -8.0)  # a faint event of another class, relative to the main one
    distractor_share: float = 0.5  # of the clips that have one
    peak_dbfs: tuple[float, float] = (-32.0, -3.0)  # of the finished clip
    echo_seconds: tuple[float, float] = (0.08, 0.7)  # time to fall by 60 dB


DEFAULT_DIFFICULTY = Difficulty()


def synthesize_clip(
    label: str, *, seed: int, recording: int, take: int, samples: int, sample_rate_hz: int = 16_000, difficulty: Difficulty = DEFAULT_DIFFICULTY
) -> Int16Array:
    """Return one clip of the synthetic set, a pure function of its arguments.

    Parameters
    ----------
    label
        One of `SYNTHETIC_LABELS`.
    seed
        Of the whole set.
    recording
        Number of the recording: source, room and background stay the same over its takes.
    take
        Number of the clip within the recording.
    samples
        Length, 1 or more.
    sample_rate_hz
        8000 to 48000.
    difficulty
        How much is in the way of the event.

    Returns
    -------
    int16[samples]

    Raises
    ------
    InputError
        If there is no such label.
    """
    if label not in SOURCES:
        raise InputError(f"there is no synthetic sound {label!r}", hint=f"labels: {', '.join(SYNTHETIC_LABELS)}")
    class_index = SYNTHETIC_LABELS.index(label)
    place = np.random.default_rng([seed, class_index, recording])
    source = SOURCES[label](place, sample_rate_hz)
    room = _impulse_response(place, sample_rate_hz, difficulty)
    colour = str(place.choice(list(NOISE_COLOURS)))
    moment = np.random.default_rng([seed, class_index, recording, take])
    event = _in_room(source.play(moment, samples), room)
    return _mix(event, moment, label=label, room=room, colour=colour, sample_rate_hz=sample_rate_hz, difficulty=difficulty)


def coloured_noise(rng: np.random.Generator, samples: int, exponent: float) -> Signal:
    """Return noise, float64[samples], RMS 1, whose power spectrum goes as frequency to the `exponent`; flat below 1/400 of the rate."""
    spectrum = np.fft.rfft(rng.normal(size=samples))
    relative = np.maximum(np.fft.rfftfreq(samples), 1.0 / 400.0)
    noise = np.fft.irfft(spectrum * relative ** (exponent / 2.0), n=samples)
    return np.asarray(noise / (_rms(noise) + 1e-12))


def _impulse_response(rng: np.random.Generator, sample_rate_hz: int, difficulty: Difficulty) -> Signal:
    """Return a room: the direct sound and an exponentially falling, slightly dark diffuse tail."""
    decay_seconds = rng.uniform(*difficulty.echo_seconds)
    length = int(decay_seconds * sample_rate_hz)
    tail = rng.normal(size=length) * 10.0 ** (-3.0 * np.arange(length) / length)
    tail = np.convolve(tail, [0.5, 0.5])[:length]
    response: Signal = tail * rng.uniform(0.1, 0.7) / (np.sqrt(np.sum(tail * tail)) + 1e-12)
    response[0] += 1.0
    return response


def _in_room(sound: Signal, room: Signal) -> Signal:
    """Return `sound` as heard in `room`, cut to its own length."""
    from scipy.signal import fftconvolve  # a slow import that only synthesis needs

    return np.asarray(fftconvolve(sound, room)[: sound.size])


def _background(rng: np.random.Generator, samples: int, *, colour: str, sample_rate_hz: int) -> Signal:
    """Return noise of one colour, gusting, with mains hum in a third of the clips."""
    seconds = np.arange(samples) / sample_rate_hz
    gusts = 1.0 + rng.uniform(0.0, 0.6) * np.sin(2.0 * np.pi * (rng.uniform(0.2, 1.5) * seconds + rng.uniform()))
    noise = coloured_noise(rng, samples, NOISE_COLOURS[colour]) * gusts
    if rng.uniform() < 0.33:
        noise += sum(rng.uniform(0.1, 0.6) / order * np.sin(2.0 * np.pi * (50.0 * order * seconds + rng.uniform())) for order in (1, 2, 3, 5))
    return noise


def _mix(
    event: Signal, rng: np.random.Generator, *, label: str, room: Signal, colour: str, sample_rate_hz: int, difficulty: Difficulty
) -> Int16Array:
    mixture = event / (_rms(event) + 1e-9)
    if rng.uniform() < difficulty.distractor_share:
        other = str(rng.choice([name for name in SYNTHETIC_LABELS if name != label]))
        distractor: Source = SOURCES[other](rng, sample_rate_hz)
        sound = _in_room(distractor.play(rng, event.size), room)
        mixture = mixture + _gain(rng.uniform(*difficulty.distractor_db)) * sound / (_rms(sound) + 1e-9)
    background = _background(rng, event.size, colour=colour, sample_rate_hz=sample_rate_hz)
    mixture = mixture + _gain(-rng.uniform(*difficulty.snr_db)) * background
    return to_int16(mixture * _gain(rng.uniform(*difficulty.peak_dbfs)) / np.abs(mixture).max())


def _gain(decibels: float) -> float:
    return float(10.0 ** (decibels / 20.0))


def _rms(signal: Signal) -> float:
    return float(np.sqrt(np.mean(signal * signal)))
