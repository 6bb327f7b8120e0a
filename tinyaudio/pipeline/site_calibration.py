"""Calibration at another site: a threshold from its own normal sound, kept by the device; nothing is trained, nothing is built anew.

The model, its smoothing and the way to the threshold are the project's. The threshold becomes setting 1 of the device, bound to
that model and told by its fingerprint; `docs/wire_protocol.md` has the record.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tinyaudio.bench.device import Device, check_identity, forget_calibration, read_calibration, write_calibration
from tinyaudio.core.anomaly import AnomalyThreshold
from tinyaudio.core.artifacts import BuildArtifact, Calibration
from tinyaudio.core.board import Board
from tinyaudio.core.decisions import calibration_fingerprint
from tinyaudio.core.errors import DeviceError, InputError, StageError
from tinyaudio.core.residual import STEPS_AN_OCTAVE
from tinyaudio.learn.anomaly import expected_scores, normal_scores, set_threshold, suspects_by_sound, threshold_warnings
from tinyaudio.learn.dataset import compute_features, read_site, site_reader
from tinyaudio.learn.oracle import oracle_version
from tinyaudio.pipeline.data import project_board, project_frontend
from tinyaudio.pipeline.device_line import DeviceLine, choose_depth, open_serial_line, open_virtual_line, settings_file
from tinyaudio.pipeline.firmware import board_directory, build_stage
from tinyaudio.pipeline.judging import calibrate_stage
from tinyaudio.pipeline.learning import quantize_stage
from tinyaudio.pipeline.line import Advance, Line, StageResult, reuse_or_make
from tinyaudio.report import alarm_facts
from tinyaudio.wire.messages import CalibrationState, Capability, Hello


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreRequest:
    """Where a calibration is to be stored."""

    board_id: str
    depth: str | None = None
    port: str | None = None


def site_threshold_stage(line: Line, recordings: Path) -> StageResult[AnomalyThreshold]:
    """Set the threshold by the recordings in a folder, all of which are of the machine as it should be; kept as ``site_threshold``.

    Raises
    ------
    InputError
        If the project detects no anomalies, or the folder has no recordings.
    StageError
        If there is less sound than ``anomaly.minimum_seconds``, none is usable, or no int8 score can reach the threshold.
    """
    project = line.project
    if not project.is_anomaly:
        raise InputError(
            "a site's own threshold is for anomaly detectors", hint="`tinyaudio calibrate` alone serves classifiers", where="--recordings"
        )
    if not recordings.is_dir():
        raise InputError("there is no such folder", hint="a folder with recordings of the machine as it should be", where=str(recordings))
    dataset, problems = read_site(recordings, project)
    for problem in problems:
        left_out = "left out: " if problem.severity == "error" else ""
        line.progress.warning(f"{problem.file}: {left_out}{problem.message}")
    if not dataset.clips:
        raise StageError("none of the recordings can be used", hint="the warnings say why", where=str(recordings))
    if len(dataset.clips) == 1:
        line.progress.warning("one recording alone: a load, or a day, that it does not have will be an alarm")
    quantized, tables = quantize_stage(line), project_frontend(project)

    def make(advance: Advance) -> AnomalyThreshold:
        features = compute_features(dataset, site_reader(recordings, project), tables)
        scores = normal_scores(expected_scores(quantized.value, features, split="validation", on_progress=advance), features, project.anomaly)
        by_sound, smoothing = suspects_by_sound(features, project.anomaly.normal), project.firmware.smoothing_patches
        return set_threshold(scores, None, project.anomaly, smoothing_patches=smoothing, place=str(recordings), by_sound=by_sound)

    result = reuse_or_make(
        line,
        "site_threshold",
        AnomalyThreshold,
        inputs={
            "quantize": quantized.stored.fingerprint,
            "frontend": tables.fingerprint,
            "oracle": oracle_version(),
            "anomaly": project.anomaly.model_dump(exclude={"maximum_auc_loss", "machine_column"}),
            "smoothing_patches": project.firmware.smoothing_patches,
            "recordings": {clip.filename: clip.pcm_sha256 for clip in dataset.clips},
        },
        description="setting the threshold by the sound of the site",
        make=make,
    )
    for sentence in threshold_warnings(result.value, is_trained_on=False):
        line.progress.warning(sentence)
    built_in = calibrate_stage(line).value.detection_threshold
    if result.value.mean * STEPS_AN_OCTAVE >= built_in:
        usual = (
            f"the scores of the site are {result.value.mean * STEPS_AN_OCTAVE:.0f} on average, an alarm by the project's own threshold ({built_in})"
        )
        line.progress.warning(f"{usual}: another microphone, another machine, or a fault that all recordings have; listen before you store this")
    return result


def site_calibration(line: Line, threshold: AnomalyThreshold) -> Calibration:
    """Return what the device decides by with this threshold."""
    built_in = calibrate_stage(line).value
    return Calibration(smoothing_patches=built_in.smoothing_patches, detection_threshold=threshold.threshold, is_exclusive=built_in.is_exclusive)


def site_facts(line: Line, threshold: AnomalyThreshold) -> dict[str, Any]:
    """Return a threshold as the command line's JSON shows it, beside the one that is compiled in."""
    built_in = calibrate_stage(line).value
    return {
        **alarm_facts(threshold),
        "calibration_fingerprint": _fingerprint(line, site_calibration(line, threshold)),
        "built_in": {"int8": built_in.detection_threshold, "calibration_fingerprint": _fingerprint(line, built_in)},
    }


def store_calibration(line: Line, calibration: Calibration | None, request: StoreRequest) -> dict[str, Any]:
    """Have the device keep `calibration`, or forget what it keeps (None), and read it back, behind a reset where it obeys one.

    Returns
    -------
    The device as it tells itself then: board, port, state and fingerprint of the calibration that recordings are decided by.

    Raises
    ------
    InputError
        If depth, board and port do not go together.
    IdentityError
        If the device runs another firmware.
    DeviceError
        If it cannot store, or says something else afterwards.
    """
    board = project_board(line.project, request.board_id)
    depth = choose_depth(board, depth=request.depth, port=request.port)
    if depth == "fake":
        raise InputError("at depth fake there is no device that keeps anything", hint="--depth virtual or serial", where="--depth")
    build, label_count = build_stage(line, board.id), len(quantize_stage(line).value.labels)
    built_in = calibrate_stage(line).value
    wanted = built_in if calibration is None else calibration
    with (
        _open(line, board, build, request) as device_line,
        Device(device_line.transport, name=board.id, clock=device_line.clock, silence_seconds=device_line.silence_seconds) as device,
    ):
        hello = _connect(line, device, board, build)
        if Capability.SETTINGS not in hello.capabilities:
            raise DeviceError("keeps no settings", hint="a board with a region for settings", where=board.id)
        if calibration is None:
            forget_calibration(device)
        else:
            write_calibration(device, calibration, label_count=label_count, **_of_firmware(line))
        if Capability.RESET in hello.capabilities:
            device.request_reset()
        hello = _connect(line, device, board, build)
        found = read_calibration(device, built_in, label_count=label_count)
    expected_state = CalibrationState.BUILT_IN if calibration is None else CalibrationState.STORED
    told = hello.recording_calibration_fingerprint.hex()
    is_as_given = found is None if calibration is None else found is not None and _fingerprint(line, found) == _fingerprint(line, calibration)
    if not is_as_given or (hello.calibration_state, told) != (expected_state, _fingerprint(line, wanted)):
        raise DeviceError(
            f"tells another calibration than it was given: {hello.calibration_state.name.lower()}, {told[:12]}",
            hint="its storage may be worn; `tinyaudio live` tells which threshold holds",
            where=board.id,
        )
    return {
        "board": board.id,
        "line": device_line.description,
        "state": hello.calibration_state.name.lower(),
        "calibration_fingerprint": told,
        "is_kept": depth == "serial" or settings_file(board, board_directory(line, board.id)) is not None,
    }


def _connect(line: Line, device: Device, board: Board, build: BuildArtifact) -> Hello:
    hello = device.connect()
    check_identity(
        hello,
        board=board.id,
        frontend_fingerprint=project_frontend(line.project).fingerprint,
        model_sha256=quantize_stage(line).value.sha256,
        firmware_fingerprint=build.firmware_fingerprint,
    )
    return hello


def _open(line: Line, board: Board, build: BuildArtifact, request: StoreRequest) -> AbstractContextManager[DeviceLine]:
    if request.port is not None:
        return open_serial_line(board, request.port)
    directory = board_directory(line, board.id)
    return open_virtual_line(board, Path(build.elf), work_dir=directory, settings=settings_file(board, directory))


def _of_firmware(line: Line) -> dict[str, str]:
    return {"model_sha256": quantize_stage(line).value.sha256, "frontend_fingerprint": project_frontend(line.project).fingerprint}


def _fingerprint(line: Line, calibration: Calibration) -> str:
    return calibration_fingerprint(calibration, label_count=len(quantize_stage(line).value.labels), **_of_firmware(line))
