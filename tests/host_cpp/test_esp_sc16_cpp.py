"""The C++ of the kernel esp_sc16, with our definition of ESP-DSP's FFT, under ASan and UBSan: bit for bit."""

from __future__ import annotations

import math
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.host_cpp.toolchain import FIRMWARE_LIB, compile_host, run_host
from tinyaudio.dsp.frontend import cmsis_q31, esp_sc16

HERE = Path(__file__).resolve().parent
LIBRARY = FIRMWARE_LIB / "tinyaudio_esp_sc16"
Pair = tuple[int, int]
LENGTHS = tuple(samples // 8 for samples in esp_sc16.SUPPORTED_FFT_SAMPLES)  # that ESP-DSP is called with


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return compile_host(
        tmp_path_factory.mktemp("esp_sc16") / "cases",
        [HERE / "esp_sc16_cases.cc", *sorted((LIBRARY / "src").glob("*.cc"))],
        include_dirs=[LIBRARY / "include", LIBRARY / "src", FIRMWARE_LIB / "tinyaudio_frontend" / "include"],
    )


def slow_fft(values: list[Pair], turn: Fraction = Fraction(0)) -> dict[Fraction, Pair]:
    """Return {bin / points: value} by definition, on Python's integers, without any order of bits or table.

    The FFT is a tree of remainders: a polynomial modulo ``x^n - exp(-2 pi i turn)`` is reduced modulo the two factors
    ``x^(n/2) -+ exp(-pi i turn)``, and where n is 1, the remainder is the value at that point. ESP-DSP halves each remainder.
    """
    if len(values) == 1:
        return {turn: values[0]}
    cosine, sine = int(32767 * math.cos(math.pi * turn)), int(32767 * math.sin(math.pi * turn))
    half = len(values) // 2
    plus, minus = [], []
    for (a_x, a_y), (b_x, b_y) in zip(values[:half], values[half:], strict=True):
        x, y = cosine * b_x + sine * b_y, cosine * b_y - sine * b_x
        plus.append(((32767 * a_x + x + 32767) // 65536, (32767 * a_y + y + 32767) // 65536))
        minus.append(((32767 * a_x - x + 32767) // 65536, (32767 * a_y - y + 32767) // 65536))
    return {**slow_fft(plus, turn / 2), **slow_fft(minus, turn / 2 + Fraction(1, 2))}


def disc(points: int, frames: int) -> NDArray[np.int16]:
    """Values within the circle of magnitude 32767, many on its edge, at several levels: int16 [frames, points, 2]."""
    generator = np.random.default_rng(points)
    radius = np.where(generator.random((frames, points)) < 0.3, 1.0, generator.random((frames, points)))
    radius *= 10.0 ** -generator.uniform(0, 4, (frames, 1))
    angle = generator.uniform(0, 2 * np.pi, (frames, points))
    for frame, cycles in enumerate((0, 1, points // 4, points // 2, points - 1)):  # all in phase for one bin: the greatest results
        angle[frame], radius[frame] = 2 * np.pi * cycles * np.arange(points) / points + np.pi / 4, 1.0
    on_circle: NDArray[np.float64] = np.stack([np.cos(angle), np.sin(angle)], axis=-1)
    values: NDArray[np.int16] = np.trunc(32767.0 * radius[..., np.newaxis] * on_circle).astype(np.int16)
    return values


def magnitudes(values: NDArray[np.int16]) -> NDArray[np.float64]:
    return np.hypot(values[..., 0].astype(np.float64), values[..., 1].astype(np.float64))


def run_ansi(program: Path, frames: NDArray[np.int16]) -> NDArray[np.int16]:
    """Return what the C++ makes of `frames` [frames, points, 2], in natural order."""
    points = frames.shape[1]
    output = np.frombuffer(run_host(program, "ansi", str(points), stdin=frames.tobytes()), dtype=np.int16)
    return output.reshape(frames.shape)[:, cmsis_q31.bit_reversal(points)]


@pytest.mark.parametrize("points", [2, 4, *LENGTHS])
def test_the_ansi_fft_equals_its_definition(points: int, program: Path) -> None:
    frames = disc(points, frames=24 if points < 512 else 8)
    assert np.max(magnitudes(frames)) <= 32767.0
    results = run_ansi(program, frames)
    assert np.max(magnitudes(results)) <= 32767.0
    for frame, result in zip(frames.tolist(), results.tolist(), strict=True):
        bins = slow_fft([tuple(pair) for pair in frame])
        assert result == [list(bins[Fraction(k, points)]) for k in range(points)]


@pytest.mark.parametrize("points", LENGTHS)
def test_the_twin_of_the_ansi_fft_equals_the_cpp(points: int, program: Path) -> None:
    frames = disc(points, frames=300)
    real, imaginary = esp_sc16.fft_sc16(frames[..., 0].T.astype(np.int32), frames[..., 1].T.astype(np.int32))
    np.testing.assert_array_equal(np.stack([real.T, imaginary.T], axis=-1), run_ansi(program, frames))


@pytest.mark.parametrize("points", [*LENGTHS, 1024, 4096])
def test_tables_of_all_lengths_begin_alike_and_equal_the_twins(points: int, program: Path) -> None:
    table = np.frombuffer(run_host(program, "table", str(points)), dtype=np.int16)
    np.testing.assert_array_equal(table.reshape(-1, 2).T, esp_sc16.sc16_twiddles(points))
    for shorter in LENGTHS[: LENGTHS.index(points) if points in LENGTHS else None]:
        np.testing.assert_array_equal(table[:shorter].reshape(-1, 2).T, esp_sc16.sc16_twiddles(shorter))


def test_another_table_is_refused(program: Path) -> None:
    twiddles = esp_sc16.sc16_twiddles(64).T.astype(np.int16)
    run_host(program, "prepare", "64", stdin=twiddles.tobytes())
    twiddles[31, 1] += 1
    with pytest.raises(AssertionError, match="exited with 1"):
        run_host(program, "prepare", "64", stdin=twiddles.tobytes())


def test_without_a_table_there_is_no_fft(program: Path) -> None:
    run_host(program, "uninitialized", "64")


@pytest.mark.parametrize("fft_samples", esp_sc16.SUPPORTED_FFT_SAMPLES)
def test_the_complex_fft_equals_the_twin_and_never_wraps(fft_samples: int, program: Path) -> None:
    tables = esp_sc16.design_tables(fft_samples, fft_samples)
    points = fft_samples // 2
    generator = np.random.default_rng(fft_samples)
    frames = generator.uniform(-1, 1, (60, fft_samples)) * tables["window"] * 10.0 ** -generator.uniform(0, 9, (60, 1))
    frames[0], frames[1], frames[2] = tables["window"], -tables["window"], 0.0
    frames[3] = tables["window"] * (1 - 2 * (np.arange(fft_samples) % 2))
    frames[4] = tables["window"] * np.where(np.arange(fft_samples) % 8 < 4, 1, -1)
    frames[5:8, :] = 0.0
    frames[5, 1], frames[6, fft_samples // 2], frames[7, :: fft_samples // 4] = 2.0, -(2.0**31), 2.0**29  # the least; an impulse; a comb
    inputs = np.trunc(frames).astype(np.int32)
    output = run_host(program, "complex", str(points), stdin=tables["rotations"].tobytes() + inputs.tobytes())
    expected = np.frombuffer(output, dtype=np.int32).reshape(60, points, 2)
    real, imaginary = esp_sc16.complex_fft(inputs[:, 0::2].T.astype(np.int64), inputs[:, 1::2].T.astype(np.int64))
    np.testing.assert_array_equal(real.T, expected[..., 0])
    np.testing.assert_array_equal(imaginary.T, expected[..., 1])
    exact = np.fft.fft(inputs[:, 0::2] + 1j * inputs[:, 1::2], axis=1) / points
    error = expected[..., 0] + 1j * expected[..., 1] - exact
    greatest = np.max(np.abs(inputs.astype(np.float64)), axis=1, keepdims=True)
    assert np.all(np.abs(error) <= greatest * 2.0**-11 + 8.0)  # a wrapped value would be off by the order of the input
