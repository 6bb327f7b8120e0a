"""Recordings of another site: a folder of normal sound, without a manifest."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from tinyaudio.core.artifacts import Clip, Dataset
from tinyaudio.core.project import Project
from tinyaudio.dsp.audio import read_pcm, sound_files
from tinyaudio.learn.dataset.checks import inspect_clip
from tinyaudio.learn.dataset.features import ClipReader
from tinyaudio.learn.dataset.manifest import Problem, Row


def read_site(folder: Path, project: Project) -> tuple[Dataset, tuple[Problem, ...]]:
    """Return the usable recordings in `folder` and below, as normal clips of the validation split, and what is wrong with them.

    A recording with an error (silence, shorter than a patch, not readable) is not among the clips.

    Raises
    ------
    InputError
        If there is no WAV or FLAC file.
    """
    label = project.anomaly.normal[0]
    clips: list[Clip] = []
    problems: list[Problem] = []
    for number, path in enumerate(sound_files(folder), start=1):
        name = path.relative_to(folder).as_posix()
        clip, found = inspect_clip(folder, Row(number=number, filename=name, label=label, group=name, split_value=None), "validation", project)
        problems += [dataclasses.replace(problem, row=None) for problem in found]
        if clip is not None and not any(problem.severity == "error" for problem in found):
            clips.append(clip)
    dataset = Dataset(labels=(label,), sample_rate_hz=project.frontend.sample_rate_hz, clips=tuple(clips))
    return dataset, tuple(problems)


def site_reader(folder: Path, project: Project) -> ClipReader:
    """Return a function from a clip of `read_site` to its int16 samples."""
    return lambda clip: read_pcm(folder / clip.filename, sample_rate_hz=project.frontend.sample_rate_hz, channels=project.data.channels)
