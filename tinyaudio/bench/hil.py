"""Hardware in the loop: stream clips to a device and compare every stage with the integer twin, bit for bit.

The device sends a CRC-32 for each stage of each frame, and for the input of each inference. Where one differs from the
twin's, the clip is streamed again and the whole arrays of the frames concerned are fetched, so that the report counts
elements and names the first that differs.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from tinyaudio.bench.device import Capture, ClipRun, Device, check_identity
from tinyaudio.core.artifacts import Cost, DeviceIdentity, Evaluation, ExpectedOutputs, HilReport, Mismatch, QuantizedModel, StageComparison
from tinyaudio.core.board import Depth
from tinyaudio.core.errors import ManifestError, ProtocolError, StageError
from tinyaudio.core.metrics import accuracy, confusion_matrix
from tinyaudio.core.spec import STAGES
from tinyaudio.dsp.frontend import FeatureQuantization, FrontendTables, compute_stages, design_feature_quantization, patches, quantize_features
from tinyaudio.wire.messages import Log, Stage

MODEL_STAGES = ("logits", "outputs")
_TRACED_STAGES = STAGES[:-1]  # traced by the frame; features are traced by the patch
_NANOSECONDS_PER_SECOND = 1_000_000_000

#: Opens a device that calls its argument with every line of its log.
OpenDevice = Callable[[Callable[[Log], None]], Device]


@dataclass(frozen=True, slots=True, kw_only=True)
class HilClip:
    """A clip to stream."""

    filename: str
    label_index: int  # the truth, an index of the model's labels
    pcm: NDArray[np.int16]  # [samples], mono, at the front end's sample rate


@dataclass(frozen=True, slots=True, kw_only=True)
class HilExpectation:
    """What the device should be and compute."""

    board: str
    firmware_fingerprint: str
    tables: FrontendTables
    quantized: QuantizedModel
    outputs: ExpectedOutputs  # clips in the order they are streamed

    @property
    def quantization(self) -> FeatureQuantization:
        """The last step of the front end."""
        model = self.quantized
        return design_feature_quantization(model.input_scale, model.input_zero_point, log_fraction_bits=self.tables.log_fraction_bits)


def run_hil(
    open_device: OpenDevice,
    clips: Sequence[HilClip],
    *,
    expected: HilExpectation,
    depth: Depth,
    link: str,
    on_clip: Callable[[int], None] | None = None,
) -> HilReport:
    """Stream `clips` to a device and compare everything it says with what is expected.

    Parameters
    ----------
    open_device
        Opens the device; it is closed here. A clip's id is its position in `clips`.
    clips
        The clips of ``expected.outputs``, in that order.
    expected
        Identity, front end, model and outputs.
    depth, link
        For the report: how deep, and over what, this ran.
    on_clip
        Called with the number of clips done.

    Raises
    ------
    IdentityError
        If another firmware answers; nothing is streamed to it.
    StageError
        If `clips` are not those of ``expected.outputs``.
    ManifestError
        If a clip is shorter than a patch: it would have no result.
    DeviceError
        If the device dies, hangs or breaks the protocol (`TransportError`, `ProtocolError`).
    """
    _require_same_clips(clips, expected)
    log: list[str] = []
    with open_device(lambda line: log.append(f"{line.level.name.lower()}: {line.text}")) as device:
        identity = check_identity(
            device.connect(),
            board=expected.board,
            frontend_fingerprint=expected.tables.fingerprint,
            model_sha256=expected.quantized.sha256,
            firmware_fingerprint=expected.firmware_fingerprint,
        )
        comparison = _Comparison(device, expected, log)
        for index, clip in enumerate(clips):
            comparison.add(index, clip)
            if on_clip is not None:
                on_clip(index + 1)
        statistics = device.statistics
    stages = comparison.stage_comparisons()
    return HilReport(
        board=expected.board,
        depth=depth,
        link=link,
        identity=identity,
        clips=len(clips),
        frames=sum(run.result.frames for run in comparison.runs),
        patches=sum(run.result.patches for run in comparison.runs),
        frontend_mismatches=sum(stage.mismatches for stage in stages if stage.stage not in MODEL_STAGES),
        model_mismatches=sum(stage.mismatches for stage in stages if stage.stage in MODEL_STAGES),
        stages=stages,
        first_mismatches=tuple(comparison.mismatches),
        evaluation=_evaluate(clips, comparison.runs, expected.quantized),
        cost=None if depth == "fake" else _cost(comparison.runs, identity),
        dropped_frames=statistics.malformed_frames + statistics.retransmitted_frames,
        resumed=sum(run.resumed for run in comparison.runs),
        overruns=sum(run.result.overruns for run in comparison.runs),
        log=tuple(log),
    )


@dataclass(slots=True)
class _Comparison:
    """Runs clips, one after the other, and remembers what differed."""

    device: Device
    expected: HilExpectation
    log: list[str]
    runs: list[ClipRun] = field(default_factory=list)
    mismatches: list[Mismatch] = field(default_factory=list)
    compared_elements: dict[str, int] = field(default_factory=lambda: dict.fromkeys((*STAGES, *MODEL_STAGES), 0))

    def add(self, clip_id: int, clip: HilClip) -> None:
        """Stream one clip and compare it."""
        run = self.device.stream_clip(clip_id, clip.pcm)
        self.runs.append(run)
        arrays = self._expected_arrays(clip_id, clip)
        for stage, array in arrays.items():
            self.compared_elements[stage] += array.size
        differing = _differing_rows(run, arrays)
        if differing:
            self._locate(clip_id, clip, arrays, differing)
        self._compare("logits", clip, arrays["logits"], _patch_values(run, "logits"))
        self._compare("outputs", clip, arrays["outputs"], _patch_values(run, "scores"))

    def stage_comparisons(self) -> tuple[StageComparison, ...]:
        """Return the sums over all clips, in the order of the line."""
        mismatches = dict.fromkeys(self.compared_elements, 0)
        for mismatch in self.mismatches:
            mismatches[mismatch.stage] += mismatch.elements
        return tuple(
            StageComparison(stage=stage, elements=elements, mismatches=mismatches[stage]) for stage, elements in self.compared_elements.items()
        )

    def _expected_arrays(self, clip_id: int, clip: HilClip) -> dict[str, NDArray[Any]]:
        """Return {stage: [frames or patches, elements]}."""
        tables, outputs = self.expected.tables, self.expected.outputs
        stages = compute_stages(tables, clip.pcm)
        arrays: dict[str, NDArray[Any]] = {stage: getattr(stages, stage) for stage in _TRACED_STAGES}
        features = patches(quantize_features(stages.log, self.expected.quantization), tables.spec)
        rows = slice(int(outputs.patch_offsets[clip_id]), int(outputs.patch_offsets[clip_id + 1]))
        arrays["features"] = features.reshape(len(features), -1)
        arrays["logits"], arrays["outputs"] = outputs.logits[rows], outputs.outputs[rows]
        return arrays

    def _locate(self, clip_id: int, clip: HilClip, arrays: dict[str, NDArray[Any]], differing: dict[str, NDArray[np.intp]]) -> None:
        """Stream the clip again to fetch the arrays whose CRC differed, and compare them by element."""
        spec = self.expected.tables.spec
        spans = [_frame_span(stage, rows, spec.patch_hop_frames, spec.patch_frames) for stage, rows in differing.items()]
        first, end = min(span[0] for span in spans), max(span[1] for span in spans)
        capture = Capture(stages=frozenset(Stage[stage.upper()] for stage in differing), first_frame=first, frame_count=end - first)
        run = self.device.stream_clip(clip_id, clip.pcm, capture=capture)
        for stage, rows in differing.items():
            expected = arrays[stage]
            actual = expected.copy()
            for row in rows:
                actual[row] = _fetched_row(run, stage, int(row), expected[row], hop_frames=spec.patch_hop_frames, patch_frames=spec.patch_frames)
            self._compare(stage, clip, expected, actual)
            for row in rows:
                if np.array_equal(expected[row], actual[row]):
                    self._note_unsteady(stage, clip, int(row), expected[row])

    def _compare(self, stage: str, clip: HilClip, expected: NDArray[Any], actual: NDArray[Any]) -> None:
        if expected.shape != actual.shape:
            raise ProtocolError(
                f"{stage} of shape {actual.shape} came where {expected.shape} was due", hint="run `tinyaudio build` again", where=clip.filename
            )
        places = np.argwhere(expected != actual)
        if len(places):
            row, element = (int(index) for index in places[0])
            self.mismatches.append(
                _mismatch(stage, clip, (row, element), expected=expected[row, element], actual=actual[row, element], elements=len(places))
            )

    def _note_unsteady(self, stage: str, clip: HilClip, row: int, expected: NDArray[Any]) -> None:
        """A CRC differed, but not the array that was fetched: a device that does not compute the same twice is wrong, too."""
        self.log.append(f"error: {clip.filename}: {stage} {row} differed by its CRC and was right when computed again")
        self.mismatches.append(_mismatch(stage, clip, (row, 0), expected=expected[0], actual=expected[0], elements=1))


def _mismatch(stage: str, clip: HilClip, place: tuple[int, int], *, expected: Any, actual: Any, elements: int) -> Mismatch:
    return Mismatch(
        stage=stage,
        filename=clip.filename,
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
    rows = {stage: np.flatnonzero(_crc32_rows(arrays[stage]) != crcs) for stage, crcs in device_crcs.items()}
    return {stage: indices for stage, indices in rows.items() if len(indices)}


def _crc32_rows(array: NDArray[Any]) -> NDArray[np.uint32]:
    """Return the CRC-32 of each row as it lies in a little-endian memory."""
    little_endian = np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<"))
    return np.array([zlib.crc32(row) for row in little_endian], np.uint32)


def _frame_span(stage: str, rows: NDArray[np.intp], hop_frames: int, patch_frames: int) -> tuple[int, int]:
    """Return the first frame, and that behind the last, which the `rows` of a stage are made of."""
    if stage != "features":
        return int(rows[0]), int(rows[-1]) + 1
    return int(rows[0]) * hop_frames, int(rows[-1]) * hop_frames + patch_frames


def _fetched_row(run: ClipRun, stage: str, row: int, expected: NDArray[Any], *, hop_frames: int, patch_frames: int) -> NDArray[Any]:
    """Return a captured frame of `stage`, or a patch put together from captured frames of features."""
    wire_stage = Stage[stage.upper()]
    frames = range(row * hop_frames, row * hop_frames + patch_frames) if stage == "features" else range(row, row + 1)
    data = b"".join(run.stage_data[frame, wire_stage] for frame in frames)
    if len(data) != expected.nbytes:
        raise ProtocolError(
            f"{stage} has {len(data)} bytes on the device, {expected.nbytes} in the twin", hint="run `tinyaudio build` and flash again", where=stage
        )
    return np.frombuffer(data, expected.dtype.newbyteorder("<"))


def _patch_values(run: ClipRun, name: Literal["logits", "scores"]) -> NDArray[np.int8]:
    return np.array([getattr(patch, name) for patch in run.patches], np.int8)


def _evaluate(clips: Sequence[HilClip], runs: Sequence[ClipRun], quantized: QuantizedModel) -> Evaluation:
    """Return what the device makes of the clips: its sums of scores, its choice of class."""
    sums = np.array([run.result.score_sums for run in runs], np.float64)
    counts = np.array([run.result.patches for run in runs], np.float64)[:, np.newaxis]
    truths = np.array([clip.label_index for clip in clips], np.int64)
    predicted = np.array([run.result.label_index for run in runs], np.int64)
    confusion = confusion_matrix(truths, predicted, class_count=len(quantized.labels))
    return Evaluation(
        predictor="device",
        split="test",
        labels=quantized.labels,
        filenames=tuple(clip.filename for clip in clips),
        label_indices=truths,
        scores=(sums - counts * quantized.output_zero_point) * quantized.output_scale / counts,
        accuracy=accuracy(confusion),
        confusion=confusion,
    )


def _cost(runs: Sequence[ClipRun], identity: DeviceIdentity) -> Cost:
    frame_ticks = np.concatenate([run.frontend_ticks for run in runs])
    patch_ticks = np.array([patch.counter_ticks for run in runs for patch in run.patches])
    return Cost(
        unit=identity.counter_unit,
        frontend_per_frame=counter_units(float(np.median(frame_ticks)), identity),
        model_per_inference=counter_units(float(np.median(patch_ticks)), identity),
    )


def counter_units(ticks: float, identity: DeviceIdentity) -> int:
    """Return `ticks` of a device's counter in the counter's unit.

    A tick is a cycle where cycles are counted. Instructions are counted by the emulator's clock, in which one
    instruction is one nanosecond.
    """
    if identity.counter_unit == "cycles":
        return round(ticks)
    return round(ticks * _NANOSECONDS_PER_SECOND / identity.counter_frequency_hz)


def _require_same_clips(clips: Sequence[HilClip], expected: HilExpectation) -> None:
    outputs, spec = expected.outputs, expected.tables.spec
    if tuple(clip.filename for clip in clips) != outputs.filenames or outputs.model_sha256 != expected.quantized.sha256:
        raise StageError("the expected outputs are of other clips or another model", hint="run `tinyaudio evaluate` again", where="hil")
    if not clips:
        raise StageError("there is no clip to stream", hint="`tinyaudio data check` says what the test split lacks", where="hil")
    for clip in clips:
        if len(clip.pcm) < spec.patch_samples:
            raise ManifestError(
                f"has {len(clip.pcm)} samples, less than the {spec.patch_samples} of one patch, so it would have no result",
                hint="drop it from the manifest, or shorten patch_frames",
                where=clip.filename,
            )
