"""`render_model_project`: the firmware project of a model alone, without a front end, to prove and to measure it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from tinyaudio.core.artifacts import FirmwareProject, Placement, Runtime
from tinyaudio.core.board import Board
from tinyaudio.core.resources import resource_root
from tinyaudio.core.templating import render_template
from tinyaudio.deploy.chip_config import port_files
from tinyaudio.deploy.compiler import CompiledModel, TensorSummary
from tinyaudio.deploy.placement import plan_placement
from tinyaudio.deploy.render.generated import COUNTER_UNIT_CONSTANTS
from tinyaudio.deploy.render.linker import linker_script, model_demand
from tinyaudio.deploy.render.model import KERNEL_LIBRARIES, ModelParts, estimated_arena_bytes, tflm_parts, with_vendor
from tinyaudio.deploy.render.platform import platform_files, project_configuration
from tinyaudio.deploy.render.project import NO_FRONTEND_FINGERPRINT, PORT_DMA_BYTES, finish_project
from tinyaudio.deploy.render.sources import files_below, library_files, port_sources
from tinyaudio.deploy.tflm import TflmModel, read_outline, render_tflm_model

_SMALL_CRC32_FLAG = "-DTINYAUDIO_CRC32_TABLES=1"  # a model alone exchanges a few tensors: nothing that three tables more would speed up
_MODEL_LIBRARIES = ("tinyaudio_nn", "tinyaudio_placement")


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelRenderInputs:
    """Everything the firmware project of a model alone is made from."""

    board: Board
    compiled: CompiledModel | TflmModel  # with_steps, watched
    model_sha256: str


def interpreted_model(tflite: bytes, *, name: str, board: Board) -> TflmModel:
    """Return a model on TFLite Micro, with the fastest kernels there are for `board`, its arena estimated, its operators watched.

    Raises
    ------
    ModelError
        If the file is no model that TFLite Micro can run: names the operator that it lacks.
    """
    arena_bytes = estimated_arena_bytes(board, read_outline(tflite))
    return render_tflm_model(tflite, name=name, kernel_library=KERNEL_LIBRARIES[board.core], arena_bytes=arena_bytes, watched=True)


def plan_model(board: Board, compiled: CompiledModel | TflmModel) -> Placement | None:
    """Return where the firmware of a model alone goes on `board`; None on a host, where the system decides.

    Raises
    ------
    ModelError
        If the arena or the weights fit no memory: names the missing bytes.
    BuildError
        If something else fits no memory.
    """
    return None if board.core == "host" else plan_placement(board, model_demand(compiled, dma_bytes=PORT_DMA_BYTES))


def render_model_project(inputs: ModelRenderInputs) -> FirmwareProject:
    """Return the firmware project of a model alone: the same bytes for the same inputs.

    The device takes inputs, runs the model and tells outputs, logits and costs (``ModelInput`` and ``ModelRun`` of the wire
    protocol).

    Raises
    ------
    ModelError
        If the model's arena or weights fit no memory of the board.
    BoardError
        If the chip cannot be configured as its file says.
    BuildError
        If something else fits no memory of the board.
    """
    board = inputs.board
    placement = plan_model(board, inputs.compiled)
    model = _parts(inputs.compiled)
    model = replace(model, build_flags=(*model.build_flags, _SMALL_CRC32_FLAG))
    files = {**library_files(board.fft_kernel, model.libraries), **port_sources(board), **port_files(board), **model.files}
    files["src/main.cc"] = render_template("app/model_main.cc.j2", _main_context(inputs, model.runtime))
    if placement is not None:
        files["linker.ld"] = linker_script(board, placement, kernel_library=model.kernel_library)
    files |= {**platform_files(board, placement), **project_configuration(board, model)}
    return finish_project(
        FirmwareProject(
            board=board.id,
            runtime=model.runtime,
            files=files,
            fingerprint="",
            frontend_fingerprint=NO_FRONTEND_FINGERPRINT,
            model_sha256=inputs.model_sha256,
            placement=placement,
            arena_bytes=inputs.compiled.arena_bytes,
            arena_used_bytes=model.arena_used_bytes,
        )
    )


def model_source_files(compiled: CompiledModel) -> dict[str, str]:
    """Return the generated C++ of a model with the kernels it needs, by path: sources that compile by themselves.

    Of a vendor's kernels only the calls are ours: its own sources are to be had beside them.
    """
    firmware = resource_root("firmware") / "lib"
    names = _MODEL_LIBRARIES if compiled.vendor is None else (*_MODEL_LIBRARIES, f"tinyaudio_{compiled.vendor}")
    libraries = {path: text for name in names for path, text in files_below(f"lib/{name}", firmware / name).items()}
    return {**compiled.files, **libraries}


def _parts(compiled: CompiledModel | TflmModel) -> ModelParts:
    if isinstance(compiled, TflmModel):
        return tflm_parts(compiled)
    files = {f"src/{path}": text for path, text in compiled.files.items()}
    parts = ModelParts(
        runtime="aot", summary=compiled, files=files, kernels="", arena_used_bytes=compiled.arena_bytes, libraries=frozenset({"tinyaudio_nn"})
    )
    return parts if compiled.vendor is None else with_vendor(parts, compiled.vendor, optimize=compiled.optimize)


def _main_context(inputs: ModelRenderInputs, runtime: Runtime) -> dict[str, Any]:
    board, compiled = inputs.board, inputs.compiled
    return {
        "board_id": board.id,
        "runtime": runtime,
        "vendor": isinstance(compiled, CompiledModel) and compiled.vendor is not None,
        "model_sha256": inputs.model_sha256,
        "input_bytes": _bytes_of(compiled.input_),
        "output_bytes": _bytes_of(compiled.output_),
        "logits_bytes": _bytes_of(compiled.logits),
        "steps": len(compiled.ops),
        "counter_frequency_hz": board.counter_frequency_hz,
        "counter_unit_constant": COUNTER_UNIT_CONSTANTS[board.counter_unit],
    }


def _bytes_of(tensor: TensorSummary) -> int:
    return tensor.elements * np.dtype(tensor.dtype).itemsize
