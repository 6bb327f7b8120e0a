"""Kernels of chip vendors in the place of ours: which operators a vendor's library takes, and why it does not take the others.

A library looks at one operator after the other and returns a call of its adapter (firmware/lib/tinyaudio_cmsis_nn,
tinyaudio_esp_nn), or the reason for which our kernel computes it. What an adapter takes has the form of every other kernel:
pointers into the arena, constant arrays, a Shape, scratch that the memory planner places.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from typing import Literal

from tinyaudio.deploy.compiler.graph import Graph, Kernel, Operation
from tinyaudio.deploy.compiler.ops.pad import Pad
from tinyaudio.deploy.compiler.passes import suit_kernels, tidy
from tinyaudio.deploy.compiler.vendor_calls import Refusal, tensors_of

VendorName = Literal["cmsis_nn", "esp_nn"]

#: What a library says of an operator.
Take = Callable[[Operation, Graph], Kernel | Refusal]


@dataclass(frozen=True, slots=True, kw_only=True)
class VendorLibrary:
    """A vendor's kernels as the compiler sees them."""

    name: VendorName
    title: str  # "CMSIS-NN"
    kernels: Mapping[type[Operation], Take]  # by the class of operators
    keeps_padding_apart: bool = False  # a PAD in front of a convolution stays: the kernels do worse with padding of their own
    caveat: str = ""  # what nobody can promise of its kernels before a device has computed; told to whoever builds with them

    def take(self, operation: Operation, graph: Graph) -> Kernel | Refusal:
        """Return the call that computes `operation`, or why there is none."""
        take = self.kernels.get(type(operation))
        if take is None:
            return Refusal(reason=f"{self.title} is not asked for {operation.kind}")
        if any(tensor.dtype != "int8" for tensor in tensors_of(operation, graph)):
            return Refusal(reason="its values are not int8")
        return take(operation, graph)


@dataclass(frozen=True, slots=True, kw_only=True)
class VendorOperation(Operation):
    """An operator that a vendor's kernel computes; what our kernels need to know of it is gone."""

    kernel: Kernel

    def lower(self, graph: Graph) -> tuple[Kernel, ...]:
        """Return the call of the vendor's kernel."""
        del graph
        return (self.kernel,)


def with_vendor_kernels(graph: Graph, library: VendorLibrary) -> tuple[Graph, dict[int, str]]:
    """Simplify `graph`, with kernels of `library` for the operators that it takes.

    Returns
    -------
    tuple
        The graph, and {position of an operator in the file: why it is computed by a kernel of ours}.
    """
    padded = [operation.outputs[0] for operation in graph.operations if isinstance(operation, Pad)]
    simple = tidy(_taken(graph, library, behind=padded) if library.keeps_padding_apart else graph)
    taken = _taken(simple, library)
    found = ((operation.index, library.take(operation, simple)) for operation in taken.operations if not isinstance(operation, VendorOperation))
    return suit_kernels(taken), {index: answer.reason for index, answer in found if isinstance(answer, Refusal)}


def _taken(graph: Graph, library: VendorLibrary, *, behind: Collection[int] | None = None) -> Graph:
    """Return the graph with the operators that `library` takes: all of them, or those that read one of the tensors `behind`."""
    operations = []
    for operation in graph.operations:
        answer = library.take(operation, graph) if behind is None or operation.inputs[0] in behind else None
        if isinstance(answer, Kernel):
            operation = VendorOperation(index=operation.index, kind=operation.kind, inputs=operation.inputs, outputs=operation.outputs, kernel=answer)
        operations.append(operation)
    return replace(graph, operations=tuple(operations))
