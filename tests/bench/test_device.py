"""`Device` against the fake device and against the C++ link in a child process: faults of the line, resets, bad firmware."""

from __future__ import annotations

import dataclasses
import zlib
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.host_cpp.toolchain import FIRMWARE_LIB, compile_host
from tinyaudio.bench.device import Capture, Device, check_identity, identity_of
from tinyaudio.bench.device.clip_run import ClipRun
from tinyaudio.bench.fake_device import FakeDevice
from tinyaudio.bench.transport import FaultRates, FaultyTransport, LoopbackTransport, ProcessTransport, Transport
from tinyaudio.core.errors import DeviceError, IdentityError, ProtocolError, TransportError
from tinyaudio.core.tools import start_tool
from tinyaudio.wire.messages import (
    Capability,
    ClipBegin,
    ClipResult,
    CounterUnit,
    Detection,
    DeviceFault,
    FaultCode,
    Hello,
    Log,
    LogLevel,
    Message,
    PatchResult,
    Pcm,
    Stage,
    StageData,
    StageTrace,
    TraceMode,
)

HOP = 160
PATCH = 4
PCM = np.random.default_rng(5).integers(-(2**15), 2**15, 200 * HOP + 37).astype(np.int16)
BAD_LINE = FaultRates(drop=2e-4, flip=2e-4, duplicate=2e-4)

HELLO = Hello(
    protocol_version=0,
    nonce=0,
    boot_id=0,
    retransmit_bytes=0,
    board_id="fake",
    chip_id=b"\x01\x02",
    firmware_fingerprint=bytes([1]) * 32,
    frontend_fingerprint=bytes([2]) * 32,
    model_sha256=bytes([3]) * 32,
    runtime="aot",
    kernel="cmsis_q31",
    sample_rate_hz=16_000,
    window_samples=HOP,
    hop_samples=HOP,
    fft_samples=256,
    mel_bands=4,
    patch_frames=PATCH,
    patch_hop_frames=PATCH,
    label_count=2,
    counter_frequency_hz=1,
    counter_unit=CounterUnit.CYCLES,
    arena_bytes=7,
    capabilities=Capability.STAGE_TRACE,
)


class HopComputer:
    """Says of each hop its CRC-32, as the C++ test device does."""

    def begin(self, request: ClipBegin) -> list[Message]:
        self.request = request
        self.pcm = np.empty(0, np.int16)
        self.frames = 0
        return [self.result()] if request.total_samples == 0 else []

    def process(self, samples: NDArray[np.int16]) -> list[Message]:
        self.pcm = np.concatenate([self.pcm, samples])
        messages: list[Message] = []
        while len(self.pcm) >= (self.frames + 1) * HOP:
            messages += self.frame(self.pcm[self.frames * HOP :][:HOP].tobytes())
        return [*messages, self.result()] if len(self.pcm) == self.request.total_samples else messages

    def frame(self, data: bytes) -> list[Message]:
        index, clip_id = self.frames, self.request.clip_id
        self.frames += 1
        messages: list[Message] = []
        if self.request.trace_mode is TraceMode.CRC:
            messages.append(StageTrace(clip_id=clip_id, frame_index=index, stage_crc32=(zlib.crc32(data, index),) * 5, counter_ticks=index))
        if 0 <= index - self.request.capture_first_frame < self.request.capture_frame_count:
            for stage in (stage for stage in Stage if self.request.capture_stages >> stage & 1):
                for offset in range(0, len(data), 256):
                    piece = data[offset : offset + 256]
                    messages.append(
                        StageData(clip_id=clip_id, frame_index=index, stage=stage, offset_bytes=offset, total_bytes=len(data), data=piece)
                    )
        if self.frames % PATCH == 0:
            messages.append(self.patch(self.frames // PATCH - 1))
        return messages

    def patch(self, index: int) -> PatchResult:
        return PatchResult(
            clip_id=self.request.clip_id,
            patch_index=index,
            features_crc32=0,
            counter_ticks=0,
            logits=(),
            scores=(1, 2),
            smoothing_count=0,
            smoothed_score_sums=(),
        )

    def result(self) -> ClipResult:
        return ClipResult(
            clip_id=self.request.clip_id,
            samples_received=len(self.pcm),
            frames=self.frames,
            patches=self.frames // PATCH,
            overruns=0,
            label_index=-1,
            score_sums=(),
        )


class ResettingTransport:
    """Resets the fake device after given numbers of written bytes."""

    def __init__(self, line: Transport, fake: FakeDevice, *, after_bytes: list[int]) -> None:
        self.line, self.fake, self.after_bytes, self.written = line, fake, list(after_bytes), 0

    def write(self, data: bytes) -> None:
        self.written += len(data)
        if self.after_bytes and self.written >= self.after_bytes[0]:
            self.after_bytes.pop(0)
            self.fake.reset()
            data = data[len(data) // 2 :]
        self.line.write(data)

    def read(self, max_bytes: int, *, timeout_seconds: float) -> bytes:
        return self.line.read(max_bytes, timeout_seconds=timeout_seconds)

    def close(self) -> None:
        self.line.close()


def fake_device(computer: HopComputer | None = None, *, seed: int | None = None, resets: list[int] | None = None, hello: Hello = HELLO) -> Device:
    fake = FakeDevice(hello, computer or HopComputer(), receive_bytes=2_048, retransmit_bytes=2_048)
    loopback = LoopbackTransport(fake)
    line: Transport = ResettingTransport(loopback, fake, after_bytes=resets or [])
    if seed is not None:
        line = FaultyTransport(line, seed=seed, to_device=BAD_LINE, from_device=BAD_LINE)
    nonces = count(1_000)
    return Device(line, clock=loopback.now_seconds, nonce_source=lambda: next(nonces))


def expected_crcs(pcm: NDArray[np.int16]) -> NDArray[np.uint32]:
    crcs = [zlib.crc32(pcm[index * HOP :][:HOP].tobytes(), index) for index in range(len(pcm) // HOP)]
    return np.repeat(np.array(crcs, np.uint32)[:, None], 5, axis=1)


def assert_whole(run: ClipRun, pcm: NDArray[np.int16]) -> None:
    np.testing.assert_array_equal(run.stage_crc32, expected_crcs(pcm))
    assert run.frontend_ticks.tolist() == list(range(len(pcm) // HOP))
    assert [patch.patch_index for patch in run.patches] == list(range(len(pcm) // HOP // PATCH))
    assert run.result.samples_received == len(pcm)


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
        assert run.stage_crc32.shape == (0, 5)
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
        detection = Detection(clip_id=self.request.clip_id, frame_index=0, label_index=1, smoothed_score_sum=5, smoothing_count=1)
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
        self._link.send(Pcm(clip_id=1, offset_samples=5, samples=(1,)))


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


# ---- the C++ link, under the sanitizers ----


@pytest.fixture(scope="session")
def cpp_device(tmp_path_factory: pytest.TempPathFactory) -> Path:
    library = FIRMWARE_LIB / "tinyaudio_wire"
    sources = [Path(__file__).resolve().parents[1] / "host_cpp" / "link_device_main.cc", *sorted((library / "src").glob("*.cc"))]
    return compile_host(tmp_path_factory.mktemp("link") / "link_device", sources, include_dirs=[library / "include", library / "src"])


@pytest.fixture
def cpp_line(cpp_device: Path, request: pytest.FixtureRequest) -> Iterator[ProcessTransport]:
    """Talk to the C++ device, started with the arguments the test is parametrized with; it must end well."""
    with start_tool([cpp_device, *map(str, request.param)], pipes=True) as process:
        line = ProcessTransport(process)
        yield line
        line.close()
        assert process.stdin is not None
        process.stdin.close()
        assert process.wait(20) == 0, process.cause_of_death()


@pytest.mark.parametrize("cpp_line", [(2_048, 2_048), (1_101, 1_101), (65_535, 65_536)], indirect=True)
def test_cpp_clean_line(cpp_line: ProcessTransport) -> None:
    device = Device(cpp_line)
    hello = device.connect()
    assert hello.board_id == "host test"
    assert hello.kernel == "a name that is f"
    assert hello.model_sha256 == b"\xab" * 32
    for clip_id in range(3):
        assert_whole(device.stream_clip(clip_id, PCM), PCM)
    assert device.statistics.retransmitted_frames == 0


@pytest.mark.parametrize("cpp_line", [(2_048, 2_048), (1_101, 8_192)], indirect=True)
@pytest.mark.parametrize("seed", range(4))
def test_cpp_bad_line(cpp_line: ProcessTransport, seed: int) -> None:
    line = FaultyTransport(cpp_line, seed=seed, to_device=BAD_LINE, from_device=BAD_LINE)
    device = Device(line, poll_seconds=0.02)
    for clip_id in range(2):
        assert_whole(device.stream_clip(clip_id, PCM), PCM)
    assert line.faults > 50
    assert device.statistics.malformed_frames > 0


@pytest.mark.parametrize("cpp_line", [(2_048, 2_048, 3_000, 40_000), (4_096, 8_192, 1, 65_000, 66_000)], indirect=True)
@pytest.mark.parametrize("rates", [FaultRates(), BAD_LINE], ids=["clean", "bad"])
def test_cpp_resets(cpp_line: ProcessTransport, rates: FaultRates) -> None:
    line = FaultyTransport(cpp_line, seed=11, to_device=rates, from_device=rates)
    device = Device(line, poll_seconds=0.02)
    run = device.stream_clip(0, PCM)
    assert_whole(run, PCM)
    assert run.resumed >= 1
    assert_whole(device.stream_clip(1, PCM), PCM)


@pytest.mark.parametrize("cpp_line", [(2_048, 2_048)], indirect=True)
def test_cpp_obeys_a_reset_request_and_numbers_its_boots(cpp_line: ProcessTransport) -> None:
    device = Device(cpp_line, poll_seconds=0.02)
    boots = [device.connect().boot_id]
    device.request_reset()
    boots.append(device.connect().boot_id)
    assert boots == [1, 2]


@pytest.mark.parametrize("sizes", [("1000", "2048"), ("2048", "1000"), ("65536", "2048")])
def test_cpp_refuses_buffers_that_might_stall(cpp_device: Path, sizes: tuple[str, str]) -> None:
    with start_tool([cpp_device, *sizes], pipes=True) as process:
        assert process.wait(20) == 3
        with pytest.raises(TransportError, match="buffers refused"):
            Device(ProcessTransport(process)).connect()
