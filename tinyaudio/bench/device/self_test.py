"""What a self-test image says of its operators: which ones computed something else than the golden vectors."""

from __future__ import annotations

from dataclasses import dataclass, field

from tinyaudio.core.errors import ProtocolError
from tinyaudio.wire.messages import Message, SelfTestOperator, SelfTestResult


@dataclass(frozen=True, slots=True, kw_only=True)
class SelfTestRun:
    """All operators on all golden inputs, in the order in which they ran."""

    operators: tuple[SelfTestOperator, ...]
    vectors: int  # golden inputs

    @property
    def first_difference(self) -> SelfTestOperator | None:
        """The first operator, by its position in the model, that differs for any input; None if none does.

        Each operator of the runtime `aot` is run on golden inputs; with `tflm` those in front of it were right. So it is the
        one with a fault.
        """
        wrong = [operator for operator in self.operators if operator.mismatches]
        return min(wrong, key=lambda operator: (operator.operator_index, operator.vector_index)) if wrong else None

    @property
    def failed(self) -> tuple[str, ...]:
        """Names of the operators that differ, in order of position."""
        wrong = {operator.operator_index: operator.operator_name for operator in self.operators if operator.mismatches}
        return tuple(wrong[index] for index in sorted(wrong))

    def describe(self) -> str:
        """Return one line: the first difference, or that there is none."""
        first = self.first_difference
        if first is None:
            return f"{len({o.operator_index for o in self.operators})} operators on {self.vectors} golden inputs: all equal"
        return (
            f"operator {first.operator_index} ({first.operator_name}) is the first that differs: element {first.first_element} of "
            f"{first.elements} is {first.actual} instead of {first.expected}, {first.mismatches} differ on golden input {first.vector_index}"
        )


@dataclass(slots=True, kw_only=True)
class SelfTestCollector:
    """Puts the messages of one self-test together."""

    operators: list[SelfTestOperator] = field(default_factory=list)
    result: SelfTestResult | None = None

    def take(self, message: Message) -> None:
        """Take the next message.

        Raises
        ------
        ProtocolError
            If it does not belong to a self-test, or operators are missing at its end.
        """
        if isinstance(message, SelfTestOperator):
            self.operators.append(message)
        elif isinstance(message, SelfTestResult):
            wanted, failed = message.vectors * message.operators, sum(1 for operator in self.operators if operator.mismatches)
            if len(self.operators) != wanted or failed != message.failed:
                raise ProtocolError(
                    f"the self-test told of {len(self.operators)} operators, {failed} of them wrong, and ended with {wanted} and {message.failed}",
                    hint="flash the device again",
                    where="self-test",
                )
            self.result = message
        else:
            raise ProtocolError(f"{type(message).__name__} came during a self-test", hint="flash the device again", where="self-test")

    def last_seen(self) -> str:
        """Return where the device was when it died: what it had still told of."""
        if not self.operators:
            return "before it told of any operator"
        last = self.operators[-1]
        return f"behind operator {last.operator_index} ({last.operator_name}) on golden input {last.vector_index}, the last that it told of"

    def finish(self) -> SelfTestRun:
        """Return what came."""
        assert self.result is not None
        return SelfTestRun(operators=tuple(self.operators), vectors=self.result.vectors)
