"""The files that are generated for one front end and one model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tinyaudio.core.artifacts import Calibration
from tinyaudio.core.board import Board
from tinyaudio.core.templating import render_template
from tinyaudio.deploy.compiler import CompiledModel
from tinyaudio.dsp.frontend import FeatureQuantization, FrontendTables, template_context, template_context_quantization

_PATCH_LAYOUT_CONSTANTS = {"frames_first": "kFramesFirst", "bands_first": "kBandsFirst"}
COUNTER_UNIT_CONSTANTS = {"instructions": "kInstructions", "cycles": "kCycles", "nanoseconds": "kNanoseconds"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What differs between projects with and without a model."""

    board: Board
    tables: FrontendTables
    quantization: FeatureQuantization
    model_files: Mapping[str, str]  # path below src/ -> text
    compiled: CompiledModel | None  # None: there is no model
    model_sha256: str
    labels: tuple[str, ...]
    calibration: Calibration


def generated_files(parts: Parts) -> dict[str, str]:
    """Return tables, model, configuration and main program, by path in the project."""
    frontend = {**template_context(parts.tables), **template_context_quantization(parts.quantization)}
    application = _application_context(parts)
    files = {f"src/{path}": text for path, text in parts.model_files.items()}
    for name in ("frontend_tables.h", "frontend_tables.cc"):
        files[f"src/generated/{name}"] = render_template(f"frontend/{name}.j2", frontend)
    for name in ("application_config.h", "application_config.cc"):
        files[f"src/generated/{name}"] = render_template(f"app/{name}.j2", application)
    files["src/main.cc"] = render_template("app/main.cc.j2", {})
    return files


def _application_context(parts: Parts) -> dict[str, Any]:
    board = parts.board
    return {
        "board_id": board.id,
        "runtime": board.default_runtime,
        "kernel": parts.tables.kernel,
        "patch_layout_constant": _PATCH_LAYOUT_CONSTANTS[parts.tables.spec.patch_layout],
        "model_sha256": parts.model_sha256,
        "labels": list(parts.labels),
        "smoothing_patches": parts.calibration.smoothing_patches,
        "detection_threshold": parts.calibration.detection_threshold,
        "counter_frequency_hz": board.counter_frequency_hz,
        "counter_unit_constant": COUNTER_UNIT_CONSTANTS[board.counter_unit],
    }
