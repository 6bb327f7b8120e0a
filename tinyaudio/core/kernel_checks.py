"""What the two checks of kernels on a device found: the self-test of every operator, and one set of kernels against another."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from tinyaudio.core.artifacts import Cost, DeviceIdentity, KernelChoice


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorCheck:
    """One operator on all golden inputs."""

    index: int  # position in the .tflite file
    name: str  # kind, and the tensor that it writes
    elements: int  # of its output, all of them compared
    mismatches: tuple[int, ...]  # elements that differ, by golden input
    cost: int  # median over the golden inputs, in the unit of the report

    @property
    def is_right(self) -> bool:
        """Whether nothing differs for any input."""
        return not any(self.mismatches)


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorDifference:
    """The first element that differs in the first operator that does."""

    operator_index: int  # position in the .tflite file
    operator: str
    vector_index: int  # golden input
    vector: str  # where that input is from
    element_index: int
    place: tuple[int, ...]  # the same as indices of the output tensor; empty where its shape is not known
    shape: tuple[int, ...]  # of that tensor; empty with it
    expected: int
    actual: int
    mismatches: int  # elements that differ for this input
    elements: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SelfTestReport:
    """What a self-test image found."""

    board: str
    depth: Literal["virtual", "serial"]
    link: str
    identity: DeviceIdentity
    oracle: str  # who computed the golden vectors
    inputs: tuple[str, ...]  # where the golden inputs are from
    unit: Literal["instructions", "cycles", "nanoseconds"]
    operators: tuple[OperatorCheck, ...]  # by position
    first: OperatorDifference | None  # None: all are right
    elf_sha256: str
    log: tuple[str, ...] = ()  # messages of the device

    @property
    def failed(self) -> tuple[OperatorCheck, ...]:
        """The operators that differ for any input."""
        return tuple(operator for operator in self.operators if not operator.is_right)


@dataclass(frozen=True, slots=True, kw_only=True)
class KernelSide:
    """One of the two firmwares that are held against each other."""

    kernels: KernelChoice
    identity: DeviceIdentity
    elf_sha256: str
    flash_bytes: int
    cost: Cost
    mismatches: int  # elements that differ from the twin or the reference interpreter


@dataclass(frozen=True, slots=True, kw_only=True)
class KernelDifference:
    """The first element that differs between the two in one stage of one clip."""

    filename: str
    stage: str  # "features", "logits", "outputs" or one of the decisions
    patch_index: int
    element_index: int
    optimized: int
    reference: int
    elements: int  # that differ in this clip and stage


@dataclass(frozen=True, slots=True, kw_only=True)
class KernelComparison:
    """Fast kernels against plain ones, clip by clip."""

    optimized: KernelSide
    reference: KernelSide
    clips: int
    elements: int  # compared
    differences: tuple[KernelDifference, ...]  # at most one for each clip and stage, in order of clips, then of the line

    @property
    def mismatches(self) -> int:
        """Elements that differ between the two."""
        return sum(difference.elements for difference in self.differences)

    @property
    def differing_clips(self) -> tuple[str, ...]:
        """Their filenames, in order."""
        return tuple(dict.fromkeys(difference.filename for difference in self.differences))
