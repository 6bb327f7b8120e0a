"""The steps of an inference: each operator's kernel call, and the buffers they need."""

from __future__ import annotations

from dataclasses import dataclass

from tinyaudio.deploy.compiler.graph import Graph, Kernel, Operation
from tinyaudio.deploy.compiler.memory import Buffer
from tinyaudio.deploy.compiler.ops.softmax import Softmax


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One operator with its kernel call."""

    operation: Operation
    kernel: Kernel


def schedule(graph: Graph) -> tuple[Step, ...]:
    """Lower every operator, in the file's order."""
    return tuple(Step(operation=operation, kernel=operation.lower(graph)) for operation in graph.operations)


def logits_index(graph: Graph) -> int:
    """Return the tensor in front of a final softmax; without one, the output."""
    output = graph.storage(graph.outputs[0])
    for operation in graph.operations:
        if isinstance(operation, Softmax) and graph.storage(operation.outputs[0]) == output:
            return operation.inputs[0]
    return graph.outputs[0]


def buffer_name(graph: Graph, tensor_index: int) -> str:
    """Return the name of the buffer that holds an activation."""
    return f"tensor {graph.storage(tensor_index)}"


def scratch_name(step_index: int) -> str:
    """Return the name of a step's scratch buffer."""
    return f"scratch {step_index}"


def buffers_of(graph: Graph, steps: tuple[Step, ...]) -> list[Buffer]:
    """Return the activations with their lifetimes, and the scratch of each step.

    The model's output and its logits stay readable after the last step.
    """
    first = {graph.storage(graph.inputs[0]): -1}
    last = {graph.storage(graph.inputs[0]): 0}
    for position, step in enumerate(steps):
        for index in _activations(graph, step.operation.inputs):
            last[graph.storage(index)] = position
        for index in step.operation.outputs:
            first[graph.storage(index)] = last[graph.storage(index)] = position
    for index in (graph.outputs[0], logits_index(graph)):
        last[graph.storage(index)] = len(steps)
    overwrites = _in_place_pairs(graph, steps, last)
    activations = [
        Buffer(
            name=buffer_name(graph, index),
            bytes=graph.tensor(index).bytes,
            first=first[index],
            last=last[index],
            overwrites=buffer_name(graph, overwrites[index]) if index in overwrites else "",
        )
        for index in first
    ]
    scratch = [
        Buffer(name=scratch_name(position), bytes=step.kernel.scratch_bytes, first=position, last=position)
        for position, step in enumerate(steps)
        if step.kernel.scratch_bytes
    ]
    return activations + scratch


def _activations(graph: Graph, indices: tuple[int, ...]) -> list[int]:
    return [index for index in indices if index >= 0 and graph.tensor(index).data is None]


def _in_place_pairs(graph: Graph, steps: tuple[Step, ...], last: dict[int, int]) -> dict[int, int]:
    """Return {output: input} of the steps that may overwrite their input: it dies with them."""
    return {
        graph.storage(step.operation.outputs[0]): graph.storage(step.operation.inputs[0])
        for position, step in enumerate(steps)
        if step.kernel.in_place and last[graph.storage(step.operation.inputs[0])] == position
    }
