"""From a quantized model to a linked image."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

from tinyaudio.core.artifacts import BuildArtifact, DeviceIdentity, FirmwareProject, GoldenTensors, KernelChoice, Runtime
from tinyaudio.core.board import Board, require_sample_rate
from tinyaudio.core.errors import InputError
from tinyaudio.deploy.build import build_project, require_build_tools
from tinyaudio.deploy.compiler import VENDORS, Optimize
from tinyaudio.deploy.placement import psram_warnings
from tinyaudio.deploy.render import RenderInputs, RuntimeChoice, render_project, vendor_library, write_project
from tinyaudio.dsp.frontend import FrontendTables, design_frontend
from tinyaudio.pipeline.arena import keep_measured_arena, kept_arena, search_arena
from tinyaudio.pipeline.data import project_board, project_frontend
from tinyaudio.pipeline.judging import calibrate_stage
from tinyaudio.pipeline.learning import quantize_stage
from tinyaudio.pipeline.line import Line
from tinyaudio.pipeline.model_file import parse_optimize

#: What `--kernels` takes.
KERNEL_CHOICES: tuple[KernelChoice, ...] = ("optimized", "reference", "vendor")


def board_frontend(line: Line, board: Board) -> FrontendTables:
    """Return the front end as `board` computes it."""
    require_sample_rate(board, line.project.frontend.sample_rate_hz)
    return design_frontend(line.project.frontend, kernel=board.fft_kernel)


def board_directory(line: Line, board_id: str) -> Path:
    """Return the folder of everything that is made for one board."""
    return line.store.directory / board_id


@dataclass(frozen=True, slots=True, kw_only=True)
class FirmwareRequest:
    """Which firmware is wanted, besides the board's usual one."""

    runtime: Runtime | None = None  # None: the board's default
    kernels: KernelChoice = "optimized"
    optimize: Optimize = "size"  # the compiled model; TFLite Micro has no choice
    self_test: bool = False  # with golden vectors of every operator

    @property
    def folder(self) -> str:
        """Name of the project's folder, so that several firmwares of a board stay built side by side."""
        return "_".join(("firmware", *self._words))

    @property
    def report_folder(self) -> str:
        """Where its report goes, below the board's folder; the usual firmware's lies in the board's folder itself."""
        return "_".join(("report", *self._words)) if self._words else ""

    @property
    def _words(self) -> tuple[str, ...]:
        kernels, optimize = (self.kernels if self.kernels != "optimized" else None), (self.optimize if self.optimize != "size" else None)
        words = (self.runtime, kernels, optimize, "self_test" if self.self_test else None)
        return tuple(word for word in words if word)


USUAL_FIRMWARE = FirmwareRequest()


def parse_request(*, runtime: str | None = None, kernels: str | None = None, optimize: str | None = None, self_test: bool = False) -> FirmwareRequest:
    """Return the request that the words of the command line make.

    Raises
    ------
    InputError
        If a runtime, a choice of kernels or an aim of the compiler does not exist.
    """
    if runtime not in (None, "aot", "tflm"):
        raise InputError(f"there is no runtime {runtime!r}", hint="runtimes: aot, tflm", where="--runtime")
    if kernels not in (None, *KERNEL_CHOICES):
        raise InputError(f"there are no kernels {kernels!r}", hint=f"kernels: {', '.join(KERNEL_CHOICES)}", where="--kernels")
    return FirmwareRequest(
        runtime=cast(Runtime | None, runtime),
        kernels=kernels or "optimized",
        optimize=parse_optimize(optimize),
        self_test=self_test,
    )


def golden_vectors(line: Line, board: Board) -> GoldenTensors:
    """Return the golden vectors of the model's operators for an image of `board`: at most half of its flash, the firmware has the other."""
    from tinyaudio.learn.oracle import candidate_inputs, golden_tensors

    spec, quantized = line.project.frontend, quantize_stage(line).value
    candidates = candidate_inputs((1, spec.patch_frames, spec.feature_bands, 1))
    return golden_tensors(quantized.tflite, candidates, most_bytes=board.budget.flash_bytes // 2)


def _own_frontend(line: Line, board: Board) -> FrontendTables:
    """Return the front end as `board` computes it; raise unless the project's model is trained with just that, which is known before it is."""
    tables, own = board_frontend(line, board), project_frontend(line.project)
    if tables.fingerprint != own.fingerprint:
        raise InputError(
            f"{board.id} computes features with the FFT kernel {board.fft_kernel}, but the model was trained with {own.kernel}",
            hint=f'set project.board = "{board.id}", or the same project.fft_kernel for every board, and run the command again',
            where="--board",
        )
    return tables


def render_stage(
    line: Line,
    board_id: str,
    *,
    out: Path | None = None,
    request: FirmwareRequest = USUAL_FIRMWARE,
    arena_bytes: int | None = None,
    arena_used_bytes: int | None = None,
) -> tuple[FirmwareProject, Path]:
    """Render the firmware project for `board_id` and write it; return it and its folder.

    Only files whose text changed are touched, so that the next build is warm. On TFLite Micro the model gets an
    arena of `arena_bytes`, else what was measured for it before, else an estimate.

    Raises
    ------
    InputError
        If the board computes other features than the model was trained with, TFLite Micro is to optimize for speed or RAM, or
        there are no vendor's kernels for the board.
    """
    board = project_board(line.project, board_id)
    tables = _own_frontend(line, board)
    quantized, calibration = quantize_stage(line).value, calibrate_stage(line).value
    runtime = request.runtime or board.default_runtime
    if runtime == "tflm" and request.optimize != "size":
        raise InputError(
            "TFLite Micro takes the weights as they are in the file and plans its arena itself", hint="use --runtime aot", where="--optimize"
        )
    if request.kernels == "vendor":
        vendor_library(board, runtime)
    choice = RuntimeChoice(
        runtime=runtime,
        kernels=request.kernels,
        optimize=request.optimize,
        arena_bytes=arena_bytes,
        arena_used_bytes=arena_used_bytes,
        golden=golden_vectors(line, board) if request.self_test else None,
    )
    inputs = RenderInputs(board=board, tables=tables, quantized=quantized, calibration=calibration, choice=choice)
    rendered = render_project(inputs)
    kept = kept_arena(line.store, board, rendered, kernels=request.kernels) if rendered.runtime == "tflm" and arena_bytes is None else None
    if kept is not None:
        choice = replace(choice, arena_bytes=kept.arena_bytes, arena_used_bytes=kept.used_bytes)
        rendered = render_project(replace(inputs, choice=choice))
    directory = out if out is not None else board_directory(line, board_id) / request.folder
    write_project(rendered, directory)
    return rendered, directory


def build_stage(line: Line, board_id: str, *, offline: bool = False, request: FirmwareRequest = USUAL_FIRMWARE) -> BuildArtifact:
    """Render and build; PlatformIO itself rebuilds only what changed.

    Where the arena of a model on TFLite Micro is not known yet and the board is emulated, it is measured, and the image is built
    once more with it.
    """
    board = project_board(line.project, board_id)
    _own_frontend(line, board)
    require_build_tools(board, directory=board_directory(line, board_id) / request.folder, offline=offline)  # before a training of minutes

    def build(arena_bytes: int | None, used_bytes: int | None) -> tuple[FirmwareProject, BuildArtifact]:
        rendered, directory = render_stage(line, board_id, request=request, arena_bytes=arena_bytes, arena_used_bytes=used_bytes)
        for sentence in (*psram_warnings(board, rendered.placement), *_caveats(board, request)):
            line.progress.warning(sentence)
        with line.progress.task(f"building for {board_id} with PlatformIO"):
            return rendered, build_project(directory, board, project=rendered, offline=offline, on_line=line.progress.detail)

    project, artifact = build(None, None)
    if artifact.arena_measured:
        return artifact
    if board.emulator is None:
        line.progress.note(f"the arena of {artifact.arena_bytes:,} bytes is an estimate; the first {board_id} that answers tells how much it needs")
        return artifact
    return search_arena(line, board, (project, artifact), kernels=request.kernels, build=build)


def _caveats(board: Board, request: FirmwareRequest) -> tuple[str, ...]:
    """Return what nobody can promise of the kernels that were asked for."""
    if request.kernels != "vendor":
        return ()
    caveat = VENDORS[vendor_library(board, request.runtime or board.default_runtime)].caveat
    return (caveat,) if caveat else ()


def keep_arena(line: Line, build: BuildArtifact, identity: DeviceIdentity, *, request: FirmwareRequest) -> bool:
    """Keep what a device says of an arena that was an estimate when `build` was made, for the next build; return whether it did."""
    if build.runtime != "tflm" or build.arena_measured:
        return False
    project, _ = render_stage(line, build.board, request=request)
    measured = keep_measured_arena(line.store, project_board(line.project, build.board), project, identity, kernels=request.kernels)
    if measured is None:
        return False
    line.progress.note(f"the model uses {measured.used_bytes:,} bytes of its arena; from the next build on it gets {measured.arena_bytes:,}")
    return True


def build_facts(artifact: BuildArtifact) -> dict[str, Any]:
    """Return a build as the command line's JSON shows it."""
    return {
        "board": artifact.board,
        "runtime": artifact.runtime,
        "model_kernels": artifact.model_kernels,
        "arena_bytes": artifact.arena_bytes,
        "arena_used_bytes": artifact.arena_used_bytes,
        "arena_measured": artifact.arena_measured,
        "elf": artifact.elf,
        "elf_sha256": artifact.elf_sha256,
        "firmware_fingerprint": artifact.firmware_fingerprint,
        "flash_bytes": artifact.flash_bytes,
        "ram_bytes": artifact.ram_bytes,
        "regions": {name: {"used_bytes": use.used_bytes, "length_bytes": use.length_bytes} for name, use in artifact.regions.items()},
        "budget_ok": artifact.budget_ok,
        "budget_problems": list(artifact.budget_problems),
        "placement": None if artifact.placement is None else [dataclasses.asdict(item) for item in artifact.placement.items],
        "stack": None if artifact.stack is None else dataclasses.asdict(artifact.stack),
        "components": [dataclasses.asdict(component) for component in artifact.components],
        "files": {name: dataclasses.asdict(file) for name, file in artifact.files.items()},
        "toolchain": artifact.toolchain,
        "seconds": round(artifact.seconds, 3),
    }
