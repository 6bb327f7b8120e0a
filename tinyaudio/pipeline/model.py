"""``tinyaudio model``: a foreign ``.tflite`` inspected, compiled, proven on a board, and measured there operator by operator."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from tinyaudio.bench.device import Device
from tinyaudio.bench.hil import ModelCase, ModelRunReport, run_model
from tinyaudio.core.artifacts import BuildArtifact, FirmwareProject, Runtime
from tinyaudio.core.board import Board, load_board
from tinyaudio.core.errors import InputError, ModelError
from tinyaudio.core.files import write_text_if_changed
from tinyaudio.deploy.build import build_project, model_code_bytes
from tinyaudio.deploy.compiler import CompiledModel, OperationSummary, read_graph
from tinyaudio.deploy.render import ModelRenderInputs, model_source_files, plan_model, render_model_project, vendor_library, write_project
from tinyaudio.deploy.tflm import ROOT_VARIABLE, TflmModel, find_tree, known_differences
from tinyaudio.learn.oracle import ReferenceModel
from tinyaudio.pipeline.device_line import open_virtual_line, require_emulator
from tinyaudio.pipeline.line import Advance, Progress
from tinyaudio.pipeline.model_cost import cost_table, instances_of
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


@dataclass(frozen=True, slots=True, kw_only=True)
class _Run:
    """What a board made of the cases, and the image it ran."""

    report: ModelRunReport
    build: BuildArtifact
    model_code_bytes: int | None  # of the image, what does not only talk to the host; None: no linker tells


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
    facts = _facts(file, board, runtime) | {"budget": _budget_facts(estimate), "fits": not estimate.problems}
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
    facts = _facts(file, board, runtime) | {"directory": str(directory), "files": sorted(sources)}
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
    facts = _facts(file, board, runtime) | _run_facts(file, run) | {"known_differences": _known_differences(file)}
    if per_operator:
        facts["ops"] = [_measured(operation, cost, run.report.unit) for operation, cost in zip(facts["ops"], run.report.per_step, strict=True)]
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
    return read_model(request.path, optimize=parse_optimize(request.optimize), with_steps=with_steps), board, runtime


def _open_to_run(request: ModelRequest, board: Board, runtime: Runtime) -> ModelFile | InterpretedFile:
    optimize = parse_optimize(request.optimize)
    if request.kernels not in (None, *_KERNELS):
        raise InputError(f"there are no kernels {request.kernels!r} for a model alone", hint=f"kernels: {', '.join(_KERNELS)}", where="--kernels")
    if runtime == "tflm":
        if optimize != "size":
            raise InputError(
                "TFLite Micro takes the weights as they are in the file and plans its arena itself", hint="use --runtime aot", where="--optimize"
            )
        if request.kernels == "vendor":
            vendor_library(board, runtime)
        interpreted = read_interpreted(request.path, board)
        plan_model(board, interpreted.compiled)
        return interpreted
    vendor = vendor_library(board, runtime) if request.kernels == "vendor" else None
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
) -> _Run:
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
    return _Run(report=report, build=build, model_code_bytes=model_code_bytes(build))


def _facts(file: ModelFile | InterpretedFile, board: Board, runtime: Runtime) -> dict[str, Any]:
    """Return what is known of a model without running it; what only a run tells is None. Only the compiler's kernels are predicted."""
    compiled = file.compiled
    costs = cost_table() if isinstance(compiled, CompiledModel) and compiled.vendor is None else None
    operations = []
    for operation in compiled.ops:
        row = asdict(operation)
        row["input_shape"], row["output_shape"] = list(operation.input_shape), list(operation.output_shape)
        operations.append({**row, "predicted_instructions": costs.instructions(operation) if costs is not None else None})
    return {
        "model": file.name,
        "model_sha256": file.sha256,
        "board": board.id,
        "runtime": runtime,
        "optimize": file.optimize if isinstance(file, ModelFile) else None,
        "vendor": compiled.vendor if isinstance(compiled, CompiledModel) else None,
        "inputs": 0,
        "mismatches": None,
        "max_abs_diff": None,
        "instructions_per_inference": None,
        "predicted_instructions": sum(operation["predicted_instructions"] for operation in operations) if costs is not None else None,
        "macs": compiled.macs,
        "arena_bytes": compiled.arena_bytes if isinstance(compiled, CompiledModel) else None,
        "state_bytes": compiled.state_bytes,
        "code_bytes": None,
        "model_code_bytes": None,
        "kernel_instances": instances_of(compiled) if isinstance(compiled, CompiledModel) else None,
        "predicted_code_bytes": costs.code_bytes(compiled) if isinstance(compiled, CompiledModel) and costs is not None else None,
        "weights_bytes": compiled.weights_bytes,
        "tflite_bytes": len(file.tflite),
        "input": _tensor_facts(compiled.input_),
        "output": _tensor_facts(compiled.output_),
        "logits": _tensor_facts(compiled.logits),
        "fullest": [asdict(use) for use in compiled.fullest],
        "ops": operations,
    }


def _known_differences(file: ModelFile | InterpretedFile) -> list[str]:
    """Return why TFLite Micro may differ from the reference interpreter; of what the compiler makes nothing is known to."""
    if not isinstance(file, InterpretedFile):
        return []
    folder = os.environ.get(ROOT_VARIABLE)
    root = find_tree(Path(folder), file.compiled.kernel_library).root if folder else None
    return list(known_differences(root, file.compiled.kinds))


def _tensor_facts(tensor: Any) -> dict[str, Any]:
    return {**asdict(tensor), "shape": list(tensor.shape)}


def _budget_facts(estimate: BudgetEstimate) -> dict[str, Any]:
    return {"lines": [asdict(line) for line in estimate.lines], "problems": list(estimate.problems)}


def _run_facts(file: ModelFile | InterpretedFile, run: _Run) -> dict[str, Any]:
    compiled, report, build = file.compiled, run.report, run.build
    has_logits = compiled.logits.index != compiled.output_.index
    mismatches = report.output_mismatches + (report.logits_mismatches if has_logits else 0)
    per_inference: dict[str, float] = {f"{report.unit}_per_inference": report.per_inference}
    if report.unit == "instructions" and compiled.macs:
        per_inference["instructions_per_mac"] = round(report.per_inference / compiled.macs, 3)
    return {
        "inputs": report.inputs,
        "mismatches": mismatches,
        "output_mismatches": report.output_mismatches,
        "logits_mismatches": report.logits_mismatches,
        "max_abs_diff": report.max_abs_diff,
        "distinct_outputs": report.distinct_outputs,
        "first_mismatches": [asdict(mismatch) for mismatch in report.first_mismatches],
        **per_inference,
        "arena_bytes": report.arena_used_bytes,
        "model_kernels": report.model_kernels or f"tinyaudio {build.runtime}",
        "code_bytes": build.flash_bytes - compiled.weights_bytes,
        "model_code_bytes": run.model_code_bytes,
        "flash_bytes": build.flash_bytes,
        "ram_bytes": build.ram_bytes,
        "budget_ok": build.budget_ok,
        "budget_problems": list(build.budget_problems),
        "placement": None if build.placement is None else [asdict(item) for item in build.placement.items],
        "toolchain": build.toolchain,
        "log": list(report.log),
    }


def _measured(operation: dict[str, Any], cost: int, unit: str) -> dict[str, Any]:
    row = {**operation, unit: cost}
    if unit == "instructions" and operation["macs"]:
        row["instructions_per_mac"] = round(cost / operation["macs"], 3)
    return row
