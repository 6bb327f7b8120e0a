"""The model on the runtime that was chosen: its sources, and what the rest of the project must know of it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from tinyaudio.core.artifacts import GoldenTensors, KernelChoice, QuantizedModel, Runtime
from tinyaudio.core.board import Board
from tinyaudio.core.errors import ModelError
from tinyaudio.deploy.compiler import CompiledModel, compile_model
from tinyaudio.deploy.render.self_test import self_test_files, step_operators, use_operators
from tinyaudio.deploy.tflm import OPERATORS_FILE, Outline, TflmModel, generous_arena_bytes, read_outline, render_tflm_model

#: Core -> library of fast kernels that TFLite Micro has for it; "": none but its reference kernels.
KERNEL_LIBRARIES = {"cortex-m7": "cmsis_nn", "xtensa-lx7": "esp_nn", "host": ""}

#: Left for the application, the link and the stack when the arena is not measured yet.
_OTHER_RAM_BYTES = 131_072
_PLAIN_FLAG = "-DTINYAUDIO_NN_DSP=0"
_TFLM_FLAGS = ("-DTF_LITE_STATIC_MEMORY", "-DNDEBUG", "-DFLATBUFFERS_LOCALE_INDEPENDENT=0")


def has_fast_kernels(board: Board, runtime: Runtime) -> bool:
    """Return whether the choice of kernels makes a difference: a board may have none but the plain ones."""
    return board.core == "cortex-m7" if runtime == "aot" else KERNEL_LIBRARIES[board.core] != ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RuntimeChoice:
    """How the model is to run."""

    runtime: Runtime
    kernels: KernelChoice = "optimized"
    arena_bytes: int | None = None  # of `tflm`; None: generous
    arena_used_bytes: int | None = None  # of it, as measured; None: not measured yet
    golden: GoldenTensors | None = None  # of a self-test image


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelParts:
    """A model, ready to become part of a project."""

    runtime: Runtime
    summary: CompiledModel | TflmModel
    files: dict[str, str]  # by path in the project
    kernels: str  # whose kernels compute; "": the runtime tells when it runs
    kernel_library: str = ""  # of TFLite Micro
    arena_used_bytes: int | None = None  # of summary.arena_bytes; None: not measured yet
    build_flags: tuple[str, ...] = ()
    has_self_test: bool = False
    libraries: frozenset[str] = field(default=frozenset())  # of firmware/lib that only such projects have


def model_parts(quantized: QuantizedModel, board: Board, choice: RuntimeChoice) -> ModelParts:
    """Return the model for `board` on the runtime of `choice`.

    Raises
    ------
    ModelError
        If the runtime cannot run it.
    """
    if choice.golden is not None and choice.golden.model_sha256 != quantized.sha256:
        raise ModelError("the golden vectors are of another model", hint="compute them again", where="self-test")
    return _on_tflm(quantized, board, choice) if choice.runtime == "tflm" else _compiled(quantized, board, choice)


def _compiled(quantized: QuantizedModel, board: Board, choice: RuntimeChoice) -> ModelParts:
    golden = choice.golden
    compiled = compile_model(quantized.tflite, name="model", int8_ends=True, with_steps=golden is not None)
    files = {f"src/{path}": text for path, text in compiled.files.items()}
    if golden is not None:
        files |= self_test_files(golden, step_operators(golden, compiled.steps), "aot")
    is_plain = choice.kernels == "reference" or not has_fast_kernels(board, "aot")
    return ModelParts(
        runtime="aot",
        summary=compiled,
        files=files,
        kernels=f"tinyaudio {'plain C++' if is_plain else 'Armv7E-M'}",
        arena_used_bytes=compiled.arena_bytes,
        build_flags=(_PLAIN_FLAG,) if choice.kernels == "reference" else (),
        has_self_test=golden is not None,
        libraries=frozenset({"tinyaudio_nn"} | ({"tinyaudio_self_test"} if golden is not None else set())),
    )


def _on_tflm(quantized: QuantizedModel, board: Board, choice: RuntimeChoice) -> ModelParts:
    golden = choice.golden
    outline = read_outline(quantized.tflite, int8_ends=True)
    kernel_library = KERNEL_LIBRARIES[board.core] if choice.kernels == "optimized" else ""
    generous = estimated_arena_bytes(board, outline)
    model = render_tflm_model(
        quantized.tflite,
        name="model",
        kernel_library=kernel_library,
        arena_bytes=choice.arena_bytes if choice.arena_bytes is not None else generous,
        int8_ends=True,
        watched=golden is not None,
    )
    parts = replace(tflm_parts(model), arena_used_bytes=choice.arena_used_bytes)
    if golden is None:
        return parts
    return replace(parts, files=parts.files | self_test_files(golden, use_operators(golden, outline.operators), "tflm"), has_self_test=True)


def estimated_arena_bytes(board: Board, outline: Outline) -> int:
    """Return an arena that is large enough by an estimate, as far as the board has memory for it: in one piece."""
    pieces = [region.length_bytes for region in board.memory.regions.values() if region.kind in ("dtcm", "sram")]
    return min(generous_arena_bytes(outline), max(board.budget.ram_bytes - _OTHER_RAM_BYTES, 0), *([max(pieces)] if pieces else []))


def tflm_parts(model: TflmModel) -> ModelParts:
    """Return a model on TFLite Micro as part of a project."""
    return ModelParts(
        runtime="tflm",
        summary=model,
        files={**{f"src/{path}": text for path, text in model.files.items()}, OPERATORS_FILE: model.operators_json},
        kernels="",
        kernel_library=model.kernel_library,
        build_flags=_TFLM_FLAGS,
        libraries=frozenset({"tinyaudio_tflm", "tinyaudio_self_test"}),
    )
