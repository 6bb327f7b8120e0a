"""The float64 reference against TensorFlow's, and the integer twin against the float64 reference."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tests.dsp.frontend_signals import SIGNALS, Pcm, speech_like, tone, white_noise
from tinyaudio.core.spec import FrontendSpec, KernelId, Spectrum
from tinyaudio.dsp.frontend import (
    LOG_FRACTION_BITS,
    compute_log_mel,
    design_feature_quantization,
    design_frontend,
    floor_log_mel,
    log_mel_snr_db,
    mel_matrix,
    quantize_features,
    reference_log_mel,
    reference_mel,
)

SAMPLES = 400 + 160 * 299
Q31_KERNELS: tuple[KernelId, ...] = ("cmsis_q31", "portable_q31")
HEARD: dict[str, Pcm] = {
    **{f"speech_{level}": speech_like(SAMPLES, dbfs=level) for level in (-1, -3, -20, -40, -60)},
    **{f"noise_{level}": white_noise(SAMPLES, dbfs=level) for level in (-3, -20, -40, -70)},
    **{f"tone_at_bin_{level}": tone(SAMPLES, cycles_per_sample=32 / 512, dbfs=level) for level in (-1, -40, -80)},
    **{f"tone_between_bins_{level}": tone(SAMPLES, cycles_per_sample=75.5 / 512, dbfs=level) for level in (-1, -40, -80)},
}


@pytest.mark.parametrize("spectrum", ["magnitude", "power"])
def test_mel_energies_are_those_of_tensorflow(spectrum: Spectrum) -> None:
    tf = pytest.importorskip("tensorflow", reason="TensorFlow is not installed; tinyaudio[train] adds it")
    spec = FrontendSpec(spectrum=spectrum)
    pcm = speech_like(16_000, dbfs=-3)
    spectrogram = tf.abs(tf.signal.stft(tf.constant(pcm / 32_768.0), 400, 160, 512))
    matrix = tf.signal.linear_to_mel_weight_matrix(64, 257, 16_000, 125.0, 7_500.0, dtype=tf.float64)
    expected = (spectrogram if spectrum == "magnitude" else spectrogram**2) @ matrix
    np.testing.assert_allclose(mel_matrix(spec), matrix.numpy(), rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(reference_mel(spec, pcm), expected.numpy(), rtol=1e-6)


@pytest.mark.parametrize("spectrum", ["magnitude", "power"])
@pytest.mark.parametrize("signal", HEARD)
@pytest.mark.parametrize("kernel", Q31_KERNELS)
def test_log_mel_snr_is_at_least_90_db(kernel: KernelId, spectrum: Spectrum, signal: str) -> None:
    spec = FrontendSpec(spectrum=spectrum)
    log_mel = compute_log_mel(design_frontend(spec, kernel=kernel), HEARD[signal])
    assert log_mel_snr_db(spec, log_mel / 2.0**LOG_FRACTION_BITS, reference_log_mel(spec, HEARD[signal])) >= 90.0


@pytest.mark.parametrize("spectrum", ["magnitude", "power"])
@pytest.mark.parametrize("kernel", Q31_KERNELS)
def test_int8_features_are_those_of_the_reference(kernel: KernelId, spectrum: Spectrum) -> None:
    spec = FrontendSpec(spectrum=spectrum)
    tables = design_frontend(spec, kernel=kernel)
    quantization = design_feature_quantization(0.05, 20, log_fraction_bits=LOG_FRACTION_BITS)
    differences = []
    for make in SIGNALS.values():
        pcm = make(SAMPLES)
        expected = np.clip(np.floor(reference_log_mel(spec, pcm) / 0.05 + 0.5) + 20, -128, 127)
        differences.append(np.abs(quantize_features(compute_log_mel(tables, pcm), quantization) - expected))
    steps = np.concatenate(differences)
    assert np.max(steps) <= 1
    assert np.mean(steps == 0) > 0.99


def test_a_full_scale_tone_has_the_stated_level() -> None:
    spec = FrontendSpec(mel_bands=1, mel_low_hz=900.0, mel_high_hz=1_100.0)
    mel = reference_mel(spec, tone(400, cycles_per_sample=1 / 16, dbfs=0))
    assert 100.0 < mel[0, 0] < 300.0  # sum(window) / 2 = 100 in the peak bin, less in its neighbours


def test_snr_is_the_stated_ratio_above_the_floor() -> None:
    spec = FrontendSpec()
    floor = floor_log_mel(spec)
    assert floor == pytest.approx(math.log(0.01 + 0.001))
    assert floor_log_mel(FrontendSpec(spectrum="power")) == pytest.approx(math.log(0.0001 + 0.001))
    reference = np.array([[3.0, 4.0]])
    assert log_mel_snr_db(spec, reference + np.array([[0.0, 0.05]]), reference) == pytest.approx(40.0)
    assert log_mel_snr_db(spec, reference, reference) == math.inf
    below = np.array([[floor - 3.0, 4.0]])
    assert log_mel_snr_db(spec, below - np.array([[1.0, 0.0]]), below) == math.inf


@pytest.mark.parametrize("shape", [(2, 3), (0, 2)])
def test_snr_needs_equal_shapes_and_values(shape: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="cannot compare"):
        log_mel_snr_db(FrontendSpec(), np.zeros(shape), np.zeros((0, 2)))
