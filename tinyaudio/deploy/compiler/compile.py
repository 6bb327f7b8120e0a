"""The compiler from end to end: ``.tflite`` -> typed graph -> passes -> memory plan -> C++."""

from __future__ import annotations

from dataclasses import dataclass

from tinyaudio.core.errors import ModelError
from tinyaudio.deploy.compiler.emit import emit, function_name, initial_values_bytes
from tinyaudio.deploy.compiler.graph import Graph, Tensor
from tinyaudio.deploy.compiler.memory import MemoryPlan, covered_bytes
from tinyaudio.deploy.compiler.passes import simplify
from tinyaudio.deploy.compiler.passes.grow_strips import Planned, grow_strips
from tinyaudio.deploy.compiler.passes.join_rows import join_rows
from tinyaudio.deploy.compiler.passes.strip_ends import strip_ends
from tinyaudio.deploy.compiler.passes.widen_weights import Optimize, widen_weights
from tinyaudio.deploy.compiler.reader import read_graph
from tinyaudio.deploy.compiler.schedule import Step, buffer_name, logits_index
from tinyaudio.deploy.compiler.vendor import VendorLibrary, VendorName, with_vendor_kernels
from tinyaudio.deploy.compiler.vendor_cmsis_nn import CMSIS_NN
from tinyaudio.deploy.compiler.vendor_esp_nn import ESP_NN
from tinyaudio.deploy.compiler.work import KernelWork, kernel_work

#: The libraries whose kernels the compiler can call.
VENDORS: dict[VendorName, VendorLibrary] = {library.name: library for library in (CMSIS_NN, ESP_NN)}


@dataclass(frozen=True, slots=True, kw_only=True)
class TensorSummary:
    """An end of the model: what goes in or comes out."""

    index: int  # position among the tensors of the .tflite
    name: str
    shape: tuple[int, ...]
    elements: int
    scale: float  # real = scale * (value - zero_point); 1 and 0 for real numbers
    zero_point: int
    dtype: str = "int8"  # of NumPy: "int8", "uint8", "int16", "int32" or "float32"


@dataclass(frozen=True, slots=True, kw_only=True)
class OperationSummary:
    """One operator of the compiled model."""

    index: int  # position in the .tflite
    kind: str  # "CONV_2D"
    name: str  # of its C++ function
    kernel: str  # of firmware/lib/tinyaudio_nn or the adapter of a vendor's: the first one, if it takes several calls
    input_shape: tuple[int, ...]
    output_shape: tuple[int, ...]
    macs: int  # multiply-accumulates of one inference
    weights_bytes: int  # weights, bias and requantization
    scratch_bytes: int
    work: tuple[KernelWork, ...] = ()  # a call each
    parts: tuple[int, ...] = ()  # positions in the .tflite of the operators that were joined to this one; (): it is one of the file's
    vendor_refusal: str = ""  # why not by a kernel of the vendor's library, if one was wanted


@dataclass(frozen=True, slots=True, kw_only=True)
class ArenaUse:
    """A buffer of the arena."""

    name: str  # "tensor 'conv1'", "scratch of op3_conv2"
    bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PlacedTensor:
    """An int8 tensor of the file while a step runs."""

    tensor: int  # position in the .tflite
    offset_bytes: int  # in the arena
    elements: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CompiledStep:
    """One generated function, with what it reads and writes: enough to run it alone."""

    index: int  # of its operator in the .tflite
    name: str  # kind and name; of several that were joined, the kind of the last one
    inputs: tuple[PlacedTensor, ...]
    output: PlacedTensor


@dataclass(frozen=True, slots=True, kw_only=True)
class CompiledModel:
    """A model as C++, with what it costs."""

    name: str
    files: dict[str, str]  # path -> text
    arena_bytes: int  # all RAM the model needs: activations, scratch and state
    weights_bytes: int  # all constant arrays: weights, biases, requantization, tables, first values of variables
    state_bytes: int  # of the arena, what a streaming model keeps from one inference to the next; 0: it keeps nothing
    macs: int  # multiply-accumulates of one inference
    ops: tuple[OperationSummary, ...]
    input_: TensorSummary
    output_: TensorSummary
    logits: TensorSummary  # in front of a final softmax; without one, the output
    plan: MemoryPlan
    steps: tuple[CompiledStep, ...]  # in order of execution
    fullest: tuple[ArenaUse, ...]  # the buffers in use at the step that needs most of the arena, largest first; scratch: the least of it
    optimize: Optimize = "size"
    vendor: VendorName | None = None  # whose kernels compute what they can


def compile_model(
    tflite: bytes,
    *,
    name: str,
    optimize: Optimize = "size",
    int8_ends: bool = False,
    with_steps: bool = False,
    vendor: VendorName | None = None,
) -> CompiledModel:
    """Compile a full-integer INT8 ``.tflite`` model.

    Parameters
    ----------
    tflite
        The file's bytes.
    name
        The model's name, for comments in the generated code.
    optimize
        "size": constants take at most 1.15 times the weights in the file; "speed": more of them, where it helps; "ram": as
        "size", and convolutions pass rows on to one another where that makes the arena smaller, for some per cent of the speed.
    int8_ends
        Leave out conversions from and to other types at the model's input and output.
    with_steps
        Whether ``model.h`` also declares ``run_step()`` and ``memory()``, which run the operators one by one.
    vendor
        The library whose kernels compute the operators that it takes; all others, and with None all, are computed by ours.

    Returns
    -------
    CompiledModel
        The same text for the same bytes, always. ``generated/model.h`` declares, in namespace ``tinyaudio_model``,
        ``input()``, ``invoke()``, ``output()``, ``logits()`` and ``reset()``.

    Raises
    ------
    ModelError
        If the file is malformed or uses what is not supported; the error names the tensor or operator.
    """
    read = read_graph(tflite)
    stripped = strip_ends(read) if int8_ends else read
    simple, refusals = with_vendor_kernels(stripped, VENDORS[vendor]) if vendor is not None else (simplify(stripped), {})
    widened = widen_weights(simple, optimize=optimize)
    if not widened.operations:
        raise ModelError("no operator computes anything", hint="the model's output is its input", where=f"model {name!r}")
    planned = grow_strips(join_rows(widened), smallest=True) if optimize == "ram" else grow_strips(widened)
    graph, steps, plan = planned.graph, planned.steps, planned.plan
    ops = tuple(_operation_summary(step, graph, vendor_refusal=refusals.get(step.operation.index, "")) for step in steps)
    return CompiledModel(
        name=name,
        files=emit(graph, steps, plan, name=name, with_steps=with_steps),
        arena_bytes=plan.arena_bytes,
        weights_bytes=sum(op.weights_bytes for op in ops) + initial_values_bytes(graph),
        state_bytes=sum(graph.tensor(index).bytes for index in graph.state_tensors),
        macs=sum(op.macs for op in ops),
        ops=ops,
        input_=_tensor_summary(graph.tensor(graph.inputs[0])),
        output_=_tensor_summary(graph.tensor(graph.outputs[0])),
        logits=_tensor_summary(graph.tensor(logits_index(graph))),
        plan=plan,
        steps=tuple(_compiled_step(step, graph, plan) for step in steps),
        fullest=_fullest(planned),
        optimize=optimize,
        vendor=vendor,
    )


def _fullest(planned: Planned) -> tuple[ArenaUse, ...]:
    graph, steps, plan = planned.graph, planned.steps, planned.plan
    names = {buffer_name(graph, tensor.index): f"tensor {graph.tensor(graph.storage(tensor.index)).name!r}" for tensor in graph.tensors}
    tensors = [placement for placement in plan.placements if placement.buffer.name in names]
    in_use = [[placement for placement in tensors if placement.buffer.first <= step <= placement.buffer.last] for step in range(len(steps))]
    needed = [covered_bytes(alive) + scratch for alive, scratch in zip(in_use, planned.least_scratch_bytes, strict=True)]
    most = max(range(len(steps)), key=lambda step: needed[step])
    uses = [ArenaUse(name=names[placement.buffer.name], bytes=placement.buffer.bytes) for placement in in_use[most]]
    if planned.least_scratch_bytes[most]:
        uses.append(ArenaUse(name=f"scratch of {function_name(steps[most].operation, graph)}", bytes=planned.least_scratch_bytes[most]))
    return tuple(sorted(uses, key=lambda use: -use.bytes))


def _compiled_step(step: Step, graph: Graph, plan: MemoryPlan) -> CompiledStep:
    operation = step.operation

    def placed(index: int) -> PlacedTensor:
        return PlacedTensor(
            tensor=graph.in_the_file(index), offset_bytes=plan.offset(buffer_name(graph, index)), elements=graph.tensor(index).elements
        )

    activations = [index for index in operation.inputs if index >= 0 and graph.tensor(index).data is None and index not in operation.states]
    return CompiledStep(
        index=operation.index,
        name=f"{operation.parts[-1].kind} {function_name(operation, graph)}",
        inputs=tuple(placed(index) for index in activations),
        output=placed(operation.outputs[0]),
    )


def _tensor_summary(tensor: Tensor) -> TensorSummary:
    quantized = tensor.quantization is not None
    return TensorSummary(
        index=tensor.index,
        name=tensor.name,
        shape=tensor.shape,
        elements=tensor.elements,
        scale=tensor.scale if quantized else 1.0,
        zero_point=tensor.zero_point if quantized else 0,
        dtype=tensor.dtype,
    )


def _operation_summary(step: Step, graph: Graph, *, vendor_refusal: str) -> OperationSummary:
    operation = step.operation
    values = max(graph.tensor(operation.inputs[0]).elements, graph.tensor(operation.outputs[0]).elements)
    return OperationSummary(
        index=operation.index,
        kind=operation.kind,
        name=function_name(operation, graph),
        kernel=step.kernels[0].function,
        input_shape=graph.tensor(operation.inputs[0]).shape,
        output_shape=graph.tensor(operation.outputs[0]).shape,
        macs=step.macs,
        weights_bytes=sum(constant.bytes for constant in step.constants),
        scratch_bytes=step.scratch_bytes,
        work=tuple(kernel_work(kernel, values=values) for kernel in step.kernels),
        parts=tuple(part.index for part in operation.parts) if len(operation.parts) > 1 else (),
        vendor_refusal=vendor_refusal,
    )
