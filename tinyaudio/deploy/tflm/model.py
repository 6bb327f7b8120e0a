"""A ``.tflite`` -> the glue that runs it on TFLite Micro: resolver, model as an array, arena."""

from __future__ import annotations

import json
from dataclasses import dataclass

from tinyaudio.core.canonical import sha256_bytes
from tinyaudio.core.templating import render_template
from tinyaudio.deploy.compiler import OperationSummary, TensorSummary
from tinyaudio.deploy.compiler.emit import plain_text
from tinyaudio.deploy.tflm.outline import Outline, read_outline
from tinyaudio.deploy.tflm.outputs import with_output
from tinyaudio.deploy.tflm.resolver import add_method, refuse_missing

ALIGNMENT_BYTES = 16
#: What `TflmModel.arena_bytes` has beyond what the interpreter says it used, for what planning needs for a moment.
HEADROOM_BYTES = 256
#: Where `model_operators.json` lies in a project; `choose_sources.py` beside it reads it.
OPERATORS_FILE = "lib/tinyaudio_tflm/model_operators.json"
#: The PlatformIO configuration of a project without the packages of platformio.ini, for a build from a local tree.
LOCAL_CONFIGURATION = "platformio_local.ini"

# Without a measurement: every activation at once, scratch of 32-bit sums as large as the largest of them (the reference
# kernel of TRANSPOSE_CONV), and more than the interpreter allocates on a 32-bit machine for itself and for each operator.
_SCRATCH_FACTOR = 4
_INTERPRETER_BYTES = 8_192
_OPERATOR_BYTES = 1_024
_FILES = ("model.h", "model.cc", "model_weights.h", "model_weights.cc")


@dataclass(frozen=True, slots=True, kw_only=True)
class TflmModel:
    """A model as an array with its glue; the members that it shares with `CompiledModel` mean the same."""

    name: str
    files: dict[str, str]  # path below src/ -> text
    operators_json: str  # text of `OPERATORS_FILE`
    kinds: tuple[str, ...]  # what the resolver has
    arena_bytes: int
    weights_bytes: int  # of the whole file, which lies in flash as it is
    input_: TensorSummary
    output_: TensorSummary
    logits: TensorSummary
    ops: tuple[OperationSummary, ...] = ()  # nothing is known of single operators
    fullest: tuple[()] = ()


def generous_arena_bytes(outline: Outline) -> int:
    """Return an arena that is large enough for sure; the interpreter then says how much of it is used."""
    operators = len(outline.operators) + len(outline.called)
    scratch = _SCRATCH_FACTOR * outline.largest_activation_bytes
    return _aligned(outline.activation_bytes + scratch + _INTERPRETER_BYTES + _OPERATOR_BYTES * operators)


def tight_arena_bytes(used_bytes: int) -> int:
    """Return the arena for a model that used `used_bytes` of a generous one."""
    return _aligned(used_bytes) + HEADROOM_BYTES


def render_tflm_model(tflite: bytes, *, name: str, kernel_library: str, arena_bytes: int | None = None, watched: bool = False) -> TflmModel:
    """Return the glue for a model.

    Parameters
    ----------
    tflite
        The file's bytes.
    name
        The model's name, for comments in the generated code.
    kernel_library
        "cmsis_nn", "esp_nn", or "" for TFLite Micro's reference kernels.
    arena_bytes
        Size of the arena; None: `generous_arena_bytes`.
    watched
        Whether the self-test watches the operators.

    Raises
    ------
    ModelError
        If the file is malformed, has other ends than one int8 input and one int8 output, or uses an operator that the
        resolver lacks.
    """
    outline = read_outline(tflite)
    refuse_missing((*outline.operators, *outline.called))
    has_logits = outline.logits_tensor != outline.output_tensor
    data = with_output(tflite, outline.logits_tensor) if has_logits else tflite
    arena = _aligned(arena_bytes) if arena_bytes is not None else generous_arena_bytes(outline)
    context = {
        "name": plain_text(name),
        "input": outline.input_,
        "output": outline.output_,
        "logits": outline.logits,
        "arena_bytes": arena,
        "operators": [{"kind": kind, "method": add_method(kind)} for kind in outline.kinds],
        "variables": outline.variables,
        "logits_output": 1 if has_logits else 0,
        "watched": watched,
        "data": list(data),
    }
    operators = {"kernel_library": kernel_library, "model_sha256": sha256_bytes(tflite), "operators": list(outline.kinds)}
    return TflmModel(
        name=name,
        files={f"generated/{file}": render_template(f"tflm/{file}.j2", context) for file in _FILES},
        operators_json=json.dumps(operators, indent=2) + "\n",
        kinds=outline.kinds,
        arena_bytes=arena,
        weights_bytes=len(data),
        input_=outline.input_,
        output_=outline.output_,
        logits=outline.logits,
    )


def _aligned(size_bytes: int) -> int:
    return -(-size_bytes // ALIGNMENT_BYTES) * ALIGNMENT_BYTES
