"""What the templates ``frontend/frontend_tables.h.j2`` and ``frontend/frontend_tables.cc.j2`` are rendered with."""

from __future__ import annotations

from typing import Any

from tinyaudio.dsp.frontend.kernels import KERNELS
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
            "feature_bands": spec.feature_bands,
            "cepstral_coefficients": spec.cepstral_coefficients,
            "conditioned_samples": tables.conditioned_samples,
            "patch_frames": spec.patch_frames,
            "patch_hop_frames": spec.patch_hop_frames,
            "first_bin": tables.first_bin,
            "energy_bins": tables.energy_bins,
            "spectrum_constant": _SPECTRUM_CONSTANTS[spec.spectrum],
            "accumulator_fraction_bits": tables.accumulator_fraction_bits,
            "log_offset": tables.log_offset,
            "kernel": {
                "header": f"tinyaudio/{tables.kernel}.h",
                "cpp_class": KERNELS[tables.kernel].cpp_class,
                "prepares": KERNELS[tables.kernel].prepares,
                "tables": [
                    {"type": f"{table.dtype}_t", "constant": f"k{name.title().replace('_', '')}", "values": table.tolist()}
                    for name, table in tables.kernel_tables.items()
                ],
            },
            "segment_bins": tables.segment_bins.tolist(),
            "rising_weights": tables.rising_weights.tolist(),
            "log_table_q24": tables.log_table_q24.tolist(),
            "options": _options_context(tables),
        }
    }


def _options_context(tables: FrontendTables) -> dict[str, Any]:
    spec = tables.spec
    return {
        "removes_mean": spec.dc_removal,
        "gain_q24": tables.gain_q24,
        "bin_weights": tables.bin_weights.tolist(),
        "band_offsets": tables.band_offsets.tolist(),
        "band_biases_q24": tables.band_biases_q24.tolist(),
        "normalizes_level": spec.level_normalization == "running",
        "level_shift": spec.level_time_constant_frames.bit_length() - 1,
        "cosines_q30": tables.cosines_q30.ravel().tolist(),
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
