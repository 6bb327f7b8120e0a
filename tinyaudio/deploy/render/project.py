"""`render_project` and `render_frontend_project`: from checked inputs to all files of a project."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tinyaudio.core.artifacts import NO_MODEL_SHA256, Calibration, FirmwareProject, Placement, QuantizedModel
from tinyaudio.core.board import Board, require_sample_rate
from tinyaudio.core.canonical import fingerprint
from tinyaudio.core.errors import BoardError, ModelError
from tinyaudio.core.templating import render_template
from tinyaudio.deploy.chip_config import port_files
from tinyaudio.deploy.compiler import CompiledModel, compile_model
from tinyaudio.deploy.placement import plan_placement
from tinyaudio.deploy.render.generated import Parts, generated_files
from tinyaudio.deploy.render.linker import linker_script, memory_demand
from tinyaudio.deploy.render.platform import platform_files, platformio_ini
from tinyaudio.deploy.render.sources import library_files, port_sources
from tinyaudio.dsp.frontend import FeatureQuantization, FrontendTables, design_feature_quantization

FINGERPRINT_FILE = "src/generated/firmware_fingerprint.h"
#: What firmware of a model alone reports in place of a front end's fingerprint.
NO_FRONTEND_FINGERPRINT = "0" * 64

PORT_DMA_BYTES = 28_672  # at most, of any port: rings of the link, buffers of the microphone
_MAX_LABELS = 64  # firmware/lib/tinyaudio_app: kMaxLabels; wire/protocol.toml: PatchResult.scores
_MAX_SMOOTHING_PATCHES = 255  # firmware/lib/tinyaudio_app: kMaxSmoothingPatches


@dataclass(frozen=True, slots=True, kw_only=True)
class RenderInputs:
    """Everything a firmware project is made from, besides the sources in firmware/ and templates/."""

    board: Board
    tables: FrontendTables  # of the board's FFT kernel
    quantized: QuantizedModel
    calibration: Calibration


@dataclass(frozen=True, slots=True, kw_only=True)
class FrontendRenderInputs:
    """Everything a firmware project without a model is made from: it computes features and nothing of them."""

    board: Board
    tables: FrontendTables  # of the board's FFT kernel
    quantization: FeatureQuantization


def render_project(inputs: RenderInputs) -> FirmwareProject:
    """Return the firmware project for a model on a board: the same bytes for the same inputs.

    Raises
    ------
    ModelError
        If the model cannot be compiled, or does not fit the front end, the protocol or the board's memories.
    BoardError
        If the tables are not of the board's FFT kernel, or its chip cannot be configured as its file says.
    BuildError
        If something other than the model fits no memory of the board.
    SpecError
        If the board's microphone cannot give the front end's sample rate.
    """
    _check_board(inputs.board, inputs.tables)
    compiled = compile_model(inputs.quantized.tflite, name="model", int8_ends=True)
    _check_model(inputs, compiled)
    quantization = design_feature_quantization(
        compiled.input_.scale,
        compiled.input_.zero_point,
        log_fraction_bits=inputs.tables.log_fraction_bits,
        log_scale=inputs.tables.spec.log_scale,
    )
    return _render(
        Parts(
            board=inputs.board,
            tables=inputs.tables,
            quantization=quantization,
            model_files=compiled.files,
            compiled=compiled,
            model_sha256=inputs.quantized.sha256,
            labels=inputs.quantized.labels,
            calibration=inputs.calibration,
        )
    )


def render_frontend_project(inputs: FrontendRenderInputs) -> FirmwareProject:
    """Return the firmware project for a front end alone: the same application, with a model that has no outputs.

    The device traces every stage of every frame and the features of every patch; its results hold no scores.

    Raises
    ------
    BoardError
        If the tables are not of the board's FFT kernel, or its chip cannot be configured as its file says.
    BuildError
        If something other than the model fits no memory of the board.
    SpecError
        If the board's microphone cannot give the front end's sample rate.
    """
    _check_board(inputs.board, inputs.tables)
    spec = inputs.tables.spec
    context = {"input_elements": spec.patch_frames * spec.feature_bands}
    return _render(
        Parts(
            board=inputs.board,
            tables=inputs.tables,
            quantization=inputs.quantization,
            model_files={f"generated/{name}": render_template(f"app/no_{name}.j2", context) for name in ("model.h", "model.cc")},
            compiled=None,
            model_sha256=NO_MODEL_SHA256,
            labels=(),
            calibration=Calibration(smoothing_patches=1, detection_threshold=0),
        )
    )


def _render(parts: Parts) -> FirmwareProject:
    board = parts.board
    placement = None
    files = {**library_files(parts.tables.kernel), **port_sources(board), **port_files(board), **generated_files(parts)}
    if board.core != "host":
        placement = plan_placement(board, memory_demand(parts.tables, parts.compiled, dma_bytes=PORT_DMA_BYTES))
        files["linker.ld"] = linker_script(board, placement, parts.tables)
    files |= {**platform_files(board, placement), "platformio.ini": platformio_ini(board)}
    return finish_project(board, files, placement=placement, frontend_fingerprint=parts.tables.fingerprint, model_sha256=parts.model_sha256)


def finish_project(
    board: Board, files: Mapping[str, str], *, placement: Placement | None, frontend_fingerprint: str, model_sha256: str
) -> FirmwareProject:
    """Return the project of `files`, with their fingerprint among them."""
    ordered = {path: files[path] for path in sorted(files)}
    own_fingerprint = fingerprint(ordered)
    ordered[FINGERPRINT_FILE] = render_template("app/firmware_fingerprint.h.j2", {"fingerprint": own_fingerprint})
    return FirmwareProject(
        board=board.id,
        runtime=board.default_runtime,
        files=dict(sorted(ordered.items())),
        fingerprint=own_fingerprint,
        frontend_fingerprint=frontend_fingerprint,
        model_sha256=model_sha256,
        placement=placement,
    )


def _check_board(board: Board, tables: FrontendTables) -> None:
    if tables.kernel != board.fft_kernel:
        raise BoardError(
            f"{board.id} computes with FFT kernel {board.fft_kernel}, the tables are of {tables.kernel}",
            hint="design the front end with the board's kernel",
            where="fft_kernel",
        )
    require_sample_rate(board, tables.spec.sample_rate_hz)


def _check_model(inputs: RenderInputs, compiled: CompiledModel) -> None:
    spec, labels = inputs.tables.spec, inputs.quantized.labels
    if compiled.input_.elements != spec.patch_frames * spec.feature_bands:
        raise ModelError(
            f"takes {compiled.input_.elements} values, but a patch has {spec.patch_frames} frames of {spec.feature_bands} features",
            hint="train a model on this front end, or give [frontend] the patch of this model",
            where="input",
        )
    if compiled.output_.elements != len(labels):
        raise ModelError(
            f"has {compiled.output_.elements} outputs for {len(labels)} labels", hint="train the model again with these labels", where="output"
        )
    if max(len(labels), compiled.logits.elements) > _MAX_LABELS:
        raise ModelError(f"has {len(labels)} labels; {_MAX_LABELS} are supported", hint="merge or drop some labels", where="labels")
    if not 1 <= inputs.calibration.smoothing_patches <= _MAX_SMOOTHING_PATCHES:
        raise ModelError(
            f"smoothing_patches is {inputs.calibration.smoothing_patches}; 1 to {_MAX_SMOOTHING_PATCHES} are supported",
            hint="mend [detection] in tinyaudio.toml",
            where="smoothing_patches",
        )
