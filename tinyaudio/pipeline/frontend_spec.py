"""Which front end the user means, and pictures of it."""

from __future__ import annotations

from pathlib import Path

from tinyaudio.core.errors import InputError, SpecError
from tinyaudio.core.presets import DEFAULT_PRESET, load_preset
from tinyaudio.core.project import load_project
from tinyaudio.core.spec import FrontendSpec, KernelId
from tinyaudio.dsp.audio import read_pcm
from tinyaudio.dsp.frontend import design_frontend
from tinyaudio.dsp.frontend.kernels import KERNELS
from tinyaudio.dsp.frontend.signals import speech_like
from tinyaudio.report import write_frontend_pictures

_SYNTHETIC_SECONDS = 2.0
_SYNTHETIC_DBFS = -12.0


def choose_spec(*, preset: str | None, project: Path | None) -> tuple[str, FrontendSpec]:
    """Return the name and the front end of a preset, of a project, or of the default preset.

    Raises
    ------
    InputError
        If both are given.
    SpecError
        If there is no such preset.
    ProjectError
        If there is no ``tinyaudio.toml`` in `project`, or it is wrong.
    """
    if preset is not None and project is not None:
        raise InputError("a preset and a project are two front ends", hint="leave one of --preset and --project out", where="--preset")
    if project is not None:
        loaded = load_project(project)
        return loaded.name, loaded.frontend
    name = DEFAULT_PRESET if preset is None else preset
    return name, load_preset(name)


def known_kernel(name: str, *, where: str) -> KernelId:
    """Return the FFT kernel `name`; `where` is the option that names it.

    Raises
    ------
    SpecError
        If there is no such kernel.
    """
    for kernel in KERNELS:
        if kernel == name:
            return kernel
    raise SpecError(f"there is no FFT kernel {name!r}", hint=f"kernels: {', '.join(KERNELS)}", where=where)


def show_frontend(spec: FrontendSpec, *, kernel: str, clip: Path | None, directory: Path) -> tuple[Path, ...]:
    """Draw the front end and what it makes of `clip` (a synthetic voice if None) as PNG files; return their paths.

    Raises
    ------
    SpecError
        If there is no such kernel, or it cannot compute the spec.
    AudioError
        If the clip cannot be read.
    InputError
        If the clip is shorter than a window.
    """
    tables = design_frontend(spec, kernel=known_kernel(kernel, where="--kernel"))
    if clip is None:
        samples = round(_SYNTHETIC_SECONDS * spec.sample_rate_hz)
        pcm, name = speech_like(samples, dbfs=_SYNTHETIC_DBFS, sample_rate_hz=spec.sample_rate_hz), "synthetic voice"
    else:
        pcm, name = read_pcm(clip, sample_rate_hz=spec.sample_rate_hz), clip.name
    if spec.frames_of(len(pcm)) == 0:
        raise InputError(f"has {len(pcm)} samples, less than a window of {spec.window_samples}", hint="choose a longer recording", where=str(clip))
    return write_frontend_pictures(tables, pcm, directory=directory, clip_name=name)
