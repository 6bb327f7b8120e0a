"""What a report is made from."""

from __future__ import annotations

from dataclasses import dataclass

from tinyaudio.core.artifacts import BuildArtifact, Calibration, Dataset, Evaluation, Float64Array, HilReport, Int16Array, QuantizedModel
from tinyaudio.core.board import Board
from tinyaudio.core.clip_decisions import ClipDecisions
from tinyaudio.core.kernel_checks import KernelComparison
from tinyaudio.report.arena import ArenaTimeline


@dataclass(frozen=True, slots=True, kw_only=True)
class ExampleClip:
    """A clip to look at and listen to."""

    title: str  # "classified right" or "classified wrong"
    filename: str
    label: str
    predicted: str
    pcm: Int16Array  # at the project's sample rate
    log_mel: Float64Array  # [frames, mel_bands], natural logarithm, as the integer twin computes it
    scores: Float64Array  # [labels], as the device reported them, dequantized


@dataclass(frozen=True, slots=True, kw_only=True)
class KernelDistance:
    """How far the features of another FFT kernel are from those of the board's, of the same recordings."""

    kernel: str
    clips: int  # compared
    steps: dict[int, int]  # {difference in int8 steps: how many features}


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportInputs:
    """Everything the page shows."""

    project_name: str
    board: Board
    dataset: Dataset
    quantized: QuantizedModel
    parameters: int  # of the float model; of a finished one all constants
    float_evaluation: Evaluation | None  # None: the model came finished, as INT8
    int8_evaluation: Evaluation
    hil: HilReport
    build: BuildArtifact | None  # None for depth "fake", where no firmware runs
    kernel_distances: tuple[KernelDistance, ...]
    examples: tuple[ExampleClip, ...]
    arena: ArenaTimeline | None  # None: the runtime lays it out by itself
    decisions: tuple[ClipDecisions, ...]  # by the thresholds, in the order of `evaluations`
    calibration: Calibration  # the thresholds
    fingerprints: dict[str, str]  # value -> SHA-256, in the order of the line
    kernel_comparison: KernelComparison | None = None  # of an A/B run; `hil` and `build` are those of the optimized firmware

    @property
    def evaluations(self) -> dict[str, Evaluation]:
        """What there is of the float model, the INT8 model and the device, by name."""
        named = {"float": self.float_evaluation, "int8": self.int8_evaluation, "device": self.hil.evaluation}
        return {name: evaluation for name, evaluation in named.items() if evaluation is not None}
