"""A device that exists only here: it answers the true protocol byte by byte, and the integer twin computes for it."""

from __future__ import annotations

import dataclasses
import zlib
from collections import deque
from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from tinyaudio.core.artifacts import ExpectedOutputs
from tinyaudio.core.errors import ProtocolError
from tinyaudio.dsp.frontend import (
    FeatureQuantization,
    FrontendStages,
    FrontendTables,
    LevelState,
    compute_stages,
    patches,
    post_process,
    quantize_features,
)
from tinyaudio.wire.device_link import DeviceLink
from tinyaudio.wire.messages import (
    PROTOCOL_VERSION,
    ClipBegin,
    ClipResult,
    Detection,
    DeviceFault,
    FaultCode,
    Hello,
    HelloRequest,
    Message,
    PatchResult,
    Pcm,
    ResetRequest,
    Stage,
    StageData,
    StageTrace,
    TraceMode,
    decode_message,
)

_NO_LABEL = -1

#: (clip id, patch index, features int8, in the shape of the model's input) -> (logits int8 [n], scores int8 [labels])
PatchModel = Callable[[int, int, NDArray[np.int8]], tuple[NDArray[np.int8], NDArray[np.int8]]]


class ClipComputer(Protocol):
    """The computing part of a device."""

    def begin(self, request: ClipBegin) -> list[Message]:
        """Start a clip; return what it leads to (the result of an empty clip)."""

    def process(self, samples: NDArray[np.int16]) -> list[Message]:
        """Take the clip's next samples; return all that they complete, `ClipResult` last."""


class FakeDevice:
    """A device for a `LoopbackTransport`.

    Parameters
    ----------
    hello
        What it says of itself; version, nonce, boot id and buffer size are filled in.
    computer
        What computes for it.
    receive_bytes, retransmit_bytes
        Sizes of the link's buffers.

    Attributes
    ----------
    boots
        How often it was started.
    """

    def __init__(self, hello: Hello, computer: ClipComputer, *, receive_bytes: int = 4_096, retransmit_bytes: int = 8_192) -> None:
        self.boots = 0
        self._hello = hello
        self._computer = computer
        self._receive_bytes = receive_bytes
        self._retransmit_bytes = retransmit_bytes
        self.reset()

    def reset(self) -> None:
        """Reboot: forget everything, as a power failure would."""
        self.boots += 1
        self._link = DeviceLink(receive_bytes=self._receive_bytes, retransmit_bytes=self._retransmit_bytes)
        self._forget_clip()

    def receive(self, data: bytes) -> None:
        """Take received bytes in any pieces, and work as far as the host lets results go."""
        self._link.receive(data)
        while self._send_waiting() and (received := self._link.next_message()) is not None:
            self._handle(received)

    def take_output(self) -> bytes:
        """Return what is to be written, and forget it."""
        return self._link.take_output()

    def _forget_clip(self) -> None:
        self._waiting: deque[Message] = deque()  # results that did not fit the link yet
        self._request: ClipBegin | None = None
        self._samples = 0

    def _send_waiting(self) -> bool:
        """Send what waits; return whether all of it went, so that more may be taken in."""
        if self._link.hello_pending:
            return True  # a new session begins; what waits will be dropped
        while self._waiting and self._link.send(self._waiting[0]):
            self._waiting.popleft()
        return not self._waiting

    def _handle(self, received: tuple[int, bytes]) -> None:
        try:
            message = decode_message(*received)
        except ProtocolError as error:
            self._refuse(str(error))
            return
        match message:
            case HelloRequest():
                self._forget_clip()
                self._waiting.append(self._answer(message.nonce))
            case ClipBegin():
                self._forget_clip()
                self._request = message
                self._waiting.extend(self._computer.begin(message))
            case Pcm():
                self._take_samples(message)
            case ResetRequest():
                self.reset()
            case _:
                self._refuse(f"{type(message).__name__} is not for a device")

    def _answer(self, nonce: int) -> Hello:
        return dataclasses.replace(
            self._hello, protocol_version=PROTOCOL_VERSION, nonce=nonce, boot_id=self.boots, retransmit_bytes=self._retransmit_bytes
        )

    def _take_samples(self, message: Pcm) -> None:
        request = self._request
        if request is None or message.clip_id != request.clip_id or message.offset_samples != self._samples:
            self._refuse("Pcm does not continue the clip")
            return
        self._samples += len(message.samples)
        if self._samples > request.total_samples:
            self._refuse("Pcm goes beyond the end of the clip")
            return
        self._waiting.extend(self._computer.process(np.array(message.samples, np.int16)))

    def _refuse(self, text: str) -> None:
        self._forget_clip()
        self._waiting.append(DeviceFault(code=FaultCode.BAD_REQUEST, text=text[: DeviceFault.MAX_TEXT]))


class TwinComputer:
    """Computes clips with the integer twin of the front end, and with `model`; costs no ticks.

    Parameters
    ----------
    tables
        The front end.
    quantization
        Its last step.
    model
        The model's part.
    label_count
        Number of classes.
    smoothing_patches
        Patches whose scores are added up for decisions while the clip runs.
    detection_threshold
        Mean score (int8) that the greatest of these sums must reach to be a decision.
    """

    def __init__(
        self,
        tables: FrontendTables,
        quantization: FeatureQuantization,
        model: PatchModel,
        *,
        label_count: int,
        smoothing_patches: int = 4,
        detection_threshold: int = 0,
    ) -> None:
        self._tables = tables
        self._quantization = quantization
        self._model = model
        self._label_count = label_count
        self._smoothing_patches = smoothing_patches
        self._detection_threshold = detection_threshold

    def begin(self, request: ClipBegin) -> list[Message]:
        """Start a clip."""
        spec = self._tables.spec
        self._request = request
        self._samples = 0
        self._buffer = np.empty(0, np.int16)  # from the first sample of frame `_frames` on
        self._features = np.empty((0, spec.feature_bands), np.int8)  # all frames so far
        self._level: LevelState | None = None
        self._scores: list[NDArray[np.int8]] = []
        self._detected_label = _NO_LABEL
        return [self._result()] if request.total_samples == 0 else []

    def process(self, samples: NDArray[np.int16]) -> list[Message]:
        """Take the clip's next samples."""
        spec = self._tables.spec
        self._samples += len(samples)
        self._buffer = np.concatenate([self._buffer, samples])
        messages: list[Message] = []
        if count := spec.frames_of(len(self._buffer)):
            stages = compute_stages(self._tables, self._buffer)
            post, self._level = post_process(self._tables, stages.log, self._level)
            stages = dataclasses.replace(stages, post=post)
            features = quantize_features(post, self._quantization)
            for index in range(count):
                messages += self._frame(stages, features, index)
            self._buffer = self._buffer[count * spec.hop_samples :]
        if self._samples == self._request.total_samples:
            messages.append(self._result())
        return messages

    def _frame(self, stages: FrontendStages, features: NDArray[np.int8], index: int) -> list[Message]:
        spec, request = self._tables.spec, self._request
        frame_index = len(self._features)
        self._features = np.concatenate([self._features, features[index : index + 1]])
        arrays: list[NDArray[Any]] = [stages.window, stages.fft, stages.energy, stages.mel, stages.log, stages.post, features]
        rows = [array[index].tobytes() for array in arrays]
        messages: list[Message] = []
        if request.trace_mode is TraceMode.CRC:
            crcs = tuple(zlib.crc32(row) for row in rows[: Stage.FEATURES])
            messages.append(StageTrace(clip_id=request.clip_id, frame_index=frame_index, stage_crc32=crcs, counter_ticks=0))
        if 0 <= frame_index - request.capture_first_frame < request.capture_frame_count:
            for stage in Stage:
                if request.capture_stages >> stage & 1:
                    messages += _pieces(request.clip_id, frame_index, stage, rows[stage])
        patch_index, odd = divmod(frame_index + 1 - spec.patch_frames, spec.patch_hop_frames)
        if patch_index >= 0 and odd == 0:
            messages += self._patch(patch_index, frame_index)
        return messages

    def _patch(self, patch_index: int, frame_index: int) -> list[Message]:
        spec, clip_id = self._tables.spec, self._request.clip_id
        start = patch_index * spec.patch_hop_frames
        features = np.ascontiguousarray(patches(self._features[start : start + spec.patch_frames], spec)[0])
        logits, scores = self._model(clip_id, patch_index, features)
        self._scores.append(scores)
        smoothed = self._scores[-self._smoothing_patches :]
        sums = np.stack(smoothed).sum(axis=0, dtype=np.int64)
        result = PatchResult(
            clip_id=clip_id,
            patch_index=patch_index,
            features_crc32=zlib.crc32(features.tobytes()),
            counter_ticks=0,
            logits=tuple(logits.tolist()),
            scores=tuple(scores.tolist()),
            smoothing_count=len(smoothed),
            smoothed_score_sums=tuple(sums.tolist()),
        )
        return [result, *self._detections(frame_index, sums, len(smoothed))]

    def _detections(self, frame_index: int, sums: NDArray[np.int64], count: int) -> list[Message]:
        label = int(sums.argmax())
        if sums[label] < self._detection_threshold * count:
            label = _NO_LABEL
        if label == self._detected_label:
            return []
        shown = self._detected_label if label == _NO_LABEL else label
        self._detected_label = label
        return [
            Detection(
                clip_id=self._request.clip_id,
                frame_index=frame_index,
                label_index=label,
                smoothed_score_sum=int(sums[shown]),
                smoothing_count=count,
            )
        ]

    def _result(self) -> ClipResult:
        sums = np.stack(self._scores).sum(axis=0, dtype=np.int64) if self._scores else np.zeros(self._label_count, np.int64)
        return ClipResult(
            clip_id=self._request.clip_id,
            samples_received=self._samples,
            frames=len(self._features),
            patches=len(self._scores),
            overruns=0,
            label_index=int(sums.argmax()) if self._scores else _NO_LABEL,
            score_sums=tuple(sums.tolist()),
        )


def expected_outputs_model(expected: ExpectedOutputs) -> PatchModel:
    """Return a model that knows its answers: clip id = position of the clip in `expected.filenames`."""

    def answer(clip_id: int, patch_index: int, _: NDArray[np.int8]) -> tuple[NDArray[np.int8], NDArray[np.int8]]:
        row = int(expected.patch_offsets[clip_id]) + patch_index
        return expected.logits[row], expected.outputs[row]

    return answer


def _pieces(clip_id: int, frame_index: int, stage: Stage, data: bytes) -> list[Message]:
    return [
        StageData(
            clip_id=clip_id,
            frame_index=frame_index,
            stage=stage,
            offset_bytes=offset,
            total_bytes=len(data),
            data=data[offset : offset + StageData.MAX_DATA],
        )
        for offset in range(0, len(data), StageData.MAX_DATA)
    ]
