from __future__ import annotations

import math
import zlib
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.dsp.frontend_signals import SIGNALS, full_scale_square, impulses, speech_like, white_noise
from tests.dsp.test_frontend_twin import integer_noise
from tinyaudio.core.spec import FrontendSpec, KernelId, Spectrum
from tinyaudio.dsp.frontend import compute_log_mel, compute_stages, design_frontend, log_mel_snr_db, reference_log_mel, stage_dtypes
from tinyaudio.dsp.frontend.cmsis_q31 import WINDOW_PEAK_Q31
from tinyaudio.dsp.frontend.esp_sc16 import SUPPORTED_FFT_SAMPLES, complex_fft, design_tables, fft_sc16, sc16_twiddles
from tinyaudio.dsp.frontend.window import periodic_hann

SAMPLES = 400 + 160 * 199
#: CRC-32 of the stages window, fft, energy, mel and log. They change only together with the kernel's version.
GOLDEN: dict[tuple[Spectrum, str], tuple[int, ...]] = {
    ("magnitude", "noise"): (0x40ED73F4, 0xFAC01B13, 0xEA7A5BB4, 0xABAFFE3A, 0x135059BE),
    ("magnitude", "impulses"): (0x6955D9F6, 0xA13F1848, 0x256F08E9, 0x5DF238A9, 0xD73B0FB7),
    ("magnitude", "square"): (0x5BD4C08C, 0xBAD34E8D, 0xB9534BDD, 0xAE257311, 0x195EF104),
    ("power", "noise"): (0x40ED73F4, 0xFAC01B13, 0x5C60B334, 0x7679AB85, 0xD3AEC7A9),
    ("power", "impulses"): (0x6955D9F6, 0xA13F1848, 0xC1AF3F0A, 0xBB3DA7F4, 0x583034F1),
    ("power", "square"): (0x5BD4C08C, 0xBAD34E8D, 0x9322DB29, 0x94093D2B, 0x17623323),
}

KERNELS_COMPARED: tuple[KernelId, KernelId] = ("esp_sc16", "cmsis_q31")
#: Least log-mel SNR in dB, (magnitude, power): what 16 bits allow. A tone's skirts lie 80 dB below it, next to the rounding of 16 bits.
LEAST_SNR_DB = {
    "dc_positive": (42, 50),
    "full_scale_square": (32, 49),
    "full_scale_nyquist": (34, 64),
    "impulses": (67, 66),
    "tone_at_bin_-1": (38, 53),
    "tone_at_bin_-40": (90, 95),
    "tone_at_bin_-80": (110, 120),
    "tone_between_bins_-1": (38, 53),
    "tone_between_bins_-40": (92, 95),
    "chirp": (38, 55),
    "noise_-3": (80, 80),
    "noise_-40": (74, 78),
    "noise_-70": (90, 110),
    "speech_like_-3": (44, 55),
    "speech_like_-40": (80, 90),
}


@pytest.mark.parametrize(("spectrum", "signal"), GOLDEN)
def test_the_integers_are_those_of_always(spectrum: Spectrum, signal: str) -> None:
    makers = {"noise": integer_noise, "impulses": impulses, "square": full_scale_square}
    tables = design_frontend(FrontendSpec(spectrum=spectrum), kernel="esp_sc16")
    stages = compute_stages(tables, makers[signal](SAMPLES))
    actual = tuple(zlib.crc32(getattr(stages, stage).tobytes()) for stage in ("window", "fft", "energy", "mel", "log"))
    assert actual == GOLDEN[spectrum, signal], [hex(value) for value in actual]


@pytest.mark.parametrize("spectrum", ["magnitude", "power"])
@pytest.mark.parametrize("signal", LEAST_SNR_DB)
def test_log_mel_is_as_near_to_float64_as_16_bits_allow(signal: str, spectrum: Spectrum) -> None:
    spec = FrontendSpec(spectrum=spectrum)
    pcm = SIGNALS[signal](400 + 160 * 149)
    tables = design_frontend(spec, kernel="esp_sc16")
    log_mel = compute_log_mel(tables, pcm) / 2.0**tables.log_fraction_bits
    assert log_mel_snr_db(spec, log_mel, reference_log_mel(spec, pcm)) >= LEAST_SNR_DB[signal][spectrum == "power"]


@pytest.mark.parametrize("points", [8, 64, 512])
def test_esp_dsps_table_hangs_on_no_c_library(points: int) -> None:
    """A cosf or sinf that is off by up to 2 units in the last place, but exact where the value is 1, gives the same table."""
    angle = np.arange(points // 2, dtype=np.float32) * np.float32(2.0 * np.pi / points)
    for function in (np.cos, np.sin):
        values = function(angle.astype(np.float64)).astype(np.float32)
        table = np.trunc(np.float32(32767) * values)
        for towards in (np.float32(-2), np.float32(2)):
            other = np.nextafter(np.nextafter(values, towards), towards)
            other[values == 1] = 1
            np.testing.assert_array_equal(np.trunc(np.float32(32767) * other), table)


@pytest.mark.parametrize("fft_samples", SUPPORTED_FFT_SAMPLES)
def test_no_stage_of_the_16_bit_fft_can_wrap(fft_samples: int) -> None:
    """By induction over its stages: magnitudes of at most 32767 stay so, and sums of 32 bits do not overflow."""
    twiddles = sc16_twiddles(fft_samples // 8)
    assert np.max(np.sum(twiddles**2, axis=0)) <= 32767**2
    assert 32766 + math.hypot(0.5, 0.5) <= 32767  # a quarter, rounded to 16 bits
    assert 32767 * 32767 / 32768 + math.hypot(0.5, 0.5) <= 32767  # half of a +- w b with its gain, rounded
    assert 2 * 32767 * 32767 + 32767 < 2**31


@pytest.mark.parametrize("fft_samples", SUPPORTED_FFT_SAMPLES)
def test_no_addition_of_the_first_stage_can_overflow(fft_samples: int) -> None:
    """Whatever the samples, the magnitudes of the four points that meet sum to less than 4 * 2^31."""
    for window_samples in {2, 3, fft_samples // 4, fft_samples // 3, fft_samples // 2 + 1, fft_samples - 1, fft_samples}:
        window = np.zeros(fft_samples)
        window[:window_samples] = periodic_hann(window_samples) * (WINDOW_PEAK_Q31 / 2**31)
        magnitudes = np.hypot(window[0::2], window[1::2])
        assert np.max(magnitudes.reshape(4, -1).sum(axis=0)) / 4 < 0.71


@pytest.mark.parametrize("points", [8, 64, 512])
def test_the_16_bit_fft_is_an_fft(points: int) -> None:
    generator = np.random.default_rng(points)
    values = 32766 * np.sqrt(generator.random((points, 20))) * np.exp(2j * np.pi * generator.random((points, 20)))
    real, imaginary = np.rint(values.real).astype(np.int32), np.rint(values.imag).astype(np.int32)
    bins_real, bins_imaginary = fft_sc16(real, imaginary)
    exact = np.fft.fft(real + 1j * imaginary, axis=0) * (32767 / 65536) ** (points.bit_length() - 1)
    assert np.max(np.abs(bins_real + 1j * bins_imaginary - exact)) < 4.0


@pytest.mark.parametrize("fft_samples", SUPPORTED_FFT_SAMPLES)
@pytest.mark.parametrize("dbfs", [-3.0, -40.0, -80.0])
def test_the_complex_fft_keeps_its_bits_at_every_level(fft_samples: int, dbfs: float) -> None:
    window = periodic_hann(fft_samples)[:, np.newaxis] * WINDOW_PEAK_Q31
    noise = np.clip(np.random.default_rng(fft_samples).normal(0.0, 10.0 ** (dbfs / 20), (fft_samples, 30)), -1, 1)
    samples = np.trunc(window * noise).astype(np.int64)
    real, imaginary = complex_fft(samples[0::2], samples[1::2])
    exact = np.fft.fft(samples[0::2] + 1j * samples[1::2], axis=0) / (fft_samples // 2)
    error = real + 1j * imaginary - exact
    snr_db = 10 * np.log10(np.sum(np.abs(exact) ** 2) / np.sum(np.abs(error) ** 2))
    assert snr_db >= 80.0 - 3.5 * (fft_samples.bit_length() - 7)  # every stage takes half a bit from noise


def test_silence_stays_silent() -> None:
    zeros = np.zeros((32, 3), dtype=np.int64)
    assert not np.any(complex_fft(zeros, zeros))


def test_tables_have_the_documented_sizes() -> None:
    tables = design_tables(400, 512)
    sizes: dict[str, tuple[np.dtype[Any], int]] = {name: (table.dtype, len(table)) for name, table in tables.items()}
    assert sizes == {
        "window": (np.dtype(np.int32), 400),
        "split": (np.dtype(np.int32), 3 * 128),
        "rotations": (np.dtype(np.int32), 6 * 64),
        "twiddles": (np.dtype(np.int16), 64),
    }
    assert tables["rotations"][:6].tolist() == [2**31 - 1, 0] * 3


def test_stages_have_the_formats_of_cmsis_q31() -> None:
    spec = FrontendSpec(spectrum="power")
    assert stage_dtypes(design_frontend(spec, kernel="esp_sc16")) == stage_dtypes(design_frontend(spec, kernel="cmsis_q31"))
    assert design_frontend(spec, kernel="esp_sc16").fingerprint != design_frontend(spec, kernel="cmsis_q31").fingerprint


@pytest.mark.parametrize(("pcm", "share"), [(speech_like(16_000, dbfs=-20), 0.985), (white_noise(16_000, dbfs=-20), 1.0)])
def test_kernels_agree_within_a_twentieth_of_a_neper(pcm: NDArray[np.int16], share: float) -> None:
    ours, theirs = (compute_log_mel(design_frontend(FrontendSpec(), kernel=kernel), pcm) for kernel in KERNELS_COMPARED)
    assert np.mean(np.abs(ours - theirs) <= 0.05 * 2**16) >= share
