"""The oracle is proven before it is believed, and its results are filed rightly."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

pytest.importorskip("tflite_micro", reason="the oracle needs tflite-micro: pip install 'tinyaudio[train]'")

from tinyaudio.core.errors import ModelError, ToolError
from tinyaudio.learn.oracle import Oracle, golden_vectors, interpreter, prove_oracle


def test_the_installed_interpreter_computes_the_golden_vectors() -> None:
    assert prove_oracle().startswith("tflite-micro ")


def test_golden_vectors_are_worth_comparing() -> None:
    golden = golden_vectors()
    assert len({tuple(row) for row in golden.logits.tolist()}) == len(golden.logits)
    assert len({tuple(row) for row in golden.outputs.tolist()}) == len(golden.outputs)
    assert np.abs(golden.outputs.astype(int)).max() < 127  # the softmax is not saturated


def test_an_interpreter_that_computes_something_else_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    golden = golden_vectors()
    logits = golden.logits.copy()
    logits[2, 1] += 1
    monkeypatch.setattr(interpreter, "golden_vectors", lambda: dataclasses.replace(golden, logits=logits))
    with pytest.raises(ToolError, match="computes golden vector 2 differently") as caught:
        prove_oracle.__wrapped__()
    assert "pip install" in caught.value.hint


def test_a_missing_interpreter_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "tflite_micro", None)
    with pytest.raises(ToolError, match="cannot be imported") as caught:
        prove_oracle.__wrapped__()
    assert "pip install" in caught.value.hint


def test_the_oracle_runs_a_model() -> None:
    golden = golden_vectors()
    runner = Oracle(golden.tflite)
    logits, outputs = runner.run(golden.features[3])
    assert np.array_equal(logits, golden.logits[3])
    assert np.array_equal(outputs, golden.outputs[3])


def test_results_do_not_alias_the_interpreter() -> None:
    golden = golden_vectors()
    runner = Oracle(golden.tflite)
    first, _ = runner.run(golden.features[0])
    runner.run(golden.features[1])
    assert np.array_equal(first, golden.logits[0])


@pytest.mark.parametrize("features", [np.zeros((3, 3), np.int8), np.zeros((20, 15), np.int16)])
def test_features_that_do_not_fit_are_refused(features: np.ndarray) -> None:
    with pytest.raises(ModelError, match=r"takes int8\[1x20x15x1\]"):
        Oracle(golden_vectors().tflite).run(features)


@pytest.mark.parametrize("content", [b"", b"TFL3", bytes(200), golden_vectors().tflite[:500]])
def test_a_damaged_model_is_a_clear_error(content: bytes) -> None:
    with pytest.raises(ModelError):
        Oracle(content)
