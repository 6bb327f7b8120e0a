"""From the microphone to results: the same, bit for bit, as of the same samples streamed; settings outlive a restart."""

from __future__ import annotations

import dataclasses
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from hil_tests.rigs import CALIBRATION, SILENCE_SECONDS, Line, Rig
from tests.golden_fixture import SPEC, golden_vectors
from tinyaudio.bench.device import CALIBRATION_KEY, ClipRun, Device, LiveRun
from tinyaudio.bench.hil import LiveExpectation, LiveReport, Predict, run_live
from tinyaudio.bench.transport import Transport
from tinyaudio.core.errors import DeviceError
from tinyaudio.learn.oracle import Oracle
from tinyaudio.wire.messages import Capability, Log, Message, PatchResult, SettingsKeys, StageTrace, TraceMode

Int16Array = NDArray[np.int16]


def heard(seconds: float) -> Int16Array:
    """Return the golden signals, one after the other, over and over, each time louder or softer."""
    pcm = np.concatenate(list(golden_vectors().pcm.values()))
    count = round(seconds * SPEC.sample_rate_hz)
    rounds = [np.clip(pcm.astype(np.int32) * (3 + 5 * index % 7) // 4, -32_768, 32_767) for index in range(-(-count // len(pcm)))]
    return np.concatenate(rounds)[:count].astype(np.int16)


def open_device(rig: Rig, line: Line, on_log: Callable[[Log], None] | None = None) -> Device:
    clock: dict[str, Any] = {} if line.clock is None else {"clock": line.clock}
    return Device(line.transport, name=rig.board.id, on_log=on_log, poll_seconds=0.1, silence_seconds=SILENCE_SECONDS, **clock)


def streamed_answers(rig: Rig, parts: list[Int16Array]) -> dict[bytes, tuple[NDArray[np.int8], NDArray[np.int8]]]:
    """Stream clips and return {CRC-32 of a patch: (logits, outputs)}."""
    with rig.open_line() as line, open_device(rig, line) as device:
        runs = [device.stream_clip(index, part, trace_mode=TraceMode.NONE) for index, part in enumerate(parts)]
    return {
        patch.features_crc32.to_bytes(4, "little"): (np.array(patch.logits, np.int8), np.array(patch.scores, np.int8))
        for run in runs
        for patch in run.patches
    }


def live_expectation(rig: Rig, predict: Predict) -> LiveExpectation:
    return LiveExpectation(
        board=rig.board,
        firmware_fingerprint=rig.project.fingerprint,
        tables=rig.tables,
        quantized=rig.golden.model,
        calibration=CALIBRATION,
        predict=predict,
    )


def prove(
    rig: Rig, pcm: Int16Array, *, total_samples: int | None = None, gaps: Mapping[int, int] | None = None, settings: Path | None = None
) -> LiveReport:
    """Record `pcm`; what the model should answer is what it answers to the same samples, streamed."""
    bounds = [0, *(edge for position, lost in sorted((gaps or {}).items()) for edge in (position, position + lost)), total_samples or len(pcm)]
    padded = np.concatenate([pcm, np.zeros(max(0, bounds[-1] - len(pcm)), np.int16)])
    answers = streamed_answers(rig, [padded[first:end] for first, end in zip(bounds[::2], bounds[1::2], strict=True)])
    expected = live_expectation(rig, lambda features: answers[zlib.crc32(features.tobytes()).to_bytes(4, "little")])
    with rig.open_line(microphone=pcm, gaps=gaps, settings=settings) as line:
        return run_live(lambda on_log: open_device(rig, line, on_log), pcm, expected=expected, total_samples=total_samples)


@pytest.mark.needs("microphone")
def test_every_hop_of_a_recording_is_there_and_exact(rig: Rig, live_seconds: float) -> None:
    pcm = heard(live_seconds)
    report = prove(rig, pcm)
    assert report.is_exact, report.mismatches
    assert (report.overruns, report.gaps, report.missing_hops) == (0, 0, 0)
    assert report.seconds == live_seconds
    assert report.frames == SPEC.frames_of(len(pcm))
    assert report.patches == SPEC.patches_of(report.frames) > 4
    assert report.detections


def told(run: ClipRun) -> tuple[object, ...]:
    """Return all of a run but what it cost."""
    patches = [dataclasses.replace(patch, clip_id=0, counter_ticks=0) for patch in run.patches]
    detections = [dataclasses.replace(detection, clip_id=0) for detection in run.detections]
    return (run.stage_crc32.tolist(), patches, detections, dataclasses.replace(run.result, clip_id=0))


@pytest.mark.needs("microphone")
def test_a_recording_and_a_stream_of_the_same_samples_are_told_alike(rig: Rig) -> None:
    pcm = heard(2.0)
    with rig.open_line(microphone=pcm) as line, open_device(rig, line) as device:
        streamed = told(device.stream_clip(0, pcm))
        assert told(device.run_live(1, total_samples=len(pcm)).run) == streamed
        assert told(device.stream_clip(2, pcm)) == streamed


@pytest.mark.needs("microphone")
def test_behind_the_end_of_the_samples_there_is_silence(rig: Rig) -> None:
    report = prove(rig, heard(0.5), total_samples=24_000)
    assert report.is_exact, report.mismatches
    assert report.is_complete
    assert report.seconds == 1.5


@pytest.mark.needs("microphone", "gaps")
@pytest.mark.parametrize("gaps", [{5_000: 1}, {0: 777, 777: 5}, {399: 100, 20_000: 3_000, 30_000: 2_000}])
def test_gaps_are_told_where_they_are_and_the_rest_is_exact(rig: Rig, gaps: dict[int, int]) -> None:
    report = prove(rig, heard(2.0), gaps=gaps)
    assert report.is_exact, report.mismatches
    assert report.overruns == sum(gaps.values())
    assert report.gaps == len(gaps)
    assert report.missing_hops > 0
    assert not report.is_complete


class StallingHost:
    """Hears the device for a while, then falls silent behind it; again and again, each time for twice as long.

    A waiting device costs the emulator almost nothing, so its time runs ahead at whatever speed this computer has. Stalls that
    double leave at least two that are longer than the device's ring and shorter than the recording, on slow and fast ones.
    """

    def __init__(self, line: Transport) -> None:
        self._line = line
        self._heard_bytes = 0
        self._held: list[bytes] = []
        self._silent_seconds = 0.0
        self._stall_seconds = 0.005
        self.stalls = 0

    @property
    def _is_stalling(self) -> bool:
        return self._heard_bytes > 8_000

    def write(self, data: bytes) -> None:
        if self._is_stalling:
            self._held.append(data)
        else:
            self._line.write(data)

    def read(self, max_bytes: int, *, timeout_seconds: float) -> bytes:
        if not self._is_stalling:
            data = self._line.read(max_bytes, timeout_seconds=timeout_seconds)
            self._heard_bytes += len(data)
            return data
        wait_seconds = min(timeout_seconds, self._stall_seconds)
        data = self._line.read(max_bytes, timeout_seconds=wait_seconds)
        self._silent_seconds = 0.0 if data else self._silent_seconds + wait_seconds
        if self._silent_seconds >= self._stall_seconds:
            self.stalls += 1
            self._stall_seconds *= 2
            self._heard_bytes, self._silent_seconds = 0, 0.0
            self._line.write(b"".join(self._held))
            self._held.clear()
        return data

    def close(self) -> None:
        self._line.close()


@pytest.mark.needs("microphone", "microphone_that_does_not_wait")
def test_a_host_that_is_too_slow_costs_samples_and_nothing_else(rig: Rig) -> None:
    pcm = heard(60.0)
    with rig.open_line(microphone=pcm) as line:
        host = StallingHost(line.transport)
        report = run_live(
            lambda on_log: Device(host, name=rig.board.id, on_log=on_log, poll_seconds=0.1, silence_seconds=SILENCE_SECONDS),
            pcm,
            expected=live_expectation(rig, Oracle(golden_vectors().model.tflite).run),
            timeout_seconds=3_600.0,
        )
    assert host.stalls >= 2
    assert report.is_exact, report.mismatches
    assert report.gaps >= 2
    assert report.overruns > 0
    assert report.missing_hops > 0
    assert report.seconds == 60.0


def record_until(device: Device, kind: type[Message], count: int) -> LiveRun:
    seen: list[Message] = []
    return device.run_live(
        3, should_end=lambda: len(seen) >= count, on_message=lambda message: seen.append(message) if isinstance(message, kind) else None
    )


@pytest.mark.needs("microphone")
def test_a_recording_ends_when_asked_to_and_the_next_begins_afresh(rig: Rig) -> None:
    pcm = heard(30.0)
    with rig.open_line(microphone=pcm) as line, open_device(rig, line) as device:
        for kind, count in ((StageTrace, 40), (PatchResult, 3)):
            live = record_until(device, kind, count)
            assert len(live.run.stage_crc32) >= 40 or len(live.run.patches) >= 3
            assert live.run.result.samples_received >= SPEC.window_samples
        streamed = device.stream_clip(0, pcm[:16_000])
        frames = min(len(live.run.stage_crc32), len(streamed.stage_crc32))
        np.testing.assert_array_equal(live.run.stage_crc32[:frames], streamed.stage_crc32[:frames])


@pytest.mark.needs("lines_without_peripherals")
def test_a_board_without_a_microphone_says_so(rig: Rig) -> None:
    with rig.open_line() as line, open_device(rig, line) as device:
        capabilities = device.connect().capabilities
        assert Capability.MICROPHONE not in capabilities
        keeps_settings = rig.depth == "virtual" and "kept_over_reset" in rig.capabilities  # in RAM
        assert (Capability.SETTINGS in capabilities) == keeps_settings
        with pytest.raises(DeviceError, match="hardware: this board has no microphone"):
            device.run_live(0, total_samples=1_000)
        if not keeps_settings:
            with pytest.raises(DeviceError, match="did not store setting 256: its storage is not there"):
                device.write_setting(256, b"x")
        assert device.read_setting(256) is None
        assert device.list_settings() == ()
        assert device.stream_clip(0, heard(0.5)).result.samples_received == 8_000


@pytest.mark.needs("settings")
def test_settings_outlive_a_restart(rig: Rig, tmp_path: Path) -> None:
    stored = tmp_path / "settings.bin"
    with rig.open_line(settings=stored) as line, open_device(rig, line) as device:
        assert Capability.SETTINGS in device.connect().capabilities
        assert device.list_settings() == ()
        device.write_setting(256, b"first")
        device.write_setting(60_000, bytes(range(64)))
        device.write_setting(300, b"gone")
        device.write_setting(256, b"second")
        device.write_setting(300, b"")
    with rig.open_line(settings=stored) as line, open_device(rig, line) as device:
        assert device.list_settings() == (256, 60_000)
        assert device.read_setting(256) == b"second"
        assert device.read_setting(60_000) == bytes(range(64))
        assert device.read_setting(300) is None


@pytest.mark.needs("settings")
@pytest.mark.parametrize(
    ("key", "value"), [(0, b"x"), (2, b"x"), (255, b"x"), (65_535, b"x"), (1, b"x"), (1, b"xyz"), (1, b"\x81\x00"), (1, b"\x00\x80")]
)
def test_settings_that_the_firmware_does_not_know_are_refused(rig: Rig, tmp_path: Path, key: int, value: bytes) -> None:
    with rig.open_line(settings=tmp_path / "settings.bin") as line, open_device(rig, line) as device:
        device.write_setting(1, rig.stored(5))
        before = device.read_setting(key)
        with pytest.raises(DeviceError, match=f"did not store setting {key}: its firmware has no such key, or not with this value"):
            device.write_setting(key, value)
        assert device.read_setting(key) == before


@pytest.mark.needs("settings")
def test_more_keys_than_there_is_room_for_are_refused(rig: Rig, tmp_path: Path) -> None:
    with rig.open_line(settings=tmp_path / "settings.bin") as line, open_device(rig, line) as device:
        behind = 256 + SettingsKeys.MAX_KEYS
        for key in range(256, behind):
            device.write_setting(key, b"x")
        with pytest.raises(DeviceError, match=f"did not store setting {behind}: there is no room for another key"):
            device.write_setting(behind, b"x")
        device.write_setting(256, b"")
        device.write_setting(behind, b"x")
        assert device.list_settings() == tuple(range(257, behind + 1))


@pytest.mark.needs("microphone", "settings")
def test_the_stored_threshold_holds_for_recordings_at_once_and_behind_a_restart(rig: Rig, tmp_path: Path) -> None:
    pcm = heard(3.0)
    stored = tmp_path / "settings.bin"
    with rig.open_line(microphone=pcm, settings=stored) as line, open_device(rig, line) as device:
        compiled = device.run_live(0, total_samples=len(pcm)).run
        device.write_setting(CALIBRATION_KEY, rig.stored(128))
        assert device.run_live(0, total_samples=len(pcm)).run.detections == ()
        assert device.stream_clip(0, pcm).detections == compiled.detections != ()
    for threshold in (128, -128):
        report = prove(rig, pcm, settings=stored)
        assert report.is_exact, report.mismatches
        assert report.detection_threshold == threshold
        assert bool(report.detections) == (threshold == -128)
        with rig.open_line(settings=stored) as line, open_device(rig, line) as device:
            device.write_setting(CALIBRATION_KEY, rig.stored(-128))
