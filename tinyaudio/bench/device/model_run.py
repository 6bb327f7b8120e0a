"""What a device that is a model alone answers to inputs, collected and checked for completeness."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass

from tinyaudio.core.errors import ProtocolError
from tinyaudio.wire.messages import Message, ModelData, ModelInput, ModelPart, ModelResult, ModelRun, ModelRunOption, ModelTicks


@dataclass(frozen=True, slots=True, kw_only=True)
class Inference:
    """One inference of a device."""

    output: bytes  # as it lies in the device's memory
    logits: bytes  # the tensor before a final softmax; the output where there is none
    ticks: int  # of the device's counter
    step_ticks: tuple[int, ...]  # by operator, in order of execution; empty if they were not asked for


@dataclass(frozen=True, slots=True, kw_only=True)
class InferenceRequest:
    """One inference to make."""

    input: bytes  # as it is to lie in the device's memory
    forget: bool = False  # forget all earlier inputs first
    step_ticks: bool = False  # run step by step and tell the cost of each

    def messages(self, run_id: int) -> list[Message]:
        """Return what to send for it."""
        pieces: list[Message] = [
            ModelInput(offset_bytes=start, data=self.input[start : start + ModelInput.MAX_DATA])
            for start in range(0, len(self.input), ModelInput.MAX_DATA)
        ]
        options = ModelRunOption(0)
        if self.forget:
            options |= ModelRunOption.FORGET
        if self.step_ticks:
            options |= ModelRunOption.STEP_TICKS
        return [*pieces, ModelRun(run_id=run_id, options=options)]


class InferenceCollector:
    """Takes the answers to some requests in; what comes twice, out of place or not at all is a `ProtocolError`."""

    def __init__(self, requests: Sequence[InferenceRequest]) -> None:
        self.inferences: list[Inference] = []
        self._requests = requests
        self._forget()

    @property
    def is_complete(self) -> bool:
        """Whether all requests are answered."""
        return len(self.inferences) == len(self._requests)

    def take(self, message: Message) -> None:
        """Take one message about the inference that is due."""
        if not isinstance(message, ModelData | ModelTicks | ModelResult) or self.is_complete:
            raise self._broken(f"{type(message).__name__} came unasked for")
        if message.run_id != len(self.inferences):
            raise self._broken(f"{type(message).__name__} is about inference {message.run_id}")
        match message:
            case ModelData():
                whole = self._parts[message.part]
                if message.offset_bytes != len(whole):
                    raise self._broken(f"its {message.part.name.lower()} does not continue at byte {len(whole)}")
                whole += message.data
            case ModelTicks():
                if message.first_step != len(self._step_ticks):
                    raise self._broken(f"the ticks of step {message.first_step} came where those of step {len(self._step_ticks)} were due")
                self._step_ticks += message.ticks
            case ModelResult():
                self._finish(message)

    def _finish(self, result: ModelResult) -> None:
        output, logits = self._parts[ModelPart.OUTPUT], self._parts[ModelPart.LOGITS]
        told = (len(output), len(logits), len(self._step_ticks))
        if told != (result.output_bytes, result.logits_bytes, result.steps):
            raise self._broken(f"(output, logits, steps) {told} came of {(result.output_bytes, result.logits_bytes, result.steps)}")
        if result.input_crc32 != zlib.crc32(self._requests[len(self.inferences)].input):
            raise self._broken("the device had another input than was sent")
        ticks = tuple(self._step_ticks)
        self.inferences.append(Inference(output=bytes(output), logits=bytes(logits), ticks=result.counter_ticks, step_ticks=ticks))
        self._forget()

    def _forget(self) -> None:
        self._parts = {part: bytearray() for part in ModelPart}
        self._step_ticks: list[int] = []

    def _broken(self, what: str) -> ProtocolError:
        return ProtocolError(what, hint="build the firmware again; if it stays, report it", where=f"inference {len(self.inferences)}")
