"""`render_project` and `render_frontend_project`: from checked inputs to all files of a project."""

from __future__ import annotations

from dataclasses import dataclass, replace

from tinyaudio.core.artifacts import NO_MODEL_SHA256, Calibration, FirmwareProject, QuantizedModel
from tinyaudio.core.board import Board, require_sample_rate
from tinyaudio.core.canonical import fingerprint
from tinyaudio.core.errors import BoardError, ModelError
from tinyaudio.core.residual import ResidualScale, design_residual
from tinyaudio.core.templating import render_template
from tinyaudio.deploy.chip_config import port_files
from tinyaudio.deploy.compiler import CompiledModel
from tinyaudio.deploy.placement import plan_esp_idf, plan_placement, unmeasured_arena_bytes
from tinyaudio.deploy.render.esp_idf import esp_idf_files
from tinyaudio.deploy.render.generated import Parts, generated_files
from tinyaudio.deploy.render.linker import linker_script, memory_demand
from tinyaudio.deploy.render.model import RuntimeChoice, model_parts
from tinyaudio.deploy.render.platform import platform_files, project_configuration
from tinyaudio.deploy.render.sources import library_files, port_sources
from tinyaudio.deploy.tflm import TflmModel, esp_nn_scratch_bytes, generous_arena_bytes, likely_arena_bytes, read_outline
from tinyaudio.dsp.frontend import FeatureQuantization, FrontendTables, design_feature_quantization

FINGERPRINT_FILE = "src/generated/firmware_fingerprint.h"
#: What firmware of a model alone reports in place of a front end's fingerprint.
NO_FRONTEND_FINGERPRINT = "0" * 64

PORT_DMA_BYTES = 28_672  # at most, of any port: rings of the link, buffers of the microphone
MAX_LABELS = 1_024  # firmware/lib/tinyaudio_app: kMaxLabels
_MAX_SMOOTHING_PATCHES = 255  # firmware/lib/tinyaudio_app: kMaxSmoothingPatches


@dataclass(frozen=True, slots=True, kw_only=True)
class RenderInputs:
    """Everything a firmware project is made from, besides the sources in firmware/ and templates/."""

    board: Board
    tables: FrontendTables  # of the board's FFT kernel
    quantized: QuantizedModel
    calibration: Calibration
    choice: RuntimeChoice | None = None  # None: the board's default runtime, fast kernels, no self-test


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
    model = model_parts(inputs.quantized, inputs.board, _choice(inputs))
    compiled = model.summary
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
            model=model,
            model_files=model.files,
            model_sha256=inputs.quantized.sha256,
            labels=inputs.quantized.labels,
            calibration=inputs.calibration,
            residual=_residual(inputs, compiled) if inputs.quantized.is_autoencoder else None,
            one_class=inputs.quantized.one_class,
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
            model_files={f"src/generated/{name}": render_template(f"app/no_{name}.j2", context) for name in ("model.h", "model.cc")},
            model=None,
            model_sha256=NO_MODEL_SHA256,
            labels=(),
            calibration=Calibration(smoothing_patches=1, detection_threshold=0),
        )
    )


def _choice(inputs: RenderInputs) -> RuntimeChoice:
    """Return how the model is to run, with an arena that fits the board where nothing is measured."""
    choice = inputs.choice or RuntimeChoice(runtime=inputs.board.default_runtime)
    if choice.runtime != "tflm" or choice.arena_bytes is not None or inputs.board.core != "xtensa-lx7":
        return choice
    outline = read_outline(inputs.quantized.tflite, int8_ends=True)
    arena_bytes = unmeasured_arena_bytes(
        inputs.board,
        memory_demand(inputs.tables, None, dma_bytes=0),
        least_bytes=outline.live_bytes + outline.sums_bytes + outline.state_bytes,
        likely_bytes=likely_arena_bytes(outline),
        generous_bytes=generous_arena_bytes(outline) + esp_nn_scratch_bytes(outline),
    )
    return replace(choice, arena_bytes=arena_bytes)


def _render(parts: Parts) -> FirmwareProject:
    board = parts.board
    placement = None
    model = parts.model
    summary = model.summary if model is not None else None
    kernel_library = model.kernel_library if model is not None else ""
    libraries = model.libraries if model is not None else frozenset()
    if parts.has_score:
        libraries |= {"tinyaudio_anomaly"}
    files = {**library_files(parts.tables.kernel, libraries), **port_sources(board), **port_files(board), **generated_files(parts)}
    if board.core == "xtensa-lx7":
        placement = plan_esp_idf(board, memory_demand(parts.tables, summary, dma_bytes=0))
        files |= esp_idf_files(board, [*files, FINGERPRINT_FILE], placement, model)
    else:
        if board.core != "host":
            placement = plan_placement(board, memory_demand(parts.tables, summary, dma_bytes=PORT_DMA_BYTES))
            files["linker.ld"] = linker_script(board, placement, parts.tables, kernel_library=kernel_library)
        files |= {**platform_files(board, placement), **project_configuration(board, model)}
    return finish_project(
        FirmwareProject(
            board=board.id,
            runtime=parts.runtime,
            files=files,
            fingerprint="",
            frontend_fingerprint=parts.tables.fingerprint,
            model_sha256=parts.model_sha256,
            placement=placement,
            arena_bytes=summary.arena_bytes if summary is not None else 0,
            arena_used_bytes=model.arena_used_bytes if model is not None else 0,
        )
    )


def finish_project(project: FirmwareProject) -> FirmwareProject:
    """Return `project` with the fingerprint of its files, which is one of them."""
    ordered = {path: project.files[path] for path in sorted(project.files)}
    own_fingerprint = fingerprint(ordered)
    ordered[FINGERPRINT_FILE] = render_template("app/firmware_fingerprint.h.j2", {"fingerprint": own_fingerprint})
    return replace(project, files=dict(sorted(ordered.items())), fingerprint=own_fingerprint)


def _check_board(board: Board, tables: FrontendTables) -> None:
    if tables.kernel != board.fft_kernel:
        raise BoardError(
            f"{board.id} computes with FFT kernel {board.fft_kernel}, the tables are of {tables.kernel}",
            hint="design the front end with the board's kernel",
            where="fft_kernel",
        )
    require_sample_rate(board, tables.spec.sample_rate_hz)


def _residual(inputs: RenderInputs, compiled: CompiledModel | TflmModel) -> ResidualScale:
    ends = (compiled.input_, compiled.output_)
    return design_residual(
        input_scale=ends[0].scale,
        input_zero_point=ends[0].zero_point,
        output_scale=ends[1].scale,
        output_zero_point=ends[1].zero_point,
        elements=ends[0].elements,
        log_scale=inputs.tables.spec.log_scale,
    )


def _check_model(inputs: RenderInputs, compiled: CompiledModel | TflmModel) -> None:
    spec, labels = inputs.tables.spec, inputs.quantized.labels
    if compiled.input_.elements != spec.patch_frames * spec.feature_bands:
        raise ModelError(
            f"takes {compiled.input_.elements} values, but a patch has {spec.patch_frames} frames of {spec.feature_bands} features",
            hint="train a model on this front end, or give [frontend] the patch of this model",
            where="input",
        )
    if inputs.quantized.is_autoencoder:
        if compiled.output_.elements != compiled.input_.elements:
            raise ModelError(
                f"gives {compiled.output_.elements} values for a patch of {compiled.input_.elements}",
                hint="an autoencoder gives its input again",
                where="output",
            )
    elif inputs.quantized.one_class is not None:
        channels = inputs.quantized.one_class.channels
        if compiled.output_.elements != channels:
            raise ModelError(
                f"gives an embedding of {compiled.output_.elements} values; its tables are of {channels}",
                hint="quantize the model again with `tinyaudio quantize`",
                where="output",
            )
    elif compiled.output_.elements != len(labels):
        raise ModelError(
            f"has {compiled.output_.elements} outputs for {len(labels)} labels", hint="train the model again with these labels", where="output"
        )
    elif max(len(labels), compiled.logits.elements) > MAX_LABELS:
        raise ModelError(f"has {len(labels)} labels; {MAX_LABELS} are supported", hint="merge or drop some labels", where="labels")
    if not 1 <= inputs.calibration.smoothing_patches <= _MAX_SMOOTHING_PATCHES:
        raise ModelError(
            f"smoothing_patches is {inputs.calibration.smoothing_patches}; 1 to {_MAX_SMOOTHING_PATCHES} are supported",
            hint="mend [detection] in tinyaudio.toml",
            where="smoothing_patches",
        )
