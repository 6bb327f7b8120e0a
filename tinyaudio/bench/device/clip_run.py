"""What a device said about one clip, collected and checked for completeness."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tinyaudio.bench.device.pieces import Pieces
from tinyaudio.core.errors import ProtocolError
from tinyaudio.wire.link import LinkStatistics
from tinyaudio.wire.messages import ClipResult, Detection, Hello, Message, PatchResult, Stage, StageData, StageTrace, TraceMode

_TRACED_STAGES = 6  # window to post


@dataclass(frozen=True, slots=True, kw_only=True)
class Capture:
    """Which whole arrays the device shall send."""

    stages: frozenset[Stage]
    first_frame: int
    frame_count: int

    @property
    def stage_mask(self) -> int:
        """Bit i stands for stage i."""
        return sum(1 << stage for stage in self.stages)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClipRun:
    """One clip, processed by a device."""

    clip_id: int
    stage_crc32: NDArray[np.uint32]  # [frames, 6], window to post; no rows without a trace
    frontend_ticks: NDArray[np.uint32]  # [frames], cost of each frame in ticks of the device's counter; empty without a trace
    patches: tuple[PatchResult, ...]  # in order, none missing
    detections: tuple[Detection, ...]
    result: ClipResult
    stage_data: Mapping[tuple[int, Stage], bytes]  # {(frame, stage): whole array as it lies in the device's memory}
    resumed: int  # resets of the device that the clip was started anew for
    statistics: LinkStatistics  # what the link had to mend since it was opened for this device


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """How much must have come of a clip."""

    samples: int  # lost ones counted
    overruns: int  # samples
    frames: int
    patches: int


class ClipCollector:
    """Takes the messages about one clip in; what comes twice, out of place or not at all is a `ProtocolError`."""

    def __init__(self, *, clip_id: int, total_samples: int, trace_mode: TraceMode, capture: Capture | None, hello: Hello) -> None:
        self.result: ClipResult | None = None
        self._clip_id = clip_id
        self._total_samples = total_samples
        self._trace_mode = trace_mode
        self._capture = capture
        self._hello = hello
        self._traces: list[StageTrace] = []
        self._patches: list[PatchResult] = []
        where = f"clip {clip_id}"
        self._patch_pieces = Pieces[PatchResult](
            "logits", "scores", "smoothed_score_sums", "detected", labels_a_piece=PatchResult.MAX_SCORES, where=where
        )
        self._result_pieces = Pieces[ClipResult]("score_sums", "detected", labels_a_piece=ClipResult.MAX_SCORE_SUMS, where=where)
        self._detections: list[Detection] = []
        self._stage_data: dict[tuple[int, Stage], bytearray] = {}

    def take(self, message: Message) -> None:
        """Take one message about the clip."""
        if not isinstance(message, StageTrace | StageData | PatchResult | Detection | ClipResult):
            raise self._broken(f"{type(message).__name__} came in the middle of a clip")
        if message.clip_id != self._clip_id:
            raise self._broken(f"{type(message).__name__} is about clip {message.clip_id}")
        match message:
            case StageTrace():
                self._require_next("frame", message.frame_index, len(self._traces))
                self._traces.append(message)
            case PatchResult():
                self._require_next("patch", message.patch_index, len(self._patches))
                if (patch := self._patch_pieces.take(message)) is not None:
                    self._patches.append(patch)
            case StageData():
                self._take_data(message)
            case Detection():
                self._detections.append(message)
            case ClipResult():
                self.result = self._result_pieces.take(message)

    def finish(self, *, resumed: int, statistics: LinkStatistics) -> ClipRun:
        """Return the run; raise `ProtocolError` if anything is missing."""
        assert self.result is not None
        self._require_complete(self.result)
        return ClipRun(
            clip_id=self._clip_id,
            stage_crc32=np.array([trace.stage_crc32 for trace in self._traces], np.uint32).reshape(-1, _TRACED_STAGES),
            frontend_ticks=np.array([trace.counter_ticks for trace in self._traces], np.uint32),
            patches=tuple(self._patches),
            detections=tuple(self._detections),
            result=self.result,
            stage_data={key: bytes(data) for key, data in self._stage_data.items()},
            resumed=resumed,
            statistics=statistics,
        )

    def _take_data(self, message: StageData) -> None:
        key = (message.frame_index, message.stage)
        data = self._stage_data.setdefault(key, bytearray())
        if message.offset_bytes != len(data) or len(data) + len(message.data) > message.total_bytes:
            raise self._broken(f"stage {message.stage.name.lower()} of frame {message.frame_index} does not continue at byte {len(data)}")
        data += message.data
        if len(data) < message.total_bytes and not message.data:
            raise self._broken(f"stage {message.stage.name.lower()} of frame {message.frame_index} came in an empty piece")

    def _require_next(self, what: str, index: int, expected: int) -> None:
        if index != expected:
            raise self._broken(f"{what} {index} came where {what} {expected} was due")

    def _require_complete(self, result: ClipResult) -> None:
        """Hold the device's own counts, and what came, against what the clip's length and the geometry of Hello demand."""
        due = self._due(result)
        traced = due.frames if self._trace_mode is TraceMode.CRC else 0
        counts = (
            ("samples processed", result.samples_received + result.overruns, due.samples),
            ("samples dropped", result.overruns, due.overruns),
            ("frames computed", result.frames, due.frames),
            ("frames traced", len(self._traces), traced),
            ("inferences made", result.patches, due.patches),
            ("inferences reported", len(self._patches), due.patches),
            ("arrays captured", len(self._stage_data), self._captures_of(due.frames)),
        )
        wrong = [f"{actual} {what} of {expected}" for what, actual, expected in counts if actual != expected]
        if wrong:
            raise self._broken("; ".join(wrong))

    def _due(self, _: ClipResult) -> Due:
        frames = self._frames_of(self._total_samples)
        return Due(samples=self._total_samples, overruns=0, frames=frames, patches=self._patches_of(frames))

    def _frames_of(self, samples: int) -> int:
        return _count_whole(samples, self._hello.window_samples, self._hello.hop_samples)

    def _patches_of(self, frames: int) -> int:
        return _count_whole(frames, self._hello.patch_frames, self._hello.patch_hop_frames)

    def _captures_of(self, frames: int) -> int:
        if self._capture is None:
            return 0
        first, count = self._capture.first_frame, self._capture.frame_count
        return max(0, min(first + count, frames) - first) * len(self._capture.stages)

    def _broken(self, what: str) -> ProtocolError:
        return ProtocolError(what, hint="run `tinyaudio build` and flash again; if it stays, report it", where=f"clip {self._clip_id}")


def _count_whole(total: int, window: int, hop: int) -> int:
    return 0 if total < window else 1 + (total - window) // hop
