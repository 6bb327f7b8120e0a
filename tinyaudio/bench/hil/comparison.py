"""Compare what a device computes of a clip with the integer twin: every stage of every frame.

The device sends a CRC-32 for each stage of each frame, and for the input of each inference. Where one differs from the
twin's, the clip is streamed again and the whole arrays of the frames concerned are fetched, so that elements are
counted and the first that differs is named.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinyaudio.bench.device import Capture, ClipRun, Device
from tinyaudio.core.artifacts import Mismatch, StageComparison
from tinyaudio.core.errors import ProtocolError
from tinyaudio.core.spec import STAGES, FrontendSpec
from tinyaudio.dsp.frontend import FeatureQuantization, FrontendTables, compute_stages, patches, quantize_features
from tinyaudio.wire.messages import Stage

_TRACED_STAGES = STAGES[:-1]  # traced by the frame; features are traced by the patch


@dataclass(slots=True, kw_only=True)
class Comparison:
    """Runs clips, one after the other, and remembers what differed."""

    device: Device
    tables: FrontendTables
    quantization: FeatureQuantization
    log: list[str]  # what a reader of the report should know is added here
    runs: list[ClipRun] = field(init=False, default_factory=list)
    mismatches: list[Mismatch] = field(init=False, default_factory=list)
    _compared_elements: dict[str, int] = field(init=False, default_factory=lambda: dict.fromkeys(STAGES, 0))

    def stream(self, filename: str, pcm: NDArray[np.int16]) -> ClipRun:
        """Stream one clip (int16 [samples]) and compare the stages of the front end; its id is its position."""
        clip_id = len(self.runs)
        run = self.device.stream_clip(clip_id, pcm)
        self.runs.append(run)
        arrays = self._expected_arrays(pcm)
        for stage, array in arrays.items():
            self._compared_elements[stage] += array.size
        differing = _differing_rows(run, arrays)
        if differing:
            self._locate(clip_id, filename, pcm, arrays, differing)
        return run

    def compare(self, stage: str, filename: str, expected: NDArray[Any], actual: NDArray[Any]) -> None:
        """Compare arrays [rows, elements] that the device sent whole, such as a model's outputs.

        Raises
        ------
        ProtocolError
            If the shapes differ: that is another firmware.
        """
        self._compared_elements[stage] = self._compared_elements.get(stage, 0) + expected.size
        self._find(stage, filename, expected, actual)

    def stage_comparisons(self) -> tuple[StageComparison, ...]:
        """Return the sums over all clips, in the order of the line."""
        mismatches = dict.fromkeys(self._compared_elements, 0)
        for mismatch in self.mismatches:
            mismatches[mismatch.stage] += mismatch.elements
        return tuple(
            StageComparison(stage=stage, elements=elements, mismatches=mismatches[stage]) for stage, elements in self._compared_elements.items()
        )

    def _expected_arrays(self, pcm: NDArray[np.int16]) -> dict[str, NDArray[Any]]:
        """Return {stage: [frames or patches, elements]}."""
        stages = compute_stages(self.tables, pcm)
        arrays: dict[str, NDArray[Any]] = {stage: getattr(stages, stage) for stage in _TRACED_STAGES}
        features = patches(quantize_features(stages.post, self.quantization), self.tables.spec)
        arrays["features"] = features.reshape(len(features), -1)
        return arrays

    def _locate(
        self, clip_id: int, filename: str, pcm: NDArray[np.int16], arrays: dict[str, NDArray[Any]], differing: dict[str, NDArray[np.intp]]
    ) -> None:
        """Stream the clip again to fetch the arrays whose CRC differed, and compare them by element."""
        spec = self.tables.spec
        spans = [_frame_span(stage, rows, spec.patch_hop_frames, spec.patch_frames) for stage, rows in differing.items()]
        first, end = min(span[0] for span in spans), max(span[1] for span in spans)
        capture = Capture(stages=frozenset(Stage[stage.upper()] for stage in differing), first_frame=first, frame_count=end - first)
        run = self.device.stream_clip(clip_id, pcm, capture=capture)
        for stage, rows in differing.items():
            expected = arrays[stage]
            actual = expected.copy()
            for row in rows:
                actual[row] = _fetched_row(run, stage, int(row), expected[row], spec=spec)
            self._find(stage, filename, expected, actual)
            for row in rows:
                if np.array_equal(expected[row], actual[row]):
                    self._note_unsteady(stage, filename, int(row), expected[row])

    def _find(self, stage: str, filename: str, expected: NDArray[Any], actual: NDArray[Any]) -> None:
        if expected.shape != actual.shape:
            raise ProtocolError(
                f"{stage} of shape {actual.shape} came where {expected.shape} was due", hint="run `tinyaudio build` again", where=filename
            )
        places = np.argwhere(expected != actual)
        if len(places):
            row, element = (int(index) for index in places[0])
            self.mismatches.append(
                _mismatch(stage, filename, (row, element), expected=expected[row, element], actual=actual[row, element], elements=len(places))
            )

    def _note_unsteady(self, stage: str, filename: str, row: int, expected: NDArray[Any]) -> None:
        """A CRC differed, but not the array that was fetched: a device that does not compute the same twice is wrong, too."""
        self.log.append(f"error: {filename}: {stage} {row} differed by its CRC and was right when computed again")
        self.mismatches.append(_mismatch(stage, filename, (row, 0), expected=expected[0], actual=expected[0], elements=1))


def median_frame_ticks(runs: Sequence[ClipRun]) -> float:
    """Return the median over all frames of what the front end took, in ticks of the device's counter."""
    return float(np.median(np.concatenate([run.frontend_ticks for run in runs])))


def _mismatch(stage: str, filename: str, place: tuple[int, int], *, expected: Any, actual: Any, elements: int) -> Mismatch:
    return Mismatch(
        stage=stage,
        filename=filename,
        frame_index=place[0],
        element_index=place[1],
        expected=int(expected),
        actual=int(actual),
        elements=elements,
    )


def _differing_rows(run: ClipRun, arrays: dict[str, NDArray[Any]]) -> dict[str, NDArray[np.intp]]:
    """Return {stage: frames (of features: patches) whose CRC differs}, without the stages that agree."""
    device_crcs = {stage: run.stage_crc32[:, index] for index, stage in enumerate(_TRACED_STAGES)}
    device_crcs["features"] = np.array([patch.features_crc32 for patch in run.patches], np.uint32)
    rows = {stage: np.flatnonzero(crc32_rows(arrays[stage]) != crcs) for stage, crcs in device_crcs.items()}
    return {stage: indices for stage, indices in rows.items() if len(indices)}


def crc32_rows(array: NDArray[Any]) -> NDArray[np.uint32]:
    """Return the CRC-32 of each row as it lies in a little-endian memory."""
    little_endian = np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<"))
    return np.array([zlib.crc32(row) for row in little_endian], np.uint32)


def _frame_span(stage: str, rows: NDArray[np.intp], hop_frames: int, patch_frames: int) -> tuple[int, int]:
    """Return the first frame, and that behind the last, which the `rows` of a stage are made of."""
    if stage != "features":
        return int(rows[0]), int(rows[-1]) + 1
    return int(rows[0]) * hop_frames, int(rows[-1]) * hop_frames + patch_frames


def _fetched_row(run: ClipRun, stage: str, row: int, expected: NDArray[Any], *, spec: FrontendSpec) -> NDArray[Any]:
    """Return a captured frame of `stage`, or a patch put together from captured frames of features."""
    wire_stage = Stage[stage.upper()]
    is_patch = stage == "features"
    first = row * spec.patch_hop_frames if is_patch else row
    frames = range(first, first + spec.patch_frames if is_patch else first + 1)
    data = b"".join(run.stage_data[frame, wire_stage] for frame in frames)
    if len(data) != expected.nbytes:
        raise ProtocolError(
            f"{stage} has {len(data)} bytes on the device, {expected.nbytes} in the twin", hint="run `tinyaudio build` and flash again", where=stage
        )
    values = np.frombuffer(data, expected.dtype.newbyteorder("<"))
    return patches(values.reshape(spec.patch_frames, -1), spec)[0].ravel() if is_patch else values
