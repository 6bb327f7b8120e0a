"""The computing part of a fake device: the integer twin of the front end, and a model."""

from __future__ import annotations

import dataclasses
import zlib
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinyaudio.core.artifacts import Calibration, ExpectedOutputs
from tinyaudio.core.decisions import detected_labels, pack_labels
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
from tinyaudio.wire.messages import ClipBegin, ClipResult, Detection, Message, Overrun, PatchResult, Stage, StageData, StageTrace, TraceMode

_NO_LABEL = -1
_PIECE_LABELS = PatchResult.MAX_SCORES
_USUAL_CALIBRATION = Calibration(smoothing_patches=4, detection_threshold=0)

#: (clip id, patch index, features int8, in the shape of the model's input) -> (logits int8 [n], scores int8 [labels])
PatchModel = Callable[[int, int, NDArray[np.int8]], tuple[NDArray[np.int8], NDArray[np.int8]]]


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
    calibration
        How scores become decisions.
    """

    def __init__(
        self,
        tables: FrontendTables,
        quantization: FeatureQuantization,
        model: PatchModel,
        *,
        label_count: int,
        calibration: Calibration = _USUAL_CALIBRATION,
    ) -> None:
        self._tables = tables
        self._quantization = quantization
        self._model = model
        self._label_count = label_count
        self._calibration = calibration

    def begin(self, request: ClipBegin, *, thresholds: tuple[int, ...] | None = None) -> list[Message]:
        """Start a clip."""
        self._request = request
        self._deciding = self._calibration
        if thresholds is not None:
            self._deciding = dataclasses.replace(self._calibration, class_thresholds=thresholds)
        self._samples = 0
        self._overruns = 0
        self._frames = 0
        self._scores: list[NDArray[np.int8]] = []
        self._told = np.zeros(self._label_count, np.bool_)
        self._in_clip = np.zeros(self._label_count, np.bool_)
        self._begin_segment()
        return self._results() if request.total_samples == 0 else []

    def lose(self, samples: int) -> list[Message]:
        """Start afresh behind a gap, but for indices, sums and the decision."""
        overrun = Overrun(
            clip_id=self._request.clip_id,
            position_samples=self._samples + self._overruns,
            lost_samples=samples,
            next_frame_index=self._frames,
            next_patch_index=len(self._scores),
        )
        self._overruns += samples
        self._begin_segment()
        return [overrun, *self._results_at_end()]

    def end(self) -> list[Message]:
        """End the clip here."""
        return self._results()

    def _begin_segment(self) -> None:
        """Begin a stretch without a gap."""
        self._first_patch = len(self._scores)
        self._buffer = np.empty(0, np.int16)  # from the first sample of the next frame on
        self._features = np.empty((0, self._tables.spec.feature_bands), np.int8)  # all frames of the segment so far
        self._level: LevelState | None = None

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
        return [*messages, *self._results_at_end()]

    def _results_at_end(self) -> list[Message]:
        return self._results() if self._samples + self._overruns == self._request.total_samples else []

    def _frame(self, stages: FrontendStages, features: NDArray[np.int8], index: int) -> list[Message]:
        spec, request = self._tables.spec, self._request
        frame_index = self._frames
        self._frames += 1
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
        patch, odd = divmod(len(self._features) - spec.patch_frames, spec.patch_hop_frames)
        if patch >= 0 and odd == 0:
            messages += self._patch(patch, frame_index)
        return messages

    def _patch(self, patch: int, frame_index: int) -> list[Message]:
        """Infer a patch of the segment."""
        spec, clip_id = self._tables.spec, self._request.clip_id
        start = patch * spec.patch_hop_frames
        patch_index = self._first_patch + patch
        features = np.ascontiguousarray(patches(self._features[start : start + spec.patch_frames], spec)[0])
        logits, scores = self._model(clip_id, patch_index, features)
        self._scores.append(scores)
        smoothed = self._scores[self._first_patch :][-self._deciding.smoothing_patches :]
        sums = np.stack(smoothed).sum(axis=0, dtype=np.int64)
        detected = detected_labels(sums[np.newaxis], np.array([len(smoothed)]), self._deciding)[0]
        self._in_clip |= detected
        return [
            *self._patch_pieces(patch_index, features, logits, scores, sums, count=len(smoothed), detected=detected),
            *self._detections(frame_index, sums, count=len(smoothed), detected=detected),
        ]

    def _patch_pieces(
        self,
        patch_index: int,
        features: NDArray[np.int8],
        logits: NDArray[np.int8],
        scores: NDArray[np.int8],
        sums: NDArray[np.int64],
        *,
        count: int,
        detected: NDArray[np.bool_],
    ) -> list[Message]:
        firsts = range(0, max(len(logits), len(scores), 1), _PIECE_LABELS)
        return [
            PatchResult(
                clip_id=self._request.clip_id,
                patch_index=patch_index,
                features_crc32=zlib.crc32(features.tobytes()),
                counter_ticks=0,
                first_label=first,
                is_last=int(first == firsts[-1]),
                logits=tuple(logits[first : first + _PIECE_LABELS].tolist()),
                scores=tuple(scores[first : first + _PIECE_LABELS].tolist()),
                smoothing_count=count,
                smoothed_score_sums=tuple(sums[first : first + _PIECE_LABELS].tolist()),
                detected=pack_labels(detected[first : first + _PIECE_LABELS]),
            )
            for first in firsts
        ]

    def _detections(self, frame_index: int, sums: NDArray[np.int64], *, count: int, detected: NDArray[np.bool_]) -> list[Message]:
        ended, begun = np.flatnonzero(self._told & ~detected), np.flatnonzero(detected & ~self._told)
        self._told = detected
        return [
            Detection(
                clip_id=self._request.clip_id,
                frame_index=frame_index,
                label_index=int(label),
                is_detected=int(detected[label]),
                smoothed_score_sum=int(sums[label]),
                smoothing_count=count,
            )
            for label in (*ended, *begun)
        ]

    def _results(self) -> list[Message]:
        sums = np.stack(self._scores).sum(axis=0, dtype=np.int64) if self._scores else np.zeros(self._label_count, np.int64)
        firsts = range(0, max(self._label_count, 1), _PIECE_LABELS)
        return [
            ClipResult(
                clip_id=self._request.clip_id,
                samples_received=self._samples,
                frames=self._frames,
                patches=len(self._scores),
                overruns=self._overruns,
                label_index=int(sums.argmax()) if self._scores else _NO_LABEL,
                first_label=first,
                is_last=int(first == firsts[-1]),
                score_sums=tuple(sums[first : first + _PIECE_LABELS].tolist()),
                detected=pack_labels(self._in_clip[first : first + _PIECE_LABELS]),
            )
            for first in firsts
        ]


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
