"""The generated C++: one function an operator, constant arrays, and the arena."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from tinyaudio.core.templating import render_template
from tinyaudio.deploy.compiler.graph import Constant, Graph, Kernel, Operation
from tinyaudio.deploy.compiler.memory import MemoryPlan
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


@dataclass(frozen=True, slots=True, kw_only=True)
class ShapeText:
    """A Shape struct; operators with equal shapes share one, and so one instance of the kernel."""

    name: str
    members: tuple[tuple[str, str, str], ...]  # (C++ type, name, value)


@dataclass(frozen=True, slots=True, kw_only=True)
class FunctionText:
    """The function of one operator."""

    name: str
    comment: str
    call: str


def emit(graph: Graph, steps: Sequence[Step], plan: MemoryPlan, *, name: str, with_steps: bool = False) -> dict[str, str]:
    """Return the generated files, {path: text}; `with_steps`: with access to single steps."""
    shapes = _shapes(steps)
    arrays = [_array(step.operation, constant, graph) for step in steps for constant in step.kernel.constants]
    functions = [_function(step, position, graph, plan, shapes) for position, step in enumerate(steps)]
    logits = graph.tensor(logits_index(graph))
    context = {
        "name": plain_text(name),
        "headers": sorted({step.kernel.header for step in steps}),
        "shapes": list(shapes.values()),
        "arrays": arrays,
        "functions": functions,
        "arena_bytes": plan.arena_bytes,
        "input": graph.tensor(graph.inputs[0]),
        "output": graph.tensor(graph.outputs[0]),
        "logits": logits,
        "input_offset": plan.offset(buffer_name(graph, graph.inputs[0])),
        "output_offset": plan.offset(buffer_name(graph, graph.outputs[0])),
        "with_steps": with_steps,
        "logits_offset": plan.offset(buffer_name(graph, logits.index)),
    }
    return {f"generated/{file}": render_template(f"model/{file}.j2", context) for file in _FILES}


def plain_text(text: str) -> str:
    """Return `text` fit for a C++ line comment: a foreign name must not end the comment, nor the line, nor hide the next."""
    return re.sub(r"[^A-Za-z0-9_./:;,+\-\[\]() ]", "_", text)


def function_name(operation: Operation, graph: Graph) -> str:
    """Return ``op<index>_<tensor>``, an identifier that no other operator of the model has."""
    tensor = graph.tensor(operation.outputs[0]).name.split(";")[-1]
    words = re.sub(r"[^a-z0-9]+", "_", tensor.lower()).strip("_")
    return f"op{operation.index}_{words[-_NAME_CHARACTERS:].strip('_') or operation.kind.lower()}"


def _shape_members(kernel: Kernel) -> tuple[tuple[str, str, str], ...]:
    return tuple(("int32_t" if isinstance(value, int) else "auto", f"k{name}", str(value)) for name, value in kernel.shape)


def _shapes(steps: Sequence[Step]) -> dict[tuple[str, tuple[tuple[str, str, str], ...]], ShapeText]:
    shapes: dict[tuple[str, tuple[tuple[str, str, str], ...]], ShapeText] = {}
    for step in steps:
        key = (step.kernel.function, _shape_members(step.kernel))
        if step.kernel.shape and key not in shapes:
            camel_case = "".join(word.capitalize() for word in step.kernel.function.split("_"))
            shapes[key] = ShapeText(name=f"{camel_case}Shape{step.operation.index}", members=key[1])
    return shapes


def _array_name(operation: Operation, constant: Constant) -> str:
    return f"kOp{operation.index}" + "".join(word.capitalize() for word in constant.role.split("_"))


def _array(operation: Operation, constant: Constant, graph: Graph) -> ArrayText:
    return ArrayText(
        name=_array_name(operation, constant),
        c_type=constant.c_type,
        values=tuple(constant.values.tolist()),
        comment=plain_text(graph.tensor(operation.outputs[0]).name),
    )


def _function(
    step: Step, position: int, graph: Graph, plan: MemoryPlan, shapes: dict[tuple[str, tuple[tuple[str, str, str], ...]], ShapeText]
) -> FunctionText:
    kernel, operation = step.kernel, step.operation
    offsets = [plan.offset(buffer_name(graph, index)) for index in (operation.inputs[0], operation.outputs[0])]
    arguments = [f"arena + {offset}" for offset in offsets]
    if kernel.constants:
        arguments.append("{" + ", ".join(_array_name(operation, constant) for constant in kernel.constants) + "}")
    if kernel.parameters:
        arguments.append("{" + ", ".join(map(str, kernel.parameters)) + "}")
    if kernel.scratch_bytes:
        arguments.append(f"arena + {plan.offset(scratch_name(position))}")
    shape = f"<{shapes[kernel.function, _shape_members(kernel)].name}>" if kernel.shape else ""
    return FunctionText(
        name=function_name(operation, graph), comment=_comment(step, graph), call=f"tinyaudio::nn::{kernel.function}{shape}({', '.join(arguments)});"
    )


def _comment(step: Step, graph: Graph) -> str:
    operation = step.operation
    shapes = " * ".join(str(list(graph.tensor(index).shape)) for index in operation.inputs[:2] if index >= 0)
    macs = f"; {step.kernel.macs} multiply-accumulates" if step.kernel.macs else ""
    return f"{operation.kind} {shapes} -> {list(graph.tensor(operation.outputs[0]).shape)}{macs}"
