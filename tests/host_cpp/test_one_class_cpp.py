"""The one-class scores in C++ are those of the twin, bit for bit, under the sanitizers; and a bug in them would be found."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.core.one_class_cases import embeddings_for, random_distance, random_forest, usual_distance
from tests.host_cpp.toolchain import FIRMWARE_LIB, compile_host, run_host
from tinyaudio.core.one_class import (
    MOST_CHANNELS,
    MOST_COMPONENTS,
    OneClassTables,
    negative_log2,
    one_class_scores,
    one_class_values,
    power_of_half,
)
from tinyaudio.core.templating import render_template
from tinyaudio.deploy.render.one_class import one_class_context

_LIBRARY = FIRMWARE_LIB / "tinyaudio_anomaly"
_SOURCES = ("one_class.cc", "residual.cc", "patch_score.cc")
_ANSWER = np.dtype([("value", "<u4"), ("score", "i1")])


def build(folder: Path, one_class_source: Path) -> Path:
    sources = [Path(__file__).with_name("one_class_cases.cc"), one_class_source, _LIBRARY / "src" / "residual.cc"]
    return compile_host(folder / "one_class", sources, include_dirs=[_LIBRARY / "include"])


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("one_class"), _LIBRARY / "src" / "one_class.cc")


def answers(program: Path, tables: OneClassTables, embeddings: NDArray[np.int8]) -> NDArray[np.void]:
    """Return values and scores by the C++."""
    if tables.distance is not None:
        item = tables.distance
        header = [item.channels, *item.points.shape[::-1], int(len(item.weights) > 0), item.multiplier, item.shift, len(embeddings)]
        arrays = [item.center, item.gain, item.basis, item.stretch, item.points, item.weights]
    else:
        assert tables.forest is not None
        forest = tables.forest
        header = [forest.channels, len(forest.roots), len(forest.channel), forest.multiplier, forest.shift, len(embeddings)]
        arrays = [forest.roots, forest.channel, forest.value, forest.right]
    case = np.array(header, "<u4").tobytes() + b"".join(array.tobytes() for array in arrays) + embeddings.tobytes()
    return np.frombuffer(run_host(program, "distance" if tables.distance is not None else "forest", stdin=case), _ANSWER)


CASES = {
    "mahalanobis": usual_distance(1, channels=256, components=8, points=1, mixed=False),
    "centroids": usual_distance(2, channels=96, components=12, points=9, mixed=False),
    "one_class_svm": usual_distance(3, channels=128, components=6, points=120, mixed=True),
    "one channel": usual_distance(4, channels=1, components=1, points=1, mixed=True),
    "any integers": random_distance(5, channels=64, components=5, points=7, mixed=False, extreme=False),
    "any integers, mixed": random_distance(6, channels=64, components=5, points=7, mixed=True, extreme=False, shift=27),
    "ends of the formats": random_distance(7, channels=MOST_CHANNELS, components=MOST_COMPONENTS, points=2, mixed=False, extreme=True, shift=27),
    "ends of the formats, few channels": random_distance(11, channels=6, components=3, points=2, mixed=False, extreme=True, shift=27),
    "ends of the formats, mixed": random_distance(8, channels=MOST_CHANNELS, components=MOST_COMPONENTS, points=3, mixed=True, extreme=True, shift=1),
    "isolation_forest": random_forest(9, channels=256, trees=40, depth=6),
    "stumps": random_forest(10, channels=2, trees=256, depth=0),
}


@pytest.mark.parametrize("name", CASES)
def test_scores_equal_the_twin(program: Path, name: str) -> None:
    tables = CASES[name]
    embeddings = embeddings_for(tables.channels, patches=60)
    found, values = answers(program, tables, embeddings), one_class_values(embeddings, tables)
    np.testing.assert_array_equal(found["value"], values)
    np.testing.assert_array_equal(found["score"], one_class_scores(values, tables))


_MODEL = """#pragma once
#include <stdint.h>
namespace tinyaudio_model {{
constexpr uint32_t kInputElements = {channels};
constexpr uint32_t kOutputElements = {channels};
constexpr uint32_t kArenaBytes = 0;
inline int8_t embedding[kOutputElements];  // the network is left out: a patch is its own embedding
inline int8_t* input() {{ return embedding; }}
inline void invoke() {{}}
inline const int8_t* output() {{ return embedding; }}
}}  // namespace tinyaudio_model
"""
_MAIN = """#include <stdio.h>
#include "anomaly_model.h"
int main() {
    while (fread(tinyaudio_anomaly::input(), 1, tinyaudio_anomaly::kInputElements, stdin) == tinyaudio_anomaly::kInputElements) {
        tinyaudio_anomaly::invoke();
        fwrite(tinyaudio_anomaly::logits(), 1, tinyaudio_anomaly::kLogitsElements, stdout);
        fwrite(tinyaudio_anomaly::output(), 1, tinyaudio_anomaly::kOutputElements, stdout);
    }
    return 0;
}
"""


@pytest.mark.parametrize("name", ["mahalanobis", "centroids", "one_class_svm", "isolation_forest"])
def test_generated_tables_score_as_the_twin_does(tmp_path: Path, name: str) -> None:
    """What the templates make of the tables, on a network that gives its input."""
    tables = CASES[name]
    context = one_class_context(tables)
    for file in ("h", "cc"):
        (tmp_path / f"anomaly_model.{file}").write_text(render_template(f"anomaly/one_class_model.{file}.j2", context))
    (tmp_path / "model.h").write_text(_MODEL.format(channels=tables.channels))
    (tmp_path / "main.cc").write_text(_MAIN)
    sources = [tmp_path / "main.cc", tmp_path / "anomaly_model.cc", *(_LIBRARY / "src" / file for file in _SOURCES)]
    program = compile_host(tmp_path / "program", sources, include_dirs=[tmp_path, _LIBRARY / "include"])
    embeddings = embeddings_for(tables.channels, patches=20)
    found, values = np.frombuffer(run_host(program, stdin=embeddings.tobytes()), _ANSWER), one_class_values(embeddings, tables)
    np.testing.assert_array_equal(found["value"], values)
    np.testing.assert_array_equal(found["score"], one_class_scores(values, tables))


def test_base_two_arithmetic_equals_the_twin(program: Path) -> None:
    rng = np.random.default_rng(1)
    edges = [(1 << bit) + change for bit in range(32) for change in (-1, 0, 1)]
    exponents = np.concatenate([edges, [2**32 - 1], rng.integers(0, 2**21, 4_000), rng.integers(0, 2**32, 1_000)]).clip(0, 2**32 - 1).astype("<u4")
    shares = np.concatenate([[1, 2, 2**31, 2**31 - 1], edges, rng.integers(1, 2**31, 4_000)]).clip(1, 2**31).astype("<u4")
    powers = np.frombuffer(run_host(program, "parts", stdin=exponents.tobytes()), "<u4").reshape(-1, 2)[:, 0]
    logarithms = np.frombuffer(run_host(program, "parts", stdin=shares.tobytes()), "<u4").reshape(-1, 2)[:, 1]
    np.testing.assert_array_equal(powers, power_of_half(exponents.astype(np.uint32)))
    np.testing.assert_array_equal(logarithms, negative_log2(shares.astype(np.uint64)))


@pytest.mark.parametrize(
    ("right", "wrong", "name"),
    [
        ("rest -= along * along;", "rest -= along * along / 2;", "mahalanobis"),
        ("<= tables.value[node] ?", "< tables.value[node] ?", "isolation_forest"),
    ],
)
def test_a_planted_bug_is_found(tmp_path: Path, right: str, wrong: str, name: str) -> None:
    """The comparison could fail: at half a term left out, and at a question asked wrongly."""
    text = (_LIBRARY / "src" / "one_class.cc").read_text()
    assert right in text
    (tmp_path / "one_class.cc").write_text(text.replace(right, wrong))
    tables = CASES[name]
    embeddings = embeddings_for(tables.channels, patches=60)
    found = answers(build(tmp_path, tmp_path / "one_class.cc"), tables, embeddings)
    assert not np.array_equal(found["value"], one_class_values(embeddings, tables))
