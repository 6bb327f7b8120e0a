"""Read WAV and FLAC as int16 mono at one sample rate, and write WAV whole or not at all."""

from __future__ import annotations

import io
import re
import unicodedata
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeGuard

import numpy as np

from tinyaudio.core.artifacts import Float64Array, Int16Array
from tinyaudio.core.errors import AudioError
from tinyaudio.core.files import write_bytes_atomically

#: What to do with more than one channel: average them, or refuse the file.
ChannelPolicy = Literal["mix", "refuse"]

_FULL_SCALE = 32_768.0
_SAVE_AGAIN = "save it again as 16-bit WAV or FLAC, or leave it out"
_PROMISED = re.compile(r"^data : (\d+) \(should be (\d+)\)", re.MULTILINE)
_UNKNOWN_LENGTH_BYTES = 0x7FFF_0000  # ffmpeg and SoX write 0xffffffff, 0x7fffffff or a little less
_Decoded = Int16Array | Float64Array  # [samples, channels]; floating point has full scale = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Audio:
    """A sound file as the line uses it, and what had to be done to it."""

    pcm: Int16Array  # [samples], mono, at the wanted rate
    file_rate_hz: int  # as stored
    file_channels: int  # as stored
    file_samples: int  # per channel, as stored
    beyond_full_scale_samples: int  # samples of a floating-point file above 1.0 or below -1.0
    nan_samples: int  # samples of a floating-point file that are not finite; they count as 0
    missing_bytes: int  # of sound that the header of a WAV file promises and the file does not hold: it was cut off


def read_pcm(path: Path, *, sample_rate_hz: int, channels: ChannelPolicy = "mix") -> Int16Array:
    """Return the sound of the file `path` as int16[samples], mono, at `sample_rate_hz`; see `read_audio`."""
    return read_audio(path, sample_rate_hz=sample_rate_hz, channels=channels).pcm


def read_audio(path: Path, *, sample_rate_hz: int, channels: ChannelPolicy = "mix") -> Audio:
    """Read a WAV or FLAC file.

    A 16-bit mono file at `sample_rate_hz` passes bit by bit. Anything else becomes float64 with full scale = 1.0, is
    averaged over its channels, resampled by soxr (very high quality) and turned into int16 by `to_int16`.

    Parameters
    ----------
    path
        The file.
    sample_rate_hz
        Rate of the result.
    channels
        ``"mix"`` averages the channels, ``"refuse"`` raises on more than one.

    Raises
    ------
    AudioError
        If the file is missing, is not readable as audio, or has several channels and `channels` refuses them.
    """
    samples, rate_hz, missing_bytes = _decode(path)
    if samples.shape[1] > 1 and channels == "refuse":
        raise AudioError(
            f"{samples.shape[1]} channels, and the project refuses more than one",
            hint='mix it to mono, or set data.channels = "mix"',
            where=str(path),
        )
    pcm, beyond, not_finite = _convert(samples, rate_hz=rate_hz, sample_rate_hz=sample_rate_hz)
    return Audio(
        pcm=pcm,
        file_rate_hz=rate_hz,
        file_channels=samples.shape[1],
        file_samples=samples.shape[0],
        beyond_full_scale_samples=beyond,
        nan_samples=not_finite,
        missing_bytes=missing_bytes,
    )


def to_int16(samples: Float64Array) -> Int16Array:
    """Convert samples with full scale = 1.0 to int16: times 32768, rounded half to even, clipped to -32768 .. 32767."""
    return np.clip(np.rint(samples * _FULL_SCALE), -32_768, 32_767).astype(np.int16)


def write_wav(path: Path, pcm: Int16Array, *, sample_rate_hz: int) -> None:
    """Write int16[samples] as a mono 16-bit WAV file, whole or not at all.

    Raises
    ------
    StorageError
        If the disk refuses.
    """
    import soundfile

    buffer = io.BytesIO()
    soundfile.write(buffer, pcm, sample_rate_hz, format="WAV", subtype="PCM_16")
    write_bytes_atomically(path, buffer.getvalue())


def _decode(path: Path) -> tuple[_Decoded, int, int]:
    """Return [samples, channels], int16 if that is how the file stores them, else float64; the rate; and how many bytes are missing."""
    import soundfile

    _require_content(path)
    try:
        with soundfile.SoundFile(path) as sound:
            dtype: Literal["int16", "float64"] = "int16" if sound.subtype == "PCM_16" else "float64"
            return sound.read(dtype=dtype, always_2d=True), int(sound.samplerate), _missing_bytes(sound.extra_info)
    except (soundfile.SoundFileError, OSError, ValueError) as error:
        reason = str(error).replace(str(path), path.name).removeprefix(f"Error opening {path.name!r}: ").rstrip(".")
        raise AudioError(f"not readable as audio: {reason}", hint=_SAVE_AGAIN, where=str(path)) from error


def _missing_bytes(library_log: str) -> int:
    """Return how many bytes of sound a WAV file lacks by its own header, from what the library noted while it read the header.

    A length from 2 GiB on is what programs write that do not know it beforehand, such as those at the end of a pipe.
    """
    found = _PROMISED.search(library_log)
    promised, there = map(int, found.groups()) if found is not None else (0, 0)
    return max(0, promised - there) if promised < _UNKNOWN_LENGTH_BYTES else 0


def _require_content(path: Path) -> None:
    """Raise `AudioError` if `path` is no file, may not be read, or is empty: the library has one sentence for them all."""
    try:
        if path.is_fifo():
            raise AudioError("it is a pipe, which may never end", hint="save the sound in a file first", where=str(path))
        with path.open("rb") as file:
            is_empty = not file.read(1)
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError) as error:
        reason = "a link to a file that is not there" if path.is_symlink() else "a folder" if path.is_dir() else ""
        message = f"it is {reason}" if reason else f"there is no such file{_written_otherwise(path)}"
        raise AudioError(message, hint="mend the filename in the manifest, or put the file there", where=str(path)) from error
    except OSError as error:
        raise AudioError(f"cannot be read: {error.strerror or error}", hint="check its rights and those of its folder", where=str(path)) from error
    if is_empty:
        raise AudioError("not readable as audio: the file is empty (0 bytes)", hint="record or copy it again, or leave it out", where=str(path))


def _written_otherwise(path: Path) -> str:
    """Return that a file is there whose name differs in what one hardly sees: accents coded otherwise (macOS), or the ending's case."""
    for form in ("NFC", "NFD"):
        name = unicodedata.normalize(form, path.name)
        if name != path.name and path.with_name(name).exists():
            return f", but one whose accents are coded otherwise ({form}): list it under that name"
    for suffix in (path.suffix.lower(), path.suffix.upper()):
        if suffix != path.suffix and path.with_suffix(suffix).exists():
            return f"; did you mean {path.with_suffix(suffix).name!r}?"
    return ""


def _convert(samples: _Decoded, *, rate_hz: int, sample_rate_hz: int) -> tuple[Int16Array, int, int]:
    """Return the samples as mono int16 at the wanted rate, how many were beyond full scale, and how many not finite."""
    import soxr

    if _is_int16(samples):
        if samples.shape[1] == 1 and rate_hz == sample_rate_hz:
            return samples[:, 0], 0, 0
        floating, beyond, not_finite = samples / _FULL_SCALE, 0, 0
    else:
        floating = np.nan_to_num(samples.astype(np.float64), nan=0.0, posinf=0.0, neginf=0.0)
        beyond, not_finite = int(np.count_nonzero(np.abs(floating) > 1.0)), int(np.count_nonzero(~np.isfinite(samples)))
    mono = floating.mean(axis=1)
    if rate_hz != sample_rate_hz and mono.size:
        mono = soxr.resample(mono, rate_hz, sample_rate_hz, quality="VHQ")
    return to_int16(mono), beyond, not_finite


def _is_int16(samples: _Decoded) -> TypeGuard[Int16Array]:
    return samples.dtype == np.int16
