"""What a device says of itself, and how what it computes compares with what it should."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from tinyaudio.core.artifacts.arrays import BoolArray
from tinyaudio.core.artifacts.judging import Evaluation


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceIdentity:
    """What a device says of itself in Hello."""

    board: str
    chip_id: str
    runtime: str
    kernel: str
    protocol_version: int
    frontend_fingerprint: str
    model_sha256: str
    firmware_fingerprint: str
    counter_unit: Literal["instructions", "cycles", "nanoseconds"]
    counter_frequency_hz: int
    arena_bytes: int
    arena_used_bytes: int
    model_kernels: str  # whose kernels compute the model, and which version
    calibration_fingerprint: str = ""  # of what was compiled in, which decides streamed clips; "": the device has no model of classes
    calibration_state: Literal["built_in", "stored", "corrupt", "foreign"] = "built_in"  # of a calibration kept in its settings; only "stored" holds
    recording_calibration_fingerprint: str = ""  # of what decides recordings


@dataclass(frozen=True, slots=True, kw_only=True)
class Mismatch:
    """The first element that differs in one stage of one clip."""

    stage: str  # of core.spec.STAGES, or "logits" or "outputs"
    filename: str
    frame_index: int  # frame, or patch for features, logits and outputs
    element_index: int
    expected: int
    actual: int
    elements: int  # that differ in this clip and stage


@dataclass(frozen=True, slots=True, kw_only=True)
class StageComparison:
    """How much of one stage was compared, and how much of it differed."""

    stage: str  # of core.spec.STAGES, or "logits" or "outputs"
    elements: int  # compared, over all clips
    mismatches: int  # elements that differ


@dataclass(frozen=True, slots=True, kw_only=True)
class Percentiles:
    """How a cost is spread."""

    p50: int
    p95: int
    p99: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What the device spent, in its own unit."""

    unit: Literal["instructions", "cycles", "nanoseconds"]
    frontend_per_frame: int  # median over frames
    model_per_inference: int  # median over inferences
    latency: Percentiles  # from the last sample of a patch to its scores: the front end of its last frame, and the inference


def faults_in(log: Sequence[str]) -> tuple[str, ...]:
    """Return the lines of a device's log, each with its level in front, that tell of an error."""
    return tuple(text for level, _, text in (line.partition(": ") for line in log) if level == "error")


@dataclass(frozen=True, slots=True, kw_only=True)
class HilReport:
    """What a device computed for a split, compared element by element with what it should have."""

    board: str
    depth: Literal["fake", "virtual", "serial"]
    link: str  # human-readable: "semihosting FIFOs", "/dev/ttyACM0", ...
    identity: DeviceIdentity
    clips: int
    frames: int
    patches: int
    frontend_mismatches: int  # elements, all stages
    model_mismatches: int  # elements of logits and outputs
    decision_mismatches: int  # elements of smoothed scores, decisions and clip scores
    stages: tuple[StageComparison, ...]  # in the order of the line
    first_mismatches: tuple[Mismatch, ...]  # at most one for each clip and stage
    evaluation: Evaluation
    detected: BoolArray  # [clips, labels]: which labels the device detected behind at least one patch
    cost: Cost | None  # None where nothing is counted: at depth "fake", and in an emulator's fast mode
    dropped_frames: int  # link frames that were damaged or lost and sent again
    resumed: int  # device resets survived
    overruns: int  # samples the device had no room for
    log: tuple[str, ...] = field(default=())  # messages of the device

    @property
    def mismatches(self) -> int:
        """Elements that differ anywhere along the line."""
        return self.frontend_mismatches + self.model_mismatches + self.decision_mismatches

    @property
    def faults(self) -> tuple[str, ...]:
        """What the device said of faults: of the run before this one, or between two clips."""
        return faults_in(self.log)
