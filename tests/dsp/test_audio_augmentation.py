"""Random changes of recordings repeat with their seed and are recorded."""

from __future__ import annotations

import json
import random
import sys
from pathlib import Path

import numpy as np
import pytest

from tinyaudio.core.errors import InputError, ToolError
from tinyaudio.core.project import AudioTable
from tinyaudio.dsp.audio import AudioAugmenter, sound_files, write_wav

RATE_HZ = 16_000
PCM = (4_000 * np.sin(np.arange(RATE_HZ) / 9) * np.hanning(RATE_HZ)).astype(np.int16)


def test_without_the_library_it_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "audiomentations", None)
    with pytest.raises(ToolError) as caught:
        AudioAugmenter(AudioTable(versions=1), directory=tmp_path, sample_rate_hz=RATE_HZ)
    assert "tinyaudio[augment]" in caught.value.hint


def test_a_folder_without_sounds_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no WAV or FLAC"):
        sound_files(tmp_path)


@pytest.fixture
def library() -> None:
    pytest.importorskip("audiomentations", reason='pip install "tinyaudio[augment]"')


@pytest.mark.usefixtures("library")
def test_copies_repeat_with_their_seed_and_leave_the_global_generators_alone(tmp_path: Path) -> None:
    augmenter = AudioAugmenter(AudioTable(), directory=tmp_path, sample_rate_hz=RATE_HZ)
    random.seed(5)
    before = random.getstate()
    copies = [augmenter.augment(PCM, seed=seed) for seed in (1, 1, 2)]
    assert random.getstate() == before
    np.testing.assert_array_equal(copies[0][0], copies[1][0])
    assert copies[0][1] == copies[1][1]
    assert not np.array_equal(copies[0][0], copies[2][0])
    assert all(copy.shape == PCM.shape and copy.dtype == np.int16 for copy, _ in copies)


@pytest.mark.usefixtures("library")
def test_what_was_drawn_is_told_and_stays_within_the_settings(tmp_path: Path) -> None:
    table = AudioTable(gain_db=3.0, shift_seconds=0.0, pitch_semitones=0.0, stretch=0.0, microphone_db=0.0, noise_snr_db=60.0)
    augmenter = AudioAugmenter(table, directory=tmp_path, sample_rate_hz=RATE_HZ)
    drawn = [json.loads(augmenter.augment(PCM, seed=seed)[1]) for seed in range(20)]
    names = {name for draw in drawn for name in draw}
    assert names == {"AddColorNoise", "Gain"}
    gains = [draw["Gain"]["amplitude_ratio"] for draw in drawn if "Gain" in draw]
    assert 10 ** (-3 / 20) <= min(gains) < max(gains) <= 10 ** (3 / 20)


@pytest.mark.usefixtures("library")
def test_noise_and_rooms_come_from_folders(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    for folder in ("street", "rooms"):
        (tmp_path / folder).mkdir()
        write_wav(tmp_path / folder / "one.wav", rng.normal(0, 2_000, size=RATE_HZ * 2).astype(np.int16), sample_rate_hz=RATE_HZ)
    table = AudioTable(backgrounds="street", rooms="rooms")
    augmenter = AudioAugmenter(table, directory=tmp_path, sample_rate_hz=RATE_HZ)
    text = " ".join(augmenter.augment(PCM, seed=seed)[1] for seed in range(12))
    assert "AddBackgroundNoise" in text
    assert "ApplyImpulseResponse" in text
    assert "one.wav" in text
    assert str(tmp_path) not in text
