"""The options around the FFT: the float64 reference against published formulas, the integer twin against the reference."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.dsp.frontend_options import LOUD_MICROPHONE, MICROPHONE, OPTIONS, PRESETS
from tests.dsp.frontend_signals import SIGNALS, speech_like, tone, white_noise
from tinyaudio.core.errors import SpecError
from tinyaudio.core.spec import FrontendSpec
from tinyaudio.dsp.frontend import (
    LOG_FRACTION_BITS,
    LevelState,
    compute_feature_rows,
    compute_log_mel,
    compute_stages,
    design_feature_quantization,
    design_frontend,
    log_mel_snr_db,
    mel_matrix,
    patches,
    post_process,
    quantize_features,
    reference_feature_rows,
    reference_log_mel,
    reference_mel,
)
from tinyaudio.dsp.frontend.conditioning import condition_samples, rounded_mean
from tinyaudio.dsp.frontend.tables import WEIGHT_FRACTION_BITS

SPEECH = speech_like(16_000, dbfs=-3)


def librosa_matrix(spec: FrontendSpec) -> NDArray[np.float64]:
    """The filter bank of `librosa.filters.mel`, [bins, bands], by its published formulas (librosa 0.11), written a band at a time.

    librosa itself is no dependency of the tests: it brings numba and scikit-learn along. Where it is installed, the test
    below compares with it, too.
    """

    def to_hz(mel: float) -> float:
        if spec.mel_scale == "htk":
            return 700.0 * (math.pow(10.0, mel / 2_595.0) - 1.0)
        return 200.0 / 3.0 * mel if mel < 15.0 else 1_000.0 * math.exp(math.log(6.4) / 27.0 * (mel - 15.0))

    def to_mel(hz: float) -> float:
        if spec.mel_scale == "htk":
            return 2_595.0 * math.log10(1.0 + hz / 700.0)
        return 3.0 / 200.0 * hz if hz < 1_000.0 else 15.0 + math.log(hz / 1_000.0) / (math.log(6.4) / 27.0)

    low, high = to_mel(spec.mel_low_hz), to_mel(spec.mel_high_hz)
    edges = [to_hz(low + (high - low) * index / (spec.mel_bands + 1)) for index in range(spec.mel_bands + 2)]
    matrix = np.zeros((spec.bins, spec.mel_bands))
    for band, (left, peak, right) in enumerate(zip(edges, edges[1:], edges[2:], strict=False)):
        for index in range(spec.bins):
            hz = index * spec.sample_rate_hz / spec.fft_samples
            height = max(0.0, min((hz - left) / (peak - left), (right - hz) / (right - peak)))
            matrix[index, band] = height * (2.0 / (right - left) if spec.mel_norm == "slaney" else 1.0)
    return matrix


@pytest.mark.parametrize("spectrum", ["magnitude", "power"])
@pytest.mark.parametrize("norm", ["none", "slaney"])
@pytest.mark.parametrize("scale", ["htk", "slaney"])
def test_mel_energies_are_those_of_librosas_formulas(scale: str, norm: str, spectrum: str) -> None:
    spec = FrontendSpec(mel_scale=scale, mel_triangles="hz", mel_norm=norm, spectrum=spectrum)  # type: ignore[arg-type]
    matrix = librosa_matrix(spec)
    np.testing.assert_allclose(mel_matrix(spec), matrix, rtol=1e-9, atol=1e-13)
    frames = np.lib.stride_tricks.sliding_window_view(SPEECH / 32_768.0, 400)[::160]
    hann = 0.5 - 0.5 * np.cos(2.0 * np.pi * np.arange(400) / 400)
    magnitude = np.abs(np.fft.rfft(frames * hann, 512, axis=1))
    expected = (magnitude if spectrum == "magnitude" else magnitude**2) @ matrix
    np.testing.assert_allclose(reference_mel(spec, SPEECH), expected, rtol=1e-6)


def test_mel_energies_are_those_of_librosa() -> None:
    librosa = pytest.importorskip("librosa", reason="librosa is not installed; its formulas are compared instead")
    spec = PRESETS["ad01"]
    expected = librosa.feature.melspectrogram(y=SPEECH / 32_768.0, sr=16_000, n_fft=1_024, hop_length=512, n_mels=128, power=2.0, center=False)
    np.testing.assert_allclose(reference_mel(spec, SPEECH), expected.T, rtol=1e-6)


def test_mfccs_are_those_of_tensorflow() -> None:
    """MLPerf Tiny's keyword spotting, step by step as its `get_dataset.py` has it."""
    tf = pytest.importorskip("tensorflow", reason="TensorFlow is not installed; tinyaudio[train] adds it")
    magnitude = tf.abs(tf.signal.stft(tf.constant(SPEECH / 32_768.0), 480, 320, window_fn=tf.signal.hann_window))
    matrix = tf.signal.linear_to_mel_weight_matrix(40, 257, 16_000, 20.0, 4_000.0, dtype=tf.float64)
    log_mel = tf.math.log(magnitude @ matrix + 1e-6)
    expected = tf.signal.mfccs_from_log_mel_spectrograms(log_mel)[:, :10].numpy()
    spec = PRESETS["mfcc"]
    assert spec.patches_of(spec.frames_of(16_000)) == 1  # a second is one patch of 49 frames
    np.testing.assert_allclose(reference_feature_rows(spec, SPEECH), expected, rtol=1e-6, atol=1e-6)


def test_ad01_is_decibels_of_five_frames_side_by_side() -> None:
    spec = PRESETS["ad01"]
    pcm = speech_like(spec.patch_samples + 3 * spec.hop_samples, dbfs=-20)
    decibels = spec.log_scale * reference_feature_rows(spec, pcm)
    np.testing.assert_allclose(decibels, 10.0 * np.log10(reference_mel(spec, pcm) + 1e-9), atol=1e-9)
    found = patches(decibels, spec)
    assert found.shape == (4, 5, 128)
    np.testing.assert_array_equal(found[2].ravel(), decibels[2:7].ravel())


def test_level_normalization_is_the_stated_mean() -> None:
    spec = FrontendSpec(level_normalization="running", level_time_constant_frames=4)
    log_mel = reference_log_mel(spec, SPEECH)
    rows = reference_feature_rows(spec, SPEECH)
    means = log_mel.mean(axis=1)
    np.testing.assert_allclose(rows[0], log_mel[0] - means[0])
    np.testing.assert_allclose(rows[1], log_mel[1] - (0.75 * means[0] + 0.25 * means[1]))
    quiet = np.clip(SPEECH, -8_000, 8_000)
    precise = FrontendSpec(level_normalization="running", log_offset=1e-9)
    np.testing.assert_allclose(reference_feature_rows(precise, 4 * quiet), reference_feature_rows(precise, quiet), atol=1e-6)


def test_a_microphone_is_corrected_by_the_inverse_of_its_curve() -> None:
    spec = FrontendSpec(microphone_response=((500.0, -6.0), (1_500.0, 6.0)), mel_bands=1, mel_low_hz=900.0, mel_high_hz=1_100.0)
    plain = FrontendSpec(mel_bands=1, mel_low_hz=900.0, mel_high_hz=1_100.0)
    gain = mel_matrix(spec)[:, 0] / np.where(mel_matrix(plain)[:, 0] > 0, mel_matrix(plain)[:, 0], np.nan)
    assert gain[32] == pytest.approx(1.0)  # 1,000 Hz, in the middle of the curve
    assert gain[30] == pytest.approx(10 ** (0.75 / 20))  # 62.5 Hz below: -0.75 dB of the microphone
    power = FrontendSpec(microphone_response=((0.0, 10.0),), spectrum="power")
    np.testing.assert_allclose(mel_matrix(power), mel_matrix(FrontendSpec()) / 10.0)


def test_conditioning_rounds_and_saturates_as_stated() -> None:
    assert rounded_mean(np.array([-3, -2, -1, 0, 1, 2, 3]), 2).tolist() == [-1, -1, 0, 0, 1, 1, 2]
    assert rounded_mean(np.array([-2, -1, 1, 2]), 3).tolist() == [-1, 0, 0, 1]
    frames = np.array([[-32_768, 32_767, 32_767, 32_766]], np.int16)  # mean 16,383
    removed = condition_samples(FrontendSpec(dc_removal=True), frames, gain_q24=1 << 24)
    assert removed.tolist() == [[-32_768, 16_384, 16_384, 16_383]]
    halved = condition_samples(FrontendSpec(pre_gain_db=1.0), np.array([[3, -3, 1, -1]], np.int16), gain_q24=1 << 23)
    assert halved.tolist() == [[2, -1, 1, 0]]


def test_dc_is_removed_and_gain_is_gain() -> None:
    noise = white_noise(16_000, dbfs=-40)
    shifted = (noise + 3_000).astype(np.int16)
    plain = FrontendSpec(mel_low_hz=0.0, mel_bands=32)
    without = FrontendSpec(mel_low_hz=0.0, mel_bands=32, dc_removal=True)
    far = np.abs(reference_log_mel(plain, shifted) - reference_log_mel(plain, noise))
    near = np.abs(reference_log_mel(without, shifted) - reference_log_mel(without, noise))
    assert np.max(far[:, 0]) > 1.0
    assert np.max(near) < 1e-9
    quiet = FrontendSpec(log_offset=1e-9)
    louder = FrontendSpec(log_offset=1e-9, pre_gain_db=20.0)
    difference = reference_log_mel(louder, noise) - reference_log_mel(quiet, noise)
    np.testing.assert_allclose(difference, math.log(10.0), atol=1e-6)


HEARD = {
    "speech": speech_like(400 + 160 * 199, dbfs=-3),
    "quiet_speech": speech_like(400 + 160 * 199, dbfs=-40),
    "noise": white_noise(400 + 160 * 199, dbfs=-20),
    "tone": tone(400 + 160 * 199, cycles_per_sample=32.3 / 512, dbfs=-1),
}
#: Samples rounded to int16 behind a gain or a mean carry that rounding: it is of the option, not of the arithmetic.
ROUNDED_SAMPLES = {"dc_removal", "dc_removal_odd_window", "louder", "louder_without_dc", "loudest", "everything"}


@pytest.mark.parametrize("signal", HEARD)
@pytest.mark.parametrize("name", [*OPTIONS, *PRESETS])
def test_the_twin_is_near_the_reference(name: str, signal: str) -> None:
    spec = {**OPTIONS, **PRESETS}[name]
    pcm = HEARD[signal]
    log_mel = compute_log_mel(design_frontend(spec, kernel="cmsis_q31"), pcm) / 2.0**LOG_FRACTION_BITS
    assert log_mel_snr_db(spec, log_mel, reference_log_mel(spec, pcm)) >= (55.0 if name in ROUNDED_SAMPLES else 90.0)


@pytest.mark.parametrize("name", [*OPTIONS, *PRESETS])
def test_int8_features_are_those_of_the_reference(name: str) -> None:
    spec = {**OPTIONS, **PRESETS}[name]
    tables = design_frontend(spec, kernel="cmsis_q31")
    pcm = speech_like(spec.window_samples + 99 * spec.hop_samples, dbfs=-6)
    reference = reference_feature_rows(spec, pcm) * spec.log_scale
    scale = float(np.ptp(reference)) / 250.0
    zero_point = max(-128, min(127, round(-125.0 - float(reference.min()) / scale)))
    quantization = design_feature_quantization(scale, zero_point, log_fraction_bits=LOG_FRACTION_BITS, log_scale=spec.log_scale)
    features = quantize_features(compute_feature_rows(tables, pcm), quantization)
    expected = np.clip(np.floor(reference / scale + 0.5) + zero_point, -128, 127)
    assert features.shape == (100, spec.feature_bands)
    assert np.max(np.abs(features - expected)) <= 1
    assert np.mean(features == expected) > (0.95 if name in ROUNDED_SAMPLES else 0.985)


def test_the_cosines_of_the_twin_are_exact_products() -> None:
    tables = design_frontend(OPTIONS["cepstrum_of_many_bands"], kernel="cmsis_q31")
    log_mel = np.random.default_rng(3).integers(-(2**22), 2**22, (3, 256), dtype=np.int32)
    log_mel[0], log_mel[1] = 2**22 - 1, -(2**22)
    rows, _ = post_process(tables, log_mel)
    for row, logs in zip(rows.tolist(), log_mel.tolist(), strict=True):
        for value, cosines in zip(row, tables.cosines_q30.tolist(), strict=True):
            total = sum(cosine * log for cosine, log in zip(cosines, logs, strict=True))
            assert abs(total) < 2**62
            assert value == (total + 2**29) >> 30


def test_the_level_goes_on_where_it_stopped() -> None:
    spec = OPTIONS["level"]
    tables = design_frontend(spec, kernel="cmsis_q31")
    log_mel = compute_log_mel(tables, SPEECH)
    whole, last = post_process(tables, log_mel)
    level: LevelState | None = None
    parts = []
    for start, stop in ((0, 1), (1, 1), (1, 40), (40, len(log_mel))):
        part, level = post_process(tables, log_mel[start:stop], level)
        parts.append(part)
    np.testing.assert_array_equal(np.concatenate(parts), whole)
    assert level == last
    np.testing.assert_array_equal(compute_stages(tables, SPEECH).post, whole)


def test_options_that_are_off_cost_nothing_and_post_is_the_log() -> None:
    tables = design_frontend(FrontendSpec(), kernel="cmsis_q31")
    assert (tables.gain_q24, tables.bin_weights.size, tables.band_offsets.size, tables.band_biases_q24.size, tables.cosines_q30.size) == (0,) * 5
    stages = compute_stages(tables, SPEECH)
    np.testing.assert_array_equal(stages.post, stages.log)


def test_the_weights_of_a_microphone_bear_its_gain() -> None:
    tables = design_frontend(FrontendSpec(microphone_response=LOUD_MICROPHONE), kernel="cmsis_q31")
    plain = design_frontend(FrontendSpec(), kernel="cmsis_q31")
    assert tables.accumulator_fraction_bits == plain.accumulator_fraction_bits + 2  # gains of -12 dB at most: 1/4 is the next power of two
    assert 2 ** (WEIGHT_FRACTION_BITS - 1) < tables.bin_weights.max() <= 2**WEIGHT_FRACTION_BITS
    assert np.all(tables.rising_weights <= tables.bin_weights)
    assert design_frontend(FrontendSpec(microphone_response=MICROPHONE), kernel="cmsis_q31").accumulator_fraction_bits == 43


def test_an_offset_without_room_is_refused() -> None:
    fields = {
        "fft_samples": 64,
        "window_samples": 64,
        "hop_samples": 32,
        "mel_bands": 1,
        "mel_low_hz": 0.0,
        "mel_high_hz": 8_000.0,
        "log_offset": 1.0,
    }
    spec = FrontendSpec(spectrum="power", mel_norm="slaney", microphone_response=((0.0, 20.0),), **fields)  # type: ignore[arg-type]
    with pytest.raises(SpecError, match="too large for these norms") as caught:
        design_frontend(spec, kernel="cmsis_q31")
    assert caught.value.where == "frontend.log_offset"


@pytest.mark.parametrize("signal", SIGNALS)
def test_patches_of_both_layouts_are_each_others_transpose(signal: str) -> None:
    pcm = SIGNALS[signal](24_000)
    frames_first = FrontendSpec(patch_frames=20, patch_hop_frames=7)
    bands_first = FrontendSpec(patch_frames=20, patch_hop_frames=7, patch_layout="bands_first")
    rows = compute_feature_rows(design_frontend(frames_first, kernel="cmsis_q31"), pcm)
    np.testing.assert_array_equal(patches(rows, bands_first), np.swapaxes(patches(rows, frames_first), 1, 2))
    assert patches(rows, bands_first).shape[1:] == bands_first.patch_shape == (64, 20)
    assert patches(rows[:5], bands_first).shape == (0, 64, 20)
