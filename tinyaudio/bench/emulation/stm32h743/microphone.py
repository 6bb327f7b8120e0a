"""What the emulated microphone hears: a WAV, and silence behind it."""

from __future__ import annotations

import wave
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tinyaudio.core.errors import AudioError


class Microphone:
    """Samples in order, from the first whenever the interface is switched on.

    Attributes
    ----------
    sample_rate_hz
        Of the WAV; ``None`` without one.
    """

    def __init__(self, path: Path | None) -> None:
        self.sample_rate_hz: int | None = None
        self._samples: NDArray[np.int16] = np.zeros(0, np.int16)
        self._position = 0
        if path is not None:
            self._samples, self.sample_rate_hz = _read(path)

    @property
    def is_silent(self) -> bool:
        """Whether all that was to be heard has been."""
        return self._position >= len(self._samples)

    def rewind(self) -> None:
        """Begin again."""
        self._position = 0

    def take(self, count: int) -> NDArray[np.int16]:
        """Return the next `count` samples, int16."""
        heard = self._samples[self._position : self._position + count]
        self._position += len(heard)
        return heard if len(heard) == count else np.concatenate([heard, np.zeros(count - len(heard), np.int16)])


def _read(path: Path) -> tuple[NDArray[np.int16], int]:
    try:
        with wave.open(str(path), "rb") as stream:
            if stream.getnchannels() != 1 or stream.getsampwidth() != 2:
                raise AudioError(
                    "the microphone hears one channel of 16 bits", hint="convert it: ffmpeg -i in.wav -ac 1 -sample_fmt s16 out.wav", where=str(path)
                )
            return np.frombuffer(stream.readframes(stream.getnframes()), "<i2"), stream.getframerate()
    except (OSError, EOFError, wave.Error) as error:
        raise AudioError(f"cannot be read: {error}", hint="give a WAV file of one channel and 16 bits", where=str(path)) from error
