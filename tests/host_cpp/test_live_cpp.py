"""Recordings and settings with the whole firmware under ASan and UBSan: gaps, FIFOs, hosts that are too slow."""

from __future__ import annotations

import os
import subprocess
import threading
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from hil_tests.rigs import Rig
from hil_tests.test_live import StallingHost, heard, live_expectation, prove, told
from tests.golden_fixture import SPEC, golden_vectors
from tinyaudio.bench.device import CALIBRATION_KEY, Device
from tinyaudio.bench.hil import run_live
from tinyaudio.bench.transport import ProcessTransport
from tinyaudio.core.errors import DeviceError
from tinyaudio.core.tools import start_tool
from tinyaudio.learn.oracle import Oracle
from tinyaudio.wire.messages import LiveBegin, LiveEnd, Pcm, TraceMode


def test_a_recording_is_exact_and_clean(rig: Rig) -> None:
    report = prove(rig, heard(3.0))
    assert report.is_exact, report.mismatches
    assert report.is_complete


@pytest.mark.parametrize("gaps", [{0: 1}, {159: 241, 400: 400, 24_000: 8_000}, {index * 1_000: 200 for index in range(1, 16)}])
def test_gaps_are_told_and_all_else_is_exact(rig: Rig, gaps: dict[int, int]) -> None:
    report = prove(rig, heard(2.0), gaps=gaps)
    assert report.is_exact, report.mismatches
    assert report.overruns == sum(gaps.values())


def test_a_host_that_is_too_slow_costs_samples_and_nothing_else(rig: Rig, tmp_path: Path) -> None:
    """Thirty times as fast as real time; while the host does not acknowledge, the device can neither send nor go on."""
    pcm = heard(60.0)
    samples = tmp_path / "microphone.pcm"
    samples.write_bytes(pcm.tobytes())
    assert rig.elf is not None
    with start_tool([rig.elf, "--microphone", samples, "--microphone-speed", "30"], pipes=True) as process:
        host = StallingHost(ProcessTransport(process))
        report = run_live(
            lambda on_log: Device(host, name="native", on_log=on_log, poll_seconds=0.02, silence_seconds=60.0),
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


def test_a_fifo_is_heard_as_it_is_filled(rig: Rig, tmp_path: Path) -> None:
    pcm = heard(1.0)
    fifo = tmp_path / "microphone.fifo"
    os.mkfifo(fifo)

    def play() -> None:
        with fifo.open("wb", buffering=0) as stream:
            for first in range(0, 2 * len(pcm), 4_097):  # in the middle of a sample, every other time
                stream.write(pcm.tobytes()[first : first + 4_097])

    assert rig.elf is not None
    player = threading.Thread(target=play)
    with start_tool([rig.elf, "--microphone", fifo], pipes=True) as process, Device(ProcessTransport(process), poll_seconds=0.1) as device:
        streamed = told(device.stream_clip(0, pcm))
        player.start()
        recorded = told(device.run_live(1, total_samples=len(pcm)).run)
        player.join()
    assert recorded == streamed


class _BareDevice(Device):
    """Says what no host should."""

    def say(self, *messages: LiveBegin | LiveEnd | Pcm) -> None:
        for message in messages:
            self._session.send(message, self._session.deadline(60.0), None)  # behind an answer to a poll, if one is still to come


def test_samples_in_the_middle_of_a_recording_are_refused_and_an_end_of_another_is_ignored(rig: Rig, tmp_path: Path) -> None:
    pcm = heard(1.0)
    with rig.open_line(microphone=pcm) as line:
        device = _BareDevice(line.transport, poll_seconds=0.1)
        device.connect()
        device.say(
            LiveEnd(clip_id=0), LiveBegin(clip_id=1, total_samples=0, trace_mode=TraceMode.NONE), Pcm(clip_id=1, offset_samples=0, samples=(1,))
        )
        with pytest.raises(DeviceError, match="bad_request: Pcm came without a clip"):
            device.run_live(2, total_samples=1_000)
        device.connect()  # a new session ends whatever went on
        assert device.run_live(3, total_samples=1_000).run.result.frames == SPEC.frames_of(1_000)
        device.say(LiveEnd(clip_id=3), LiveEnd(clip_id=4))
        assert device.stream_clip(5, pcm).result.samples_received == len(pcm)


def test_settings_are_written_in_the_middle_of_a_recording(rig: Rig, tmp_path: Path) -> None:
    fifo = tmp_path / "microphone.fifo"
    os.mkfifo(fifo)
    assert rig.elf is not None
    with start_tool([rig.elf, "--microphone", fifo, "--settings", tmp_path / "settings.bin"], pipes=True) as process:
        device = _BareDevice(ProcessTransport(process), poll_seconds=0.1)
        device.connect()
        device.say(LiveBegin(clip_id=1, total_samples=0, trace_mode=TraceMode.NONE))  # and no sample ever comes
        device.write_setting(300, b"value")
        assert device.read_setting(300) == b"value"


def test_settings_go_through_several_sectors_and_hold_for_recordings(rig: Rig, tmp_path: Path) -> None:
    pcm = heard(2.0)
    settings = tmp_path / "settings.bin"
    with rig.open_line(microphone=pcm, settings=settings) as line, Device(line.transport, poll_seconds=0.1) as device:
        device.write_setting(CALIBRATION_KEY, rig.stored(128))
        for number in range(400):  # through several sectors
            device.write_setting(300 + number % 3, number.to_bytes(2, "little"))
        assert device.run_live(0, total_samples=len(pcm)).run.detections == ()
    with rig.open_line(settings=settings) as line, Device(line.transport, poll_seconds=0.1) as device:
        assert [device.read_setting(key) for key in device.list_settings()] == [
            rig.stored(128),
            *(number.to_bytes(2, "little") for number in (399, 397, 398)),
        ]


def run_with(rig: Rig, *options: str | Path) -> tuple[int, str]:
    assert rig.elf is not None
    result = subprocess.run([rig.elf, *options], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=300, check=False)
    return result.returncode, result.stderr


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (("--volume", "3"), "not understood: --volume"),
        (("--microphone",), "not understood: --microphone"),
        (("--microphone", "/nowhere/a.pcm"), "/nowhere/a.pcm: No such file"),
        (("--lose", "5"), "not understood: --lose"),
        (("--lose", "5:0"), "not understood: --lose"),
        (("--lose", "5:10", "--lose", "14:1"), "not understood: --lose"),
        (("--microphone-speed", "0"), "not understood: --microphone-speed"),
        (("--microphone-speed", "2", "--lose", "5:1"), "which loses samples by itself"),
        (("--settings", "/nowhere/a.bin"), "/nowhere/a.bin: No such file"),
    ],
)
def test_a_command_line_that_makes_no_sense_is_refused(rig: Rig, options: tuple[str, ...], complaint: str) -> None:
    code, said = run_with(rig, *options)
    assert code == 1
    assert complaint in said


def test_a_file_that_is_no_storage_is_refused(rig: Rig, tmp_path: Path) -> None:
    (tmp_path / "settings.bin").write_bytes(b"short")
    code, said = run_with(rig, "--settings", tmp_path / "settings.bin")
    assert code == 1
    assert "not a storage of 8192 bytes" in said


def example_of_settings(rig: Rig, path: Path) -> NDArray[np.uint8]:
    with rig.open_line(settings=path) as line, Device(line.transport, poll_seconds=0.1) as device:
        device.write_setting(300, b"value")
    return np.frombuffer(path.read_bytes(), np.uint8)


def test_nothing_is_written_where_nothing_changes(rig: Rig, tmp_path: Path) -> None:
    path = tmp_path / "settings.bin"
    before = example_of_settings(rig, path)
    with rig.open_line(settings=path) as line, Device(line.transport, poll_seconds=0.1) as device:
        assert device.read_setting(300) == b"value"
        assert device.list_settings() == (300,)
    assert np.array_equal(before, np.frombuffer(path.read_bytes(), np.uint8))
