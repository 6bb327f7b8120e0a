"""A ``.tflite`` -> the glue that runs it on TFLite Micro: resolver, model as an array, arena."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from tinyaudio.core.canonical import sha256_bytes
from tinyaudio.core.templating import render_template
from tinyaudio.deploy.compiler import OperationSummary, TensorSummary
from tinyaudio.deploy.compiler.emit import plain_text
from tinyaudio.deploy.tflm.outline import OperatorUse, Outline, read_outline
from tinyaudio.deploy.tflm.outputs import with_outputs
from tinyaudio.deploy.tflm.resolver import add_method, refuse_missing

ALIGNMENT_BYTES = 16
#: What `TflmModel.arena_bytes` has beyond what the interpreter says it used, for what planning needs for a moment.
HEADROOM_BYTES = 256
#: Where `model_operators.json` lies in a project; `choose_sources.py` beside it reads it.
OPERATORS_FILE = "lib/tinyaudio_tflm/model_operators.json"

# Without a measurement: what is needed at once and a half of it for gaps between (the greedy planner leaves less), the
# largest scratch, and more than the interpreter allocates for itself and for each operator, on a 64-bit machine as well.
_GAPS = 1.5
_INTERPRETER_BYTES = 16_384
_OPERATOR_BYTES = 1_536
_FILES = ("model.h", "model.cc", "model_weights.h", "model_weights.cc")


@dataclass(frozen=True, slots=True, kw_only=True)
class TflmModel:
    """A model as an array with its glue; the members that it shares with `CompiledModel` mean the same."""

    name: str
    files: dict[str, str]  # path below src/ -> text
    operators_json: str  # text of `OPERATORS_FILE`
    kernel_library: str  # "cmsis_nn", "esp_nn", or "" for TFLite Micro's reference kernels
    kinds: tuple[str, ...]  # what the resolver has
    arena_bytes: int
    weights_bytes: int  # of the whole file, which lies in flash as it is
    state_bytes: int
    macs: int
    input_: TensorSummary
    output_: TensorSummary
    logits: TensorSummary
    ops: tuple[OperationSummary, ...]  # of the file's first subgraph, each of them
    fullest: tuple[()] = ()  # where what lies in the arena, only the interpreter knows


def generous_arena_bytes(outline: Outline) -> int:
    """Return an arena that is large enough for sure; the interpreter then says how much of it is used."""
    operators = len(outline.operators) + len(outline.called)
    needed = int(_GAPS * (outline.live_bytes + outline.sums_bytes)) + outline.state_bytes
    return _aligned(needed + _INTERPRETER_BYTES + _OPERATOR_BYTES * operators)


def tight_arena_bytes(used_bytes: int) -> int:
    """Return the arena for a model that used `used_bytes` of a generous one."""
    return _aligned(used_bytes) + HEADROOM_BYTES


def render_tflm_model(
    tflite: bytes, *, name: str, kernel_library: str, arena_bytes: int | None = None, int8_ends: bool = False, watched: bool = False
) -> TflmModel:
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
    int8_ends
        Leave a final conversion from int8 out of the outputs. The interpreter still makes it, for nobody.
    watched
        Whether somebody watches the operators: the self-test, or a measurement.

    Raises
    ------
    ModelError
        If the file is malformed, has other ends than one input and one output of supported types, or uses an operator that
        the resolver lacks.
    """
    outline = read_outline(tflite, int8_ends=int8_ends)
    refuse_missing((*outline.operators, *outline.called))
    outputs = tuple(dict.fromkeys((outline.output_.index, outline.logits.index)))
    data = tflite if outputs == (outline.file_output,) else with_outputs(tflite, outputs)
    arena = _aligned(arena_bytes) if arena_bytes is not None else generous_arena_bytes(outline)
    context = {
        "name": plain_text(name),
        "input": _end(outline.input_),
        "output": _end(outline.output_),
        "logits": _end(outline.logits),
        "arena_bytes": arena,
        "operators": [{"kind": kind, "method": add_method(kind)} for kind in outline.kinds],
        "variables": outline.variables,
        "states": outline.state_bytes > 0,
        "logits_output": len(outputs) - 1,
        "watched": watched,
        "data": list(data),
    }
    operators = {"kernel_library": kernel_library, "model_sha256": sha256_bytes(tflite), "operators": list(outline.kinds)}
    operators["exposed"] = list(outline.exposed)  # to known defects of the kernels
    return TflmModel(
        name=name,
        files={f"generated/{file}": render_template(f"tflm/{file}.j2", context) for file in _FILES},
        operators_json=json.dumps(operators, indent=2) + "\n",
        kernel_library=kernel_library,
        kinds=outline.kinds,
        arena_bytes=arena,
        weights_bytes=len(data),
        state_bytes=outline.state_bytes,
        macs=sum(use.macs for use in outline.operators),
        input_=outline.input_,
        output_=outline.output_,
        logits=outline.logits,
        ops=tuple(_summary(use, kernel_library) for use in outline.operators),
    )


def _end(tensor: TensorSummary) -> dict[str, Any]:
    c_type = "float" if tensor.dtype == "float32" else f"{tensor.dtype}_t"
    return {"elements": tensor.elements, "shape": tensor.shape, "dtype": tensor.dtype, "c_type": c_type}


def _summary(use: OperatorUse, kernel_library: str) -> OperationSummary:
    return OperationSummary(
        index=use.index,
        kind=use.kind,
        name=use.name,
        kernel=kernel_library or "reference",
        input_shape=use.input_shape,
        output_shape=use.output_shape,
        macs=use.macs,
        weights_bytes=use.weights_bytes,
        scratch_bytes=0,  # which the interpreter does not tell
    )


def _aligned(size_bytes: int) -> int:
    return -(-size_bytes // ALIGNMENT_BYTES) * ALIGNMENT_BYTES
