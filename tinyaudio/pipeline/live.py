"""From the microphone to results: let a board listen, and where it is known what it hears, compare all it tells with the twin."""

from __future__ import annotations

import dataclasses
import math
import signal
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Self

from tinyaudio.bench.device import Device, LiveRun, check_identity
from tinyaudio.bench.hil import LiveExpectation, LiveReport, run_live
from tinyaudio.core.artifacts import BuildArtifact, Int16Array
from tinyaudio.core.board import Board
from tinyaudio.core.errors import InputError
from tinyaudio.core.spec import FrontendSpec
from tinyaudio.dsp.audio import read_pcm, write_wav
from tinyaudio.learn.anomaly import ScoreOracle
from tinyaudio.learn.oracle import Oracle
from tinyaudio.pipeline.data import project_board
from tinyaudio.pipeline.device_line import choose_depth, open_serial_line, open_virtual_line, settings_file
from tinyaudio.pipeline.firmware import board_directory, board_frontend, build_stage
from tinyaudio.pipeline.judging import calibrate_stage
from tinyaudio.pipeline.learning import quantize_stage
from tinyaudio.pipeline.line import Line
from tinyaudio.wire.messages import Detection, Message

_CLIP_ID = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveRequest:
    """What the user asked for."""

    board_id: str
    depth: str | None = None
    port: str | None = None
    microphone: Path | None = None  # what an emulated microphone hears: any file that soundfile reads
    seconds: float | None = None  # None: as long as `microphone`, or until interrupted


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveProof:
    """The outcome of a recording."""

    facts: dict[str, Any]  # as the command line's JSON shows it
    passed: bool  # nothing was lost, and nothing differs where there is something to compare with


def live_stage(line: Line, request: LiveRequest, *, on_detection: Callable[[str], None]) -> LiveProof:
    """Build, and let the board listen; `on_detection` is called with a line of text as a decision changes.

    Raises
    ------
    InputError
        If the request does not go together.
    IdentityError
        If the device runs another firmware.
    DeviceError
        If the device has no microphone, dies, hangs or breaks the protocol.
    """
    board = project_board(line.project, request.board_id)
    _check_microphone(board)
    depth = choose_depth(board, depth=request.depth, port=request.port)
    _check(request, depth)
    pcm = None if request.microphone is None else _read_recording(request.microphone, line.project.frontend, request.seconds)
    build = build_stage(line, board.id)
    if pcm is None:
        assert request.port is not None
        return _listen(line, board, build, request, on_detection=on_detection)
    return _prove(line, board, build, pcm, seconds=request.seconds, on_detection=on_detection)


def _check_microphone(board: Board) -> None:
    hears_files = board.emulator is not None and board.emulator.kind == "process"  # the firmware as a child process
    if board.microphone is None and not hears_files:
        raise InputError(
            f"{board.id} has no microphone: its file has no [microphone]",
            hint="`tinyaudio live --board stm32h7` has one, native as well",
            where="--board",
        )


def _check(request: LiveRequest, depth: str) -> None:
    if request.seconds is not None and not 0 < request.seconds < math.inf:
        raise InputError(f"cannot listen for {request.seconds} s", hint="a positive number of seconds", where="--seconds")
    if depth == "fake":
        raise InputError("at depth fake no firmware listens", hint="use --depth virtual with --microphone, or --depth serial", where="--depth")
    if depth == "virtual" and request.microphone is None:
        raise InputError("an emulated board hears only what it is given", hint="add --microphone recording.wav", where="--microphone")
    if depth == "serial" and request.microphone is not None:
        raise InputError(
            "a real microphone hears the room, not a file", hint="leave --microphone out; `tinyaudio hil` streams files", where="--microphone"
        )


def _read_recording(path: Path, spec: FrontendSpec, seconds: float | None) -> Int16Array:
    """Return what an emulated microphone hears; it has to last for a window, or nothing would be compared."""
    if not path.is_file():
        raise InputError(f"there is no file {path}", hint="give a WAV or FLAC file", where="--microphone")
    pcm = read_pcm(path, sample_rate_hz=spec.sample_rate_hz)
    total_samples = _total_samples(pcm, seconds, spec)
    if total_samples < spec.window_samples:
        raise InputError(
            f"{total_samples} samples are to be heard, and the front end's window has {spec.window_samples}: there would be nothing to compare",
            hint="a longer recording, or more --seconds",
            where="--microphone",
        )
    return pcm


def _total_samples(pcm: Int16Array, seconds: float | None, spec: FrontendSpec) -> int:
    return len(pcm) if seconds is None else round(seconds * spec.sample_rate_hz)


def _prove(
    line: Line, board: Board, build: BuildArtifact, pcm: Int16Array, *, seconds: float | None, on_detection: Callable[[str], None]
) -> LiveProof:
    """Feed a recording to the emulated microphone and compare."""
    spec = line.project.frontend
    total_samples = _total_samples(pcm, seconds, spec)
    quantized = quantize_stage(line).value
    oracle = ScoreOracle(quantized) if quantized.has_score else Oracle(quantized.tflite)
    expected = LiveExpectation(
        board=board,
        firmware_fingerprint=build.firmware_fingerprint,
        tables=board_frontend(line, board),
        quantized=quantized,
        calibration=calibrate_stage(line).value,
        predict=oracle.run,
        forget=oracle.forget,
    )
    directory = board_directory(line, board.id)
    with ExitStack() as resources:
        own_directory = resources.enter_context(TemporaryDirectory(prefix="live-", dir=directory))  # another run may be under way
        heard = _microphone_file(pcm, Path(own_directory), spec.sample_rate_hz)
        resources.enter_context(line.progress.task(f"{board.id} listens to {total_samples / spec.sample_rate_hz:.1f} s"))
        device_line = resources.enter_context(
            open_virtual_line(board, Path(build.elf), work_dir=directory, microphone=heard, settings=settings_file(board, directory))
        )
        report = run_live(
            lambda on_log: Device(
                device_line.transport, name=board.id, clock=device_line.clock, silence_seconds=device_line.silence_seconds, on_log=on_log
            ),
            pcm,
            expected=expected,
            total_samples=total_samples,
        )
    for detection in report.detections:
        on_detection(_sentence(detection, quantized.labels, spec))
    facts = _report_facts(report, quantized.labels, spec)
    return LiveProof(facts=facts | _build_facts(build, "virtual"), passed=report.is_exact and report.is_complete)


def _listen(line: Line, board: Board, build: BuildArtifact, request: LiveRequest, *, on_detection: Callable[[str], None]) -> LiveProof:
    """Let a real board listen; there is nothing to compare with."""
    assert request.port is not None
    spec, quantized = line.project.frontend, quantize_stage(line).value
    log: list[str] = []

    def tell(message: Message) -> None:
        if isinstance(message, Detection):
            on_detection(_sentence(message, quantized.labels, spec))

    with open_serial_line(board, request.port) as device_line:
        device = Device(
            device_line.transport,
            name=board.id,
            clock=device_line.clock,
            silence_seconds=device_line.silence_seconds,
            on_log=lambda entry: log.append(entry.text),
        )
        with device:
            check_identity(
                device.connect(),
                board=board.id,
                frontend_fingerprint=board_frontend(line, board).fingerprint,
                model_sha256=quantized.sha256,
                firmware_fingerprint=build.firmware_fingerprint,
            )
            live = _record(device, request, spec, tell)
    result = live.run.result
    facts = {
        "board": board.id,
        "seconds": (result.samples_received + result.overruns) / spec.sample_rate_hz,
        "frames": result.frames,
        "patches": result.patches,
        "overruns": result.overruns,
        "gaps": len(live.gaps),
        "detections": [_detection_facts(item, quantized.labels, spec) for item in live.run.detections],
        "log": log,
    }
    return LiveProof(facts=facts | _build_facts(build, "serial"), passed=result.overruns == 0)


def _record(device: Device, request: LiveRequest, spec: FrontendSpec, tell: Callable[[Message], None]) -> LiveRun:
    """Record for the seconds asked for; Ctrl-C ends a recording without an end in order."""
    if request.seconds is not None:
        return device.run_live(_CLIP_ID, total_samples=round(request.seconds * spec.sample_rate_hz), on_message=tell, timeout_seconds=math.inf)
    with _Interrupt() as interrupt:
        return device.run_live(_CLIP_ID, should_end=lambda: interrupt.came, on_message=tell, timeout_seconds=math.inf)


class _Interrupt:
    """Takes the first Ctrl-C as a wish to end in order; the second ends at once."""

    def __init__(self) -> None:
        self.came = False

    def __enter__(self) -> Self:
        self._before = signal.signal(signal.SIGINT, self._note)
        return self

    def __exit__(self, *_: object) -> None:
        signal.signal(signal.SIGINT, self._before)

    def _note(self, *_: object) -> None:
        if self.came:
            raise KeyboardInterrupt
        self.came = True


def _microphone_file(pcm: Int16Array, directory: Path, sample_rate_hz: int) -> Path:
    """Write what the microphone hears as the emulators want it: one channel, 16 bits, at the front end's rate."""
    path = directory / "microphone.wav"
    write_wav(path, pcm, sample_rate_hz=sample_rate_hz)
    return path


def _report_facts(report: LiveReport, labels: tuple[str, ...], spec: FrontendSpec) -> dict[str, Any]:
    return {
        "board": report.board,
        "seconds": report.seconds,
        "frames": report.frames,
        "patches": report.patches,
        "missing_hops": report.missing_hops,
        "overruns": report.overruns,
        "gaps": report.gaps,
        "mismatches": dict(report.mismatches),
        "detections": [_detection_facts(detection, labels, spec) for detection in report.detections],
        "detection_threshold": report.detection_threshold,
        "class_thresholds": list(report.calibration.class_thresholds),
        "dropped": report.dropped_frames,
        "log": list(report.log),
        "device": dataclasses.asdict(report.identity),
    }


def _build_facts(build: BuildArtifact, depth: str) -> dict[str, Any]:
    return {"depth": depth, "elf": build.elf, "elf_sha256": build.elf_sha256}


def _detection_facts(detection: Detection, labels: tuple[str, ...], spec: FrontendSpec) -> dict[str, Any]:
    return {
        "seconds": _seconds(detection, spec),
        "label": labels[detection.label_index],
        "is_detected": bool(detection.is_detected),
        "mean_score": detection.smoothed_score_sum / detection.smoothing_count,
    }


def _sentence(detection: Detection, labels: tuple[str, ...], spec: FrontendSpec) -> str:
    change = "" if detection.is_detected else ": not any more"
    return f"{_seconds(detection, spec):8.2f} s  {labels[detection.label_index]}{change}"


def _seconds(detection: Detection, spec: FrontendSpec) -> float:
    """Return when the last frame behind a decision ended, from the start of the recording; samples lost are not counted."""
    return (detection.frame_index * spec.hop_samples + spec.window_samples) / spec.sample_rate_hz
