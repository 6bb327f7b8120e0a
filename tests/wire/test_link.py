"""The reliable link, both sides in Python: order, credits, go-back-N, sessions."""

from __future__ import annotations

import struct
from collections.abc import Callable

import numpy as np
import pytest

from tinyaudio.core.errors import ProtocolError
from tinyaudio.wire.device_link import DeviceLink
from tinyaudio.wire.framing import MAX_FRAME_BYTES, Frame, FrameDecoder, encode_frame, frame_bytes
from tinyaudio.wire.host_link import HostLink, LinkState
from tinyaudio.wire.link import CONTROL_RESERVE_BYTES, CONTROL_TYPES
from tinyaudio.wire.messages import (
    PROTOCOL_VERSION,
    CalibrationState,
    Capability,
    CounterUnit,
    DecisionRule,
    Hello,
    HelloRequest,
    LinkPoll,
    Log,
    LogLevel,
    Pcm,
    SessionNotice,
)

Line = Callable[[bytes], bytes]


def hello(nonce: int, *, retransmit_bytes: int) -> Hello:
    return Hello(
        protocol_version=PROTOCOL_VERSION,
        nonce=nonce,
        boot_id=0,
        retransmit_bytes=retransmit_bytes,
        board_id="test",
        chip_id=b"",
        firmware_fingerprint=bytes(32),
        frontend_fingerprint=bytes(32),
        model_sha256=bytes(32),
        runtime="aot",
        kernel="none",
        sample_rate_hz=16_000,
        window_samples=400,
        hop_samples=160,
        fft_samples=512,
        feature_bands=64,
        patch_frames=96,
        patch_hop_frames=48,
        label_count=2,
        decision_rule=DecisionRule.BEST,
        calibration_fingerprint=bytes(32),
        calibration_state=CalibrationState.BUILT_IN,
        recording_calibration_fingerprint=bytes(32),
        counter_frequency_hz=1,
        counter_unit=CounterUnit.CYCLES,
        arena_bytes=0,
        arena_used_bytes=0,
        model_kernels="none",
        capabilities=Capability(0),
    )


class Pair:
    """A host and a device; the device answers each Pcm with a Log that names its offset."""

    def __init__(self, *, to_device: Line = bytes, to_host: Line = bytes, receive_bytes: int = 2_048, retransmit_bytes: int = 2_048) -> None:
        self.host = HostLink()
        self.device = DeviceLink(receive_bytes=receive_bytes, retransmit_bytes=retransmit_bytes)
        self.to_device, self.to_host = to_device, to_host
        self.now_seconds = 0.0
        self.waiting: list[Log] = []
        self.taken: list[int] = []  # offsets of Pcm the device took
        self.heard: list[str] = []  # texts the host heard
        self.host.open(nonce=1, now_seconds=0.0)

    def work(self) -> None:
        """Let the device do what it can."""
        while True:
            while self.waiting and self.device.send(self.waiting[0]):
                self.waiting.pop(0)
            if self.waiting or (received := self.device.next_message()) is None:
                return
            type_id, payload = received
            if type_id == HelloRequest.ID:
                assert self.device.send(hello(HelloRequest.decode(payload).nonce, retransmit_bytes=self.device.retransmit_bytes))
            elif type_id == Pcm.ID:
                offset = Pcm.decode(payload).offset_samples
                self.taken.append(offset)
                self.waiting.append(Log(level=LogLevel.INFO, text=f"{offset:0150}"))

    def exchange(self) -> None:
        """Carry what waits, both ways, once; when nothing moves, time does."""
        output = self.host.take_output()
        self.device.receive(self.to_device(output))
        self.work()
        answer = self.device.take_output()
        self.host.receive(self.to_host(answer), now_seconds=self.now_seconds)
        if not output and not answer:
            self.now_seconds += self.host.seconds_to_tick(now_seconds=self.now_seconds)
        self.host.tick(now_seconds=self.now_seconds)
        while (message := self.host.next_message()) is not None:
            if isinstance(message, Log):
                self.heard.append(message.text)

    def stream(self, count: int, *, exchanges: int = 5_000) -> None:
        """Send `count` Pcm and wait for as many answers."""
        sent = 0
        for _ in range(exchanges):
            while sent < count and self.host.send(Pcm(clip_id=0, offset_samples=sent, samples=(7,) * 256)):
                sent += 1
            self.exchange()
            if len(self.heard) == count:
                return
        raise AssertionError(f"{len(self.heard)} of {count} answers, {self.host.state}, {self.host.statistics}, {self.device.statistics}")


def spoiler(seed: int, rate: float) -> Line:
    random = np.random.default_rng(seed)

    def spoil(data: bytes) -> bytes:
        result = bytearray()
        for byte in data:
            fate = random.random()
            if fate < rate:
                continue
            result.append(byte ^ (1 << int(random.integers(8))) if fate < 2 * rate else byte)
            if fate > 1 - rate:
                result.append(byte)
        return bytes(result)

    return spoil


def frames_in(data: bytes) -> list[Frame]:
    return FrameDecoder().feed(data)


def test_a_clean_line_carries_everything_once_and_repeats_nothing() -> None:
    pair = Pair()
    pair.stream(100)
    assert pair.taken == list(range(100))
    assert pair.heard == [f"{offset:0150}" for offset in range(100)]
    assert pair.host.statistics.polls == pair.host.statistics.retransmitted_frames == pair.device.statistics.retransmitted_frames == 0


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("rate", [0.0002, 0.001])
def test_a_bad_line_carries_everything_once_and_in_order(seed: int, rate: float) -> None:
    pair = Pair(to_device=spoiler(seed, rate), to_host=spoiler(1_000 + seed, rate))
    pair.stream(150)
    assert pair.taken == list(range(150))
    assert pair.heard == [f"{offset:0150}" for offset in range(150)]


def test_the_faults_of_the_bad_line_were_real() -> None:
    pair = Pair(to_device=spoiler(1, 0.001), to_host=spoiler(1_001, 0.001))
    pair.stream(150)
    assert pair.host.statistics.malformed_frames > 5
    assert pair.device.statistics.malformed_frames > 5
    assert pair.host.statistics.retransmitted_frames > 5
    assert pair.device.statistics.retransmitted_frames > 5


@pytest.mark.parametrize("seed", range(8))
def test_the_host_never_exceeds_the_credit_even_while_frames_are_lost(seed: int) -> None:
    """Everything on its way or waiting in the device fits the device's buffers, at every moment, though it takes its time."""
    random = np.random.default_rng(seed)
    raw = bytearray()  # what an interrupt would have collected
    pair = Pair(receive_bytes=2_048)
    capacity = 2_048 + CONTROL_RESERVE_BYTES
    spoil = spoiler(seed, 0.0005)
    sent = 0
    for _ in range(4_000):
        while sent < 80 and pair.host.send(Pcm(clip_id=0, offset_samples=sent, samples=(0,) * 256)):
            sent += 1
        raw += spoil(pair.host.take_output())
        assert len(raw) + pair.device._received_bytes <= capacity
        part = int(random.integers(0, 700))
        pair.device.receive(bytes(raw[:part]))
        del raw[:part]
        if random.random() < 0.5:
            pair.work()
        pair.host.receive(spoil(pair.device.take_output()), now_seconds=pair.now_seconds)
        pair.now_seconds += 0.05
        pair.host.tick(now_seconds=pair.now_seconds)
        while (message := pair.host.next_message()) is not None:
            pair.heard += [message.text] if isinstance(message, Log) else []
        if len(pair.heard) == 80:
            break
    assert pair.taken == list(range(80))
    assert pair.device.statistics.gap_frames > 0


def test_a_full_retransmit_ring_stops_the_device_until_it_is_acknowledged() -> None:
    pair = Pair()
    pair.exchange()
    pair.exchange()
    line = Log(level=LogLevel.INFO, text="x" * 200)
    count = 0
    while pair.device.send(line):
        count += 1
    assert 0 < count * (len(line.encode()) + 3) <= 2_048
    assert not pair.device.can_send(len(line.encode()))
    pair.host.receive(pair.device.take_output(), now_seconds=0.0)
    pair.device.receive(pair.host.take_output())
    assert pair.device.can_send(len(line.encode()))


def test_results_that_do_not_fit_stop_the_host_by_its_credit() -> None:
    pair = Pair()
    pair.exchange()
    sent = 0
    for _ in range(50):  # the host does not listen, so nothing is acknowledged either way
        sent += pair.host.send(Pcm(clip_id=0, offset_samples=sent, samples=(0,) * 256))
        pair.device.receive(pair.host.take_output())
        pair.work()
    assert sent * frame_bytes(Pcm.MAX_BYTES) <= 2_048
    assert not pair.host.can_send(Pcm.MAX_BYTES)


def test_without_answers_the_device_still_returns_the_credit() -> None:
    pair = Pair()
    pair.exchange()
    sent = 0
    for _ in range(100):
        while sent < 60 and pair.host.send(Pcm(clip_id=0, offset_samples=sent, samples=(0,) * 256)):
            sent += 1
        pair.device.receive(pair.host.take_output())
        while pair.device.next_message():
            pass
        pair.host.receive(pair.device.take_output(), now_seconds=0.0)
    assert sent == 60
    assert pair.host.statistics.polls == 0


def test_a_lost_last_frame_is_found_by_the_poll() -> None:
    lost = iter([True])
    pair = Pair(to_host=lambda data: b"" if b"0001" in data and next(lost, False) else data)
    pair.stream(2)
    assert pair.host.statistics.polls >= 1
    assert pair.now_seconds > 0


def test_a_reset_of_the_device_is_noticed_and_a_new_session_works() -> None:
    pair = Pair()
    pair.stream(5)
    pair.device = DeviceLink(receive_bytes=2_048, retransmit_bytes=2_048)
    pair.host.send(Pcm(clip_id=0, offset_samples=0, samples=()))
    pair.exchange()
    assert pair.host.state is LinkState.LOST
    assert pair.device.statistics.foreign_frames == 1
    pair.host.open(nonce=2, now_seconds=pair.now_seconds)
    pair.heard.clear()
    pair.taken.clear()
    pair.stream(5)
    assert pair.taken == list(range(5))


def test_a_reset_behind_a_repeated_hello_request_is_noticed() -> None:
    """The device answers, is reset, and finds the second HelloRequest in its line: its session looks right but is another."""
    pair = Pair()
    request = pair.host.take_output()
    pair.device.receive(request)
    pair.work()
    pair.host.receive(pair.device.take_output(), now_seconds=0.0)
    pair.stream(3)
    pair.device = DeviceLink(receive_bytes=2_048, retransmit_bytes=2_048)
    pair.device.receive(request)
    pair.work()
    pair.heard.clear()
    for _ in range(20):
        pair.host.send(Pcm(clip_id=0, offset_samples=0, samples=()))
        pair.exchange()
    assert pair.host.state is LinkState.LOST


def test_hello_request_is_repeated_until_answered_and_repetitions_open_nothing_anew() -> None:
    pair = Pair(to_host=lambda data: b"")
    for _ in range(6):
        pair.exchange()
    assert pair.host.state is LinkState.OPENING
    pair.to_host = bytes
    for _ in range(6):
        pair.exchange()
    assert pair.host.state is LinkState.OPEN
    assert pair.device.statistics.retransmitted_frames > 0
    pair.stream(3)


def test_a_hello_left_over_from_another_host_is_ignored() -> None:
    pair = Pair()
    session = frames_in(pair.host.take_output())[0].session
    stale = hello(99, retransmit_bytes=2_048).encode()
    pair.host.receive(encode_frame(Frame(Hello.ID, session, 0, 0, 2_048, stale)), now_seconds=0.0)
    assert pair.host.state is LinkState.OPENING


def test_a_notice_about_an_earlier_session_is_ignored() -> None:
    pair = Pair()
    pair.exchange()
    session = frames_in(pair.device.take_output() or encode_frame(Frame(3, pair.host._session, 0, 0, 0, b"")))[0].session
    notice = encode_frame(Frame(SessionNotice.ID, session % 255 + 1, 0, 0, 0, SessionNotice(open_session=0).encode()))
    pair.host.receive(notice, now_seconds=0.0)
    assert pair.host.state is LinkState.OPEN


def test_another_protocol_version_is_told_with_a_hint() -> None:
    pair = Pair()
    session = frames_in(pair.host.take_output())[0].session
    payload = struct.pack("<HI", PROTOCOL_VERSION + 1, 1) + b"whatever comes next there"
    with pytest.raises(ProtocolError, match=f"speaks version {PROTOCOL_VERSION + 1}") as caught:
        pair.host.receive(encode_frame(Frame(Hello.ID, session, 0, 0, 2_048, payload)), now_seconds=0.0)
    assert "flash" in caught.value.hint
    assert pair.host.state is LinkState.CLOSED


def test_silence_is_polled_less_and_less_often() -> None:
    pair = Pair()
    pair.exchange()
    times = []
    now_seconds = 0.0
    for _ in range(6):
        now_seconds += pair.host.seconds_to_tick(now_seconds=now_seconds)
        pair.host.tick(now_seconds=now_seconds)
        assert [frame.type for frame in frames_in(pair.host.take_output())] == [LinkPoll.ID]
        times.append(now_seconds)
    assert np.diff(times).tolist() == [0.5, 1.0, 2.0, 2.0, 2.0]


def test_sequence_numbers_run_over() -> None:
    pair = Pair()
    pair.exchange()
    pair.host._oldest_sequence = pair.device._expected_sequence = 65_530
    pair.host._expected_sequence = pair.device._next_sequence = pair.device._oldest_sequence = 65_533
    pair.stream(20)
    assert pair.taken == list(range(20))
    assert pair.device._expected_sequence == 14


@pytest.mark.parametrize(("receive_bytes", "retransmit_bytes"), [(2 * MAX_FRAME_BYTES - 1, 4_096), (65_536, 4_096), (4_096, 1_000)])
def test_buffers_that_might_stall_are_refused(receive_bytes: int, retransmit_bytes: int) -> None:
    with pytest.raises(ValueError, match="bytes"):
        DeviceLink(receive_bytes=receive_bytes, retransmit_bytes=retransmit_bytes)


def test_the_link_keeps_its_own_frames_to_itself() -> None:
    pair = Pair()
    pair.exchange()
    session = pair.host._session
    for type_id in CONTROL_TYPES - {HelloRequest.ID}:
        pair.device.receive(encode_frame(Frame(type_id, session, 0, 0, 0, bytes(9))))
    assert pair.device.next_message() is None
