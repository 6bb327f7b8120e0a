"""Front ends: integer tables designed from a `FrontendSpec`, their bit-exact NumPy twin, and the float64 reference.

The twin computes the very integers that the firmware computes; training features come from it. docs/front_end.md
derives every shift and Q format.
"""

from __future__ import annotations

from tinyaudio.dsp.frontend.exactness import NominalInput, floor_log_mel, int8_step_histogram, log_mel_snr_db, nominal_input
from tinyaudio.dsp.frontend.framing import frame_view, patches
from tinyaudio.dsp.frontend.kernels import KERNELS
from tinyaudio.dsp.frontend.mel import mel_matrix
from tinyaudio.dsp.frontend.post import LevelState, post_process
from tinyaudio.dsp.frontend.quantization import FeatureQuantization, design_feature_quantization, quantize_features
from tinyaudio.dsp.frontend.reference import reference_feature_rows, reference_log_mel, reference_mel
from tinyaudio.dsp.frontend.rendering import template_context, template_context_quantization
from tinyaudio.dsp.frontend.signals import bench_signals
from tinyaudio.dsp.frontend.tables import LOG_FRACTION_BITS, FrontendTables, design_frontend
from tinyaudio.dsp.frontend.twin import FrontendStages, compute_feature_rows, compute_log_mel, compute_stages, stage_dtypes

__all__ = [
    "KERNELS",
    "LOG_FRACTION_BITS",
    "LevelState",
    "FeatureQuantization",
    "FrontendStages",
    "FrontendTables",
    "NominalInput",
    "bench_signals",
    "compute_feature_rows",
    "compute_log_mel",
    "compute_stages",
    "design_feature_quantization",
    "design_frontend",
    "floor_log_mel",
    "frame_view",
    "int8_step_histogram",
    "log_mel_snr_db",
    "mel_matrix",
    "nominal_input",
    "patches",
    "post_process",
    "quantize_features",
    "reference_feature_rows",
    "reference_log_mel",
    "reference_mel",
    "stage_dtypes",
    "template_context",
    "template_context_quantization",
]
