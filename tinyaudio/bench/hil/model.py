"""The proof of a model alone: inputs go to a device, all it computes is compared with the reference, element by element."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from tinyaudio.bench.device import Device, Inference, InferenceRequest, check_identity
from tinyaudio.core.board import CounterScale
from tinyaudio.core.errors import ProtocolError

_NAMED_MISMATCHES = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelCase:
    """One inference to make, and what must come out."""

    name: str  # of the kind of input: "random", "saturating", "real" ...
    input: NDArray[Any]  # flat
    output: NDArray[Any]  # flat, of the reference
    logits: NDArray[Any]  # flat, of the reference: the tensor before a final softmax; without one, the output
    forget: bool = False  # forget all earlier inputs first
    step_ticks: bool = False  # measure each operator


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelMismatch:
    """The first element that differs in one tensor of one inference."""

    inference: int
    case: str
    tensor: Literal["output", "logits"]
    element_index: int
    expected: float
    actual: float
    elements: int  # that differ in this tensor


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelRunReport:
    """What a device made of the cases."""

    inputs: int  # those measured step by step are compared as well, and not counted
    elements: int  # compared, of outputs and logits
    output_mismatches: int  # elements
    logits_mismatches: int  # elements; of models without a final softmax those of the output once more
    max_abs_diff: float  # over outputs and logits, in steps of the quantized value
    distinct_outputs: int  # among the reference's: 1 says that the inputs prove little
    first_mismatches: tuple[ModelMismatch, ...]
    unit: Literal["instructions", "cycles", "nanoseconds"]
    per_inference: int  # median over the inferences that were not measured step by step, in `unit`
    per_step: tuple[int, ...]  # by operator, median over the inferences that were; empty if none was
    arena_bytes: int  # as the device says
    arena_used_bytes: int  # of it
    model_kernels: str  # whose kernels compute, and which version; "": those that tinyaudio compiled
    log: tuple[str, ...]


def run_model(
    device: Device,
    cases: Sequence[ModelCase],
    *,
    board: str,
    firmware_fingerprint: str,
    model_sha256: str,
    counter: CounterScale,
    log: Sequence[str] = (),
    on_inference: Callable[[int], None] | None = None,
) -> ModelRunReport:
    """Let firmware of a model alone make the inferences of `cases`, in order, and compare all that comes out.

    Parameters
    ----------
    device
        It runs what ``deploy.render.render_model_project`` made; it is closed here.
    cases
        At least one that is not measured step by step.
    board, firmware_fingerprint, model_sha256
        What the device should be.
    counter
        What a tick of the device's counter stands for.
    log
        Where the caller collects the device's log.
    on_inference
        Called with the number of inferences made.

    Raises
    ------
    IdentityError
        If another firmware answers; nothing is sent to it.
    DeviceError
        If the device dies, hangs or breaks the protocol (`TransportError`, `ProtocolError`).
    """
    with device:
        identity = check_identity(device.connect(), board=board, model_sha256=model_sha256, firmware_fingerprint=firmware_fingerprint)
        requests = [InferenceRequest(input=case.input.tobytes(), forget=case.forget, step_ticks=case.step_ticks) for case in cases]
        inferences = device.run_model(requests, on_inference=on_inference)
    comparison = _Comparison()
    for index, (case, inference) in enumerate(zip(cases, inferences, strict=True)):
        comparison.compare(index, case, inference)
    whole = [inference.ticks for inference in inferences if not inference.step_ticks]
    stepwise = [inference.step_ticks for inference in inferences if inference.step_ticks]
    return ModelRunReport(
        inputs=len(whole),
        elements=sum(case.output.size + case.logits.size for case in cases),
        output_mismatches=comparison.mismatches["output"],
        logits_mismatches=comparison.mismatches["logits"],
        max_abs_diff=comparison.max_abs_diff,
        distinct_outputs=len({case.output.tobytes() for case in cases}),
        first_mismatches=tuple(comparison.first[:_NAMED_MISMATCHES]),
        unit=counter.unit,
        per_inference=counter.units(float(np.median(whole))),
        per_step=tuple(counter.units(float(ticks)) for ticks in np.median(np.array(stepwise, np.float64), axis=0)) if stepwise else (),
        arena_bytes=identity.arena_bytes,
        arena_used_bytes=identity.arena_used_bytes,
        model_kernels=identity.model_kernels,
        log=tuple(log),
    )


class _Comparison:
    def __init__(self) -> None:
        self.mismatches = {"output": 0, "logits": 0}
        self.max_abs_diff = 0.0
        self.first: list[ModelMismatch] = []

    def compare(self, index: int, case: ModelCase, inference: Inference) -> None:
        self._compare_tensor(index, case, "output", case.output, inference.output)
        self._compare_tensor(index, case, "logits", case.logits, inference.logits)

    def _compare_tensor(self, index: int, case: ModelCase, tensor: Literal["output", "logits"], expected: NDArray[Any], data: bytes) -> None:
        if len(data) != expected.nbytes:
            raise ProtocolError(
                f"its {tensor} has {len(data)} bytes instead of {expected.nbytes}", hint="build the firmware again", where=f"inference {index}"
            )
        actual = np.frombuffer(data, expected.dtype)
        differs = np.flatnonzero(expected.view(np.uint8).reshape(expected.size, -1) != actual.view(np.uint8).reshape(expected.size, -1))
        elements = np.unique(differs // expected.itemsize)
        if not elements.size:
            return
        self.mismatches[tensor] += int(elements.size)
        distance = float(np.abs(expected.astype(np.float64) - actual.astype(np.float64)).max())
        self.max_abs_diff = max(self.max_abs_diff, distance if math.isfinite(distance) else math.inf)
        first = int(elements[0])
        self.first.append(
            ModelMismatch(
                inference=index,
                case=case.name,
                tensor=tensor,
                element_index=first,
                expected=float(expected[first]),
                actual=float(actual[first]),
                elements=int(elements.size),
            )
        )
