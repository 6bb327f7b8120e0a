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
    ],
)
def test_a_spec_that_cannot_be_built_is_refused(changes: dict[str, Any], sentence: str) -> None:
    with pytest.raises(SpecError) as caught:
        FrontendSpec(**changes)
    assert sentence in caught.value.message


def test_all_mistakes_at_once() -> None:
    with pytest.raises(SpecError) as caught:
        FrontendSpec(fft_samples=500, mel_bands=0)
    assert "fft_samples" in caught.value.message
    assert "mel_bands" in caught.value.message
