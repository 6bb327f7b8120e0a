"""A classifier at another site: thresholds raised by the sound there until it gives no more false alarms than the project allows."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from tinyaudio.core.alarms import too_short_to_show
from tinyaudio.core.artifacts import Calibration, Int16Array
from tinyaudio.core.canonical import sha256_bytes
from tinyaudio.core.decisions import NEVER, decide_clips, thresholds_of
from tinyaudio.core.errors import InputError, StageError
from tinyaudio.dsp.audio import read_pcm, sound_files
from tinyaudio.learn.calibrate import (
    FEWEST_SCENES,
    SECONDS_AN_HOUR,
    alarm_counts,
    calibrate_for_alarms,
    recorded_outputs,
    stricter,
    with_own_thresholds,
)
from tinyaudio.learn.oracle import oracle_version
from tinyaudio.pipeline.background import scene_runner
from tinyaudio.pipeline.data import project_frontend
from tinyaudio.pipeline.judging import calibrate_stage
from tinyaudio.pipeline.learning import quantize_stage
from tinyaudio.pipeline.line import Advance, Line, StageResult, reuse_or_make


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteAlarms:
    """Thresholds by the background of a site."""

    calibration: Calibration
    seconds: float  # of sound
    recordings: int
    alarms_before: int  # in that sound, by the thresholds that are compiled in
    alarms: int  # in that sound, by these


def site_alarms_stage(line: Line, recordings: Path) -> StageResult[SiteAlarms]:
    """Raise the thresholds by the recordings in a folder, in which nothing is to be detected; kept as ``site_alarms``.

    None is lower than what was compiled in: what the validation split asks for still holds.

    Raises
    ------
    InputError
        If the project says not how many false alarms an hour are allowed, or the folder has no recordings.
    StageError
        If none of the recordings is as long as a patch.
    ProjectError
        If half of the labels or more could never be told.
    """
    firmware = line.project.firmware
    if not firmware.false_alarms_per_hour:
        raise InputError(
            "thresholds are raised until a site gives no more false alarms than firmware.false_alarms_per_hour, which is not set",
            hint="set it, as to 1.0; background.hours, too",
            where="--recordings",
        )
    if not recordings.is_dir():
        raise InputError(
            "there is no such folder", hint="a folder with recordings of the site in which nothing is to be detected", where=str(recordings)
        )
    sounds, built_in = _usable(line, recordings), calibrate_stage(line)
    quantized, tables = quantize_stage(line).value, project_frontend(line.project)
    rate_hz = tables.spec.sample_rate_hz
    seconds = sum(pcm.size for _, pcm in sounds) / rate_hz
    hours = seconds / SECONDS_AN_HOUR

    def make(advance: Advance) -> SiteAlarms:
        heard = recorded_outputs(quantized, tables, sounds, hours=hours, run=scene_runner(line, quantized), on_progress=advance)
        quiet = calibrate_for_alarms(
            heard,
            hours=hours,
            per_hour=firmware.false_alarms_per_hour,
            smoothing_patches=firmware.smoothing_patches,
            is_exclusive=built_in.value.is_exclusive,
        )
        raised = replace(stricter(built_in.value, quiet), is_exclusive=built_in.value.is_exclusive)
        calibration = with_own_thresholds(raised, quantized, firmware)
        before, after = (int(alarm_counts(decide_clips(heard, each).detected, heard.patch_offsets).sum()) for each in (built_in.value, calibration))
        return SiteAlarms(calibration=calibration, seconds=seconds, recordings=len(sounds), alarms_before=before, alarms=after)

    result = reuse_or_make(
        line,
        "site_alarms",
        SiteAlarms,
        inputs={
            "calibrate": built_in.stored.fingerprint,
            "model": quantized.sha256,
            "frontend": tables.fingerprint,
            "oracle": oracle_version(),
            "firmware": firmware.model_dump(),
            "recordings": {name: sha256_bytes(pcm.tobytes()) for name, pcm in sounds},
        },
        description="raising the thresholds by the sound of the site",
        make=make,
    )
    if sentence := too_short_to_show(firmware.false_alarms_per_hour, hours):
        line.progress.warning(sentence)
    if len(sounds) < FEWEST_SCENES:
        line.progress.warning(
            f"{len(sounds)} recordings: none can be spared to count alarms that the thresholds were not chosen by, so expect more than "
            f"was asked for; {FEWEST_SCENES} or more can, a long one cut in pieces, too"
        )
    never = sorted(set(_never(line, result.value.calibration)) - set(_never(line, built_in.value)))
    if never:
        line.progress.warning(f"never told at this site, whatever their score: {', '.join(never)}; its background sounds like them to the model")
    return result


def site_alarm_facts(line: Line, alarms: SiteAlarms) -> dict[str, Any]:
    """Return the thresholds as the command line's JSON shows them, beside those that are compiled in."""
    return {
        "seconds": alarms.seconds,
        "recordings": alarms.recordings,
        "false_alarms": alarms.alarms,
        "thresholds": _by_label(line, alarms.calibration),
        "built_in": {"false_alarms": alarms.alarms_before, "thresholds": _by_label(line, calibrate_stage(line).value)},
    }


def _by_label(line: Line, calibration: Calibration) -> dict[str, int]:
    labels = quantize_stage(line).value.labels
    return dict(zip(labels, thresholds_of(calibration, len(labels)).tolist(), strict=True))


def _never(line: Line, calibration: Calibration) -> list[str]:
    return [label for label, threshold in _by_label(line, calibration).items() if threshold == NEVER]


def _usable(line: Line, folder: Path) -> list[tuple[str, Int16Array]]:
    """Return name and samples of the recordings that are long enough; warn of others."""
    spec = line.project.frontend
    usable: list[tuple[str, Int16Array]] = []
    for path in sound_files(folder):
        name = path.relative_to(folder).as_posix()
        try:
            pcm = read_pcm(path, sample_rate_hz=spec.sample_rate_hz, channels=line.project.data.channels)
        except InputError as error:
            line.progress.warning(f"{name}: left out: {error}")
            continue
        if pcm.size < spec.patch_samples:
            line.progress.warning(f"{name}: left out: shorter than one patch")
        elif not np.any(pcm):
            line.progress.warning(f"{name}: left out: nothing but silence")
        else:
            usable.append((name, pcm))
    if not usable:
        raise StageError("none of the recordings can be used", hint="the warnings say why", where=str(folder))
    return usable
