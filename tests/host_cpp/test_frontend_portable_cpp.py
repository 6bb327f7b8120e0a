"""portable_q31 in C++ under ASan and UBSan, at every length, on inputs that drive its sums to their bounds."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.host_cpp.toolchain import FIRMWARE_LIB, compile_host, run_host
from tinyaudio.core.spec import FrontendSpec
from tinyaudio.core.templating import render_template
from tinyaudio.dsp.frontend import (
    FeatureQuantization,
    compute_stages,
    design_frontend,
    quantize_features,
    stage_dtypes,
    template_context,
    template_context_quantization,
)
from tinyaudio.dsp.frontend.portable_q31 import SUPPORTED_FFT_SAMPLES

HERE = Path(__file__).resolve().parent
LIBRARY = FIRMWARE_LIB / "tinyaudio_frontend"
INCLUDE_DIRS = (LIBRARY / "include", FIRMWARE_LIB / "tinyaudio_portable_q31" / "include")
QUANTIZATION = FeatureQuantization(multiplier=2**30, shift=45, zero_point=0)


def worst_frames(samples: int) -> NDArray[np.int16]:
    """Full scale by the sign of a wave: each drives one bin, and the sums on the way to it, as far as int16 can. [frames, samples]."""
    time = np.arange(samples)
    bins = np.unique(np.concatenate([np.arange(0, 9), np.linspace(0, samples // 2, 17).astype(np.int64), samples // 2 - np.arange(0, 5)]))
    phases = np.array([0.0, 0.25, 0.5, 0.75, 1.0]) * np.pi
    angles = 2 * np.pi * time * bins[:, np.newaxis, np.newaxis] / samples + phases[:, np.newaxis]
    waves = np.where(np.cos(angles) >= 0, 32_767, -32_768).reshape(-1, samples)
    noise = np.where(np.random.default_rng(samples).integers(0, 2, (20, samples)) == 1, 32_767, -32_768)
    return np.concatenate([waves, noise, np.full((1, samples), -32_768)]).astype(np.int16)


@pytest.mark.parametrize("spectrum", ["power", "magnitude"])
@pytest.mark.parametrize("fft_samples", SUPPORTED_FFT_SAMPLES)
def test_nothing_overflows_and_every_stage_equals_the_twin(fft_samples: int, spectrum: str, tmp_path: Path) -> None:
    spec = FrontendSpec(
        window_samples=fft_samples,
        hop_samples=fft_samples,
        fft_samples=fft_samples,
        mel_bands=4,
        mel_low_hz=0.0,
        mel_high_hz=8_000.0,
        spectrum=spectrum,  # type: ignore[arg-type]
    )
    tables = design_frontend(spec, kernel="portable_q31")
    context = {**template_context(tables), **template_context_quantization(QUANTIZATION)}
    for name in ("frontend_tables.h", "frontend_tables.cc"):
        (tmp_path / name).write_text(render_template(f"frontend/{name}.j2", context), encoding="utf-8")
    sources = [HERE / "frontend_runner.cc", tmp_path / "frontend_tables.cc", *sorted((LIBRARY / "src").glob("*.cc"))]
    binary = compile_host(tmp_path / "program", sources, include_dirs=[tmp_path, *INCLUDE_DIRS])
    pcm = worst_frames(fft_samples).ravel()
    layout = [*stage_dtypes(tables).items(), ("features", (np.dtype(np.int8), spec.feature_bands))]
    actual = np.frombuffer(run_host(binary, stdin=pcm.tobytes()), dtype=np.dtype([(stage, dtype, (count,)) for stage, (dtype, count) in layout]))
    stages = compute_stages(tables, pcm)
    for stage, _ in layout[:-1]:
        np.testing.assert_array_equal(actual[stage], getattr(stages, stage), err_msg=stage)
    np.testing.assert_array_equal(actual["features"], quantize_features(stages.post, QUANTIZATION))
