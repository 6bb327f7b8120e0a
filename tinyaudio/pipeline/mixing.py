"""A data set of clips with several labels from one of clips with one: ``tinyaudio data mix``."""

from __future__ import annotations

import csv
import io
import math
from pathlib import Path
from typing import Any

import numpy as np

from tinyaudio.core.artifacts import Int16Array
from tinyaudio.core.errors import InputError
from tinyaudio.core.files import write_text_atomically
from tinyaudio.dsp.audio import read_pcm, write_wav
from tinyaudio.learn.dataset import Row, assign_splits, read_manifest
from tinyaudio.learn.dataset.mixing import MIXED_SEPARATOR, MixedClip, MixSettings, empty_clip, mix, plan_mixtures
from tinyaudio.pipeline.data import dataset_stage
from tinyaudio.pipeline.line import Line

__all__ = ["MixSettings", "mix_data"]

_MANIFEST, _AUDIO = "manifest.csv", "audio"


def mix_data(line: Line, directory: Path, settings: MixSettings) -> dict[str, Any]:
    """Write clips with two labels, one and none, and their manifest, into `directory`; what is there already is left as it is.

    Clips that the project uses in no split are not used here either. The splits of a manifest that has them stay.

    Returns
    -------
    {"manifest", "clips", "labels": {number of labels: clips}, "groups", "reused"}

    Raises
    ------
    InputError
        If a setting is out of range, the project has clips of several labels or detects anomalies, or another data set is there.
    ManifestError, AudioError
        If the project's own data are faulty, or no two clips can be mixed.
    """
    _check(line, settings)
    dataset_stage(line)  # faulty data are refused here, all faults by row
    project = line.project
    rows, _ = read_manifest(project.manifest_path, project.data)
    splits = assign_splits(rows, project.data.split)
    used = [row for row, split in zip(rows, splits, strict=True) if split is not None]
    _check_labels(used)
    planned = plan_mixtures(used, settings)
    text, path = _manifest_text(planned), directory / _MANIFEST
    reused = path.is_file() and path.read_text(encoding="utf-8") == text
    if path.exists() and not reused:
        raise InputError("holds another data set", hint="name another folder, or delete this one", where=str(directory))
    if not reused:
        _write_clips(line, directory, planned, settings)
        write_text_atomically(path, text)  # last: a set without a manifest is not finished
    counts = {number: sum(len(clip.labels) == number for clip in planned) for number in sorted({len(clip.labels) for clip in planned})}
    return {
        "manifest": str(path),
        "clips": len(planned),
        "labels": counts,
        "groups": len({clip.group for clip in planned}),
        "reused": reused,
    }


def _check(line: Line, settings: MixSettings) -> None:
    if line.project.is_anomaly or line.project.data.label_separator:
        what = "detects anomalies" if line.project.is_anomaly else "has clips of several labels already"
        raise InputError(f"the project {what}", hint="mix clips that have one label each", where="--project")
    limits = (("--pairs", settings.pairs, 0.0, 100.0), ("--empty", settings.empty, 0.0, 100.0), ("--snr-db", settings.snr_db, 0.0, 60.0))
    for name, value, least, most in limits:
        if not (math.isfinite(value) and least <= value <= most):
            raise InputError(f"is {value:g}; {least:g} to {most:g} are possible", hint="see `tinyaudio data mix --help`", where=name)
    if settings.pool_recordings < 2:
        raise InputError(f"is {settings.pool_recordings}; two recordings are the least", hint="8 serve well", where="--pool")


def _check_labels(rows: list[Row]) -> None:
    odd = sorted({row.label for row in rows if MIXED_SEPARATOR in row.label})
    if odd:
        raise InputError(
            f"the label {odd[0]!r} contains {MIXED_SEPARATOR!r}, which is put between labels here", hint="rename it", where="data.manifest"
        )


def _write_clips(line: Line, directory: Path, planned: tuple[MixedClip, ...], settings: MixSettings) -> None:
    project, rate_hz = line.project, line.project.frontend.sample_rate_hz
    folder = project.manifest_path.parent
    read: dict[str, Int16Array] = {}
    for row in dict.fromkeys(row for clip in planned for row in clip.sources):
        read[row.filename] = read_pcm(folder / row.filename, sample_rate_hz=rate_hz, channels=project.data.channels)
    usual_samples = int(np.median([pcm.size for pcm in read.values()]))
    rng = np.random.default_rng([settings.seed, 1])
    with line.progress.task(f"mixing {len(planned)} clips") as advance:
        for number, clip in enumerate(planned):
            parts = [read[row.filename] for row in clip.sources]
            if len(parts) == 2:
                pcm = mix(parts[0], parts[1], snr_db=clip.snr_db, rng=rng)
            else:
                pcm = parts[0] if parts else empty_clip(clip, seed=settings.seed, samples=usual_samples, sample_rate_hz=rate_hz)
            write_wav(directory / _filename(number), pcm, sample_rate_hz=rate_hz)
            advance(number + 1, len(planned))


def _filename(number: int) -> str:
    return f"{_AUDIO}/{number:05d}.wav"


def _manifest_text(planned: tuple[MixedClip, ...]) -> str:
    has_splits = any(clip.split_value is not None for clip in planned)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["filename", "label", "group", *(["split"] if has_splits else []), "sources", "snr_db"])
    for number, clip in enumerate(planned):
        sources = " + ".join(row.filename for row in clip.sources) or f"synthetic scene {clip.scene}"
        snr_db = f"{clip.snr_db:.2f}" if len(clip.sources) == 2 else ""
        split = [clip.split_value] if has_splits else []
        writer.writerow([_filename(number), MIXED_SEPARATOR.join(clip.labels), clip.group, *split, sources, snr_db])
    return text.getvalue()
