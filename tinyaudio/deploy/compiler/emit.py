"""The generated C++: one function an operator, constant arrays, and the arena."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tinyaudio.core.templating import render_template
from tinyaudio.deploy.compiler.graph import (
    Argument,
    Arrays,
    Constant,
    Graph,
    Kernel,
    MadeRows,
    Number,
    Numbers,
    Operation,
    Pointer,
    State,
    StoredRows,
    Tensor,
)
from tinyaudio.deploy.compiler.memory import MemoryPlan
from tinyaudio.deploy.compiler.ops.row_chain import PREFIX
from tinyaudio.deploy.compiler.schedule import Step, buffer_name, logits_index, scratch_name

_FILES = ("model.h", "model.cc", "model_weights.h", "model_weights.cc")
_NAME_CHARACTERS = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class ArrayText:
    """A constant array as the templates take it."""

    name: str
    c_type: str
    values: tuple[int, ...]
    comment: str
    alignment_bytes: int = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class ShapeText:
    """A Shape struct; operators with equal shapes share one, and so one instance of the kernel."""

    name: str
    members: tuple[tuple[str, str, str], ...]  # (C++ type, name, value)


@dataclass(frozen=True, slots=True, kw_only=True)
class FunctionText:
    """The function of one operator."""

    name: str
    comments: tuple[str, ...]
    calls: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class EndText:
    """An end of the model, as the header declares it."""

    elements: int
    c_type: str
    shape: tuple[int, ...]
    place: str  # a pointer expression


@dataclass(frozen=True, slots=True, kw_only=True)
class StateText:
    """A variable and its first value: a constant array, or one number for all its bytes."""

    place: str
    comment: str
    bytes: int
    value: int
    array: str  # name; "" where all bytes are `value`


def emit(graph: Graph, steps: Sequence[Step], plan: MemoryPlan, *, name: str, with_steps: bool = False) -> dict[str, str]:
    """Return the generated files, {path: text}; `with_steps`: with access to single steps."""
    shapes = _shapes(steps)
    states = [_state(number, state, graph, plan) for number, state in enumerate(graph.states)]
    arrays = [_array(owner, constant, graph) for step in steps for owner, constant in step.owned_constants]
    context = {
        "name": plain_text(name),
        "headers": sorted({kernel.header for step in steps for kernel in step.kernels}),
        "shapes": list(shapes.values()),
        "arrays": [*arrays, *(array for _, array in states if array is not None)],
        "functions": [_function(step, position, graph, plan, shapes) for position, step in enumerate(steps)],
        "states": [state for state, _ in states],
        "arena_bytes": plan.arena_bytes,
        "with_steps": with_steps,
        "input": _end(graph, plan, graph.inputs[0]),
        "output": _end(graph, plan, graph.outputs[0]),
        "logits": _end(graph, plan, logits_index(graph)),
    }
    return {f"generated/{file}": render_template(f"model/{file}.j2", context) for file in _FILES}


def initial_values_bytes(graph: Graph) -> int:
    """Return the size of the constant arrays of variables' first values."""
    return sum(state.initial.nbytes for state in graph.states if np.ptp(state.initial) != 0)


def _state(number: int, state: State, graph: Graph, plan: MemoryPlan) -> tuple[StateText, ArrayText | None]:
    tensor, values = graph.tensor(state.tensor), tuple(int(value) for value in state.initial.ravel())
    array = None
    if len(set(values)) > 1:
        array = ArrayText(name=f"kState{number}", c_type="int8_t", values=values, comment=plain_text(tensor.name))
    text = StateText(
        place=_place(graph, plan, Pointer(tensor=tensor.index, raw=True)),
        comment=f"{plain_text(tensor.name)} {list(tensor.shape)}",
        bytes=tensor.bytes,
        value=values[0],
        array=array.name if array else "",
    )
    return text, array


def _end(graph: Graph, plan: MemoryPlan, index: int) -> EndText:
    tensor = graph.tensor(index)
    return EndText(elements=tensor.elements, c_type=_c_type(tensor), shape=tensor.shape, place=_place(graph, plan, Pointer(tensor=index)))


def _c_type(tensor: Tensor) -> str:
    return "float" if tensor.dtype == "float32" else f"{tensor.dtype}_t"


def _place(graph: Graph, plan: MemoryPlan, pointer: Pointer) -> str:
    tensor = graph.tensor(pointer.tensor)
    place = f"arena + {plan.offset(buffer_name(graph, pointer.tensor)) + pointer.offset_bytes}"
    return place if pointer.raw or tensor.dtype == "int8" else f"reinterpret_cast<{_c_type(tensor)}*>({place})"


def plain_text(text: str) -> str:
    """Return `text` fit for a C++ line comment: a foreign name must not end the comment, nor the line, nor hide the next."""
    return re.sub(r"[^A-Za-z0-9_./:;,+\-\[\]() ]", "_", text)


def function_name(operation: Operation, graph: Graph) -> str:
    """Return ``op<index>_<tensor>``, an identifier that no other operator of the model has; ``op<first>_to_<last>_<tensor>`` for several."""
    tensor = graph.tensor(operation.outputs[0]).name.split(";")[-1]
    words = re.sub(r"[^a-z0-9]+", "_", tensor.lower()).strip("_")
    first = f"{operation.parts[0].index}_to_" if len(operation.parts) > 1 else ""
    return f"op{first}{operation.index}_{words[-_NAME_CHARACTERS:].strip('_') or operation.parts[-1].kind.lower()}"


def _shape_members(kernel: Kernel) -> tuple[tuple[str, str, str], ...]:
    return tuple(("int32_t" if isinstance(value, int) else "auto", f"k{name}", str(value)) for name, value in kernel.shape)


def _shapes(steps: Sequence[Step]) -> dict[tuple[str, tuple[tuple[str, str, str], ...]], ShapeText]:
    shapes: dict[tuple[str, tuple[tuple[str, str, str], ...]], ShapeText] = {}
    for step in steps:
        for number, kernel in enumerate(step.kernels):
            key = (kernel.function, _shape_members(kernel))
            if kernel.shape and key not in shapes:
                camel_case = "".join(word.capitalize() for word in kernel.function.removeprefix(PREFIX).split("_"))
                suffix = f"_{number}" if len(step.kernels) > len(step.operation.parts) else ""
                shapes[key] = ShapeText(name=f"{camel_case}Shape{step.operation.parts[kernel.part].index}{suffix}", members=key[1])
    return shapes


def _array_name(operation: Operation, constant: Constant) -> str:
    return f"kOp{operation.index}" + "".join(word.capitalize() for word in constant.role.split("_"))


def _array(operation: Operation, constant: Constant, graph: Graph) -> ArrayText:
    return ArrayText(
        name=_array_name(operation, constant),
        c_type=constant.c_type,
        values=tuple(constant.values.tolist()),
        comment=plain_text(graph.tensor(operation.outputs[0]).name),
        alignment_bytes=constant.alignment_bytes,
    )


def _function(
    step: Step, position: int, graph: Graph, plan: MemoryPlan, shapes: dict[tuple[str, tuple[tuple[str, str, str], ...]], ShapeText]
) -> FunctionText:
    calls = []
    for kernel in step.kernels:
        arguments = [_argument(argument, step.operation.parts[kernel.part], position, graph, plan) for argument in kernel.arguments]
        shape = f"<{shapes[kernel.function, _shape_members(kernel)].name}>" if kernel.shape else ""
        call = f"tinyaudio::nn::{kernel.function}{shape}({', '.join(arguments)})"
        if isinstance(kernel.result, Pointer):
            call = f"tinyaudio::nn::make_rows({call}, {_place(graph, plan, kernel.result)})"
        calls.append(f"auto {kernel.result} = {call};" if isinstance(kernel.result, str) else f"{call};")
    return FunctionText(name=function_name(step.operation, graph), comments=_comments(step, graph), calls=tuple(calls))


def _argument(argument: Argument, owner: Operation, position: int, graph: Graph, plan: MemoryPlan) -> str:
    if isinstance(argument, Pointer):
        return _place(graph, plan, argument)
    if isinstance(argument, Arrays):
        names = [_array_name(owner, constant) for constant in argument.constants]
        return names[0] if len(names) == 1 else "{" + ", ".join(names) + "}"
    if isinstance(argument, Numbers):
        return _number(argument.values) if len(argument.values) > 1 else str(argument.values[0])
    if isinstance(argument, StoredRows):
        return f"tinyaudio::nn::StoredRows<{argument.row_bytes}>({_place(graph, plan, Pointer(tensor=argument.tensor))})"
    scratch = f"arena + {plan.offset(scratch_name(position)) + argument.offset_bytes}"
    return f"tinyaudio::nn::buffered({argument.maker}, {scratch})" if isinstance(argument, MadeRows) else scratch


def _number(value: Number) -> str:
    return "{" + ", ".join(_number(part) for part in value) + "}" if isinstance(value, tuple) else str(value)


def _comments(step: Step, graph: Graph) -> tuple[str, ...]:
    """Return a line for each operator of the file."""
    parts = step.operation.parts
    lines = []
    for number, operation in enumerate(parts):
        shapes = " * ".join(str(list(graph.tensor(index).shape)) for index in operation.inputs[:2] if index >= 0)
        count = sum(kernel.macs for kernel in step.kernels if kernel.part == number)
        macs = f"; {count} multiply-accumulates" if count else ""
        lines.append(f"{operation.kind} {shapes} -> {list(graph.tensor(operation.outputs[0]).shape)}{macs}")
    return (*lines, "row by row: what lies between them is never in memory as a whole") if len(parts) > 1 else tuple(lines)
