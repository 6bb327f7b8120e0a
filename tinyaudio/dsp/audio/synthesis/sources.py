"""The six sound events, dry: each a function of random numbers to float64[samples].

A *source* is one instrument (this siren, that door): its constructor draws what stays the same over all clips of a
recording, and its `play` draws what changes from clip to clip. Levels are arbitrary here; `scenes` sets them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import numpy as np
import numpy.typing as npt

Signal = npt.NDArray[np.float64]


class Source(Protocol):
    """Something that sounds."""

    def play(self, rng: np.random.Generator, samples: int) -> Signal:
        """Return one performance, float64[samples]."""


def oscillator(frequency_hz: Signal, *, sample_rate_hz: int) -> Signal:
    """Return the phase, in radians, of an oscillator that follows `frequency_hz`, float64[samples]."""
    return 2.0 * np.pi * np.cumsum(frequency_hz) / sample_rate_hz


def resonator(signal: Signal, frequency_hz: float, decay_seconds: float, *, sample_rate_hz: int) -> Signal:
    """Filter `signal` by one mode: a two-pole resonator whose ringing falls to 1/e in `decay_seconds`.

    The poles are at ``exp(-1 / (decay * rate)) * exp(+-2j * pi * frequency / rate)``.
    """
    from scipy.signal import lfilter  # a slow import that only synthesis needs

    radius = np.exp(-1.0 / (decay_seconds * sample_rate_hz))
    angle = 2.0 * np.pi * frequency_hz / sample_rate_hz
    return np.asarray(lfilter([1.0 - radius], [1.0, -2.0 * radius * np.cos(angle), radius * radius], signal))


def fade(length_samples: int, edge_samples: int) -> Signal:
    """Return an envelope, float64[length], with raised-cosine edges, so that nothing clicks."""
    edge = max(1, min(edge_samples, length_samples // 2))
    ramp = 0.5 - 0.5 * np.cos(np.pi * (np.arange(edge) + 0.5) / edge)
    envelope = np.ones(length_samples)
    envelope[:edge] = ramp
    envelope[length_samples - edge :] = ramp[::-1]
    return envelope


def add_at(target: Signal, start: int, part: Signal) -> None:
    """Add `part` to `target` from `start` on, in place; what reaches over the end is dropped."""
    if start < target.size:
        stop = min(target.size, start + part.size)
        target[start:stop] += part[: stop - start]


class Siren:
    """An emergency vehicle: wail (slow sweep), yelp (fast sweep) or two alternating tones, through a saturated horn."""

    def __init__(self, rng: np.random.Generator, sample_rate_hz: int) -> None:
        self.rate = sample_rate_hz
        self.kind = rng.choice(["wail", "yelp", "two_tone"])
        self.low_hz = rng.uniform(420.0, 750.0)
        self.ratio = rng.uniform(1.3, 1.45) if self.kind == "two_tone" else rng.uniform(1.7, 2.4)
        self.sweeps_hz = {"wail": rng.uniform(0.25, 0.6), "yelp": rng.uniform(2.2, 4.0), "two_tone": rng.uniform(0.7, 1.2)}[str(self.kind)]
        self.drive = rng.uniform(1.0, 4.0)

    def play(self, rng: np.random.Generator, samples: int) -> Signal:
        """Sound throughout, starting anywhere in the sweep, with the slow Doppler drift of a passing car."""
        seconds = np.arange(samples) / self.rate
        sweep = np.sin(2.0 * np.pi * (self.sweeps_hz * seconds + rng.uniform()))
        if self.kind == "two_tone":
            sweep = np.tanh(25.0 * sweep)
        doppler = 1.0 + rng.uniform(-0.02, 0.02) + rng.uniform(-0.02, 0.02) * seconds
        frequency = self.low_hz * self.ratio ** (0.5 + 0.5 * sweep) * doppler
        return np.tanh(self.drive * np.sin(oscillator(frequency, sample_rate_hz=self.rate)))


class Alarm:
    """An electronic beeper: short steady beeps in groups with pauses."""

    def __init__(self, rng: np.random.Generator, sample_rate_hz: int) -> None:
        self.rate = sample_rate_hz
        self.tone_hz = rng.uniform(900.0, 3_400.0)
        self.beep_seconds = rng.uniform(0.06, 0.22)
        self.gap_seconds = self.beep_seconds * rng.uniform(0.5, 1.2)
        self.group = int(rng.integers(2, 7))
        self.pause_seconds = rng.uniform(0.25, 0.7)
        self.dullness = rng.uniform(1.0, 3.5)  # exponent by which the odd harmonics fall

    def play(self, rng: np.random.Generator, samples: int) -> Signal:
        """Beep from the start on, the first group being cut anywhere."""
        result = np.zeros(samples)
        beep = int(self.beep_seconds * self.rate)
        phase = 2.0 * np.pi * self.tone_hz * np.arange(beep) / self.rate
        orders = [order for order in (1, 3, 5, 7) if order * self.tone_hz < 0.46 * self.rate]
        tone = sum(np.sin(order * phase) / order**self.dullness for order in orders) * fade(beep, int(0.004 * self.rate))
        index, position = int(rng.integers(self.group)), rng.uniform(0.0, 0.3)
        while position * self.rate < samples:
            add_at(result, int(position * self.rate), tone)
            index += 1
            position += self.beep_seconds + self.gap_seconds + (self.pause_seconds if index % self.group == 0 else 0.0)
        return result


class Knocking:
    """Knuckles on wood: bursts of short thuds, each a click that excites a few low modes."""

    def __init__(self, rng: np.random.Generator, sample_rate_hz: int) -> None:
        self.rate = sample_rate_hz
        self.modes_hz = np.sort(rng.uniform(110.0, 1_100.0, size=5))
        self.decays_seconds = rng.uniform(0.008, 0.045, size=5)
        self.gains = rng.uniform(0.3, 1.0, size=5)
        self.spacing_seconds = rng.uniform(0.13, 0.3)
        self.hardness = rng.uniform(0.02, 0.25)

    def play(self, rng: np.random.Generator, samples: int) -> Signal:
        """Knock in bursts of three to six, with a human's uneven timing and force."""
        strikes = np.zeros(samples)
        position = rng.uniform(0.05, 0.35)
        while position * self.rate < samples:
            for _ in range(int(rng.integers(3, 7))):
                burst = int(0.003 * self.rate)
                add_at(strikes, int(position * self.rate), rng.uniform(0.5, 1.0) * rng.normal(size=burst) * np.hanning(burst))
                position += self.spacing_seconds * rng.uniform(0.85, 1.15)
            position += rng.uniform(0.25, 0.6)
        body = sum(
            gain * resonator(strikes, mode, decay, sample_rate_hz=self.rate)
            for gain, mode, decay in zip(self.gains, self.modes_hz, self.decays_seconds, strict=True)
        )
        thud: Signal = np.asarray(body) / (np.abs(body).max() + 1e-9)
        click: Signal = self.hardness * strikes / (np.abs(strikes).max() + 1e-9)
        return np.add(thud, click)


class Engine:
    """An idling or pulling engine: firing pulses with jitter, a rough load cycle, exhaust resonances and hiss."""

    def __init__(self, rng: np.random.Generator, sample_rate_hz: int) -> None:
        self.rate = sample_rate_hz
        self.firing_hz = rng.uniform(22.0, 95.0)
        self.resonances_hz = rng.uniform(90.0, 1_400.0, size=4)
        self.cylinders = rng.uniform(0.5, 1.0, size=int(rng.integers(2, 7)))
        self.hiss = rng.uniform(0.02, 0.25)

    def play(self, rng: np.random.Generator, samples: int) -> Signal:
        """Run throughout, the speed wandering by up to a tenth."""
        seconds = np.arange(samples) / self.rate
        wander = 1.0 + rng.uniform(0.01, 0.1) * np.sin(2.0 * np.pi * (rng.uniform(0.1, 0.6) * seconds + rng.uniform()))
        cycles = np.cumsum(self.firing_hz * wander) / self.rate
        firings = np.flatnonzero(np.diff(np.floor(cycles), prepend=0.0))
        pulses = np.zeros(samples)
        pulses[firings] = self.cylinders[np.arange(firings.size) % self.cylinders.size] * rng.uniform(0.8, 1.0, size=firings.size)
        rough = pulses + self.hiss * 0.05 * rng.normal(size=samples)
        exhaust: Signal = np.asarray(sum(resonator(rough, mode, 0.006, sample_rate_hz=self.rate) for mode in self.resonances_hz))
        thump = resonator(pulses, 1.5 * self.firing_hz, 0.02, sample_rate_hz=self.rate)
        sound: Signal = exhaust / (exhaust.std() + 1e-12) + 0.3 * thump / (thump.std() + 1e-12)
        return sound


class BreakingGlass:
    """A pane that bursts: an impact, then dozens of ringing shards that fall and thin out."""

    def __init__(self, rng: np.random.Generator, sample_rate_hz: int) -> None:
        self.rate = sample_rate_hz
        self.brightness_hz = rng.uniform(2_300.0, 4_200.0)
        self.shards = int(rng.integers(35, 90))
        self.fall_seconds = rng.uniform(0.35, 0.9)

    def play(self, rng: np.random.Generator, samples: int) -> Signal:
        """Break once within the first fifth; some pieces are stepped on later."""
        result = np.zeros(samples)
        start = rng.uniform(0.02, 0.2) * samples / self.rate
        impact = int(0.05 * self.rate)
        add_at(result, int(start * self.rate), 1.5 * rng.normal(size=impact) * np.exp(-np.arange(impact) / (0.012 * self.rate)))
        falls = start + rng.exponential(self.fall_seconds, size=self.shards)
        end = samples / self.rate
        steps = rng.uniform(min(start + 0.8, end), end, size=self.shards // 4)
        for index, moment in enumerate(np.concatenate([falls, steps])):
            ringing = rng.uniform(0.015, 0.09)
            length = int(5.0 * ringing * self.rate)
            frequency = min(self.brightness_hz * np.exp(rng.normal(0.0, 0.35)), 0.46 * self.rate)
            time = np.arange(length) / self.rate
            partials = np.sin(2.0 * np.pi * frequency * time) + 0.5 * np.sin(2.0 * np.pi * min(1.51 * frequency, 0.47 * self.rate) * time)
            loudness = rng.uniform(0.15, 1.0) * (0.5 if index >= self.shards else 1.0)
            add_at(result, int(moment * self.rate), loudness * partials * np.exp(-time / ringing))
        return result


class Birdsong:
    """A small bird: phrases of fast frequency sweeps, some with a trill."""

    def __init__(self, rng: np.random.Generator, sample_rate_hz: int) -> None:
        self.rate = sample_rate_hz
        self.centre_hz = rng.uniform(2_300.0, 5_200.0)
        self.syllables = [
            (rng.uniform(0.03, 0.14), rng.uniform(-0.35, 0.35), rng.uniform(-0.25, 0.25), rng.choice([0.0, rng.uniform(18.0, 45.0)]))
            for _ in range(int(rng.integers(2, 5)))
        ]
        self.gap_seconds = rng.uniform(0.02, 0.12)

    def play(self, rng: np.random.Generator, samples: int) -> Signal:
        """Sing phrases of four to ten syllables with pauses between."""
        result = np.zeros(samples)
        position = rng.uniform(0.0, 0.3)
        while position * self.rate < samples:
            for index in range(int(rng.integers(4, 11))):
                chirp = self._syllable(rng, index)
                add_at(result, int(position * self.rate), chirp)
                position += chirp.size / self.rate + self.gap_seconds * rng.uniform(0.8, 1.3)
            position += rng.uniform(0.15, 0.5)
        return result

    def _syllable(self, rng: np.random.Generator, index: int) -> Signal:
        seconds, slope, bend, trill_hz = self.syllables[index % len(self.syllables)]
        length = int(seconds * rng.uniform(0.9, 1.1) * self.rate)
        time = np.linspace(-1.0, 1.0, length)
        octaves = slope * time + bend * (time * time - 0.33) + 0.08 * np.sin(2.0 * np.pi * trill_hz * np.arange(length) / self.rate)
        frequency = np.minimum(self.centre_hz * rng.uniform(0.97, 1.03) * 2.0**octaves, 0.46 * self.rate)
        return np.sin(oscillator(frequency, sample_rate_hz=self.rate)) * np.hanning(length) * rng.uniform(0.6, 1.0)


#: Label -> constructor of a source of that label.
SOURCES: dict[str, Callable[[np.random.Generator, int], Source]] = {
    "alarm": Alarm,
    "birdsong": Birdsong,
    "breaking_glass": BreakingGlass,
    "engine": Engine,
    "knocking": Knocking,
    "siren": Siren,
}
