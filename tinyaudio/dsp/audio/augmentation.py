"""Random changes of recordings for training: noise, level, shift, pitch, speed, room, microphone (audiomentations)."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from tinyaudio.core.artifacts import Int16Array
from tinyaudio.core.errors import InputError, ToolError
from tinyaudio.core.project import AudioTable
from tinyaudio.dsp.audio.files import to_int16

_FULL_SCALE = 32_768.0
_SNR_SPAN_DB = 25.0
_OFTEN, _SELDOM = 0.7, 0.4  # chance of a change that is cheap for the ear, and of one that alters the sound's character
_SUFFIXES = (".wav", ".flac")


class AudioAugmenter:
    """Changes recordings as ``[train.audio]`` says.

    Parameters
    ----------
    table
        What to change by how much.
    directory
        What its folders are relative to.
    sample_rate_hz
        Of the recordings.

    Raises
    ------
    ToolError
        If audiomentations is not installed.
    InputError
        If a folder has no sound file.
    """

    def __init__(self, table: AudioTable, *, directory: Path, sample_rate_hz: int) -> None:
        try:
            import audiomentations
        except ImportError as error:
            raise ToolError(
                "audiomentations is not installed, and train.audio needs it", hint='pip install "tinyaudio[augment]"', where="train.audio"
            ) from error
        self._sample_rate_hz = sample_rate_hz
        self._transforms = list(_transforms(audiomentations, table, directory))

    def augment(self, pcm: Int16Array, *, seed: int) -> tuple[Int16Array, str]:
        """Return a changed copy of the same length, and what was drawn as JSON.

        Parameters
        ----------
        pcm
            int16[samples].
        seed
            The same seed and samples give the same copy.
        """
        samples = (pcm / _FULL_SCALE).astype(np.float32)
        draws: dict[str, Any] = {}
        with _seeded(seed):
            for transform in self._transforms:
                samples = transform(samples, sample_rate=self._sample_rate_hz)
                if transform.parameters["should_apply"]:
                    told = {name: _plain(value) for name, value in transform.parameters.items() if name != "should_apply"}
                    draws[type(transform).__name__] = told
        return to_int16(samples.astype(np.float64)), json.dumps(draws, sort_keys=True)


def sound_files(folder: Path) -> tuple[Path, ...]:
    """Return the WAV and FLAC files in `folder` and below, in order.

    Raises
    ------
    InputError
        If there is none.
    """
    found = tuple(sorted(path for path in folder.rglob("*") if path.suffix.lower() in _SUFFIXES))
    if not found:
        raise InputError("there is no WAV or FLAC file in this folder", hint="put recordings there, or mend the folder's name", where=str(folder))
    return found


def _transforms(library: Any, table: AudioTable, directory: Path) -> Iterator[Any]:
    """Yield the transforms in the order in which life applies them: the source, the room, other sounds, the microphone, the level."""
    if table.stretch:
        yield library.TimeStretch(min_rate=1.0 - table.stretch, max_rate=1.0 + table.stretch, p=_SELDOM)
    if table.pitch_semitones:
        yield library.PitchShift(min_semitones=-table.pitch_semitones, max_semitones=table.pitch_semitones, p=_SELDOM)
    if table.shift_seconds:
        yield library.Shift(min_shift=-table.shift_seconds, max_shift=table.shift_seconds, shift_unit="seconds", p=_OFTEN)
    if table.rooms:
        yield library.ApplyImpulseResponse(sound_files(directory / table.rooms), p=_SELDOM)
    snr_db = {"min_snr_db": table.noise_snr_db, "max_snr_db": table.noise_snr_db + _SNR_SPAN_DB}
    if table.backgrounds:
        yield library.AddBackgroundNoise(sound_files(directory / table.backgrounds), **snr_db, p=_OFTEN)
    else:
        yield library.AddColorNoise(**snr_db, p=_OFTEN)
    if table.microphone_db:
        yield library.SevenBandParametricEQ(min_gain_db=-table.microphone_db, max_gain_db=table.microphone_db, p=_SELDOM)
    if table.gain_db:
        yield library.Gain(min_gain_db=-table.gain_db, max_gain_db=table.gain_db, p=_OFTEN)


@contextmanager
def _seeded(seed: int) -> Iterator[None]:
    """Seed the two global generators that audiomentations draws from, and put them back afterwards."""
    states = random.getstate(), np.random.get_state()  # noqa: NPY002
    random.seed(seed)
    np.random.seed(seed % 2**32)  # noqa: NPY002
    try:
        yield
    finally:
        random.setstate(states[0])
        np.random.set_state(states[1])  # noqa: NPY002


def _plain(value: Any) -> Any:
    """Return a drawn value as JSON knows it; of a path only the name, which is the same on every machine."""
    if isinstance(value, Path) or (isinstance(value, str) and "/" in value):
        return Path(value).name
    if isinstance(value, np.generic):
        return value.item()
    return value if isinstance(value, bool | int | float | str) or value is None else str(value)
