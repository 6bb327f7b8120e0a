"""The runtime `tflm`: a ``.tflite`` on TFLite Micro, with a resolver of exactly its operators.

`outline` reads what the glue must know of the model, `model` renders the glue, `tree` finds local sources of TFLite Micro.
firmware/lib/tinyaudio_tflm is what is hand-written; TFLite Micro itself is never part of a project, only what it is built from.
"""

from __future__ import annotations

from tinyaudio.deploy.tflm.defects import DEFECTS, Defect, known_defects, refuse_known_defects
from tinyaudio.deploy.tflm.differences import DIFFERENCES, Difference, known_differences
from tinyaudio.deploy.tflm.esp_nn import esp_nn_scratch_bytes, likely_arena_bytes
from tinyaudio.deploy.tflm.model import (
    HEADROOM_BYTES,
    OPERATORS_FILE,
    TflmModel,
    generous_arena_bytes,
    render_tflm_model,
    tight_arena_bytes,
)
from tinyaudio.deploy.tflm.outline import OperatorUse, Outline, read_outline
from tinyaudio.deploy.tflm.packages import CMSIS_NN, Package, packages, packages_version
from tinyaudio.deploy.tflm.tree import ROOT_VARIABLE, Tree, describe, find_tree

__all__ = [
    "CMSIS_NN",
    "DEFECTS",
    "DIFFERENCES",
    "Defect",
    "Difference",
    "known_differences",
    "known_defects",
    "likely_arena_bytes",
    "refuse_known_defects",
    "HEADROOM_BYTES",
    "OPERATORS_FILE",
    "ROOT_VARIABLE",
    "OperatorUse",
    "Outline",
    "Package",
    "TflmModel",
    "Tree",
    "describe",
    "esp_nn_scratch_bytes",
    "find_tree",
    "generous_arena_bytes",
    "packages",
    "packages_version",
    "read_outline",
    "render_tflm_model",
    "tight_arena_bytes",
]
