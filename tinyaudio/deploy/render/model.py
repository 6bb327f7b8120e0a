"""The model on the runtime that was chosen: its sources, and what the rest of the project must know of it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from tinyaudio.core.artifacts import GoldenTensors, KernelChoice, QuantizedModel, Runtime
from tinyaudio.core.board import Board
from tinyaudio.core.errors import InputError, ModelError
from tinyaudio.deploy.compiler import CompiledModel, Optimize, VendorName, compile_model
from tinyaudio.deploy.render.self_test import self_test_files, step_operators, use_operators
from tinyaudio.deploy.tflm import OPERATORS_FILE, Outline, TflmModel, generous_arena_bytes, read_outline, render_tflm_model

#: Core -> library of fast kernels that TFLite Micro has for it; "": none but its reference kernels.
KERNEL_LIBRARIES = {"cortex-m7": "cmsis_nn", "xtensa-lx7": "esp_nn", "host": ""}
#: Core -> library of its vendor's kernels that a compiled model can call.
VENDOR_LIBRARIES: dict[str, VendorName] = {"cortex-m7": "cmsis_nn", "xtensa-lx7": "esp_nn"}

#: Left for the application, the link and the stack when the arena is not measured yet.
_OTHER_RAM_BYTES = 131_072
_PLAIN_FLAG = "-DTINYAUDIO_NN_DSP=0"
#: What such an image says of its kernels.
_AIMS: dict[Optimize, str] = {"size": "", "speed": ", weights for speed", "ram": ", rows for RAM"}
_SPEED_FLAG = "-DTINYAUDIO_WEIGHTS_FOR_SPEED"  # for what the vendor's adapters report
_TFLM_FLAGS = ("-DTF_LITE_STATIC_MEMORY", "-DNDEBUG", "-DFLATBUFFERS_LOCALE_INDEPENDENT=0")


def has_fast_kernels(board: Board, runtime: Runtime) -> bool:
    """Return whether the choice of kernels makes a difference: a board may have none but the plain ones."""
    return board.core == "cortex-m7" if runtime == "aot" else KERNEL_LIBRARIES[board.core] != ""


def vendor_library(board: Board, runtime: Runtime) -> VendorName:
    """Return the library of `board`'s vendor that a compiled model calls with ``kernels = "vendor"``.

    Raises
    ------
    InputError
        If there is none for the board, or the model is not compiled.
    """
    if runtime != "aot":
        raise InputError(
            "TFLite Micro computes with its fastest kernels anyway, which are the vendor's where there are some",
            hint="leave --kernels out, or compile the model with --runtime aot",
            where="--kernels",
        )
    library = VENDOR_LIBRARIES.get(board.core)
    if library is None:
        raise InputError(f"there are no vendor's kernels for {board.id}", hint="use a board with a Cortex-M7 or an ESP32-S3", where="--kernels")
    return library


@dataclass(frozen=True, slots=True, kw_only=True)
class RuntimeChoice:
    """How the model is to run."""

    runtime: Runtime
    kernels: KernelChoice = "optimized"
    optimize: Optimize = "size"  # of `aot`
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
    kernel_library: str = ""  # of TFLite Micro, or the vendor's that a compiled model calls
    arena_used_bytes: int | None = None  # of summary.arena_bytes; None: not measured yet
    build_flags: tuple[str, ...] = ()
    has_self_test: bool = False
    keeps_state: bool = False  # from one inference to the next, until it is told to forget
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
    vendor = vendor_library(board, "aot") if choice.kernels == "vendor" else None
    compiled = compile_model(quantized.tflite, name="model", optimize=choice.optimize, int8_ends=True, with_steps=golden is not None, vendor=vendor)
    files = {f"src/{path}": text for path, text in compiled.files.items()}
    if golden is not None:
        files |= self_test_files(golden, step_operators(golden, compiled.steps), "aot")
    is_plain = choice.kernels == "reference" or not has_fast_kernels(board, "aot")
    parts = ModelParts(
        runtime="aot",
        summary=compiled,
        files=files,
        kernels=f"tinyaudio {'plain C++' if is_plain else 'Armv7E-M'}{_AIMS[choice.optimize]}",
        arena_used_bytes=compiled.arena_bytes,
        build_flags=(_PLAIN_FLAG,) if choice.kernels == "reference" else (),
        has_self_test=golden is not None,
        keeps_state=compiled.state_bytes > 0,
        libraries=frozenset({"tinyaudio_nn"} | ({"tinyaudio_self_test"} if golden is not None else set())),
    )
    return parts if vendor is None else with_vendor(parts, vendor, optimize=choice.optimize)


def with_vendor(parts: ModelParts, vendor: VendorName, *, optimize: Optimize) -> ModelParts:
    """Return a compiled model that calls kernels of `vendor`, with what it needs for them; the kernels tell their version themselves."""
    return replace(
        parts,
        kernels="",
        kernel_library=vendor,
        build_flags=(*parts.build_flags, *((_SPEED_FLAG,) if optimize == "speed" else ())),
        libraries=parts.libraries | {f"tinyaudio_{vendor}"},
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
        keeps_state=model.state_bytes > 0,
        libraries=frozenset({"tinyaudio_tflm", "tinyaudio_self_test"}),
    )
