"""Variables of streaming models: VAR_HANDLE, READ_VARIABLE, ASSIGN_VARIABLE and CALL_ONCE.

A handle names a variable; the graph knows neither. A variable becomes a tensor that keeps its value from one inference
to the next; reading it is an operator from that tensor, assigning one to it. CALL_ONCE names the subgraph that gives
variables their first values: it may assign constants and nothing else, so it is read here and not compiled.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import tflite

from tinyaudio.core.errors import ModelError
from tinyaudio.deploy.compiler.graph import Operation, State, Tensor, operation_place
from tinyaudio.deploy.compiler.ops.variable import AssignVariable, ReadVariable
from tinyaudio.deploy.compiler.tensors import EXPORT_AGAIN, RESOURCE
from tinyaudio.deploy.compiler.view import OperatorView

VARIABLE_OPERATORS = frozenset({"VAR_HANDLE", "READ_VARIABLE", "ASSIGN_VARIABLE", "CALL_ONCE"})
_Name = tuple[bytes, bytes]  # container and shared name


@dataclass
class Variables:
    """The variables met so far while a model is read."""

    tensors: list[Tensor]  # of the main subgraph; variables are appended
    _handles: dict[int, _Name] = field(default_factory=dict)  # tensor index of the handle -> variable
    _tensor_of: dict[_Name, int] = field(default_factory=dict)
    _initial: dict[_Name, npt.NDArray[Any]] = field(default_factory=dict)

    def read_operation(self, view: OperatorView) -> Operation | None:
        """Read a READ_VARIABLE or ASSIGN_VARIABLE; a VAR_HANDLE is only remembered."""
        if view.kind == "VAR_HANDLE":
            view.expect_arity(inputs=(0,))
            self._handles[view.outputs[0]] = variable_name(view)
            return None
        if view.kind == "READ_VARIABLE":
            view.expect_arity(inputs=(1,))
            state = self._state(view, view.tensors[view.outputs[0]])
            return ReadVariable(index=view.index, kind=view.kind, inputs=(state,), outputs=view.outputs)
        view.expect_arity(inputs=(2,), outputs=0)
        state = self._state(view, view.input(1))
        return AssignVariable(index=view.index, kind=view.kind, inputs=(view.inputs[1],), outputs=(state,))

    def initialize(self, view: OperatorView, subgraph_views: Sequence[OperatorView]) -> None:
        """Take the first values of variables from the operators of the subgraph that a CALL_ONCE, `view`, names."""
        view.expect_arity(inputs=(0,), outputs=0)
        if self._tensor_of:
            view.fail("it comes after variables were used")
        handles: dict[int, _Name] = {}
        for inner in subgraph_views:
            if inner.kind == "VAR_HANDLE":
                inner.expect_arity(inputs=(0,))
                handles[inner.outputs[0]] = variable_name(inner)
            elif inner.kind == "ASSIGN_VARIABLE":
                inner.expect_arity(inputs=(2,), outputs=0)
                value = inner.input(1)
                if inner.inputs[0] not in handles or value.data is None:
                    inner.fail("a subgraph that runs once may only assign constants to variables", hint="export the model again")
                self._initial[handles[inner.inputs[0]]] = value.data
            else:
                inner.fail("a subgraph that runs once may only assign constants to variables", hint="supported within: VAR_HANDLE, ASSIGN_VARIABLE")

    def states(self) -> tuple[State, ...]:
        """Return the variables; one without a first value starts at its zero point, as in TensorFlow Lite Micro."""
        return tuple(State(tensor=index, initial=self._initial_value(name, self.tensors[index])) for name, index in self._tensor_of.items())

    def _initial_value(self, name: _Name, tensor: Tensor) -> npt.NDArray[Any]:
        given = self._initial.get(name)
        if given is None:
            return np.full(tensor.shape, tensor.zero_point, np.int8)
        if given.dtype != np.int8 or given.size != tensor.elements:
            raise ModelError(
                f"its first value is {given.dtype.name}{list(given.shape)}", hint=EXPORT_AGAIN, where=f"variable {tensor.describe()}, CALL_ONCE"
            )
        return given.reshape(tensor.shape)

    def _state(self, view: OperatorView, value: Tensor) -> int:
        """Return the tensor of the variable that input 0 of `view` names; `value` is what is read or assigned."""
        handle = view.inputs[0]
        if handle not in self._handles:
            view.fail(f"tensor {self.tensors[handle].describe()} is not the handle of a variable" if handle >= 0 else "its handle is missing")
        name = self._handles[handle]
        view.int8_values(value)
        if name not in self._tensor_of:
            label = name[1].decode("utf-8", errors="replace") or self.tensors[handle].name
            self._tensor_of[name] = len(self.tensors)
            self.tensors.append(replace(value, index=len(self.tensors), name=label, data=None))
        known = self.tensors[self._tensor_of[name]]
        if known.elements != value.elements:
            view.fail(f"tensor {value.describe()} does not fit the variable {known.describe()}")
        return known.index


def variable_name(view: OperatorView) -> _Name:
    """Return what a VAR_HANDLE names."""
    if len(view.outputs) != 1 or view.tensors[view.outputs[0]].dtype != RESOURCE:
        view.fail("its output is not the handle of a variable", hint=EXPORT_AGAIN)
    options = view.options(tflite.VarHandleOptions, tflite.BuiltinOptions.VarHandleOptions)
    return bytes(options.Container() or b""), bytes(options.SharedName() or b"")


def initial_subgraph(view: OperatorView, subgraphs: int) -> int:
    """Return the number of the subgraph that a CALL_ONCE runs."""
    number = int(view.options(tflite.CallOnceOptions, tflite.BuiltinOptions.CallOnceOptions).InitSubgraphIndex())
    if not 0 < number < subgraphs:
        raise ModelError(f"it names subgraph {number} of {subgraphs}", hint=EXPORT_AGAIN, where=operation_place(view.index, view.kind, ""))
    return number
