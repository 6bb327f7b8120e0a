"""One machine that hums, and four faults of it: a pure function of random numbers to PCM.

A *machine* is a fan or motor: its constructor draws what stays the same over its life (speed, harmonics, resonances, the
place it stands in). A *session* has a load; a *take* within it has its moment. A fault is added on top of the hum, its RMS
over the clip given relative to that of the hum, so that every fault can be made as faint as wanted.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from tinyaudio.core.artifacts import Int16Array
from tinyaudio.core.errors import InputError
from tinyaudio.dsp.audio.files import to_int16
from tinyaudio.dsp.audio.synthesis.scenes import NOISE_COLOURS, coloured_noise
from tinyaudio.dsp.audio.synthesis.sources import Signal, add_at, fade, oscillator, resonator

NORMAL_LABEL = "normal"
_HUM_RMS = 0.05  # of full scale, before the level of the clip
_HARMONICS = 24
_BLADES = 7
_BEARING_ORDER = 3.57  # outer-race hits a revolution of a common bearing with nine balls


@dataclass(frozen=True, slots=True, kw_only=True)
class MachineDifficulty:
    """How much normal sound varies."""

    load_db: tuple[float, float] = (-3.0, 3.0)  # of the harmonics, from session to session
    speed: tuple[float, float] = (0.96, 1.04)  # of the nominal speed, from session to session
    background_db: tuple[float, float] = (-24.0, -14.0)  # relative to the hum
    level_db: tuple[float, float] = (-6.0, 3.0)  # from clip to clip


DEFAULT_MACHINE_DIFFICULTY = MachineDifficulty()


class Machine:
    """A fan or motor: harmonics of its rotation, blade passing, the rush of air through its housing."""

    def __init__(self, rng: np.random.Generator, sample_rate_hz: int) -> None:
        self.rate = sample_rate_hz
        self.rotation_hz = rng.uniform(38.0, 58.0)
        orders = np.arange(1, _HARMONICS + 1)
        self.amplitudes = orders**-0.8 * 10.0 ** (rng.uniform(-6.0, 6.0, _HARMONICS) / 20.0)
        self.amplitudes[[_BLADES - 1, 2 * _BLADES - 1]] *= 2.5
        self.modes = [(rng.uniform(300.0, 0.35 * sample_rate_hz), rng.uniform(5e-4, 3e-3)) for _ in range(4)]
        self.air = rng.uniform(0.25, 0.5)
        self.colour = str(rng.choice(list(NOISE_COLOURS)))

    def hum(self, rng: np.random.Generator, speed_hz: Signal, load: float) -> Signal:
        """Return the healthy sound, float64[samples], RMS 1, at rotation `speed_hz` (float64[samples]) and a factor on the harmonics."""
        phase = oscillator(speed_hz, sample_rate_hz=self.rate)
        tone = np.zeros(speed_hz.size)
        for order, amplitude in enumerate(self.amplitudes, start=1):
            tone += amplitude * np.sin(order * phase + rng.uniform(0.0, 2.0 * np.pi))
        air = coloured_noise(rng, speed_hz.size, NOISE_COLOURS["pink"])
        rush = sum((resonator(air, frequency, decay, sample_rate_hz=self.rate) for frequency, decay in self.modes), np.zeros(speed_hz.size))
        return unit_rms(load * unit_rms(tone) + self.air * (unit_rms(rush) + 0.5 * air))


def bearing_clicks(machine: Machine, rng: np.random.Generator, speed_hz: Signal) -> Signal:
    """Return hits of a damaged race, each ringing in the housing; their spacing slips by a hundredth."""
    clicks, position = np.zeros(speed_hz.size), rng.uniform(0.0, 1.0) * machine.rate / (speed_hz[0] * _BEARING_ORDER)
    while position < speed_hz.size:
        clicks[int(position)] += rng.uniform(0.5, 1.0)
        position += machine.rate / (speed_hz[int(position)] * _BEARING_ORDER) * rng.normal(1.0, 0.01)
    return resonator(clicks, rng.uniform(2_200.0, 4_200.0), rng.uniform(1e-3, 3e-3), sample_rate_hz=machine.rate)


def cavitation_bursts(machine: Machine, rng: np.random.Generator, speed_hz: Signal) -> Signal:
    """Return crackling: short bursts of bright noise, about twelve a second, of very different strength."""
    bursts = np.zeros(speed_hz.size)
    for start in np.flatnonzero(rng.uniform(size=speed_hz.size) < 12.0 / machine.rate):
        length = int(rng.uniform(0.015, 0.08) * machine.rate)
        add_at(bursts, int(start), rng.gamma(1.5) * coloured_noise(rng, length, NOISE_COLOURS["blue"]) * fade(length, length // 3))
    return resonator(bursts, rng.uniform(2_500.0, 5_000.0), 4e-4, sample_rate_hz=machine.rate)


def imbalance(machine: Machine, rng: np.random.Generator, speed_hz: Signal) -> Signal:
    """Return the shaking of a rotor out of balance: its rotation, twice and three times it, and sidebands of the blades."""
    phase = oscillator(speed_hz, sample_rate_hz=machine.rate)
    shaking = sum(weight * np.sin(order * phase + rng.uniform(0.0, 6.28)) for order, weight in ((1, 1.0), (2, 0.7), (3, 0.5)))
    blades = np.sin(_BLADES * phase) * (1.0 + np.sin(phase + rng.uniform(0.0, 6.28)))
    return np.asarray(shaking + 0.5 * blades)


def new_tone(machine: Machine, rng: np.random.Generator, speed_hz: Signal) -> Signal:
    """Return a whistle that the machine never made: one tone and its octave, between its harmonics, wavering a little."""
    harmonic = int(rng.integers(20, 60)) + 0.5
    wavering = 1.0 + 0.002 * np.sin(2.0 * np.pi * rng.uniform(3.0, 7.0) * np.arange(speed_hz.size) / machine.rate)
    phase = oscillator(harmonic * speed_hz * wavering, sample_rate_hz=machine.rate)
    return np.asarray(np.sin(phase) + 0.3 * np.sin(2.0 * phase))


#: Label -> what it adds to the hum.
FAULTS: dict[str, Callable[[Machine, np.random.Generator, Signal], Signal]] = {
    "bearing": bearing_clicks,
    "cavitation": cavitation_bursts,
    "imbalance": imbalance,
    "tone": new_tone,
}
MACHINE_LABELS = (NORMAL_LABEL, *FAULTS)


def synthesize_machine_clip(
    label: str,
    *,
    seed: int,
    session: int,
    take: int,
    samples: int,
    machine: int = 0,
    fault_db: float = 0.0,
    sample_rate_hz: int = 16_000,
    difficulty: MachineDifficulty = DEFAULT_MACHINE_DIFFICULTY,
) -> Int16Array:
    """Return one clip of a machine, a pure function of its arguments.

    Parameters
    ----------
    label
        One of `MACHINE_LABELS`.
    seed
        Of the whole set.
    session
        Number of the session: speed and load stay the same over its takes. Sessions of different labels differ.
    take
        Number of the clip within the session.
    samples
        Length, 1 or more.
    machine
        Which machine of the set.
    fault_db
        RMS of the fault over that of the hum, in dB.
    sample_rate_hz
        12000 to 48000.
    difficulty
        How much normal sound varies.

    Returns
    -------
    int16[samples]

    Raises
    ------
    InputError
        If there is no such label.
    """
    if label not in MACHINE_LABELS:
        raise InputError(f"there is no synthetic machine sound {label!r}", hint=f"labels: {', '.join(MACHINE_LABELS)}")
    built = Machine(np.random.default_rng([seed, machine]), sample_rate_hz)
    place = [seed, machine, MACHINE_LABELS.index(label), session]
    conditions = np.random.default_rng(place)
    speed, load = conditions.uniform(*difficulty.speed), _gain(conditions.uniform(*difficulty.load_db))
    moment = np.random.default_rng([*place, take])
    speed_hz = built.rotation_hz * speed * _drift(moment, samples, sample_rate_hz)
    sound = built.hum(moment, speed_hz, load)
    if label != NORMAL_LABEL:
        sound = sound + _gain(fault_db) * unit_rms(FAULTS[label](built, moment, speed_hz))
    background = coloured_noise(moment, samples, NOISE_COLOURS[built.colour])
    sound = sound + _gain(moment.uniform(*difficulty.background_db)) * background
    # A peak would make faults that click quieter than normal sound, and level would tell them apart: the hum's RMS sets the gain.
    return to_int16(np.clip(sound * _gain(moment.uniform(*difficulty.level_db)) * _HUM_RMS, -1.0, 1.0))


def unit_rms(signal: Signal) -> Signal:
    """Return `signal` scaled to RMS 1; silence stays silent."""
    return np.asarray(signal / (np.sqrt(np.mean(signal * signal)) + 1e-12))


def _drift(rng: np.random.Generator, samples: int, sample_rate_hz: int) -> Signal:
    """Return the factor by which speed wanders within a clip: slowly, by up to one in a hundred."""
    seconds = np.arange(samples) / sample_rate_hz
    return np.asarray(1.0 + 0.005 * np.sin(2.0 * np.pi * (rng.uniform(0.05, 0.3) * seconds + rng.uniform())) + rng.uniform(-0.005, 0.005))


def _gain(decibels: float) -> float:
    return float(10.0 ** (decibels / 20.0))
