"""`Device` against the fake device: faults of the line, resets, bad firmware."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.bench.hop_device import HELLO, HOP, PCM, HopComputer, assert_whole, fake_device
from tinyaudio.bench.device import Capture, Device, check_identity, identity_of
from tinyaudio.bench.fake_device import FakeDevice
from tinyaudio.bench.transport import LoopbackTransport
from tinyaudio.core.errors import DeviceError, IdentityError, ProtocolError
from tinyaudio.wire.messages import (
    ClipResult,
    Detection,
    DeviceFault,
    FaultCode,
    Log,
    LogLevel,
    Message,
    PatchResult,
    Pcm,
    Stage,
    StageTrace,
    TraceMode,
)


def test_a_clip_comes_through_a_clean_line() -> None:
    with fake_device() as device:
        hello = device.connect()
        assert (hello.board_id, hello.boot_id) == ("fake", 1)
        run = device.stream_clip(7, PCM)
        assert_whole(run, PCM)
        assert run.resumed == run.statistics.retransmitted_frames == run.statistics.polls == 0


@pytest.mark.parametrize("seed", range(10))
def test_clips_come_through_a_line_that_drops_flips_and_repeats(seed: int) -> None:
    with fake_device(seed=seed) as device:
        for clip_id in range(3):
            assert_whole(device.stream_clip(clip_id, PCM), PCM)
        assert device.statistics.malformed_frames + device.statistics.retransmitted_frames > 0


@pytest.mark.parametrize("seed", [None, *range(6)])
@pytest.mark.parametrize("resets", [[100], [20_000], [9_000, 30_000, 30_100]])
def test_a_clip_resumes_after_resets_and_counts_nothing_twice(seed: int | None, resets: list[int]) -> None:
    with fake_device(seed=seed, resets=resets) as device:
        run = device.stream_clip(1, PCM)
        assert_whole(run, PCM)
        assert 1 <= run.resumed <= len(resets)
        assert device.stream_clip(2, PCM[:1_000]).resumed == 0


def test_a_requested_reset_boots_the_device() -> None:
    with fake_device() as device:
        assert device.connect().boot_id == 1
        device.request_reset()
        assert device.connect().boot_id == 2
        assert_whole(device.stream_clip(0, PCM[:5_000]), PCM[:5_000])


@pytest.mark.parametrize("samples", [0, 1, HOP - 1, HOP, 256, 257])
def test_short_clips(samples: int) -> None:
    with fake_device() as device:
        assert_whole(device.stream_clip(3, PCM[:samples]), PCM[:samples])


def test_without_a_trace_only_results_come() -> None:
    with fake_device() as device:
        run = device.stream_clip(3, PCM, trace_mode=TraceMode.NONE)
        assert run.stage_crc32.shape == (0, 6)
        assert len(run.patches) == run.result.patches == 50


def test_whole_arrays_come_where_asked_for() -> None:
    capture = Capture(stages=frozenset((Stage.FFT, Stage.LOG)), first_frame=198, frame_count=5)
    with fake_device(seed=3) as device:
        run = device.stream_clip(3, PCM, capture=capture)
        assert set(run.stage_data) == {(frame, stage) for frame in (198, 199) for stage in (Stage.FFT, Stage.LOG)}
        assert run.stage_data[198, Stage.LOG] == PCM[198 * HOP :][:HOP].tobytes()


def test_a_device_that_does_not_reset_when_asked_is_told() -> None:
    fake = FakeDevice(HELLO, HopComputer())
    line = LoopbackTransport(fake)
    device = Device(line, clock=line.now_seconds)
    device.connect()
    fake.reset = lambda: None  # type: ignore[method-assign]
    with pytest.raises(DeviceError, match="did not finish in time"):
        device.request_reset(timeout_seconds=10)


def test_a_device_that_was_swapped_in_a_reset_is_refused() -> None:
    fake = FakeDevice(HELLO, HopComputer())
    line = LoopbackTransport(fake)
    device = Device(line, clock=line.now_seconds)
    device.connect()
    fake._hello = dataclasses.replace(HELLO, model_sha256=bytes(32))
    fake.reset()
    with pytest.raises(IdentityError, match="another device or other firmware"):
        device.stream_clip(0, PCM)


def test_a_device_that_is_reset_again_and_again_is_given_up() -> None:
    with fake_device(resets=list(range(100, 200_000, 3_000))) as device, pytest.raises(DeviceError, match="was reset 9 times"):
        device.stream_clip(0, PCM)


class Mute:
    """Hears everything, says nothing."""

    def receive(self, data: bytes) -> None:
        pass

    def take_output(self) -> bytes:
        return b""


def test_a_silent_device_is_given_up() -> None:
    line = LoopbackTransport(Mute())
    with pytest.raises(DeviceError, match="did not answer for") as caught:
        Device(line, clock=line.now_seconds, silence_seconds=5).connect()
    assert "flash" in caught.value.hint
    assert 5 < line.now_seconds() < 10
    with pytest.raises(DeviceError, match="did not finish in time"):
        Device(line, clock=line.now_seconds).connect(timeout_seconds=1)


class Forgetful(HopComputer):
    """Loses, repeats or adds messages, as only wrong firmware does."""

    def __init__(self, fault: str) -> None:
        self.fault = fault

    def process(self, samples: NDArray[np.int16]) -> list[Message]:
        kept: list[Message] = []
        for message in super().process(samples):
            match self.fault, message:
                case ("frame", StageTrace(frame_index=3)) | ("last frame", StageTrace(frame_index=199)) | ("patch", PatchResult(patch_index=2)):
                    continue
                case ("twice", StageTrace(frame_index=3)):
                    kept.append(message)
                case ("clip", PatchResult()):
                    message = dataclasses.replace(message, clip_id=9)
                case ("hello", PatchResult()):
                    kept.append(HELLO)
                case ("samples", ClipResult()):
                    message = dataclasses.replace(message, samples_received=5)
                case ("overrun", ClipResult()):
                    message = dataclasses.replace(message, samples_received=len(PCM) - 5, overruns=5)
            kept.append(message)
        return kept


@pytest.mark.parametrize(
    ("fault", "sentence"),
    [
        ("frame", "frame 4 came where frame 3 was due"),
        ("last frame", "199 frames traced of 200"),
        ("patch", "patch 3 came where patch 2 was due"),
        ("twice", "frame 3 came where frame 4 was due"),
        ("clip", "PatchResult is about clip 9"),
        ("hello", "Hello came in the middle of a clip"),
        ("samples", f"5 samples processed of {len(PCM)}"),
        ("overrun", "5 samples dropped of 0"),
    ],
)
def test_what_is_missing_or_out_of_place_is_an_error(fault: str, sentence: str) -> None:
    with fake_device(Forgetful(fault)) as device, pytest.raises(ProtocolError, match=f"clip 4: .*{sentence}"):
        device.stream_clip(4, PCM)


class Talkative(HopComputer):
    """Logs and detects."""

    def process(self, samples: NDArray[np.int16]) -> list[Message]:
        detection = Detection(clip_id=self.request.clip_id, frame_index=0, label_index=1, is_detected=1, smoothed_score_sum=5, smoothing_count=1)
        first: list[Message] = [Log(level=LogLevel.INFO, text="begun"), detection] if self.frames == 0 else []
        return first + super().process(samples)


def test_logs_are_handed_on_and_detections_are_kept() -> None:
    fake = FakeDevice(HELLO, Talkative())
    line = LoopbackTransport(fake)
    lines: list[str] = []
    device = Device(line, clock=line.now_seconds, on_log=lambda log: lines.append(log.text))
    run = device.stream_clip(0, PCM)
    assert lines[0] == "begun"
    assert run.detections[0].label_index == 1


class Failing(HopComputer):
    """Cannot go on."""

    def process(self, samples: NDArray[np.int16]) -> list[Message]:
        return [DeviceFault(code=FaultCode.SELF_CHECK, text="the tables are damaged")]


def test_a_fault_of_the_device_is_an_error() -> None:
    with fake_device(Failing()) as device, pytest.raises(DeviceError, match="self_check: the tables are damaged"):
        device.stream_clip(5, PCM)


class SkippingHost(Device):
    """Sends samples out of place."""

    def skip(self) -> None:
        self._session.link.send(Pcm(clip_id=1, offset_samples=5, samples=(1,)))


def test_the_fake_device_refuses_samples_out_of_place() -> None:
    fake = FakeDevice(HELLO, HopComputer())
    line = LoopbackTransport(fake)
    device = SkippingHost(line, clock=line.now_seconds)
    device.connect()
    device.skip()
    with pytest.raises(DeviceError, match="bad_request: Pcm does not continue the clip"):
        device.stream_clip(5, PCM)


def test_identity_is_compared_by_name() -> None:
    identity = identity_of(HELLO)
    assert identity.chip_id == "0102"
    assert identity.counter_unit == "cycles"
    checked = check_identity(
        HELLO, board="fake", frontend_fingerprint="02" * 32, model_sha256="03" * 32, firmware_fingerprint=identity.firmware_fingerprint
    )
    assert checked == identity
    with pytest.raises(IdentityError, match=r"^fake: .*model 030303030303 instead of aaaaaaaaaaaa; firmware 010101010101 instead of b+$") as caught:
        check_identity(HELLO, frontend_fingerprint="02" * 32, model_sha256="a" * 64, firmware_fingerprint="b" * 64)
    assert "tinyaudio build" in caught.value.hint
    with pytest.raises(IdentityError, match=r"board fake instead of a_board_with_a_long_name$"):
        check_identity(HELLO, board="a_board_with_a_long_name")
