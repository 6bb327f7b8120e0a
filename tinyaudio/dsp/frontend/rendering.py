"""What the templates ``frontend/frontend_tables.h.j2`` and ``frontend/frontend_tables.cc.j2`` are rendered with."""

from __future__ import annotations

from typing import Any

from tinyaudio.dsp.frontend.quantization import FeatureQuantization
from tinyaudio.dsp.frontend.tables import FrontendTables

_SPECTRUM_CONSTANTS = {"magnitude": "kMagnitude", "power": "kPower"}


def template_context(tables: FrontendTables) -> dict[str, Any]:
    """Return the context of the templates for `tables`, under the one key ``frontend``."""
    spec = tables.spec
    return {
        "frontend": {
            "fingerprint": tables.fingerprint,
            "sample_rate_hz": spec.sample_rate_hz,
            "window_samples": spec.window_samples,
            "hop_samples": spec.hop_samples,
            "fft_samples": spec.fft_samples,
            "mel_bands": spec.mel_bands,
            "patch_frames": spec.patch_frames,
            "patch_hop_frames": spec.patch_hop_frames,
            "first_bin": tables.first_bin,
            "energy_bins": tables.energy_bins,
            "spectrum_constant": _SPECTRUM_CONSTANTS[spec.spectrum],
            "accumulator_fraction_bits": tables.accumulator_fraction_bits,
            "log_offset": tables.log_offset,
            "kernel_header": f"tinyaudio/{tables.kernel}.h",
            "complex_fft": f"tinyaudio_{tables.kernel}_complex_fft_{spec.fft_samples // 2}",
            "window_q31": tables.window_q31.tolist(),
            "split_q31": tables.split_q31.ravel().tolist(),
            "segment_bins": tables.segment_bins.tolist(),
            "rising_weights": tables.rising_weights.tolist(),
            "log_table_q24": tables.log_table_q24.tolist(),
        }
    }


def template_context_quantization(quantization: FeatureQuantization) -> dict[str, Any]:
    """Return the context of the templates for `quantization`, under the one key ``quantization``."""
    return {
        "quantization": {
            "multiplier": quantization.multiplier,
            "shift": quantization.shift,
            "zero_point": quantization.zero_point,
        }
    }
