"""Golden inputs reach the places where kernels go wrong: borders, both ends of int8, every channel of an odd number."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from tests.golden_fixture import golden_vectors
from tests.odd_model import odd_model

pytest.importorskip("tflite_micro", reason="golden vectors come from the oracle: pip install 'tinyaudio[train]'")

from tinyaudio.core.errors import ModelError
from tinyaudio.learn.oracle import Oracle, candidate_inputs, golden_tensors

Tensors = list[npt.NDArray[np.int8]]  # by tensor: [vectors, *shape without the batch]
CANDIDATES = candidate_inputs((1, 32, 64, 1))
MODELS = {"tiny": golden_vectors().model.tflite, "odd": odd_model().tflite}


def chosen(tflite: bytes) -> Tensors:
    golden = golden_tensors(tflite, CANDIDATES)
    return [golden.of_tensor(tensor).reshape(-1, *shape[1:]) for tensor, shape in zip(golden.tensors, golden.shapes, strict=True)]


def reachable(tflite: bytes) -> Tensors:
    """The same of all candidates: what cannot be reached by any is not asked of the chosen ones."""
    golden, oracle, runs = golden_tensors(tflite, CANDIDATES), Oracle(tflite), []
    for _, values in CANDIDATES:
        oracle.run(values)
        runs.append([values, *(oracle.tensor(tensor) for tensor in golden.tensors[1:])])
    return [np.stack(values).reshape(-1, *shape[1:]) for values, shape in zip(zip(*runs, strict=True), golden.shapes, strict=True)]


@pytest.mark.parametrize("name", MODELS)
def test_every_tensor_saturates_at_both_ends(name: str) -> None:
    is_saturated = [[bool((tensor == end).any()) for end in (-128, 127)] for tensor in chosen(MODELS[name])]
    assert is_saturated == [[bool((tensor == end).any()) for end in (-128, 127)] for tensor in reachable(MODELS[name])]
    assert sum(all(ends) for ends in is_saturated) >= len(is_saturated) - 2  # what is behind a mean or a softmax may not get there


@pytest.mark.parametrize("name", MODELS)
def test_every_channel_takes_many_values(name: str) -> None:
    """A channel that is always the same would not show that another was computed in its place."""
    for tensor, others in zip(chosen(MODELS[name]), reachable(MODELS[name]), strict=True):
        counts, possible = (
            np.array([len(np.unique(channel)) for channel in np.moveaxis(values, -1, 0).reshape(values.shape[-1], -1)]) for values in (tensor, others)
        )
        assert (counts >= np.minimum(possible, 3)).all()


@pytest.mark.parametrize("name", MODELS)
def test_every_border_differs_from_its_neighbour(name: str) -> None:
    """Then a kernel that repeats or skips the last row or column is seen."""
    images = [tensor for tensor in chosen(MODELS[name]) if tensor.ndim == 4]
    assert len(images) >= 4
    for image in images:
        for axis in (1, 2):
            for border, neighbour in ((0, 1), (-1, -2)):
                assert (image.take(border, axis=axis) != image.take(neighbour, axis=axis)).any()


def test_the_odd_model_is_odd() -> None:
    channels = [tensor.shape[-1] for tensor in chosen(MODELS["odd"])[1:]]
    assert channels == [5, 5, 7, 7, 3, 3]


def test_vectors_keep_to_their_bound_but_one_is_always_taken() -> None:
    assert len(golden_tensors(MODELS["odd"], CANDIDATES, most_vectors=3).inputs) == 3
    one = golden_tensors(MODELS["odd"], CANDIDATES, most_bytes=1)
    assert len(one.inputs) == 1
    assert golden_tensors(MODELS["odd"], CANDIDATES, most_bytes=2 * one.values.nbytes).values.shape[0] == 2


def test_an_input_that_shows_nothing_new_is_left_out() -> None:
    twice = [*CANDIDATES, *((f"{name} again", values) for name, values in CANDIDATES)]
    inputs = golden_tensors(MODELS["odd"], twice, most_vectors=len(twice)).inputs
    assert not any(name.endswith("again") for name in inputs)
    assert len(inputs) > 1


def test_without_inputs_there_is_nothing_to_choose() -> None:
    with pytest.raises(ModelError, match="no inputs to choose golden vectors from"):
        golden_tensors(MODELS["odd"], [])
