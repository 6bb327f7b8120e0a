"""The kernel portable_q31 against float64, its bounds, and its tables."""

from __future__ import annotations

import zlib
from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.dsp.frontend_signals import full_scale_square, impulses
from tinyaudio.core.spec import FrontendSpec, KernelId
from tinyaudio.dsp.frontend import compute_stages, design_frontend
from tinyaudio.dsp.frontend.portable_q31 import (
    SUPPORTED_FFT_SAMPLES,
    apply_window,
    design_tables,
    first_radix,
    reading_order,
    transform,
    window_peak,
    window_table,
)
from tinyaudio.dsp.frontend.window import periodic_hann


def noise(fft_samples: int, amplitude: int, frames: int = 40) -> NDArray[np.int16]:
    generator = np.random.default_rng(fft_samples + amplitude)
    return generator.integers(-amplitude, amplitude + 1, (fft_samples, frames)).astype(np.int16)


def spectrum_of(pcm: NDArray[np.int16]) -> tuple[NDArray[np.complex128], NDArray[np.complex128]]:
    """The kernel's bins of [fft_samples, frames], and float64's of the same integer window, in the kernel's unit."""
    fft_samples = len(pcm)
    window = apply_window({}, pcm, fft_samples=fft_samples)
    result = transform({}, window)
    unit = 2.0**31 / fft_samples / (2.0**29 if first_radix(fft_samples) == 4 else 2.0**30)
    return result[0::2] + 1j * result[1::2], np.fft.rfft(window.astype(np.float64), axis=0) * unit


#: SNR of the FFT alone in dB for noise of full scale, of 1,000 and of 20 steps; half of what was measured is lost by any slip.
FFT_SNR_DB = {
    64: (158, 127, 93),
    128: (154, 124, 90),
    256: (151, 121, 87),
    512: (148, 118, 84),
    1_024: (145, 115, 81),
    2_048: (142, 112, 78),
    4_096: (139, 109, 75),
}


@pytest.mark.parametrize("fft_samples", SUPPORTED_FFT_SAMPLES)
def test_the_fft_is_as_exact_as_its_roundings_allow(fft_samples: int) -> None:
    for amplitude, least in zip((32_767, 1_000, 20), FFT_SNR_DB[fft_samples], strict=True):
        actual, expected = spectrum_of(noise(fft_samples, amplitude))
        error = np.abs(actual - expected)
        assert 10 * np.log10(np.sum(np.abs(expected) ** 2) / np.sum(error**2)) > least
        assert np.max(error) < 6.0  # units of the last place


@pytest.mark.parametrize("fft_samples", SUPPORTED_FFT_SAMPLES)
def test_each_bin_alone_arrives_at_its_place(fft_samples: int) -> None:
    """A wrong twiddle or digit may hide in noise: a sine at every bin, all bins looked at."""
    bins = np.arange(1, fft_samples // 2)
    angles = 2 * np.pi * np.outer(np.arange(fft_samples), bins[:: max(1, len(bins) // 64)]) / fft_samples
    actual, expected = spectrum_of(np.rint(30_000 * np.cos(angles + 0.3)).astype(np.int16))
    assert np.max(np.abs(actual - expected)) < 6.0


@pytest.mark.parametrize("fft_samples", SUPPORTED_FFT_SAMPLES)
def test_no_addition_can_overflow(fft_samples: int) -> None:
    """The sums of the inputs' magnitudes that meet in a stage, whatever the twiddles' phases, in units of 2^31."""
    radix = first_radix(fft_samples)
    full_scale = window_peak(fft_samples) / 2**32  # SMULWB: 2^15 x the peak, 16 bits dropped
    for window_samples in {2, 3, fft_samples // 4, fft_samples // 3, fft_samples // 2 + 1, fft_samples - 1, fft_samples}:
        window = np.zeros(fft_samples)
        window[:window_samples] = periodic_hann(window_samples) * full_scale
        even, odd = window[0::2], window[1::2]
        points = fft_samples // 2
        assert np.max((even + odd).reshape(radix, -1).sum(axis=0)) < 1.0  # a component of the first stage: no twiddles
        group, scale = radix, 1.0
        while group < points:
            group, scale = 4 * group, scale / 4
            magnitudes = np.hypot(even, odd).reshape(group, -1).sum(axis=0)
            assert np.max(magnitudes) * scale < 0.75  # leaves 2^29 for rounding; the parts of the sum are smaller still
        assert 2 * even.sum() * scale < 1.0 - 2.0**-22  # E and O of the split
        assert 2 * odd.sum() * scale < 1.0 - 2.0**-22
        assert (even.sum() + odd.sum()) * scale < 1.0 - 2.0**-22  # bin 0


@pytest.mark.parametrize("fft_samples", SUPPORTED_FFT_SAMPLES)
def test_bins_keep_the_bound_of_the_energies(fft_samples: int) -> None:
    signs = np.where(
        np.cos(2 * np.pi * np.outer(np.arange(fft_samples), np.arange(0, fft_samples // 2 + 1, fft_samples // 32)) / fft_samples) >= 0, 1, -1
    )
    pcm = np.where(signs > 0, 32_767, -32_768).astype(np.int16)
    actual, _ = spectrum_of(pcm)
    assert np.max(np.abs(actual)) <= 2**30
    assert np.abs(actual[0, 0]) > 0.99 * 2**30  # the constant comes close


@pytest.mark.parametrize("fft_samples", [128, 256, 512])
@pytest.mark.parametrize("window_samples", [2, 3, 63, 64, 65, 97, 128])
def test_the_reading_order_is_every_sample_of_the_window_once(window_samples: int, fft_samples: int) -> None:
    order = reading_order(window_samples, fft_samples)
    assert sorted(order.tolist()) == list(range(window_samples + window_samples % 2))
    np.testing.assert_array_equal(design_tables(window_samples, fft_samples)["window"], window_table(window_samples, fft_samples)[order])


def test_default_tables_have_the_documented_sizes() -> None:
    tables = design_frontend(FrontendSpec(), kernel="portable_q31").kernel_tables
    assert {name: (table.dtype, table.nbytes) for name, table in tables.items()} == {
        "window": (np.int32, 4 * 400),
        "positions": (np.uint16, 2 * 64),
        "twiddles": (np.int32, 4 * 6 * (3 + 15 + 63)),
        "split": (np.int32, 4 * 2 * 127),
    }
    assert sorted(tables["positions"].tolist()) == list(range(0, 512, 8))


def test_silence_stays_silent() -> None:
    stages = compute_stages(design_frontend(FrontendSpec(), kernel="portable_q31"), np.zeros(720, dtype=np.int16))
    assert not stages.window.any()
    assert not stages.fft.any()
    assert not stages.energy.any()


#: CRC-32 of the stages window, fft and energy. They change only together with the kernel's version in `KERNELS`.
GOLDEN: dict[tuple[int, Callable[[int], NDArray[np.int16]]], tuple[int, int, int]] = {
    (512, impulses): (0x10FB84D5, 0xF1384EEB, 0x35648052),
    (512, full_scale_square): (0x0FCBEBA4, 0x25700150, 0x75178396),
    (1_024, impulses): (0x03487F79, 0x1928362B, 0x9F98A1A6),
    (1_024, full_scale_square): (0xB464AA39, 0xA450F37A, 0x5B260460),
}


@pytest.mark.parametrize(("fft_samples", "make"), GOLDEN)
def test_the_integers_are_those_of_always(fft_samples: int, make: Callable[[int], NDArray[np.int16]]) -> None:
    tables = design_frontend(FrontendSpec(spectrum="power", fft_samples=fft_samples), kernel="portable_q31")
    stages = compute_stages(tables, make(400 + 160 * 49))
    actual = tuple(zlib.crc32(getattr(stages, stage).tobytes()) for stage in ("window", "fft", "energy"))
    assert actual == GOLDEN[fft_samples, make], [hex(crc) for crc in actual]


def test_the_kernel_is_part_of_the_fingerprint() -> None:
    kernels: tuple[KernelId, ...] = ("cmsis_q31", "portable_q31", "esp_sc16")
    assert len({design_frontend(FrontendSpec(), kernel=kernel).fingerprint for kernel in kernels}) == 3
