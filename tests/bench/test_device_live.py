"""Recordings and settings over the fake device: what is asked for, what is refused, what would be a lie."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.bench.hop_device import BAD_LINE, HELLO, HopComputer, ResettingTransport
from tests.bench.test_fake_device import PCM, QUANTIZATION, SPEC, TABLES, hello
from tinyaudio.bench.device import CALIBRATION_KEY, Device, decode_calibration, encode_calibration
from tinyaudio.bench.fake_device import FakeDevice, FakeMicrophone, TwinComputer
from tinyaudio.bench.hil import LiveExpectation, LiveReport, run_live
from tinyaudio.bench.transport import FaultyTransport, LoopbackTransport, Transport
from tinyaudio.core.artifacts import Calibration, QuantizedModel
from tinyaudio.core.board import load_board
from tinyaudio.core.errors import DeviceError, InputError, ProtocolError
from tinyaudio.wire.messages import CalibrationSource, ClipResult, Detection, Message, Overrun, PatchResult, SettingsKeys, StageTrace

CALIBRATION = Calibration(smoothing_patches=3, detection_threshold=20)
LONG_PCM = np.concatenate([PCM, PCM[::-1], PCM // 3])
SHA256 = "03" * 32


def answer(_clip_id: int, _patch_index: int, features: NDArray[np.int8]) -> tuple[NDArray[np.int8], NDArray[np.int8]]:
    values = features.astype(np.int64).ravel()
    sums = np.array([values[first::3].sum() for first in range(3)])
    return (sums % 256 - 128).astype(np.int8), (sums // 7 % 256 - 128).astype(np.int8)


def live_computer() -> TwinComputer:
    return TwinComputer(
        TABLES,
        QUANTIZATION,
        answer,
        label_count=3,
        calibration=CALIBRATION,
    )


def fake(computer: TwinComputer | None = None, *, gaps: dict[int, int] | None = None, settings: dict[int, bytes] | None = None) -> FakeDevice:
    microphone = FakeMicrophone(pcm=LONG_PCM, gaps=gaps or {})
    own = dataclasses.replace(hello(), frontend_fingerprint=bytes.fromhex(TABLES.fingerprint), board_id="stm32h7")
    return FakeDevice(own, computer or live_computer(), microphone=microphone, settings=settings)


def stored(threshold: int, **changes: Any) -> bytes:
    own = {"model_sha256": SHA256, "frontend_fingerprint": TABLES.fingerprint}
    wrong = {name: changes.pop(name) for name in own if name in changes}
    calibration = dataclasses.replace(CALIBRATION, detection_threshold=threshold, **changes)
    return encode_calibration(calibration, label_count=3, **{**own, **wrong})[CALIBRATION_KEY]


def open_device(device: FakeDevice, *, wrap: type[FaultyTransport] | None = None) -> Device:
    loopback = LoopbackTransport(device)
    line: Transport = FaultyTransport(loopback, seed=3, to_device=BAD_LINE, from_device=BAD_LINE) if wrap else loopback
    return Device(line, clock=loopback.now_seconds)


def prove(device: FakeDevice, *, wrap: type[FaultyTransport] | None = None, total_samples: int | None = None) -> LiveReport:
    quantized = QuantizedModel(
        tflite=b"",
        sha256=SHA256,
        labels=("a", "b", "c"),
        spec=SPEC,
        kernel="cmsis_q31",
        frontend_fingerprint=TABLES.fingerprint,
        input_scale=0.05,
        input_zero_point=-3,
        output_scale=1.0,
        output_zero_point=0,
        ops=(),
    )
    expected = LiveExpectation(
        board=load_board("stm32h7"),
        firmware_fingerprint="01" * 32,
        tables=TABLES,
        quantized=quantized,
        calibration=CALIBRATION,
        predict=lambda features: answer(0, 0, features),
    )
    return run_live(lambda _: open_device(device, wrap=wrap), LONG_PCM, expected=expected, total_samples=total_samples)


@pytest.mark.parametrize("wrap", [None, FaultyTransport])
def test_a_recording_is_compared_in_every_stage(wrap: type[FaultyTransport] | None) -> None:
    report = prove(fake(), wrap=wrap)
    assert report.is_exact, report.mismatches
    assert report.is_complete
    assert list(report.mismatches) == [*("window", "fft", "energy", "mel", "log", "post", "features"), "logits", "outputs",
                                       "smoothed_scores", "decisions", "detections", "clip_scores", "clip_detections"]  # fmt: skip
    assert report.frames == SPEC.frames_of(len(LONG_PCM))
    assert report.seconds == len(LONG_PCM) / SPEC.sample_rate_hz
    assert len(report.detections) > 1
    assert (report.dropped_frames > 0) == (wrap is not None)


@pytest.mark.parametrize("wrap", [None, FaultyTransport])
@pytest.mark.parametrize("gaps", [{0: 10}, {700: 300, 1_000: 1}, {5_000: 4_000, 20_000: 1}, {26_000: 5_000}])
def test_what_is_lost_is_counted_and_the_rest_compared(gaps: dict[int, int], wrap: type[FaultyTransport] | None) -> None:
    report = prove(fake(gaps=gaps), wrap=wrap)
    lost = sum(min(count, len(LONG_PCM) - position) for position, count in gaps.items())
    assert report.is_exact, report.mismatches
    assert (report.overruns, report.gaps) == (lost, len(gaps))
    edges = [0, *(edge for position, count in gaps.items() for edge in (position, position + count)), len(LONG_PCM)]
    frames = sum(SPEC.frames_of(max(0, end - first)) for first, end in zip(edges[::2], edges[1::2], strict=True))
    assert report.frames == frames
    assert report.missing_hops == SPEC.frames_of(len(LONG_PCM)) - frames
    assert not report.is_complete


class _Spoiled(TwinComputer):
    """Says one thing wrong."""

    def __init__(self, fault: str) -> None:
        super().__init__(
            TABLES,
            QUANTIZATION,
            answer,
            label_count=3,
            calibration=CALIBRATION,
        )
        self.fault = fault

    def process(self, samples: NDArray[np.int16]) -> list[Message]:
        return [spoilt for message in super().process(samples) for spoilt in self.spoil(message)]

    def lose(self, samples: int) -> list[Message]:
        return [spoilt for message in super().lose(samples) for spoilt in self.spoil(message)]

    def spoil(self, message: Message) -> list[Message]:
        match self.fault, message:
            case "post", StageTrace(frame_index=70):
                return [dataclasses.replace(message, stage_crc32=(*message.stage_crc32[:5], 1))]
            case "features", PatchResult(patch_index=3):
                return [dataclasses.replace(message, features_crc32=1)]
            case "outputs", PatchResult(patch_index=3):
                return [dataclasses.replace(message, scores=(message.scores[0] ^ 1, *message.scores[1:]))]
            case "decisions", PatchResult(patch_index=3):
                return [dataclasses.replace(message, detected=bytes([message.detected[0] ^ 1]))]
            case "detections", Detection():
                return []
            case "clip_detections", ClipResult():
                return [dataclasses.replace(message, detected=bytes([message.detected[0] ^ 2]))]
            case "clip_scores", ClipResult():
                return [dataclasses.replace(message, score_sums=(0, 0, 0))]
            case "lost frame", StageTrace(frame_index=70):
                return []
            case "lost gap", Overrun():
                return []
            case "shifted gap", Overrun():
                return [dataclasses.replace(message, position_samples=message.position_samples - 1_000)]
            case "empty gap", Overrun():
                return [dataclasses.replace(message, lost_samples=0)]
            case "gap of another", Overrun():
                return [dataclasses.replace(message, clip_id=9)]
            case "patches behind a gap", Overrun():
                return [dataclasses.replace(message, next_patch_index=9)]
        return [message]


@pytest.mark.parametrize("stage", ["post", "features", "outputs", "decisions", "detections", "clip_scores", "clip_detections"])
def test_a_difference_is_found_and_named(stage: str) -> None:
    report = prove(fake(_Spoiled(stage), gaps={12_000: 100}))
    assert not report.is_exact
    assert [name for name, count in report.mismatches.items() if count] == [stage]


@pytest.mark.parametrize(
    ("fault", "sentence"),
    [
        ("lost frame", "frame 71 came where frame 70 was due"),
        ("lost gap", "frames traced of"),
        ("shifted gap", "frame 73 came where frame 67 was due"),
        ("empty gap", "a gap of 0 samples at 12000"),
        ("gap of another", "Overrun is about recording 9"),
        ("patches behind a gap", "patch 9 came where patch 8 was due"),
    ],
)
def test_what_does_not_add_up_is_an_error(fault: str, sentence: str) -> None:
    with pytest.raises(ProtocolError, match=sentence):
        prove(fake(_Spoiled(fault), gaps={12_000: 100}))


def test_a_recording_ends_when_asked_to() -> None:
    patches: list[Message] = []

    def note(message: Message) -> None:
        patches.extend([message] if isinstance(message, PatchResult) else [])

    live = open_device(fake()).run_live(4, should_end=lambda: len(patches) >= 5, on_message=note)
    assert live.run.clip_id == 4
    assert list(live.run.patches) == patches
    assert len(patches) >= 5
    assert len(live.segments) == 1
    assert live.segments[0].samples == live.run.result.samples_received < len(LONG_PCM)


def test_a_recording_without_an_end_is_refused() -> None:
    for total_samples in (None, 0):
        with pytest.raises(InputError, match="nothing would end the recording"):
            open_device(fake()).run_live(0, total_samples=total_samples)


def test_a_recording_that_lasts_too_long_is_given_up() -> None:
    loopback = LoopbackTransport(fake())
    ticks = iter(range(10**6))
    device = Device(loopback, clock=lambda: next(ticks) / 10)
    with pytest.raises(DeviceError, match="did not finish in time"):
        device.run_live(0, should_end=lambda: False, timeout_seconds=60.0)


def test_a_reset_ends_a_recording_and_the_next_one_works() -> None:
    own = fake()
    loopback = LoopbackTransport(own)
    device = Device(ResettingTransport(loopback, own, after_bytes=[60]), clock=loopback.now_seconds)
    with pytest.raises(DeviceError, match="was reset in the middle of a recording"):
        device.run_live(0, total_samples=len(LONG_PCM))
    assert device.run_live(1, total_samples=len(LONG_PCM)).run.result.frames == SPEC.frames_of(len(LONG_PCM))


def test_a_device_without_a_microphone_refuses() -> None:
    line = LoopbackTransport(FakeDevice(HELLO, HopComputer()))
    with pytest.raises(DeviceError, match="hardware: this board has no microphone"):
        Device(line, clock=line.now_seconds).run_live(0, total_samples=1)


def test_the_proof_refuses_a_device_without_a_microphone() -> None:
    own = dataclasses.replace(hello(), frontend_fingerprint=bytes.fromhex(TABLES.fingerprint), board_id="stm32h7")
    with pytest.raises(DeviceError, match="has no microphone"):
        prove(FakeDevice(own, live_computer()))


@pytest.mark.parametrize("threshold", [-128, 0, 128])
def test_the_stored_threshold_holds_for_recordings_only(threshold: int) -> None:
    settings = {CALIBRATION_KEY: stored(threshold)}
    report = prove(fake(settings=settings))
    assert report.is_exact, report.mismatches
    assert report.detection_threshold == threshold
    compiled = open_device(fake()).stream_clip(0, LONG_PCM).detections
    assert open_device(fake(settings=settings)).stream_clip(0, LONG_PCM).detections == compiled
    assert report.detections != compiled


def test_settings_outlive_resets_and_are_asked_for_again() -> None:
    settings: dict[int, bytes] = {}
    own = fake(settings=settings)
    loopback = LoopbackTransport(own)
    device = Device(ResettingTransport(loopback, own, after_bytes=[40, 200]), clock=loopback.now_seconds)
    device.write_setting(300, b"one")
    device.write_setting(256, b"two")
    assert device.list_settings() == (256, 300)
    device.request_reset()
    assert (device.read_setting(300), device.read_setting(256), device.read_setting(257)) == (b"one", b"two", None)
    device.write_setting(300, b"")
    assert settings == {256: b"two"}
    assert own.boots == 4


def test_settings_are_refused_with_a_reason() -> None:
    device = open_device(fake(settings={}))
    for key, value in ((0, b"x"), (2, b"x"), (65_535, b"x"), (1, b"x"), (1, (129).to_bytes(2, "little"))):
        with pytest.raises(DeviceError, match=f"did not store setting {key}: its firmware has no such key"):
            device.write_setting(key, value)
    for key in range(256, 256 + SettingsKeys.MAX_KEYS):
        device.write_setting(key, b"x")
    with pytest.raises(DeviceError, match="no room for another key") as caught:
        device.write_setting(400, b"x")
    assert "forget one" in caught.value.hint
    with pytest.raises(DeviceError, match="storage is not there"):
        open_device(fake()).write_setting(256, b"x")
    with pytest.raises(ProtocolError, match=r"SettingsWrite\.value"):
        device.write_setting(256, bytes(65))


def test_thresholds_come_back_and_others_are_refused() -> None:
    decoded = [decode_calibration(stored(value)) for value in (-128, -1, 0, 128)]
    assert [found.threshold for found in decoded if found is not None] == [-128, -1, 0, 128]
    for value in (-129, 129):
        with pytest.raises(InputError, match="-128 to 128 are possible"):
            stored(value)
    with pytest.raises(InputError, match="2 thresholds for 3 labels"):
        stored(3, class_thresholds=(1, 2))
    with pytest.raises(InputError, match="threshold is 129"):
        stored(3, class_thresholds=(1, 129, 2))
    assert decode_calibration(b"\x05\x00") is None  # what earlier firmware stored
    assert decode_calibration(b"\x01" + stored(3)[1:]) is None


def test_a_threshold_for_other_firmware_does_not_hold() -> None:
    """The device says so, and takes no such threshold."""
    compiled = prove(fake())
    for value in (b"\x05\x00", stored(-128, model_sha256="77" * 32), stored(-128, frontend_fingerprint="77" * 32)):
        settings = {CALIBRATION_KEY: value}
        report = prove(fake(settings=settings))
        assert report.is_exact, report.mismatches
        assert report.identity.calibration_state == "foreign"
        assert report.detections == compiled.detections
        device = open_device(fake(settings=settings))
        assert device.read_setting(CALIBRATION_KEY) is None
        with pytest.raises(DeviceError, match="not with this value"):
            device.write_setting(CALIBRATION_KEY, value)
        device.write_setting(CALIBRATION_KEY, b"")
        assert settings == {}


def test_a_clip_can_ask_for_the_stored_threshold() -> None:
    device = open_device(fake(settings={}))
    compiled = device.stream_clip(0, LONG_PCM).detections
    device.write_setting(CALIBRATION_KEY, stored(128))
    assert device.stream_clip(0, LONG_PCM).detections == compiled != ()
    assert device.stream_clip(0, LONG_PCM, decide_by=CalibrationSource.STORED).detections == ()
    device.write_setting(CALIBRATION_KEY, b"")
    assert device.stream_clip(0, LONG_PCM, decide_by=CalibrationSource.STORED).detections == compiled
