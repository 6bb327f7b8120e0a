"""The synthetic set: deterministic, varied, and its classes are what they say."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from tinyaudio.core.errors import InputError
from tinyaudio.dsp.audio import SYNTHETIC_LABELS, Difficulty, SyntheticSet, read_pcm, synthesize_clip, synthesize_set
from tinyaudio.dsp.audio.synthesis.scenes import NOISE_COLOURS, coloured_noise
from tinyaudio.dsp.audio.synthesis.sources import SOURCES

RATE = 16_000
SMALL = SyntheticSet(labels=("alarm", "engine"), train_recordings=2, validation_recordings=1, test_recordings=1, takes=2, clip_samples=4_000)


def dry(label: str, recording: int, samples: int = 40_000) -> NDArray[np.float64]:
    rng = np.random.default_rng([5, recording])
    return SOURCES[label](rng, RATE).play(rng, samples)


def band_share(signal: NDArray[np.float64], low_hz: float, high_hz: float) -> float:
    power = np.abs(np.fft.rfft(signal)) ** 2
    frequency = np.fft.rfftfreq(signal.size, 1 / RATE)
    return float(power[(frequency >= low_hz) & (frequency < high_hz)].sum() / power.sum())


def loud_share(signal: NDArray[np.float64]) -> float:
    """Share of 10 ms frames within 20 dB of the loudest."""
    level = (signal[: signal.size // 160 * 160].reshape(-1, 160) ** 2).mean(axis=1)
    return float((level > level.max() / 100).mean())


def test_there_are_six_labels() -> None:
    assert SYNTHETIC_LABELS == ("alarm", "birdsong", "breaking_glass", "engine", "knocking", "siren")


@pytest.mark.parametrize("label", SYNTHETIC_LABELS)
def test_a_clip_is_a_pure_function_of_its_numbers(label: str) -> None:
    clip = synthesize_clip(label, seed=1, recording=2, take=0, samples=16_000)
    assert clip.dtype == np.int16
    assert clip.shape == (16_000,)
    assert np.array_equal(clip, synthesize_clip(label, seed=1, recording=2, take=0, samples=16_000))
    for seed, recording, take in ((2, 2, 0), (1, 3, 0), (1, 2, 1)):
        assert not np.array_equal(clip, synthesize_clip(label, seed=seed, recording=recording, take=take, samples=16_000))


@pytest.mark.parametrize("label", SYNTHETIC_LABELS)
def test_levels_vary_and_nothing_clips(label: str) -> None:
    peaks = [int(np.abs(synthesize_clip(label, seed=1, recording=n, take=0, samples=20_000).astype(int)).max()) for n in range(12)]
    assert max(peaks) < 32_767
    assert 20 * np.log10(max(peaks) / min(peaks)) > 12


@pytest.mark.parametrize("label", SYNTHETIC_LABELS)
@pytest.mark.parametrize("samples", [1, 100, 3_000])
def test_short_clips_are_synthesized_too(label: str, samples: int) -> None:
    for recording in range(5):
        assert synthesize_clip(label, seed=1, recording=recording, take=0, samples=samples).shape == (samples,)


def test_difficulty_is_noise_in_the_pauses() -> None:
    easy, hard = (Difficulty(snr_db=(snr, snr), distractor_share=0.0, peak_dbfs=(-6.0, -6.0), echo_seconds=(0.1, 0.1)) for snr in (40.0, 0.0))
    quiet, noisy = (synthesize_clip("knocking", seed=1, recording=0, take=0, samples=40_000, difficulty=level) for level in (easy, hard))
    assert loud_share(quiet.astype(float)) < 0.5 < loud_share(noisy.astype(float))


@pytest.mark.parametrize("recording", range(4))
def test_the_sounds_are_what_they_say(recording: int) -> None:
    assert band_share(dry("engine", recording), 0, 1_600) > 0.9
    assert band_share(dry("knocking", recording), 80, 1_500) > 0.6
    assert band_share(dry("birdsong", recording), 1_300, 7_500) > 0.95
    assert band_share(dry("breaking_glass", recording), 1_000, 8_000) > 0.8
    assert band_share(dry("siren", recording), 300, 4_000) > 0.9
    assert loud_share(dry("siren", recording)) > 0.95  # throughout
    assert 0.1 < loud_share(dry("alarm", recording)) < 0.9  # on and off
    assert loud_share(dry("knocking", recording)) < 0.7


@pytest.mark.parametrize(("colour", "exponent"), NOISE_COLOURS.items())
def test_noise_has_its_colour(colour: str, exponent: float) -> None:
    noise = coloured_noise(np.random.default_rng(1), 2**17, exponent)
    assert np.sqrt(np.mean(noise**2)) == pytest.approx(1.0)
    octave_ratio = band_share(noise, 2_000, 4_000) / band_share(noise, 1_000, 2_000)
    assert np.log2(octave_ratio) == pytest.approx(1.0 + exponent, abs=0.1)


def test_an_unknown_label_is_refused() -> None:
    with pytest.raises(InputError, match="no synthetic sound 'cat'"):
        synthesize_clip("cat", seed=1, recording=0, take=0, samples=100)


def test_the_set_is_written_with_its_manifest(tmp_path: Path) -> None:
    progress: list[tuple[int, int]] = []
    manifest = synthesize_set(tmp_path, SMALL, on_progress=lambda done, total: progress.append((done, total)))
    rows = list(csv.DictReader(manifest.open(encoding="utf-8")))
    assert len(rows) == 2 * 4 * 2
    assert progress[-1] == (16, 16)
    splits_by_group: dict[str, set[str]] = {}
    for row in rows:
        splits_by_group.setdefault(row["group"], set()).add(row["split"])
        assert read_pcm(tmp_path / row["filename"], sample_rate_hz=RATE).size == 4_000
    assert all(len(splits) == 1 for splits in splits_by_group.values())
    assert {split for splits in splits_by_group.values() for split in splits} == {"train", "validation", "test"}


def test_a_second_call_writes_nothing_and_another_plan_writes_anew(tmp_path: Path) -> None:
    manifest = synthesize_set(tmp_path, SMALL)
    wav = tmp_path / "audio" / "alarm_000_0.wav"
    before = (wav.stat().st_mtime_ns, manifest.read_bytes(), wav.read_bytes())
    synthesize_set(tmp_path, SMALL)
    assert (wav.stat().st_mtime_ns, manifest.read_bytes(), wav.read_bytes()) == before
    synthesize_set(
        tmp_path, SyntheticSet(labels=SMALL.labels, seed=9, train_recordings=2, validation_recordings=1, test_recordings=1, clip_samples=4_000)
    )
    assert wav.read_bytes() != before[2]


def test_a_missing_file_of_the_set_is_written_again(tmp_path: Path) -> None:
    synthesize_set(tmp_path, SMALL)
    wav = tmp_path / "audio" / "engine_001_1.wav"
    content = wav.read_bytes()
    wav.unlink()
    synthesize_set(tmp_path, SMALL)
    assert wav.read_bytes() == content


def test_an_empty_plan_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="would be empty"):
        synthesize_set(tmp_path, SyntheticSet(labels=()))
    assert not any(tmp_path.iterdir())
