"""The proof of the live path: what a device makes of its microphone, compared with the twin on what the microphone heard.

A recording is a row of segments with gaps between them, hopefully one segment and no gap. Within a segment everything is
as in a clip, so that each is compared with the twin on its own samples: every stage of every frame and every patch by
CRC-32, the model's outputs and the decisions by value. It cannot be recorded again to fetch arrays that differ, so that
rows are counted, not elements; streaming the same samples with `run_hil` names the first element.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinyaudio.bench.device import LiveRun, LiveSegment, check_identity, read_calibration
from tinyaudio.bench.hil.comparison import crc32_rows
from tinyaudio.bench.hil.decisions import DECISION_STAGES, detected_at, expected_decisions, label_sets
from tinyaudio.bench.hil.proof import MODEL_STAGES, OpenDevice
from tinyaudio.core.artifacts import Calibration, DeviceIdentity, Int8Array, QuantizedModel
from tinyaudio.core.board import Board
from tinyaudio.core.errors import DeviceError
from tinyaudio.core.spec import STAGES
from tinyaudio.dsp.frontend import FeatureQuantization, FrontendTables, compute_stages, design_feature_quantization, patches, quantize_features
from tinyaudio.wire.messages import Capability, Detection

_TRACED_STAGES = STAGES[:-1]  # traced by the frame; features are traced by the patch
_CLIP_ID = 0

#: (features of one patch, int8 in the shape of the model's input) -> (logits int8 [n], outputs int8 [labels])
Predict = Callable[[Int8Array], tuple[Int8Array, Int8Array]]


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveExpectation:
    """What the device should be and compute."""

    board: Board
    firmware_fingerprint: str
    tables: FrontendTables
    quantized: QuantizedModel
    calibration: Calibration  # its thresholds hold where the device has stored no others
    predict: Predict  # the oracle; where samples get lost there are patches that no table of outputs has
    forget: Callable[[], None] = lambda: None  # tells it that what comes does not continue what was

    @property
    def quantization(self) -> FeatureQuantization:
        """The last step of the front end."""
        model = self.quantized
        return design_feature_quantization(
            model.input_scale,
            model.input_zero_point,
            log_fraction_bits=self.tables.log_fraction_bits,
            log_scale=self.tables.spec.log_scale,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveReport:
    """What came of a recording."""

    board: str
    identity: DeviceIdentity
    seconds: float  # length of the recording, lost samples counted
    frames: int  # computed and compared
    patches: int
    missing_hops: int  # frames that a recording of this length without a gap would have had beyond these
    overruns: int  # samples that were lost
    gaps: int
    mismatches: Mapping[str, int]  # {stage, in the order of the line: frames, patches or (clip_scores) clips that differ}
    detections: tuple[Detection, ...]
    calibration: Calibration  # that held: the one that the device has stored, or what was compiled in
    dropped_frames: int  # of the link, all of them mended
    log: tuple[str, ...]  # lines of the device's log

    @property
    def detection_threshold(self) -> int:
        """Mean int8 score that held for all labels which have no threshold of their own."""
        return self.calibration.detection_threshold

    @property
    def is_exact(self) -> bool:
        """Whether everything the device told is what the twin computes."""
        return not any(self.mismatches.values())

    @property
    def is_complete(self) -> bool:
        """Whether every hop is there."""
        return self.missing_hops == 0 and self.overruns == 0


def run_live(
    open_device: OpenDevice,
    pcm: NDArray[np.int16],
    *,
    expected: LiveExpectation,
    total_samples: int | None = None,
    timeout_seconds: float = 600.0,
) -> LiveReport:
    """Let a device record, and compare everything it tells with the twin.

    Parameters
    ----------
    open_device
        Opens the device; it is closed here.
    pcm
        What its microphone hears from the recording's first sample on: int16 [samples] at the front end's rate; silence
        follows. Emulated and fake microphones begin with the recording; a real one in a room cannot be compared.
    expected
        Identity, front end, model.
    total_samples
        Length of the recording; None: that of `pcm`.
    timeout_seconds
        For the whole recording.

    Raises
    ------
    IdentityError
        If another firmware answers.
    DeviceError
        If it has no microphone, dies, hangs or breaks the protocol (`TransportError`, `ProtocolError`).
    """
    log: list[str] = []
    with open_device(lambda line: log.append(f"{line.level.name.lower()}: {line.text}")) as device:
        hello = device.connect()
        identity = check_identity(
            hello,
            board=expected.board.id,
            frontend_fingerprint=expected.tables.fingerprint,
            model_sha256=expected.quantized.sha256,
            firmware_fingerprint=expected.firmware_fingerprint,
        )
        if Capability.MICROPHONE not in hello.capabilities:
            raise DeviceError(
                "has no microphone", hint="use a board with [microphone], or stream recordings with `tinyaudio hil`", where=identity.board
            )
        keeps = Capability.SETTINGS in hello.capabilities
        stored = read_calibration(device, expected.calibration, label_count=len(expected.quantized.labels)) if keeps else None
        live = device.run_live(_CLIP_ID, total_samples=total_samples or len(pcm), timeout_seconds=timeout_seconds)
        statistics = device.statistics
    calibration = expected.calibration if stored is None else stored
    comparison = _LiveComparison(live=live, expected=expected, calibration=calibration)
    for segment in live.segments:
        comparison.compare(segment, _heard(pcm, segment))
    comparison.finish()
    spec, result = expected.tables.spec, live.run.result
    length_samples = result.samples_received + result.overruns
    return LiveReport(
        board=expected.board.id,
        identity=identity,
        seconds=length_samples / spec.sample_rate_hz,
        frames=result.frames,
        patches=result.patches,
        missing_hops=spec.frames_of(length_samples) - result.frames,
        overruns=result.overruns,
        gaps=len(live.gaps),
        mismatches=comparison.mismatches,
        detections=live.run.detections,
        calibration=calibration,
        dropped_frames=statistics.malformed_frames + statistics.retransmitted_frames,
        log=tuple(log),
    )


@dataclass(slots=True, kw_only=True)
class _LiveComparison:
    """Compares segments, one after the other."""

    live: LiveRun
    expected: LiveExpectation
    calibration: Calibration
    mismatches: dict[str, int] = field(init=False, default_factory=lambda: dict.fromkeys((*STAGES, *MODEL_STAGES, *DECISION_STAGES), 0))
    _score_sums: NDArray[np.int64] = field(init=False)
    _detected: NDArray[np.int64] = field(init=False)  # labels that were detected so far, 1 or 0

    def __post_init__(self) -> None:
        self._score_sums = np.zeros(len(self.expected.quantized.labels), np.int64)
        self._detected = np.zeros_like(self._score_sums)

    def compare(self, segment: LiveSegment, heard: NDArray[np.int16]) -> None:
        """Compare what was told of a segment, int16 [samples]."""
        if segment.frames == 0:
            return
        expected, run = self.expected, self.live.run
        stages = compute_stages(expected.tables, heard)
        crcs = run.stage_crc32[segment.first_frame : segment.first_frame + segment.frames]
        for index, stage in enumerate(_TRACED_STAGES):
            self._count(stage, crc32_rows(getattr(stages, stage)), crcs[:, index])
        if segment.patches == 0:
            return
        features = patches(quantize_features(stages.post, expected.quantization), expected.tables.spec)
        told = run.patches[segment.first_patch : segment.first_patch + segment.patches]
        self._count("features", crc32_rows(features.reshape(len(features), -1)), [patch.features_crc32 for patch in told])
        expected.forget()
        predicted = [expected.predict(patch) for patch in features]
        outputs = np.array([pair[1] for pair in predicted], np.int8)
        self._count("logits", [pair[0] for pair in predicted], [patch.logits for patch in told])
        self._count("outputs", outputs, [patch.scores for patch in told])
        decisions = expected_decisions(outputs, self.calibration)
        self._count("smoothed_scores", decisions["smoothed_scores"], [patch.smoothed_score_sums for patch in told])
        self._count("decisions", decisions["decisions"], label_sets((patch.detected for patch in told), len(self._detected)))
        self._count("detections", decisions["detections"], self._detected_behind(segment))
        self._score_sums += outputs.sum(axis=0, dtype=np.int64)
        self._detected |= decisions["clip_detections"][0]

    def finish(self) -> None:
        """Compare what was told of the whole recording."""
        result = self.live.run.result
        self._count("clip_scores", self._score_sums[np.newaxis], [result.score_sums])
        self._count("clip_detections", self._detected[np.newaxis], label_sets([result.detected], len(self._detected)))

    def _detected_behind(self, segment: LiveSegment) -> NDArray[np.int64]:
        """Return the labels detected behind each patch of a segment; one holds until it is told to end, across gaps too."""
        spec = self.expected.tables.spec
        last_frames = [segment.first_frame + spec.patch_frames - 1 + patch * spec.patch_hop_frames for patch in range(segment.patches)]
        return detected_at(self.live.run.detections, last_frames, len(self._detected))

    def _count(self, stage: str, expected: Any, actual: Any) -> None:
        """Count rows that differ."""
        differs = np.asarray(expected, np.int64) != np.asarray(actual, np.int64)
        self.mismatches[stage] += int(differs.reshape(len(differs), -1).any(axis=1).sum())


def _heard(pcm: NDArray[np.int16], segment: LiveSegment) -> NDArray[np.int16]:
    """Return the samples of a segment; behind the end of `pcm` there is silence."""
    part = pcm[segment.first_sample : segment.first_sample + segment.samples]
    return np.concatenate([part, np.zeros(segment.samples - len(part), np.int16)])
