"""READ_VARIABLE and ASSIGN_VARIABLE: copies from and to a tensor that outlives the inference."""

from __future__ import annotations

from dataclasses import dataclass

from tinyaudio.deploy.compiler.graph import Graph, Kernel, Operation
from tinyaudio.deploy.compiler.moves import copy


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadVariable(Operation):
    """The value of a variable; the input is the variable's tensor."""

    def lower(self, graph: Graph) -> tuple[Kernel, ...]:
        """Return a copy, where the pass `share_variables` could not do without one."""
        return (copy(graph, source=self.inputs[0], target=self.outputs[0]),)


@dataclass(frozen=True, slots=True, kw_only=True)
class AssignVariable(Operation):
    """A new value for a variable; the output is the variable's tensor."""

    def lower(self, graph: Graph) -> tuple[Kernel, ...]:
        """Return a copy, where the pass `share_variables` could not do without one."""
        return (copy(graph, source=self.inputs[0], target=self.outputs[0]),)
