"""A fake device that says of each hop of samples only its CRC-32, and what is expected of it."""

from __future__ import annotations

import zlib
from itertools import count

import numpy as np
from numpy.typing import NDArray

from tinyaudio.bench.device import Device
from tinyaudio.bench.device.clip_run import ClipRun
from tinyaudio.bench.fake_device import FakeDevice
from tinyaudio.bench.transport import FaultRates, FaultyTransport, LoopbackTransport, Transport
from tinyaudio.wire.messages import (
    CalibrationState,
    Capability,
    ClipBegin,
    ClipResult,
    CounterUnit,
    DecisionRule,
    Hello,
    Message,
    PatchResult,
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
    feature_bands=4,
    patch_frames=PATCH,
    patch_hop_frames=PATCH,
    label_count=2,
    decision_rule=DecisionRule.BEST,
    calibration_fingerprint=bytes([4]) * 32,
    calibration_state=CalibrationState.BUILT_IN,
    recording_calibration_fingerprint=bytes([4]) * 32,
    counter_frequency_hz=1,
    counter_unit=CounterUnit.CYCLES,
    arena_bytes=7,
    arena_used_bytes=0,
    model_kernels="none",
    capabilities=Capability.STAGE_TRACE,
)


class HopComputer:
    """Says of each hop its CRC-32, as the C++ test device does."""

    def begin(self, request: ClipBegin, *, thresholds: tuple[int, ...] | None = None) -> list[Message]:
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

    def lose(self, samples: int) -> list[Message]:
        raise AssertionError("it does not record")

    def end(self) -> list[Message]:
        raise AssertionError("it does not record")

    def frame(self, data: bytes) -> list[Message]:
        index, clip_id = self.frames, self.request.clip_id
        self.frames += 1
        messages: list[Message] = []
        if self.request.trace_mode is TraceMode.CRC:
            messages.append(StageTrace(clip_id=clip_id, frame_index=index, stage_crc32=(zlib.crc32(data, index),) * 6, counter_ticks=index))
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
            first_label=0,
            is_last=1,
            logits=(),
            scores=(1, 2),
            smoothing_count=0,
            smoothed_score_sums=(),
            detected=b"",
        )

    def result(self) -> ClipResult:
        return ClipResult(
            clip_id=self.request.clip_id,
            samples_received=len(self.pcm),
            frames=self.frames,
            patches=self.frames // PATCH,
            overruns=0,
            label_index=-1,
            first_label=0,
            is_last=1,
            score_sums=(),
            detected=b"",
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
    return np.repeat(np.array(crcs, np.uint32)[:, None], 6, axis=1)


def assert_whole(run: ClipRun, pcm: NDArray[np.int16]) -> None:
    np.testing.assert_array_equal(run.stage_crc32, expected_crcs(pcm))
    assert run.frontend_ticks.tolist() == list(range(len(pcm) // HOP))
    assert [patch.patch_index for patch in run.patches] == list(range(len(pcm) // HOP // PATCH))
    assert run.result.samples_received == len(pcm)
