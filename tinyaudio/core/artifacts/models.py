"""Models, and what they are expected to compute."""

from __future__ import annotations

from dataclasses import dataclass

from tinyaudio.core.artifacts.arrays import Int8Array, Int64Array
from tinyaudio.core.one_class import OneClassTables
from tinyaudio.core.one_class_fit import OneClassFit
from tinyaudio.core.residual import STEPS_AN_OCTAVE
from tinyaudio.core.spec import FrontendSpec, KernelId


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
