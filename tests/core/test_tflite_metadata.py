"""Metadata inside a .tflite file: added, replaced, read, and nothing else touched."""

from __future__ import annotations

import numpy as np
import pytest

from tests.deploy.compiler.host_models import reference_outputs
from tests.golden_fixture import MODEL_FILE
from tinyaudio.core.errors import ModelError
from tinyaudio.core.tflite_metadata import add_metadata, read_metadata
from tinyaudio.deploy.compiler import compile_model


@pytest.fixture
def model() -> bytes:
    return MODEL_FILE.read_bytes()


def test_round_trip(model: bytes) -> None:
    entries = {"one": b"first", "two": bytes(range(256)) * 5, "empty": b"", "größe": b"x"}
    extended = add_metadata(model, entries)
    assert {key: read_metadata(extended, key) for key in entries} == entries
    assert read_metadata(extended, "absent") is None


def test_replacing_keeps_the_others(model: bytes) -> None:
    extended = add_metadata(add_metadata(model, {"a": b"old", "b": b"kept"}), {"a": b"new and longer"})
    assert (read_metadata(extended, "a"), read_metadata(extended, "b")) == (b"new and longer", b"kept")
    assert read_metadata(extended, "min_runtime_version") == read_metadata(model, "min_runtime_version")


def test_adding_again_changes_nothing(model: bytes) -> None:
    extended = add_metadata(model, {"a": b"1"})
    assert add_metadata(extended, {"a": b"1"}) == extended
    assert add_metadata(model, {}) == model


def test_the_model_computes_the_same(model: bytes) -> None:
    extended = add_metadata(add_metadata(model, {"k": b"123"}), {"k": b"4567", "l": b"\0" * 33})
    elements = compile_model(model, name="golden").input_.elements
    inputs = np.random.default_rng(1).integers(-128, 128, (5, elements)).astype(np.int8)
    np.testing.assert_array_equal(reference_outputs(extended, inputs), reference_outputs(model, inputs))
    assert compile_model(extended, name="golden").files == compile_model(model, name="golden").files


@pytest.mark.parametrize("data", [b"", b"no model at all", b"\xff\xff\xff\x00TFL3" + b"\xff" * 40], ids=["empty", "text", "damaged"])
def test_damaged_files(data: bytes) -> None:
    with pytest.raises(ModelError):
        read_metadata(data, "a")
    with pytest.raises(ModelError):
        add_metadata(data, {"a": b"1"})


def test_mutated_files_give_a_model_error_or_work(model: bytes) -> None:
    rng = np.random.default_rng(11)
    good = add_metadata(model, {"a": b"1"})
    for _ in range(300):
        data = bytearray(good)
        for position in rng.integers(0, 600, 3):  # the root and the lists in front
            data[position] = rng.integers(256)
        try:
            add_metadata(bytes(data), {"b": b"2"})
        except ModelError as error:
            assert error.hint
