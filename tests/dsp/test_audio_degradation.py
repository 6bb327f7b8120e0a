"""Noise comes at the wanted level, gains are gains, the microphone has its response."""

from __future__ import annotations

import numpy as np
import pytest

from tinyaudio.core.errors import InputError
from tinyaudio.dsp.audio import USUAL_DEGRADATIONS, Degradation, degrade

RATE_HZ = 16_000
TONE = (8_000 * np.sin(2 * np.pi * 1_000 * np.arange(RATE_HZ) / RATE_HZ)).astype(np.int16)


def rms(samples: np.ndarray) -> float:
    return float(np.sqrt(np.mean(samples.astype(np.float64) ** 2)))


@pytest.mark.parametrize("snr_db", [20.0, 0.0])
def test_noise_comes_at_the_wanted_ratio_and_repeats(snr_db: float) -> None:
    noisy = degrade(TONE, Degradation(kind="noise", amount_db=snr_db), sample_rate_hz=RATE_HZ)
    assert 20 * np.log10(rms(TONE) / rms(noisy.astype(np.int32) - TONE)) == pytest.approx(snr_db, abs=0.1)
    assert np.array_equal(noisy, degrade(TONE, Degradation(kind="noise", amount_db=snr_db), sample_rate_hz=RATE_HZ))


def test_noise_is_pink() -> None:
    silence_and_click = np.zeros(RATE_HZ * 4, np.int16)
    silence_and_click[:RATE_HZ] = TONE
    noise = degrade(silence_and_click, Degradation(kind="noise", amount_db=0.0), sample_rate_hz=RATE_HZ)[RATE_HZ:]
    power = np.abs(np.fft.rfft(noise)) ** 2
    octaves = [power[low : 2 * low].sum() for low in (300, 1_200, 4_800)]
    assert max(octaves) / min(octaves) < 1.5


def test_levels_are_gains_and_clip() -> None:
    quieter = degrade(TONE, Degradation(kind="level", amount_db=-20.0), sample_rate_hz=RATE_HZ)
    assert rms(quieter) == pytest.approx(rms(TONE) / 10, rel=1e-3)
    assert degrade(TONE, Degradation(kind="level", amount_db=40.0), sample_rate_hz=RATE_HZ).max() == 32_767


@pytest.mark.parametrize(("frequency_hz", "gain_db"), [(100, -12.0), (1_000, 0.0), (6_000, -6.0)])
def test_the_microphone_has_its_response(frequency_hz: int, gain_db: float) -> None:
    tone = (8_000 * np.sin(2 * np.pi * frequency_hz * np.arange(RATE_HZ) / RATE_HZ)).astype(np.int16)
    heard = degrade(tone, Degradation(kind="microphone"), sample_rate_hz=RATE_HZ)
    assert 20 * np.log10(rms(heard) / rms(tone)) == pytest.approx(gain_db, abs=0.1)


def test_nothing_cannot_be_degraded() -> None:
    with pytest.raises(InputError):
        degrade(np.array([], np.int16), Degradation(kind="microphone"), sample_rate_hz=RATE_HZ)


def test_every_usual_one_has_words_and_bears_silence_and_one_sample() -> None:
    assert len({degradation.describe() for degradation in USUAL_DEGRADATIONS}) == len(USUAL_DEGRADATIONS)
    for degradation in USUAL_DEGRADATIONS:
        assert not degrade(np.zeros(100, np.int16), degradation, sample_rate_hz=RATE_HZ).any()
        assert degrade(np.ones(1, np.int16), degradation, sample_rate_hz=RATE_HZ).size == 1
