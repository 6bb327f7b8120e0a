"""The score of a patch in C++ is that of its Python twin, under the sanitizers."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.host_cpp.toolchain import FIRMWARE_LIB, compile_host, run_host
from tinyaudio.core.residual import LEAST_MANTISSAS, ResidualScale, design_residual, residual_mean_squares, residual_scores


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    library = FIRMWARE_LIB / "tinyaudio_anomaly"
    sources = [Path(__file__).with_name("residual_cases.cc"), library / "src" / "residual.cc"]
    return compile_host(tmp_path_factory.mktemp("residual") / "residual", sources, include_dirs=[library / "include"])


def mean_squares_of(program: Path, features: NDArray[np.int8], reconstructions: NDArray[np.int8], scale: ResidualScale) -> NDArray[np.uint32]:
    header = np.array([*dataclasses.astuple(scale), len(features)], "<i4").tobytes()
    return np.frombuffer(run_host(program, stdin=header + features.tobytes() + reconstructions.tobytes()), "<u4")


@pytest.mark.parametrize(
    ("input_end", "output_end", "elements"),
    [((0.04, 11), (0.031, -3), 2_048), ((0.001, -128), (0.001, 127), 640), ((1.9, 127), (1.9, -128), 6_144), ((0.02, 0), (1.5, 100), 1)],
)
def test_mean_squares_equal_the_twin(program: Path, input_end: tuple[float, int], output_end: tuple[float, int], elements: int) -> None:
    scale = design_residual(
        input_scale=input_end[0], input_zero_point=input_end[1], output_scale=output_end[0], output_zero_point=output_end[1], elements=elements
    )
    rng = np.random.default_rng(elements)
    features = rng.integers(-128, 128, (20, elements)).astype(np.int8)
    reconstructions = rng.integers(-128, 128, (20, elements)).astype(np.int8)
    features[0], reconstructions[0] = -128, 127
    features[1], reconstructions[1] = 127, -128
    np.testing.assert_array_equal(mean_squares_of(program, features, reconstructions, scale), residual_mean_squares(features, reconstructions, scale))


def test_scores_equal_the_twin_at_every_step(program: Path) -> None:
    edges = np.array([(mantissa >> shift) + change for mantissa in (2**31, *LEAST_MANTISSAS) for shift in range(32) for change in (-1, 0, 1)])
    rng = np.random.default_rng(1)
    values = np.concatenate([[0, 2**32 - 1], np.clip(edges, 0, 2**32 - 1), rng.integers(0, 2**32, 5_000), rng.integers(0, 2**18, 5_000)])
    values = values.astype("<u4")
    found = np.frombuffer(run_host(program, "scores", stdin=values.tobytes()), np.int8)
    np.testing.assert_array_equal(found, residual_scores(values))
