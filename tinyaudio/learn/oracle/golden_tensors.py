"""Golden vectors of every operator: what each tensor of the model holds for a few inputs, chosen so that faults show.

A kernel is seldom wrong everywhere: it is wrong in the last row, in the last channels of an odd number, or where a value
saturates. So of many candidate inputs those are taken under which most such places hold values that tell something:

* each tensor saturated, at -128 and at 127, as far as any candidate drives it there;
* each channel of each tensor once at its least, once at its greatest value, once between them, and once at -128 and at 127;
* each channel of each border row and column (first and last) of each image with values that differ from its neighbour's.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from tinyaudio.core.artifacts import GoldenTensors, Int8Array
from tinyaudio.core.canonical import sha256_bytes
from tinyaudio.core.errors import ModelError
from tinyaudio.learn.oracle.interpreter import Oracle, _graph, oracle_version

#: Default bound of the vectors' size in an image.
MOST_BYTES = 393_216
_ENDS = (-128, 127)  # of int8


def candidate_inputs(shape: Sequence[int], *, patches: Int8Array | None = None, seed: int = 0) -> tuple[tuple[str, Int8Array], ...]:
    """Return inputs that stress a model, each with a word for where it is from.

    Parameters
    ----------
    shape
        Of the model's input.
    patches
        int8 [n, ...]: real features, which reach values that noise does not.
    seed
        Of the noise.
    """
    elements = int(np.prod(shape))
    generator = np.random.default_rng(seed)
    index = np.arange(elements)
    width = int(shape[-2]) if len(shape) > 2 else int(shape[-1])
    made = {
        "all -128": np.full(elements, -128),
        "all 127": np.full(elements, 127),
        "checkerboard": np.where((index + index // width) % 2 == 0, -128, 127),
        "ramp": (index * 255 // max(elements - 1, 1)) - 128,
        "noise": generator.integers(-128, 128, elements),
        "quiet noise": generator.integers(-16, 16, elements) - 100,
        "sparse peaks": np.where(generator.random(elements) < 0.02, 127, -128),
        "saturated noise": np.where(generator.random(elements) < 0.5, -128, 127),
    }
    candidates = [(name, values.astype(np.int8)) for name, values in made.items()]
    if patches is not None:
        candidates += [(f"patch {number}", patch.astype(np.int8).ravel()) for number, patch in enumerate(patches)]
    return tuple(candidates)


def golden_tensors(
    tflite: bytes, candidates: Sequence[tuple[str, Int8Array]], *, most_vectors: int = 8, most_bytes: int = MOST_BYTES
) -> GoldenTensors:
    """Return all int8 activations of the model for the candidates that together show most.

    Parameters
    ----------
    tflite
        The model.
    candidates
        (name, int8 [input elements]) to choose from.
    most_vectors
        How many to take at most; fewer if no other one shows anything new.
    most_bytes
        Bound of all values together; one vector is always taken.

    Raises
    ------
    ToolError, ModelError
        See `Oracle`; also if there are no candidates.
    """
    if not candidates:
        raise ModelError("there are no inputs to choose golden vectors from", hint="give at least one patch of features", where="self-test")
    oracle = Oracle(tflite)
    shapes = _activation_shapes(tflite)
    runs = [_run(oracle, shapes, values) for _, values in candidates]
    vector_bytes = sum(int(np.prod(shape)) for shape in shapes.values())
    count = max(1, min(most_vectors, len(candidates), most_bytes // max(vector_bytes, 1)))
    chosen = _choose([_facts(run, shapes) for run in runs], _weights(shapes), count)
    values = np.concatenate([np.stack([runs[index][tensor] for index in chosen]) for tensor in shapes], axis=1)
    values.flags.writeable = False
    sizes = np.array([int(np.prod(shape)) for shape in shapes.values()], np.int64)
    offsets = np.concatenate([np.zeros(1, np.int64), np.cumsum(sizes)])
    offsets.flags.writeable = False
    return GoldenTensors(
        model_sha256=sha256_bytes(tflite),
        oracle=oracle_version(),
        inputs=tuple(candidates[index][0] for index in chosen),
        tensors=tuple(shapes),
        shapes=tuple(shapes.values()),
        offsets=offsets,
        values=values,
    )


def _activation_shapes(tflite: bytes) -> dict[int, tuple[int, ...]]:
    """Return {tensor: shape} of the model's input and of what its operators write, int8 only, in that order."""
    schema, graph, _ = _graph(tflite)
    written = [int(graph.inputs[0]), *(int(index) for operator in graph.operators for index in operator.outputs)]
    return {
        index: tuple(int(size) for size in graph.tensors[index].shape)
        for index in dict.fromkeys(written)
        if graph.tensors[index].type == schema.TensorType.INT8
    }


def _run(oracle: Oracle, shapes: dict[int, tuple[int, ...]], values: Int8Array) -> dict[int, Int8Array]:
    oracle.forget()  # each vector stands for itself: the device starts afresh with it, too
    oracle.run(values)
    first = next(iter(shapes))
    return {index: values.ravel() if index == first else oracle.tensor(index) for index in shapes}


def _facts(run: dict[int, Int8Array], shapes: dict[int, tuple[int, ...]]) -> npt.NDArray[np.bool_]:
    """Return what this run shows, one bool for each place that could be wrong."""
    return np.concatenate([_tensor_facts(run[index].reshape(shape)) for index, shape in shapes.items()])


def _weights(shapes: dict[int, tuple[int, ...]]) -> npt.NDArray[np.int64]:
    """Return how much each fact counts: that a tensor saturates as much as one fact about all of its channels."""
    weights = []
    for shape in shapes.values():
        facts = np.ones(_tensor_facts(np.zeros(shape, np.int8)).size, np.int64)
        facts[: len(_ENDS)] = shape[-1] if shape else 1
        weights.append(facts)
    return np.concatenate(weights)


def _tensor_facts(tensor: npt.NDArray[Any]) -> npt.NDArray[np.bool_]:
    """Return the facts about one tensor: whether it saturates at either end first, then those about its channels."""
    channels = tensor.reshape(-1, tensor.shape[-1] if tensor.ndim else 1)
    least, greatest = int(tensor.min()), int(tensor.max())
    saturated = [(channels == end).any(axis=0) for end in _ENDS]
    facts = [
        np.array([channel.any() for channel in saturated]),
        *saturated,
        (channels == least).any(axis=0),
        (channels == greatest).any(axis=0),
        ((channels > least) & (channels < greatest)).any(axis=0),
    ]
    for axis in range(1, tensor.ndim - 1):
        for border, neighbour in ((0, 1), (-1, -2)):
            lines = tensor.take(border, axis=axis), tensor.take(neighbour if tensor.shape[axis] > 1 else border, axis=axis)
            differ = (lines[0] != lines[1]).reshape(-1, tensor.shape[-1])
            facts.append(differ.any(axis=0))
    return np.concatenate(facts)


def _choose(facts: Sequence[npt.NDArray[np.bool_]], weights: npt.NDArray[np.int64], count: int) -> list[int]:
    """Return the indices of up to `count` runs: each time the one that shows most that was not shown yet, the first of equals."""
    shown = np.zeros_like(facts[0])
    chosen: list[int] = []
    for _ in range(count):
        gains = [-1 if index in chosen else int(weights[fact & ~shown].sum()) for index, fact in enumerate(facts)]
        best = int(np.argmax(gains))
        if chosen and gains[best] <= 0:
            break
        chosen.append(best)
        shown |= facts[best]
    return chosen
