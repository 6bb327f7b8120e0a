"""What a device said about a recording of its microphone, collected and checked for completeness."""

from __future__ import annotations

from dataclasses import dataclass

from tinyaudio.bench.device.clip_run import ClipCollector, ClipRun, Due
from tinyaudio.wire.link import LinkStatistics
from tinyaudio.wire.messages import ClipResult, Hello, Message, Overrun, TraceMode


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveSegment:
    """A stretch of a recording without a gap; in itself it is as a clip."""

    first_sample: int  # in the recording, lost samples counted
    samples: int
    first_frame: int
    frames: int
    first_patch: int
    patches: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveRun:
    """A recording, processed by a device."""

    run: ClipRun  # frames and patches of all segments, one behind the other
    gaps: tuple[Overrun, ...]  # in order; empty if no sample was lost
    segments: tuple[LiveSegment, ...]  # one more than gaps; those beside a gap at the very beginning or end may be empty


class LiveCollector(ClipCollector):
    """Takes the messages about one recording in; see `ClipCollector`. `total_samples` 0 stands for no end."""

    def __init__(self, *, clip_id: int, total_samples: int, trace_mode: TraceMode, hello: Hello) -> None:
        super().__init__(clip_id=clip_id, total_samples=total_samples, trace_mode=trace_mode, capture=None, hello=hello)
        self._gaps: list[Overrun] = []
        self._segments: list[LiveSegment] = []

    def take(self, message: Message) -> None:
        """Take one message about the recording."""
        if not isinstance(message, Overrun):
            super().take(message)
            return
        if message.clip_id != self._clip_id:
            raise self._broken(f"Overrun is about recording {message.clip_id}")
        segment = self._close_segment(end_sample=message.position_samples)
        if message.lost_samples == 0 or segment.samples < 0:
            raise self._broken(f"a gap of {message.lost_samples} samples at {message.position_samples} begins at {segment.first_sample}")
        self._require_next("frame", message.next_frame_index, segment.first_frame + segment.frames)
        self._require_next("patch", message.next_patch_index, segment.first_patch + segment.patches)
        self._gaps.append(message)

    def finish_live(self, *, statistics: LinkStatistics) -> LiveRun:
        """Return the recording; raise `ProtocolError` if anything is missing."""
        run = self.finish(resumed=0, statistics=statistics)
        return LiveRun(run=run, gaps=tuple(self._gaps), segments=tuple(self._segments))

    def _due(self, result: ClipResult) -> Due:
        overruns = sum(gap.lost_samples for gap in self._gaps)
        samples = self._total_samples or result.samples_received + overruns
        self._close_segment(end_sample=samples)
        frames, patches = (sum(getattr(segment, name) for segment in self._segments) for name in ("frames", "patches"))
        return Due(samples=samples, overruns=overruns, frames=frames, patches=patches)

    def _close_segment(self, *, end_sample: int) -> LiveSegment:
        """Append the segment that ends before `end_sample`, with as many frames and patches as it must have."""
        gap, before = (self._gaps[-1], self._segments[-1]) if self._gaps else (None, None)
        first_sample = gap.position_samples + gap.lost_samples if gap else 0
        frames = self._frames_of(end_sample - first_sample)
        segment = LiveSegment(
            first_sample=first_sample,
            samples=end_sample - first_sample,
            first_frame=before.first_frame + before.frames if before else 0,
            frames=frames,
            first_patch=before.first_patch + before.patches if before else 0,
            patches=self._patches_of(frames),
        )
        self._segments.append(segment)
        return segment
