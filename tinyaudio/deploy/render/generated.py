"""The files that are generated for one front end and one model."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from tinyaudio.core.artifacts import Calibration, Runtime
from tinyaudio.core.board import Board
from tinyaudio.core.decisions import calibration_fingerprint, thresholds_of
from tinyaudio.core.one_class import OneClassTables
from tinyaudio.core.residual import ResidualScale
from tinyaudio.core.templating import render_template
from tinyaudio.deploy.render.model import ModelParts
from tinyaudio.deploy.render.one_class import one_class_context
from tinyaudio.dsp.frontend import FeatureQuantization, FrontendTables, template_context, template_context_quantization

_PATCH_LAYOUT_CONSTANTS = {"frames_first": "kFramesFirst", "bands_first": "kBandsFirst"}
COUNTER_UNIT_CONSTANTS = {"instructions": "kInstructions", "cycles": "kCycles", "nanoseconds": "kNanoseconds"}
#: Core -> the program's first function, where that is not `main`: ESP-IDF starts with one of its own, which the port defines.
ENTRIES = {"xtensa-lx7": "tinyaudio_main"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What differs between projects with and without a model."""

    board: Board
    tables: FrontendTables
    quantization: FeatureQuantization
    model: ModelParts | None  # None: there is no model
    model_files: dict[str, str]  # by path in the project
    model_sha256: str
    labels: tuple[str, ...]
    calibration: Calibration
    residual: ResidualScale | None = None  # the model is an autoencoder, and this makes scores of its outputs
    one_class: OneClassTables | None = None  # the model ends in an embedding, and this makes scores of it

    @property
    def has_score(self) -> bool:
        """Whether one score stands for the model's output."""
        return self.residual is not None or self.one_class is not None

    @property
    def runtime(self) -> Runtime:
        """Which runtime the model is on; without a model there is nothing to run, which `aot` does without a library."""
        return self.model.runtime if self.model is not None else "aot"


def generated_files(parts: Parts) -> dict[str, str]:
    """Return tables, model, configuration and main program, by path in the project."""
    frontend = {**template_context(parts.tables), **template_context_quantization(parts.quantization)}
    application = _application_context(parts)
    files = dict(parts.model_files)
    for name in ("frontend_tables.h", "frontend_tables.cc"):
        files[f"src/generated/{name}"] = render_template(f"frontend/{name}.j2", frontend)
    for name in ("application_config.h", "application_config.cc"):
        files[f"src/generated/{name}"] = render_template(f"app/{name}.j2", application)
    if parts.residual is not None:
        for name in ("anomaly_model.h", "anomaly_model.cc"):
            files[f"src/generated/{name}"] = render_template(f"anomaly/{name}.j2", asdict(parts.residual))
    if parts.one_class is not None:
        context = one_class_context(parts.one_class)
        files["src/generated/anomaly_model.h"] = render_template("anomaly/one_class_model.h.j2", context)
        files["src/generated/anomaly_model.cc"] = render_template("anomaly/one_class_model.cc.j2", context)
    files["src/main.cc"] = render_template("app/main.cc.j2", {"entry": ENTRIES.get(parts.board.core, "main")})
    return files


def _application_context(parts: Parts) -> dict[str, Any]:
    board, calibration = parts.board, parts.calibration
    return {
        "board_id": board.id,
        "runtime": parts.runtime,
        "kernels": parts.model.kernels if parts.model is not None else "none",
        "vendor": parts.runtime == "aot" and parts.model is not None and parts.model.kernel_library != "",
        "self_test": parts.model is not None and parts.model.has_self_test,
        "keeps_state": parts.model is not None and parts.model.keeps_state,
        "kernel": parts.tables.kernel,
        "has_score": parts.has_score,
        "model_namespace": "tinyaudio_anomaly" if parts.has_score else "tinyaudio_model",
        "patch_layout_constant": _PATCH_LAYOUT_CONSTANTS[parts.tables.spec.patch_layout],
        "model_sha256": parts.model_sha256,
        "labels": list(parts.labels),
        "calibration_fingerprint": calibration_fingerprint(
            calibration, label_count=len(parts.labels), model_sha256=parts.model_sha256, frontend_fingerprint=parts.tables.fingerprint
        ),
        "smoothing_patches": calibration.smoothing_patches,
        "decision_rule_constant": "kBest" if calibration.is_exclusive else "kEvery",
        "thresholds": thresholds_of(calibration, len(parts.labels)).tolist(),
        "counter_frequency_hz": board.counter_frequency_hz,
        "counter_unit_constant": COUNTER_UNIT_CONSTANTS[board.counter_unit],
    }
