"""Reading and writing sound files: exactness, conversion, and what is refused."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import soundfile

from tinyaudio.core.errors import AudioError, StorageError
from tinyaudio.dsp.audio import read_audio, read_pcm, write_wav
from tinyaudio.dsp.audio.files import to_int16

RATE = 16_000


def noise(samples: int, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).integers(-32_768, 32_768, size=samples).astype(np.int16)


@pytest.mark.parametrize(("suffix", "subtype"), [("wav", "PCM_16"), ("flac", "PCM_16")])
def test_sixteen_bit_mono_passes_bit_by_bit(tmp_path: Path, suffix: str, subtype: str) -> None:
    pcm = noise(5_000)
    soundfile.write(tmp_path / f"a.{suffix}", pcm, RATE, subtype=subtype)
    assert np.array_equal(read_pcm(tmp_path / f"a.{suffix}", sample_rate_hz=RATE), pcm)


def test_write_wav_round_trips_and_is_the_same_every_time(tmp_path: Path) -> None:
    pcm = noise(1_000)
    for name in ("a.wav", "b.wav"):
        write_wav(tmp_path / name, pcm, sample_rate_hz=RATE)
    assert (tmp_path / "a.wav").read_bytes() == (tmp_path / "b.wav").read_bytes()
    assert np.array_equal(read_pcm(tmp_path / "a.wav", sample_rate_hz=RATE), pcm)


def test_write_wav_leaves_nothing_half_written(tmp_path: Path) -> None:
    (tmp_path / "a.wav").mkdir()  # the rename will fail
    with pytest.raises(StorageError):
        write_wav(tmp_path / "a.wav", noise(10), sample_rate_hz=RATE)
    assert [path.name for path in tmp_path.iterdir()] == ["a.wav"]


def test_rounding_is_half_to_even_and_clips() -> None:
    steps = np.array([0.5, 1.5, -0.5, 2.4, 40_000.0, -40_000.0, 32_767.4, -32_768.0])
    assert to_int16(steps / 32_768.0).tolist() == [0, 2, 0, 2, 32_767, -32_768, 32_767, -32_768]


def test_another_rate_is_resampled_to_the_same_tone(tmp_path: Path) -> None:
    time = np.arange(44_100) / 44_100
    soundfile.write(tmp_path / "a.wav", (10_000 * np.sin(2 * np.pi * 440 * time)).astype(np.int16), 44_100)
    audio = read_audio(tmp_path / "a.wav", sample_rate_hz=RATE)
    assert (audio.file_rate_hz, audio.pcm.size) == (44_100, 16_000)
    wanted = 10_000 * np.sin(2 * np.pi * 440 * np.arange(16_000) / RATE)
    assert np.abs(audio.pcm - wanted)[200:-200].max() < 2.0


def test_stereo_is_averaged_or_refused(tmp_path: Path) -> None:
    left, right = noise(1_000, 1), noise(1_000, 2)
    soundfile.write(tmp_path / "a.wav", np.stack([left, right], axis=1), RATE)
    audio = read_audio(tmp_path / "a.wav", sample_rate_hz=RATE)
    assert audio.file_channels == 2
    assert np.array_equal(audio.pcm, np.rint((left.astype(float) + right) / 2).astype(np.int16))
    with pytest.raises(AudioError, match="2 channels") as caught:
        read_pcm(tmp_path / "a.wav", sample_rate_hz=RATE, channels="refuse")
    assert caught.value.where.endswith("a.wav")


def test_floating_point_beyond_full_scale_and_nan_are_counted(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", np.array([0.0, 1.5, -2.0, np.nan, np.inf, 0.5], np.float32), RATE, subtype="FLOAT")
    audio = read_audio(tmp_path / "a.wav", sample_rate_hz=RATE)
    assert (audio.beyond_full_scale_samples, audio.nan_samples) == (2, 2)
    assert audio.pcm.tolist() == [0, 32_767, -32_768, 0, 0, 16_384]


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.wav")
    with pytest.raises(AudioError, match="it is a pipe"):
        read_audio(tmp_path / "pipe.wav", sample_rate_hz=16_000)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(AudioError, match="no such file") as caught:
        read_pcm(tmp_path / "gone.wav", sample_rate_hz=RATE)
    assert caught.value.where.endswith("gone.wav")


@pytest.mark.parametrize("content", [b"", b"RIFF\x00\x00", b"not audio at all" * 100])
def test_a_corrupt_file_is_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "bad.wav").write_bytes(content)
    with pytest.raises(AudioError, match="not readable as audio") as caught:
        read_pcm(tmp_path / "bad.wav", sample_rate_hz=RATE)
    assert caught.value.where.endswith("bad.wav")
    assert str(tmp_path) not in caught.value.message


@pytest.mark.parametrize("length", [0xFFFF_FFFF, 0x7FFF_FFFF, 0x7FFF_F000])
def test_a_length_that_was_not_known_when_it_was_written_is_no_loss(tmp_path: Path, length: int) -> None:
    path = tmp_path / "piped.wav"
    write_wav(path, np.arange(100, dtype=np.int16), sample_rate_hz=16_000)
    data = bytearray(path.read_bytes())
    data[40:44] = length.to_bytes(4, "little")
    path.write_bytes(data)
    audio = read_audio(path, sample_rate_hz=16_000)
    assert (audio.missing_bytes, audio.pcm.size) == (0, 100)
