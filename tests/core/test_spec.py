from __future__ import annotations

from typing import Any

import pytest

from tinyaudio.core.errors import SpecError
from tinyaudio.core.spec import FrontendSpec


def test_counts_of_frames_and_patches() -> None:
    spec = FrontendSpec()
    assert [spec.frames_of(samples) for samples in (0, 399, 400, 559, 560)] == [0, 0, 1, 1, 2]
    assert [spec.patches_of(frames) for frames in (0, 95, 96, 143, 144)] == [0, 0, 1, 1, 2]
    assert spec.frames_of(spec.patch_samples) == spec.patch_frames
    assert spec.frames_of(spec.patch_samples - 1) == spec.patch_frames - 1
    assert spec.bins == 257


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"window_samples": 513}, "window_samples is 513"),
        ({"fft_samples": 500}, "fft_samples is 500"),
        ({"hop_samples": 0}, "hop_samples is 0"),
        ({"mel_low_hz": 7_600.0}, "mel_low_hz and mel_high_hz are 7600.0 and 7500.0"),
        ({"mel_high_hz": 8_001.0}, "half the sample rate"),
        ({"mel_bands": 0}, "mel_bands is 0"),
        ({"log_offset": 0.0}, "log_offset is 0.0"),
        ({"patch_hop_frames": 97}, "patch_hop_frames is 97"),
        ({"spectrum": "cepstrum"}, "spectrum is 'cepstrum'"),
        ({"sample_rate_hz": 4_000}, "sample_rate_hz is 4000"),
        ({"mel_scale": "bark"}, "mel_scale is 'bark'; supported: htk, slaney"),
        ({"mel_triangles": "log"}, "mel_triangles is 'log'"),
        ({"mel_norm": "l2"}, "mel_norm is 'l2'"),
        ({"patch_layout": "square"}, "patch_layout is 'square'"),
        ({"level_normalization": "clip"}, "level_normalization is 'clip'"),
        ({"level_time_constant_frames": 48}, "level_time_constant_frames is 48; it must be a power of two"),
        ({"level_time_constant_frames": 8_192}, "level_time_constant_frames is 8192"),
        ({"level_time_constant_frames": 0}, "level_time_constant_frames is 0"),
        ({"pre_gain_db": 40.1}, "pre_gain_db is 40.1"),
        ({"pre_gain_db": -0.1}, "pre_gain_db is -0.1"),
        ({"pre_gain_db": float("nan")}, "pre_gain_db is nan"),
        ({"cepstral_coefficients": 65}, "cepstral_coefficients is 65; it must be 0 to mel_bands (64)"),
        ({"log_scale": 0.0}, "log_scale is 0.0"),
        ({"log_scale": float("inf")}, "log_scale is inf"),
        ({"microphone_response": ((100.0, 0.0), (100.0, 1.0))}, "microphone_response[1] is at 100.0 Hz, not above the point before it"),
        ({"microphone_response": ((8_001.0, 0.0),)}, "microphone_response[0] is at 8001.0 Hz"),
        ({"microphone_response": ((100.0, -20.5),)}, "microphone_response[0] is -20.5 dB"),
        ({"microphone_response": ((100.0, float("nan")),)}, "microphone_response[0] is nan dB"),
        ({"microphone_response": tuple((float(hz), 0.0) for hz in range(65))}, "microphone_response has 65 points"),
    ],
)
def test_a_spec_that_cannot_be_built_is_refused(changes: dict[str, Any], sentence: str) -> None:
    with pytest.raises(SpecError) as caught:
        FrontendSpec(**changes)
    assert sentence in caught.value.message


def test_options_that_are_off_leave_the_fingerprint_as_it_was() -> None:
    assert FrontendSpec().fingerprint("cmsis_q31") == "0e93ed0f8b34717a3d42847f75f7c5502d8f5ab722c67ed6e4feee8420851390"  # of the first version
    others = [
        {"mel_triangles": "hz"},
        {"mel_norm": "slaney"},
        {"patch_layout": "bands_first"},
        {"dc_removal": True},
        {"pre_gain_db": 1.0},
        {"microphone_response": ((100.0, 1.0),)},
        {"level_normalization": "running"},
        {"level_time_constant_frames": 32},
        {"cepstral_coefficients": 10},
        {"log_scale": 2.0},
    ]
    made = {FrontendSpec(**changes).fingerprint("cmsis_q31") for changes in others}  # type: ignore[arg-type]
    assert len(made | {FrontendSpec().fingerprint("cmsis_q31")}) == len(others) + 1


def test_a_row_has_coefficients_or_bands() -> None:
    assert FrontendSpec().feature_bands == 64
    assert FrontendSpec().patch_shape == (96, 64)
    spec = FrontendSpec(cepstral_coefficients=10, patch_layout="bands_first")
    assert (spec.feature_bands, spec.patch_shape) == (10, (10, 96))


def test_all_mistakes_at_once() -> None:
    with pytest.raises(SpecError) as caught:
        FrontendSpec(fft_samples=500, mel_bands=0)
    assert "fft_samples" in caught.value.message
    assert "mel_bands" in caught.value.message
