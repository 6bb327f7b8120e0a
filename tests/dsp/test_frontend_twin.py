from __future__ import annotations

import zlib

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.dsp.frontend_signals import SIGNALS, full_scale_square, impulses, speech_like, white_noise
from tinyaudio.core.spec import FrontendSpec, Spectrum
from tinyaudio.dsp.frontend import compute_log_mel, compute_stages, design_frontend, frame_view, patches, stage_dtypes
from tinyaudio.dsp.frontend.cmsis_q31 import SUPPORTED_FFT_SAMPLES, WINDOW_PEAK_Q31, rfft_q31
from tinyaudio.dsp.frontend.square_root import floor_square_root
from tinyaudio.dsp.frontend.tables import LN2_Q24
from tinyaudio.dsp.frontend.window import periodic_hann


def integer_noise(samples: int) -> NDArray[np.int16]:
    """Noise from integers alone, over all levels, so that the golden checksums hang on no library's sine or generator."""
    state, values = 1, []
    for index in range(samples):
        state = (1_103_515_245 * state + 12_345) % 2**31
        values.append(((state >> 15) - 32_768) >> (index // 1_600 % 16))
    return np.array(values, dtype=np.int16)


SAMPLES = 400 + 160 * 199
#: CRC-32 of the stages window, fft, energy, mel and log. They change only together with TABLES_VERSION.
GOLDEN: dict[tuple[Spectrum, str], tuple[int, ...]] = {
    ("magnitude", "noise"): (0x40ED73F4, 0x014645D0, 0x0679924D, 0xBE7512A1, 0xFFCC9238),
    ("magnitude", "impulses"): (0x6955D9F6, 0xBFBBCA4C, 0xA331AEDB, 0x472B8ED6, 0x95964841),
    ("magnitude", "square"): (0x5BD4C08C, 0xCFAA215B, 0xBE5C4C2A, 0x60B34D45, 0x0EAAE0F0),
    ("power", "noise"): (0x40ED73F4, 0x014645D0, 0x900C762D, 0x497AAB28, 0x0B138DDE),
    ("power", "impulses"): (0x6955D9F6, 0xBFBBCA4C, 0x1A221E3D, 0xA956C739, 0x4D4479FF),
    ("power", "square"): (0x5BD4C08C, 0xCFAA215B, 0x4DDEDE95, 0x63592572, 0xE9B045CB),
}


@pytest.mark.parametrize(("spectrum", "signal"), GOLDEN)
def test_the_integers_are_those_of_always(spectrum: Spectrum, signal: str) -> None:
    makers = {"noise": integer_noise, "impulses": impulses, "square": full_scale_square}
    tables = design_frontend(FrontendSpec(spectrum=spectrum), kernel="cmsis_q31")
    stages = compute_stages(tables, makers[signal](SAMPLES))
    actual = tuple(zlib.crc32(getattr(stages, stage).tobytes()) for stage in stage_dtypes(tables) if stage != "post")
    assert actual == GOLDEN[spectrum, signal], dict(zip(stage_dtypes(tables), actual, strict=False))


@pytest.mark.parametrize("fft_samples", SUPPORTED_FFT_SAMPLES)
def test_the_fft_equals_the_cmsisdsp_package(fft_samples: int) -> None:
    cmsisdsp = pytest.importorskip("cmsisdsp", reason="the PyPI package cmsisdsp is not installed; the C sources are compared in tests/host_cpp")
    window = periodic_hann(fft_samples) * WINDOW_PEAK_Q31
    generator = np.random.default_rng(fft_samples)
    frames = (generator.uniform(-1, 1, (12, fft_samples)) * window * 10.0 ** -generator.uniform(0, 5, (12, 1))).astype(np.int32)
    frames[0], frames[1] = window, -window
    instance = cmsisdsp.arm_rfft_instance_q31()
    assert cmsisdsp.arm_rfft_init_q31(instance, fft_samples, 0, 1) == 0
    expected = np.stack([cmsisdsp.arm_rfft_q31(instance, frame.copy()) for frame in frames])[:, : fft_samples + 2]
    real, imaginary = rfft_q31(frames.T.astype(np.int64))
    np.testing.assert_array_equal(real.T, expected[:, 0::2])
    np.testing.assert_array_equal(imaginary.T, expected[:, 1::2])


@pytest.mark.parametrize("fft_samples", SUPPORTED_FFT_SAMPLES)
def test_no_addition_of_the_fft_can_overflow(fft_samples: int) -> None:
    """CMSIS would wrap, the twin would not. The bound holds for every input: the sum of the magnitudes that meet in an addition."""
    points = fft_samples // 2
    by_two = points.bit_length() % 2 == 0
    for window_samples in {2, 3, fft_samples // 4, fft_samples // 3, fft_samples // 2 + 1, fft_samples - 1, fft_samples}:
        window = np.zeros(fft_samples)
        window[:window_samples] = periodic_hann(window_samples) * (WINDOW_PEAK_Q31 / 2**31)
        magnitudes = np.hypot(window[0::2], window[1::2])  # full scale 1.0; any phase
        group, scale = (2, 1 / 4) if by_two else (1, 1.0)  # the radix-2 stage shifts by 2 first
        if by_two:
            assert np.max(magnitudes.reshape(group, -1).sum(axis=0)) * scale < 1.0
        group, scale = 4 * group, scale / 16  # the first radix-4 stage shifts by 4 first, the others by 2 behind the addition
        stage = 0
        while group <= points:
            assert np.max(magnitudes.reshape(group, -1).sum(axis=0)) * scale < 1.0, (window_samples, group)
            group, scale, stage = 4 * group, scale if stage == 0 else scale / 4, stage + 1
        assert magnitudes.sum() / points < 1.0
        assert (abs(window[0::2].sum()) + abs(window[1::2].sum())) / points < 1.0 - 2.0**-22  # bin 0, with room for the rounding


def test_the_square_root_is_the_exact_floor() -> None:
    generator = np.random.default_rng(7)
    roots = generator.integers(1, 3 * 10**9, 50_000, dtype=np.uint64)
    values = np.concatenate([roots**2 + np.uint64(offset) for offset in (0, 1)] + [roots**2 - np.uint64(1), np.arange(100, dtype=np.uint64)])
    result = floor_square_root(values)
    assert all(root**2 <= value < (root + 1) ** 2 for root, value in zip(result.tolist(), values.tolist(), strict=True))


def test_ln2_is_rounded() -> None:
    assert LN2_Q24 == 11_629_080  # the C++ has the same literal


def test_frames_do_not_depend_on_their_neighbours() -> None:
    tables = design_frontend(FrontendSpec(), kernel="cmsis_q31")
    pcm = white_noise(400 + 160 * 250, dbfs=-20)
    whole = compute_log_mel(tables, pcm)
    assert whole.shape == (251, 64)
    np.testing.assert_array_equal(compute_stages(tables, pcm).log, whole)
    for frame in (0, 95, 96, 250):
        np.testing.assert_array_equal(compute_log_mel(tables, pcm[160 * frame : 160 * frame + 400])[0], whole[frame])


def test_silence_is_the_offset() -> None:
    tables = design_frontend(FrontendSpec(), kernel="cmsis_q31")
    log_mel = compute_log_mel(tables, np.zeros(400, dtype=np.int16))
    np.testing.assert_array_equal(log_mel, round(np.log(0.001) * 2**16))


@pytest.mark.parametrize("samples", [0, 399])
def test_too_few_samples_give_no_frames(samples: int) -> None:
    tables = design_frontend(FrontendSpec(), kernel="cmsis_q31")
    pcm = np.zeros(samples, dtype=np.int16)
    assert compute_log_mel(tables, pcm).shape == (0, 64)
    assert compute_stages(tables, pcm).fft.shape == (0, 514)


@pytest.mark.parametrize("pcm", [np.zeros(800, dtype=np.float32), np.zeros(800, dtype=np.int32), np.zeros((2, 800), dtype=np.int16)])
def test_only_one_dimensional_int16_is_taken(pcm: NDArray[np.int16]) -> None:
    tables = design_frontend(FrontendSpec(), kernel="cmsis_q31")
    with pytest.raises(TypeError, match="one-dimensional int16"):
        compute_log_mel(tables, pcm)


def test_frames_and_patches_start_at_their_hops() -> None:
    spec = FrontendSpec(window_samples=4, hop_samples=3, fft_samples=64, mel_bands=2, patch_frames=3, patch_hop_frames=2)
    frames = frame_view(np.arange(24, dtype=np.int16), spec)
    assert frames[:, 0].tolist() == [0, 3, 6, 9, 12, 15, 18]
    assert patches(frames, spec)[:, :, 0].tolist() == [[0, 3, 6], [6, 9, 12], [12, 15, 18]]
    assert patches(frames, spec).shape == (3, 3, 4)
    assert patches(frames[:2], spec).shape == (0, 3, 4)


@pytest.mark.parametrize("signal", SIGNALS)
def test_stages_have_the_documented_types(signal: str) -> None:
    tables = design_frontend(FrontendSpec(spectrum="power"), kernel="cmsis_q31")
    stages = compute_stages(tables, SIGNALS[signal](720))
    for stage, (dtype, elements) in stage_dtypes(tables).items():
        values = getattr(stages, stage)
        assert values.dtype == dtype
        assert values.shape == (3, elements)
    assert np.max(np.abs(stages.fft.astype(np.int64))) <= 2**30


def test_speech_is_not_a_trivial_input() -> None:
    """Guards the other tests: the signals reach the extremes they are named for."""
    pcm = speech_like(16_000, dbfs=-3)
    assert 20_000 < np.max(np.abs(pcm.astype(np.int32))) < 24_000
    assert np.min(full_scale_square(100)) == -32_768
