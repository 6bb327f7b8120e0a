"""A foreign model: read, compiled, and held against a board's memories before anything is built."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from tinyaudio.core.artifacts import Runtime
from tinyaudio.core.board import Board
from tinyaudio.core.canonical import sha256_bytes
from tinyaudio.core.errors import BuildError, InputError, ModelError, NotYetSupportedError
from tinyaudio.core.presets import load_preset
from tinyaudio.core.spec import FrontendSpec
from tinyaudio.core.tflite_metadata import read_metadata
from tinyaudio.deploy.compiler import CompiledModel, Optimize, VendorName, compile_model
from tinyaudio.deploy.render import interpreted_model, plan_model
from tinyaudio.deploy.tflm import TflmModel
from tinyaudio.learn.quantize import FRONTEND_KEY

COMPILER: tuple[Runtime, ...] = ("aot",)  # what can be said of a model without running it, only the compiler knows
RUNTIMES: tuple[Runtime, ...] = ("aot", "tflm")
_SYSTEM_RAM_BYTES = 32_768  # link buffers and variables of firmware of a model alone, about; the stack comes on top


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelFile:
    """A ``.tflite`` file, compiled."""

    name: str  # of the file, without its suffix
    tflite: bytes
    sha256: str
    compiled: CompiledModel
    optimize: Optimize  # what it is compiled for


@dataclass(frozen=True, slots=True, kw_only=True)
class InterpretedFile:
    """A ``.tflite`` file with the glue for TFLite Micro."""

    name: str  # of the file, without its suffix
    tflite: bytes
    sha256: str
    compiled: TflmModel


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetLine:
    """One limit of a board, and what a model needs of it."""

    what: str  # "flash" or "RAM"
    needed_bytes: int
    limit_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetEstimate:
    """Whether a model fits a board, as far as that can be said before anything is built."""

    lines: tuple[BudgetLine, ...]
    problems: tuple[str, ...]  # one sentence each; empty: it fits


def read_model(
    path: Path, *, optimize: Optimize = "size", with_steps: bool = True, int8_ends: bool = False, vendor: VendorName | None = None
) -> ModelFile:
    """Read and compile the model in `path`; see `compile_model` for the options.

    Raises
    ------
    ModelError
        If the file cannot be read, is no model, or uses what is not supported: names file, and tensor or operator.
    """
    tflite = model_bytes(path)
    with _named(path):
        compiled = compile_model(tflite, name=path.stem, optimize=optimize, with_steps=with_steps, int8_ends=int8_ends, vendor=vendor)
    return ModelFile(name=path.stem, tflite=tflite, sha256=sha256_bytes(tflite), compiled=compiled, optimize=optimize)


def parse_optimize(word: str | None) -> Optimize:
    """Return what the compiler is to make little of, or fast; None: size.

    Raises
    ------
    InputError
        If it is none of size, speed and ram.
    """
    if word not in (None, "size", "speed", "ram"):
        raise InputError(f"the compiler cannot optimize for {word!r}", hint="size, speed or ram", where="--optimize")
    return cast(Optimize, word or "size")


def read_interpreted(path: Path, board: Board) -> InterpretedFile:
    """Read the model in `path`, to be run by TFLite Micro on `board`.

    Its arena is as large as it may have to be: the target tells how much of it is needed.

    Raises
    ------
    ModelError
        If the file cannot be read, is no model, or has an operator that TFLite Micro lacks.
    """
    tflite = model_bytes(path)
    with _named(path):
        model = interpreted_model(tflite, name=path.stem, board=board)
    return InterpretedFile(name=path.stem, tflite=tflite, sha256=sha256_bytes(tflite), compiled=model)


def model_bytes(path: Path) -> bytes:
    """Return the bytes of a model file; raise `ModelError` if it cannot be read."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise ModelError(f"cannot be read: {error.strerror or error}", hint="give the path of a .tflite file", where=str(path)) from error


@contextlib.contextmanager
def _named(path: Path) -> Iterator[None]:
    """Say which file an error is about that is about no operator or tensor: who reads bytes does not know whose they are."""
    try:
        yield
    except ModelError as error:
        if error.where != ".tflite":
            raise
        raise ModelError(error.message, hint=error.hint, where=str(path)) from error


def check_runtime(runtime: str | None, board: Board, *, known: tuple[Runtime, ...]) -> Runtime:
    """Return the runtime to use; None stands for the board's own, or the model compiler if that is not among `known`.

    Raises
    ------
    NotYetSupportedError
        If it is none of `known`.
    """
    if runtime is None:
        return board.default_runtime if board.default_runtime in known else "aot"
    chosen = next((item for item in known if item == runtime), None)
    if chosen is None:
        if runtime in RUNTIMES:
            raise NotYetSupportedError(
                f"runtime {runtime!r} here has nothing to tell: it takes the file as it is and plans its memory on the board",
                hint="leave --runtime out to see what the model compiler makes of it; `model verify` and `model bench` run it on TFLite Micro",
                where="--runtime",
            )
        raise NotYetSupportedError(f"there is no runtime {runtime!r} for a model alone", hint=f"runtimes: {', '.join(known)}", where="--runtime")
    return chosen


def model_frontend(file: ModelFile | InterpretedFile, preset: str | None) -> FrontendSpec | None:
    """Return the front end of a model: the preset's, or the one that tinyaudio wrote into the file; None if there is neither.

    Raises
    ------
    SpecError
        If there is no such preset.
    ModelError
        If what the file says of its front end cannot be read.
    """
    if preset is not None:
        return load_preset(preset)
    data = read_metadata(file.tflite, FRONTEND_KEY)
    if data is None:
        return None
    try:
        return FrontendSpec(**{name: _as_tuples(value) for name, value in json.loads(data)["spec"].items()})
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ModelError(
            f"its front end cannot be read: {error}", hint="name the front end with --preset", where=f"metadata {FRONTEND_KEY}"
        ) from error


def estimate_budget(board: Board, compiled: CompiledModel, *, code_bytes: int) -> BudgetEstimate:
    """Hold a model against a board's budget and memory map; `code_bytes` is an estimate."""
    lines = (
        BudgetLine(what="flash", needed_bytes=compiled.weights_bytes + code_bytes, limit_bytes=board.budget.flash_bytes),
        BudgetLine(
            what="RAM",
            needed_bytes=compiled.arena_bytes + board.memory.stack_bytes + _SYSTEM_RAM_BYTES,
            limit_bytes=board.budget.ram_bytes,
        ),
    )
    problems = [
        f"{line.what}: about {line.needed_bytes:,} bytes needed, {line.needed_bytes - line.limit_bytes:,} more than the budget of {board.id} "
        f"({line.limit_bytes:,}); {_share(line.what, compiled)}"
        for line in lines
        if line.needed_bytes > line.limit_bytes
    ]
    try:
        plan_model(board, compiled)
    except (ModelError, BuildError) as error:
        problems.append(error.message)
    return BudgetEstimate(lines=lines, problems=tuple(problems))


def require_budget(estimate: BudgetEstimate, board: Board, name: str) -> None:
    """Raise `ModelError` if the model `name` does not fit `board`."""
    if estimate.problems:
        hint = "a narrower model, or a board with more memory: tinyaudio boards list; `tinyaudio model inspect` shows every operator's share"
        raise ModelError(f"does not fit {board.id}: {'; '.join(estimate.problems)}", hint=hint, where=f"model {name!r}")


def _share(what: str, compiled: CompiledModel) -> str:
    return f"the weights alone {compiled.weights_bytes:,}" if what == "flash" else f"the arena alone {compiled.arena_bytes:,}"


def _as_tuples(value: Any) -> Any:
    return tuple(_as_tuples(item) for item in value) if isinstance(value, list) else value
