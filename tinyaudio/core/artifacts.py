"""The values handed between stages: frozen, arrays read-only, each naming what it was made from.

``WAV + manifest -> Dataset -> FeatureSet -> TrainedModel -> QuantizedModel -> Calibration -> FirmwareProject ->
BuildArtifact -> DeviceIdentity -> HilReport``. `core.store` writes and reads them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import numpy.typing as npt

from tinyaudio.core.one_class import OneClassTables
from tinyaudio.core.one_class_fit import OneClassFit
from tinyaudio.core.residual import STEPS_AN_OCTAVE
from tinyaudio.core.spec import FrontendSpec, KernelId

Split = Literal["train", "validation", "test"]
SPLITS: tuple[Split, ...] = ("train", "validation", "test")

#: What firmware without a model, made to measure a front end, reports in place of the model file's SHA-256.
NO_MODEL_SHA256 = "0" * 64

Runtime = Literal["aot", "tflm"]
#: Kernels of a runtime: the fast ones (Armv7E-M assembly, CMSIS-NN, ESP-NN) or the plain ones they are compared with.
KernelChoice = Literal["optimized", "reference", "vendor"]

BoolArray = npt.NDArray[np.bool_]
Int8Array = npt.NDArray[np.int8]
Int16Array = npt.NDArray[np.int16]
Int32Array = npt.NDArray[np.int32]
Int64Array = npt.NDArray[np.int64]
Float64Array = npt.NDArray[np.float64]


def split_labels(text: str, separator: str) -> tuple[str, ...]:
    """Return the labels that `text` names: itself without a `separator`, else any number of them."""
    return (text,) if not separator else tuple(label for label in text.split(separator) if label)


@dataclass(frozen=True, slots=True, kw_only=True)
class Clip:
    """One labelled recording of the manifest."""

    filename: str  # as in the manifest, relative to it
    label: str  # where the data set has a separator: any number of labels, sorted, with it in between
    group: str  # clips of one source share it; a group is never in two splits
    split: Split
    samples: int  # at the project's sample rate
    pcm_sha256: str  # of the int16 samples at the project's sample rate


@dataclass(frozen=True, slots=True, kw_only=True)
class Dataset:
    """The checked manifest. Where the files lie is not part of it: the content hashes are."""

    labels: tuple[str, ...]  # class order of the model, sorted
    sample_rate_hz: int
    clips: tuple[Clip, ...]  # in the manifest's order
    label_separator: str = ""  # between the labels of a clip; "": each clip has exactly one

    @property
    def is_multi_label(self) -> bool:
        """Whether a clip may have several labels, or none."""
        return bool(self.label_separator)

    def labels_of(self, clip: Clip) -> tuple[str, ...]:
        """Return the labels of `clip`."""
        return split_labels(clip.label, self.label_separator)

    def truth_of(self, clips: Sequence[Clip]) -> BoolArray:
        """Return which labels each clip has, bool[clips, labels]."""
        return np.array([[label in self.labels_of(clip) for label in self.labels] for clip in clips], np.bool_).reshape(len(clips), len(self.labels))

    def label_indices_of(self, clips: Sequence[Clip]) -> Int64Array:
        """Return the label of each clip as a position in `labels`, int64[clips]; -1 where clips may have several."""
        return np.array([-1 if self.is_multi_label else self.labels.index(clip.label) for clip in clips], np.int64)

    def of_split(self, split: Split) -> tuple[Clip, ...]:
        """Return the clips of `split`, in order."""
        return tuple(clip for clip in self.clips if clip.split == split)


@dataclass(frozen=True, slots=True, kw_only=True)
class FeatureSet:
    """Log-mel features of all clips, as the integer twin computes them."""

    spec: FrontendSpec
    kernel: KernelId
    frontend_fingerprint: str
    log_fraction_bits: int  # Q format of log_mel: value = log_mel / 2**log_fraction_bits, natural logarithm
    dataset: Dataset
    log_mel: Int32Array  # [frames of all clips, mel_bands]
    frame_offsets: Int64Array  # [clips + 1]; frames of clip i are frame_offsets[i] : frame_offsets[i + 1]


@dataclass(frozen=True, slots=True, kw_only=True)
class AugmentedFeatures:
    """Features of the data set and of changed copies of its training clips, which stand behind it as clips of their own."""

    features: FeatureSet
    draws: dict[str, str]  # file name of the copy -> JSON of what was drawn for it


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainedModel:
    """A float model."""

    architecture: str
    labels: tuple[str, ...]
    spec: FrontendSpec
    kernel: KernelId
    frontend_fingerprint: str
    keras: bytes  # the .keras file
    parameters: int
    epochs: int  # trained, early stopping included
    best_epoch: int  # counted from 1; its weights are kept
    train_loss: tuple[float, ...]  # by epoch
    validation_loss: tuple[float, ...]
    validation_accuracy: tuple[float, ...]  # of patches, by epoch
    temperature: float = 1.0  # that the classifier's weights were divided by after training
    one_class: OneClassFit | None = None  # the network ends in an embedding, and this makes one score of it


@dataclass(frozen=True, slots=True, kw_only=True)
class QuantizedModel:
    """A full-integer INT8 model. The fingerprint of the front end and the labels are inside the file, too."""

    tflite: bytes
    sha256: str  # of `tflite`; what the firmware reports as model fingerprint
    labels: tuple[str, ...]
    spec: FrontendSpec
    kernel: KernelId
    frontend_fingerprint: str
    input_scale: float  # log-mel (natural logarithm) = input_scale * (int8 - input_zero_point)
    input_zero_point: int
    output_scale: float
    output_zero_point: int
    ops: tuple[str, ...]  # builtin operator names in execution order
    is_autoencoder: bool = False  # the output is the input again; the device makes one score of how far they are apart
    one_class: OneClassTables | None = None  # the output is an embedding; the device makes one score of how strange it is

    @property
    def has_score(self) -> bool:
        """Whether the device makes one score of the model's output, which then has no label."""
        return self.is_autoencoder or self.one_class is not None

    @property
    def score_scale(self) -> float:
        """What an int8 step of the device's scores stands for: a probability; of an anomaly detector octaves of what it measures."""
        return 1.0 / STEPS_AN_OCTAVE if self.has_score else self.output_scale

    @property
    def score_zero_point(self) -> int:
        """The int8 score that stands for 0."""
        return 0 if self.has_score else self.output_zero_point


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerError:
    """How far one operator's output in the INT8 model is from that in the float model."""

    operator: str  # TensorFlow Lite's name
    name: str  # of the layer, as far as the converter tells
    signal_to_error_db: float  # sum of squares of the float output over that of the difference
    largest_error: float  # greatest absolute difference, in the unit of the output


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpectedOutputs:
    """What the oracle computes for the test split, kept so that HIL needs no interpreter."""

    model_sha256: str
    oracle: str  # name and version of the interpreter
    filenames: tuple[str, ...]  # clips, in order
    logits: Int8Array  # [patches of all clips, labels]; the tensor before the final softmax
    outputs: Int8Array  # [patches of all clips, labels]
    patch_offsets: Int64Array  # [clips + 1]


@dataclass(frozen=True, slots=True, kw_only=True)
class GoldenTensors:
    """What every int8 activation of a model holds for a few inputs: the golden vectors of its operators."""

    model_sha256: str
    oracle: str  # name and version of the interpreter
    inputs: tuple[str, ...]  # where each vector's input is from
    tensors: tuple[int, ...]  # positions in the .tflite; the first is the model's input
    shapes: tuple[tuple[int, ...], ...]  # of the tensors
    offsets: Int64Array  # [tensors + 1]; values of tensor i are values[:, offsets[i] : offsets[i + 1]]
    values: Int8Array  # [vectors, elements of all tensors]

    def of_tensor(self, tensor: int) -> Int8Array:
        """Return int8 [vectors, elements] of the tensor at position `tensor` of the file."""
        position = self.tensors.index(tensor)
        return self.values[:, self.offsets[position] : self.offsets[position + 1]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """Clip-level results of one predictor on one split; a clip's score is the mean over its patches."""

    predictor: Literal["float", "int8", "device"]
    split: Split
    labels: tuple[str, ...]
    filenames: tuple[str, ...]
    label_indices: Int64Array  # [clips], the truth; -1 where `truth` tells it
    scores: Float64Array  # [clips, labels], dequantized
    accuracy: float  # with several labels a clip: share of the clips of which every label is decided right
    confusion: Int64Array  # [labels (truth), labels (predicted)]; with several labels a clip [labels, 2 (has it), 2 (decided)]
    truth: BoolArray | None = None  # [clips, labels], where a clip may have several labels, or none; None: exactly one


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """How patch scores become decisions on the device, in integers; `tinyaudio.core.decisions` says how."""

    smoothing_patches: int  # moving sum over this many patches
    detection_threshold: int  # of an int8 output, -128 to 127; the smoothed mean must reach it
    class_thresholds: tuple[int, ...] = ()  # the same for each label by itself, 128: never; empty: `detection_threshold` holds for all
    is_exclusive: bool = True  # only the best label is detected; False: every one that reaches its threshold


@dataclass(frozen=True, slots=True, kw_only=True)
class PlacedItem:
    """One kind of content of an image, and the memory it goes to."""

    name: str  # "arena of the model"
    sections: tuple[str, ...]  # of the linked image that hold it
    region: str  # of board.memory.regions
    bytes: int  # in a plan: set aside, 0 where only the linker knows; of a linked image: measured
    reason: str  # why there, in one sentence


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """What lies where and why, the most important first."""

    items: tuple[PlacedItem, ...]

    def item(self, section: str) -> PlacedItem | None:
        """Return the item that the section `section` holds, if there is one."""
        return next((item for item in self.items if section in item.sections), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasuredArena:
    """How much memory a model needs on TFLite Micro, as a target has told."""

    used_bytes: int  # as the interpreter says
    arena_bytes: int  # what it is given
    measured_on: str  # "mps2_an500, virtual"


@dataclass(frozen=True, slots=True, kw_only=True)
class FirmwareProject:
    """A rendered PlatformIO project: text only, the same bytes for the same inputs."""

    board: str
    runtime: str
    files: dict[str, str]  # relative POSIX path -> text
    fingerprint: str  # compiled in and reported in Hello
    frontend_fingerprint: str
    model_sha256: str
    placement: Placement | None = None  # None: the host's linker places everything
    arena_bytes: int = 0  # of the model
    arena_used_bytes: int | None = None  # of it; None: `arena_bytes` is an estimate that no target has measured yet


@dataclass(frozen=True, slots=True, kw_only=True)
class RegionUse:
    """Bytes used in one memory region."""

    used_bytes: int
    length_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StackUse:
    """How deep the stack can get, as far as the compiler's call graph tells."""

    worst_case_bytes: int  # the program and every interrupt on top of it
    program_bytes: int  # from reset
    interrupt_bytes: int  # all handlers nested once, with what the processor pushes for each
    reserved_bytes: int  # what the linker script sets aside
    deepest: tuple[str, ...]  # functions of the program's deepest path, outermost first
    assumptions: tuple[str, ...]  # what the compiler does not tell, and what was counted in its place; one sentence each


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkedComponent:
    """Software that the linker took something of."""

    name: str  # "CMSIS-DSP"
    version: str  # "" if it is not told
    licence: str  # SPDX expression
    bytes: int  # of it in the image


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputFile:
    """A file that a build made."""

    path: str  # not part of any fingerprint
    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildArtifact:
    """A linked image and its sizes."""

    board: str
    runtime: str
    elf: str  # path; not part of any fingerprint
    elf_sha256: str
    firmware_fingerprint: str
    flash_bytes: int  # vectors, code, constants and the initial values of .data
    ram_bytes: int  # data in all RAM regions, the reserved stack included
    regions: dict[str, RegionUse]
    budget_problems: tuple[str, ...]  # empty if the image fits the board's budget and its worst-case stack what is reserved
    toolchain: str  # compiler and version
    seconds: float
    frontend_fingerprint: str = ""
    model_sha256: str = ""
    placement: Placement | None = None  # measured; None: the host's linker placed everything
    stack: StackUse | None = None  # None: the stack is the host's affair
    components: tuple[LinkedComponent, ...] = ()  # what is linked, by name
    files: dict[str, OutputFile] = field(default_factory=dict)  # "elf", "bin", "hex", "map" -> file
    flags: tuple[str, ...] = ()  # of the C++ compiler
    model_kernels: str = ""  # whose kernels compute the model, and which version; "": those of tinyaudio
    arena_bytes: int = 0  # of the model
    arena_used_bytes: int | None = None  # of it, as planned by the compiler or measured on a target; None: not measured yet

    @property
    def arena_measured(self) -> bool:
        """Whether the arena has the size that the model needs; otherwise it is an estimate."""
        return self.arena_used_bytes is not None

    @property
    def budget_ok(self) -> bool:
        """Whether the image fits the board's budget."""
        return not self.budget_problems


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
    cost: Cost | None  # None at depth "fake", where nothing is counted
    dropped_frames: int  # link frames that were damaged or lost and sent again
    resumed: int  # device resets survived
    overruns: int  # samples the device had no room for
    log: tuple[str, ...] = field(default=())  # messages of the device

    @property
    def mismatches(self) -> int:
        """Elements that differ anywhere along the line."""
        return self.frontend_mismatches + self.model_mismatches + self.decision_mismatches
