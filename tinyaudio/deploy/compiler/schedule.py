"""The steps of an inference: each operator's kernel call, and the buffers they need."""

from __future__ import annotations

from dataclasses import dataclass

from tinyaudio.deploy.compiler.graph import Constant, Graph, Kernel, Operation, Pointer
from tinyaudio.deploy.compiler.memory import Buffer
from tinyaudio.deploy.compiler.ops.quantize import Dequantize

_FINAL_KINDS = ("SOFTMAX", "LOGISTIC")


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One operator with its kernel call."""

    operation: Operation
    kernels: tuple[Kernel, ...]  # at least one

    @property
    def owned_constants(self) -> tuple[tuple[Operation, Constant], ...]:
        """The constant arrays and whose they are, each once: calls of one operator may share them."""
        owned = {(kernel.part, constant.role): constant for kernel in self.kernels for constant in kernel.constants}
        return tuple((self.operation.parts[part], constant) for (part, _), constant in owned.items())

    @property
    def constants(self) -> tuple[Constant, ...]:
        """The constant arrays, each once."""
        return tuple(constant for _, constant in self.owned_constants)

    @property
    def scratch_bytes(self) -> int:
        """Memory that the calls need beside their tensors, one after the other."""
        return max(kernel.scratch_bytes for kernel in self.kernels)

    @property
    def macs(self) -> int:
        """Multiply-accumulates of one inference."""
        return sum(kernel.macs for kernel in self.kernels)

    @property
    def in_place(self) -> tuple[int, ...]:
        """Positions of the inputs over which the output may lie."""
        return self._writer.in_place if self._writer is not None else ()

    @property
    def lead_bytes(self) -> int:
        """How far in front of those inputs the output must start."""
        return self._writer.lead_bytes if self._writer is not None else 0

    @property
    def _writer(self) -> Kernel | None:
        """The kernel that writes the output, if it is one that makes the whole of it from the inputs."""
        return self.kernels[-1] if len(self.kernels) == 1 or isinstance(self.kernels[-1].result, Pointer) else None


def schedule(graph: Graph) -> tuple[Step, ...]:
    """Lower every operator, in the file's order."""
    return tuple(Step(operation=operation, kernels=operation.lower(graph)) for operation in graph.operations)


def logits_index(graph: Graph) -> int:
    """Return the tensor in front of a final SOFTMAX or LOGISTIC, behind which values may only be requantized; without one, the output."""
    writers = {graph.storage(index): operation for operation in graph.operations for index in operation.outputs}
    writer = writers.get(graph.storage(graph.outputs[0]))
    while isinstance(writer, Dequantize) or (writer is not None and writer.kind == "QUANTIZE"):
        writer = writers.get(graph.storage(writer.inputs[0]))
    if writer is not None and writer.kind in _FINAL_KINDS:
        return writer.inputs[0]
    return graph.outputs[0]


def buffer_name(graph: Graph, tensor_index: int) -> str:
    """Return the name of the buffer that holds an activation."""
    return f"tensor {graph.storage(tensor_index)}"


def scratch_name(step_index: int) -> str:
    """Return the name of a step's scratch buffer."""
    return f"scratch {step_index}"


def buffers_of(graph: Graph, steps: tuple[Step, ...]) -> list[Buffer]:
    """Return the activations with their lifetimes, and the scratch of each step.

    The model's output and its logits stay readable after the last step; variables stay for good.
    """
    first = {graph.storage(index): -1 for index in (graph.inputs[0], *graph.state_tensors)}
    last = dict.fromkeys(first, 0)
    for position, step in enumerate(steps):
        for index in _activations(graph, step.operation.inputs):
            last[graph.storage(index)] = position
        for index in step.operation.outputs:
            storage = graph.storage(index)
            first.setdefault(storage, position)
            last[storage] = position
    for index in (graph.outputs[0], logits_index(graph), *graph.state_tensors):
        last[graph.storage(index)] = len(steps)
    overwrites = _in_place_pairs(graph, steps, last)
    leads = {graph.storage(step.operation.outputs[0]): step.lead_bytes for step in steps}
    activations = [
        Buffer(
            name=buffer_name(graph, index),
            bytes=graph.tensor(index).bytes,
            first=first[index],
            last=last[index],
            overwrites=tuple(buffer_name(graph, source) for source in overwrites.get(index, ())),
            lead_bytes=leads.get(index, 0) if overwrites.get(index) else 0,
        )
        for index in first
    ]
    scratch = [
        Buffer(name=scratch_name(position), bytes=step.scratch_bytes, first=position, last=position)
        for position, step in enumerate(steps)
        if step.scratch_bytes
    ]
    return activations + scratch


def _activations(graph: Graph, indices: tuple[int, ...]) -> list[int]:
    return [index for index in indices if index >= 0 and graph.tensor(index).data is None]


def _in_place_pairs(graph: Graph, steps: tuple[Step, ...], last: dict[int, int]) -> dict[int, tuple[int, ...]]:
    """Return {output: inputs} of the steps that may overwrite inputs: those that die with them."""
    states = graph.state_tensors
    pairs: dict[int, tuple[int, ...]] = {}
    for position, step in enumerate(steps):
        target = graph.storage(step.operation.outputs[0])
        sources = {graph.storage(step.operation.inputs[place]) for place in step.in_place}
        if target not in states:
            pairs[target] = tuple(sorted(source for source in sources if last[source] == position and source != target))
    return pairs
