"""``tinyaudio model``: a foreign ``.tflite`` inspected, compiled, proven on a board, and measured there operator by operator."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tinyaudio.bench.device import Device
from tinyaudio.bench.hil import ModelCase, run_model
from tinyaudio.core.artifacts import BuildArtifact, FirmwareProject, Runtime
from tinyaudio.core.board import Board, load_board
from tinyaudio.core.errors import InputError, ModelError
from tinyaudio.core.files import write_text_if_changed
from tinyaudio.deploy.build import build_project, model_code_bytes
from tinyaudio.deploy.compiler import CompiledModel, OperationSummary, VendorName, read_graph
from tinyaudio.deploy.render import ModelRenderInputs, model_source_files, plan_model, render_model_project, vendor_library, write_project
from tinyaudio.deploy.tflm import TflmModel
from tinyaudio.learn.oracle import ReferenceModel
from tinyaudio.pipeline.device_line import open_virtual_line, require_emulator
from tinyaudio.pipeline.line import Advance, Progress
from tinyaudio.pipeline.model_cost import cost_table
from tinyaudio.pipeline.model_facts import ModelRun, budget_facts, facts_of_file, facts_of_run, known_differences_of, measured_operation
from tinyaudio.pipeline.model_file import (
    COMPILER,
    RUNTIMES,
    BudgetEstimate,
    InterpretedFile,
    ModelFile,
    check_runtime,
    estimate_budget,
    model_frontend,
    parse_optimize,
    read_interpreted,
    read_model,
    require_budget,
)
from tinyaudio.pipeline.model_inputs import ModelInput, make_inputs, real_inputs
from tinyaudio.report import ArenaBuffer, ArenaTimeline, write_arena_picture

DEFAULT_INPUTS = 20
_KERNELS = ("optimized", "vendor")
_MEASURED_INPUTS = 3  # inferences step by step, behind the others


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelRequest:
    """What to do with which model."""

    path: Path
    board_id: str
    boards: Path | None = None  # folder of board files, beside the shipped ones
    runtime: str | None = None  # None: the board's own
    kernels: str | None = None  # of the compiler: "optimized", ours, or "vendor"; None: ours
    optimize: str | None = None  # what the compiler optimizes for, "size", "speed" or "ram"; None: size
    inputs: int = DEFAULT_INPUTS
    seed: int = 1
    preset: str | None = None  # front end for real features; None: the one the file names, if it does
    audio: Path | None = None  # folder of recordings for them; None: synthetic signals
    offline: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelOutcome:
    """What came of it."""

    facts: dict[str, Any]  # as the command line's JSON shows it
    compiled: CompiledModel | TflmModel
    passed: bool  # the model fits the board, and nothing differs


def inspect_model(request: ModelRequest, *, picture: Path | None = None) -> ModelOutcome:
    """Return all that can be said of a model without building anything; draw its arena over time to `picture`.

    Raises
    ------
    ModelError
        If it cannot be read or compiled.
    BoardError
        If there is no such board.
    """
    file, board, runtime = _open(request)
    estimate = _estimate(board, file)
    if picture is not None:
        write_arena_picture(arena_timeline(file.tflite, file.compiled, title=file.name), picture)
    facts = facts_of_file(file, board, runtime) | {"budget": budget_facts(estimate), "fits": not estimate.problems}
    return ModelOutcome(facts=facts, compiled=file.compiled, passed=not estimate.problems)


def compile_to_folder(request: ModelRequest, directory: Path) -> ModelOutcome:
    """Write the generated C++ and the kernels it needs to `directory`: a folder that compiles by itself.

    Raises
    ------
    ModelError, BoardError
        See `inspect_model`; also if the model does not fit the board.
    StorageError
        If the disk refuses.
    """
    file, board, runtime = _open(request, with_steps=False)
    require_budget(_estimate(board, file), board, file.name)
    sources = model_source_files(file.compiled)
    for path, text in sources.items():
        write_text_if_changed(directory / path, text)
    facts = facts_of_file(file, board, runtime) | {"directory": str(directory), "files": sorted(sources)}
    return ModelOutcome(facts=facts, compiled=file.compiled, passed=True)


def verify_model(request: ModelRequest, progress: Progress, *, per_operator: bool = False) -> ModelOutcome:
    """Build firmware with the model alone, run it on the board's emulator, compare all it computes with TFLite Micro.

    Parameters
    ----------
    request
        What to do. On TFLite Micro the model runs with the fastest kernels that it has for the board.
    progress
        Whom to tell how far the work is.
    per_operator
        Also measure each operator, in some more inferences.

    Raises
    ------
    ModelError
        If the model cannot be read, compiled or placed, or does not fit the board.
    BoardError, InputError
        If there is no such board or it has no emulator; if there are no recordings where some should be.
    ToolError, BuildError
        If a tool is missing or the image does not link.
    DeviceError
        If the emulated board dies, hangs or breaks the protocol.
    """
    board = load_board(request.board_id, folder=request.boards)
    runtime = check_runtime(request.runtime, board, known=RUNTIMES)
    require_emulator(board)
    file = _open_to_run(request, board, runtime)
    inputs = _inputs(request, file, board)
    with tempfile.TemporaryDirectory(prefix="tinyaudio-model-") as folder:
        work_dir = Path(folder)
        project, build = _build(file, board, work_dir=work_dir, offline=request.offline, progress=progress)
        with progress.task("running the reference interpreter") as advance:
            cases = _cases(file, inputs, measured=_MEASURED_INPUTS if per_operator else 0, advance=advance)
        run = _run_on_board(file, board, cases, project=project, build=build, work_dir=work_dir, progress=progress)
    facts = facts_of_file(file, board, runtime) | facts_of_run(file, run) | {"known_differences": known_differences_of(file)}
    if per_operator:
        steps = zip(facts["ops"], run.report.per_step, strict=True)
        facts["ops"] = [measured_operation(operation, cost, run.report.unit) for operation, cost in steps]
    passed = facts["mismatches"] == 0 and run.build.budget_ok
    return ModelOutcome(facts=facts, compiled=file.compiled, passed=passed)


def compare_runtimes(request: ModelRequest, progress: Progress) -> ModelOutcome:
    """Measure a model on TFLite Micro and, where it can be compiled, compiled; the facts of the latter are ``facts["aot"]``, or None.

    Raises
    ------
    TinyaudioError
        See `verify_model`.
    """
    interpreted = verify_model(replace(request, runtime="tflm", optimize=None, kernels=None), progress, per_operator=True)
    try:
        compiled = verify_model(replace(request, runtime="aot"), progress, per_operator=True)
    except ModelError as error:
        progress.warning(f"the model compiler does not take this model: {error}")
        return replace(interpreted, facts=interpreted.facts | {"aot": None})
    return replace(interpreted, facts=interpreted.facts | {"aot": compiled.facts}, passed=interpreted.passed and compiled.passed)


def compare_kernels(request: ModelRequest, progress: Progress) -> ModelOutcome:
    """Measure a compiled model with the vendor's kernels and with ours; the facts of the latter are ``facts["own"]``.

    Raises
    ------
    TinyaudioError
        See `verify_model`.
    """
    vendor = verify_model(replace(request, runtime=request.runtime or "aot", kernels="vendor"), progress, per_operator=True)
    own = verify_model(replace(request, runtime="aot", kernels=None), progress, per_operator=True)
    return replace(vendor, facts=vendor.facts | {"own": own.facts}, passed=vendor.passed and own.passed)


def arena_timeline(tflite: bytes, compiled: CompiledModel, *, title: str) -> ArenaTimeline:
    """Return what lies where in the arena of a model, and when."""
    tensors, steps = read_graph(tflite).tensors, len(compiled.ops)
    buffers = []
    for placement in compiled.plan.placements:
        kind, number = placement.buffer.name.split()
        index = int(number)
        buffers.append(
            ArenaBuffer(
                name=_shape_text(tensors[index].shape) if kind == "tensor" and index < len(tensors) else "scratch",
                offset_bytes=placement.offset,
                bytes=placement.buffer.bytes,
                first=placement.buffer.first,
                last=placement.buffer.last,
                is_scratch=kind == "scratch",
                is_state=placement.buffer.first < 0 and placement.buffer.last == steps,
            )
        )
    return ArenaTimeline(
        title=title,
        arena_bytes=compiled.arena_bytes,
        steps=tuple(_step_label(operation) for operation in compiled.ops),
        buffers=tuple(buffers),
    )


def _step_label(operation: OperationSummary) -> str:
    return f"{operation.parts[0]} to {operation.parts[-1]}, row by row" if operation.parts else f"{operation.index} {operation.kind}"


def _shape_text(shape: tuple[int, ...]) -> str:
    """Return how a tensor is told from its neighbours in a picture: converters give most tensors of a network nearly one name."""
    return "x".join(map(str, shape[1:] if len(shape) > 1 and shape[0] == 1 else shape))


def _open(request: ModelRequest, *, with_steps: bool = True) -> tuple[ModelFile, Board, Runtime]:
    board = load_board(request.board_id, folder=request.boards)
    runtime = check_runtime(request.runtime, board, known=COMPILER)
    vendor = _vendor(request, board, runtime)
    return read_model(request.path, optimize=parse_optimize(request.optimize), with_steps=with_steps, vendor=vendor), board, runtime


def _vendor(request: ModelRequest, board: Board, runtime: Runtime) -> VendorName | None:
    """Return whose kernels a compiled model is to call; None: ours."""
    if request.kernels not in (None, *_KERNELS):
        raise InputError(f"there are no kernels {request.kernels!r} for a model alone", hint=f"kernels: {', '.join(_KERNELS)}", where="--kernels")
    return vendor_library(board, runtime) if request.kernels == "vendor" else None


def _open_to_run(request: ModelRequest, board: Board, runtime: Runtime) -> ModelFile | InterpretedFile:
    optimize, vendor = parse_optimize(request.optimize), _vendor(request, board, runtime)
    if runtime == "tflm":
        if optimize != "size":
            raise InputError(
                "TFLite Micro takes the weights as they are in the file and plans its arena itself", hint="use --runtime aot", where="--optimize"
            )
        interpreted = read_interpreted(request.path, board)
        plan_model(board, interpreted.compiled)
        return interpreted
    file = read_model(request.path, optimize=optimize, with_steps=True, vendor=vendor)
    require_budget(_estimate(board, file), board, file.name)
    return file


def _estimate(board: Board, file: ModelFile) -> BudgetEstimate:
    return estimate_budget(board, file.compiled, code_bytes=cost_table().code_bytes(file.compiled))


def _inputs(request: ModelRequest, file: ModelFile | InterpretedFile, board: Board) -> list[ModelInput]:
    spec = model_frontend(file, request.preset)
    real = None
    if spec is not None:
        real = real_inputs(
            file.compiled.input_,
            spec,
            kernel=board.fft_kernel,
            audio=request.audio,
            count=request.inputs,
            streaming=file.compiled.state_bytes > 0,
        )
    return make_inputs(file.compiled.input_, request.inputs, seed=request.seed, real=real)


def _cases(file: ModelFile | InterpretedFile, inputs: Sequence[ModelInput], *, measured: int, advance: Advance) -> list[ModelCase]:
    """Return the inputs with what the reference makes of them; the last one is made `measured` times more, step by step."""
    reference = ReferenceModel(file.tflite)
    chosen = [(item, False) for item in inputs] + [(inputs[-1], True)] * measured
    cases = []
    for number, (item, step_ticks) in enumerate(chosen, start=1):
        if item.begins:
            reference.forget()
        output, logits = reference.run(item.values, tensor=file.compiled.logits.index)
        cases.append(ModelCase(name=item.kind, input=item.values, output=output, logits=logits, forget=item.begins, step_ticks=step_ticks))
        advance(number, len(chosen))
    return cases


def _build(
    file: ModelFile | InterpretedFile, board: Board, *, work_dir: Path, offline: bool, progress: Progress
) -> tuple[FirmwareProject, BuildArtifact]:
    project = render_model_project(ModelRenderInputs(board=board, compiled=file.compiled, model_sha256=file.sha256))
    directory = work_dir / "firmware"
    write_project(project, directory)
    with progress.task(f"building for {board.id} with PlatformIO"):
        return project, build_project(directory, board, project=project, offline=offline, on_line=progress.detail)


def _run_on_board(
    file: ModelFile | InterpretedFile,
    board: Board,
    cases: Sequence[ModelCase],
    *,
    project: FirmwareProject,
    build: BuildArtifact,
    work_dir: Path,
    progress: Progress,
) -> ModelRun:
    log: list[str] = []
    with (
        open_virtual_line(board, Path(build.elf), work_dir=work_dir) as line,
        progress.task(f"running {len(cases)} inferences on {board.id} ({line.description})") as advance,
    ):
        device = Device(line.transport, name=board.id, clock=line.clock, silence_seconds=600.0, on_log=lambda entry: log.append(entry.text))
        report = run_model(
            device,
            cases,
            board=board.id,
            firmware_fingerprint=project.fingerprint,
            model_sha256=file.sha256,
            counter=board.counter_scale("virtual"),
            log=log,
            on_inference=lambda done: advance(done, len(cases)),
        )
    return ModelRun(report=report, build=build, model_code_bytes=model_code_bytes(build))
