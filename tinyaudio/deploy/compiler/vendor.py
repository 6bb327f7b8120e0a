"""Kernels of chip vendors in the place of ours: which operators a vendor's library takes, and why it does not take the others.

A library looks at one operator after the other and returns a call of its adapter (firmware/lib/tinyaudio_cmsis_nn,
tinyaudio_esp_nn), or the reason for which our kernel computes it. What an adapter takes has the form of every other kernel:
pointers into the arena, constant arrays, a Shape, scratch that the memory planner places.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from tinyaudio.deploy.compiler.arithmetic import Bounds, quantize_multiplier
from tinyaudio.deploy.compiler.channels import channel_constants, channel_operands
from tinyaudio.deploy.compiler.graph import Argument, Arrays, Constant, Graph, Kernel, Operation, Pointer, Scratch, Tensor
from tinyaudio.deploy.compiler.ops.conv_2d import weight_rows
from tinyaudio.deploy.compiler.ops.pad import Pad
from tinyaudio.deploy.compiler.passes import suit_kernels, tidy
from tinyaudio.deploy.compiler.window import Extent, Window

VendorName = Literal["cmsis_nn", "esp_nn"]

#: Vendors keep sizes in 16 bits.
LARGEST_SIZE = (1 << 15) - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """Why a vendor's library does not compute an operator."""

    reason: str


#: What a library says of an operator.
Take = Callable[[Operation, Graph], Kernel | Refusal]


@dataclass(frozen=True, slots=True, kw_only=True)
class VendorLibrary:
    """A vendor's kernels as the compiler sees them."""

    name: VendorName
    title: str  # "CMSIS-NN"
    kernels: Mapping[type[Operation], Take]  # by the class of operators
    keeps_padding_apart: bool = False  # a PAD in front of a convolution stays: the kernels do worse with padding of their own
    caveat: str = ""  # what nobody can promise of its kernels before a device has computed; told to whoever builds with them

    def take(self, operation: Operation, graph: Graph) -> Kernel | Refusal:
        """Return the call that computes `operation`, or why there is none."""
        take = self.kernels.get(type(operation))
        if take is None:
            return Refusal(reason=f"{self.title} is not asked for {operation.kind}")
        if any(tensor.dtype != "int8" for tensor in tensors_of(operation, graph)):
            return Refusal(reason="its values are not int8")
        return take(operation, graph)


@dataclass(frozen=True, slots=True, kw_only=True)
class VendorOperation(Operation):
    """An operator that a vendor's kernel computes; what our kernels need to know of it is gone."""

    kernel: Kernel

    def lower(self, graph: Graph) -> tuple[Kernel, ...]:
        """Return the call of the vendor's kernel."""
        del graph
        return (self.kernel,)


def with_vendor_kernels(graph: Graph, library: VendorLibrary) -> tuple[Graph, dict[int, str]]:
    """Simplify `graph`, with kernels of `library` for the operators that it takes.

    Returns
    -------
    tuple
        The graph, and {position of an operator in the file: why it is computed by a kernel of ours}.
    """
    padded = [operation.outputs[0] for operation in graph.operations if isinstance(operation, Pad)]
    simple = tidy(_taken(graph, library, behind=padded) if library.keeps_padding_apart else graph)
    taken = _taken(simple, library)
    found = ((operation.index, library.take(operation, simple)) for operation in taken.operations if not isinstance(operation, VendorOperation))
    return suit_kernels(taken), {index: answer.reason for index, answer in found if isinstance(answer, Refusal)}


def _taken(graph: Graph, library: VendorLibrary, *, behind: Collection[int] | None = None) -> Graph:
    """Return the graph with the operators that `library` takes: all of them, or those that read one of the tensors `behind`."""
    operations = []
    for operation in graph.operations:
        answer = library.take(operation, graph) if behind is None or operation.inputs[0] in behind else None
        if isinstance(answer, Kernel):
            operation = VendorOperation(index=operation.index, kind=operation.kind, inputs=operation.inputs, outputs=operation.outputs, kernel=answer)
        operations.append(operation)
    return replace(graph, operations=tuple(operations))


def channel_arrays(operation: Operation, graph: Graph, *, bounds: Bounds, channel_axis: int = 0, alignment_bytes: int = 4) -> Arrays:
    """Return weights in the file's order, biases, multipliers and shifts (positive: left), one each a channel, as VendorChannels takes them.

    Raises
    ------
    ModelError
        If an accumulator could leave int32, or a scale has no fixed-point form.
    """
    weights = graph.tensor(operation.inputs[1])
    data = weights.data
    assert data is not None, "checked when the operator was read"
    rows = weight_rows(graph, operation.inputs[1]) if channel_axis == 0 else data.reshape(-1, data.shape[-1]).T
    operands = channel_operands(operation, graph, weights=rows, bounds=bounds)
    channel_constants(operands)  # has the checks
    factors = [quantize_multiplier(factor) for factor in operands.factors]
    return Arrays(
        constants=(
            Constant(role="weights", c_type="int8_t", values=data.ravel(), alignment_bytes=alignment_bytes),
            Constant(role="bias", c_type="int32_t", values=operands.bias),
            Constant(role="multipliers", c_type="int32_t", values=np.array([factor.multiplier for factor in factors])),
            Constant(role="shifts", c_type="int32_t", values=np.array([-factor.right_shift for factor in factors])),
        )
    )


def tensors_of(operation: Operation, graph: Graph) -> tuple[Tensor, Tensor]:
    """Return first input and output."""
    return graph.tensor(operation.inputs[0]), graph.tensor(operation.outputs[0])


def window_shape(window: Window, image: Tensor, output: Tensor, *, bounds: Bounds) -> tuple[tuple[str, int], ...]:
    """Return the Shape that VendorWindow is made from."""
    sizes = (*zip(("InputHeight", "InputWidth", "InputChannels"), image.shape[1:], strict=True),)
    outputs = (*zip(("OutputHeight", "OutputWidth", "OutputChannels"), output.shape[1:], strict=True),)
    padding = (("PaddingBottom", window.height.after), ("PaddingRight", window.width.after))
    return (*sizes, *outputs, *window.shape_constants(), *padding, *offsets(image, output, bounds=bounds))


def offsets(values: Tensor, output: Tensor, *, bounds: Bounds) -> tuple[tuple[str, int], ...]:
    """Return what kernels add to inputs and outputs, and what they let through."""
    return (
        ("InputZeroPoint", values.zero_point),
        ("OutputZeroPoint", output.zero_point),
        ("ActivationMin", bounds[0]),
        ("ActivationMax", bounds[1]),
    )


def arguments_of(operation: Operation, *arrays: Argument, scratch_bytes: int = 0) -> tuple[Argument, ...]:
    """Return input, output, `arrays` and, if it takes any, scratch."""
    pointers = (Pointer(tensor=operation.inputs[0]), Pointer(tensor=operation.outputs[0]))
    return (*pointers, *arrays, *((Scratch(),) if scratch_bytes else ()))


def as_vendor_call(operation: Operation, graph: Graph, *, ours: str, function: str, header: str) -> Kernel | Refusal:
    """Return the call of a vendor's kernel that takes what the kernel `ours` takes; no vendor says that it works in place."""
    kernels = operation.lower(graph)
    if [kernel.function for kernel in kernels] != [ours]:
        return Refusal(reason=f"there is no kernel for this kind of {operation.kind}")
    return replace(kernels[0], function=function, header=header, in_place=())


def elementwise_refusal(operation: Operation, graph: Graph) -> Refusal | None:
    """Return why vendors do not compute a sum or product: they know no difference, and repeat no input."""
    first, second = (graph.tensor(index) for index in operation.inputs)
    if operation.kind not in ("ADD", "MUL"):
        return Refusal(reason=f"there is no kernel for {operation.kind}")
    return None if first.shape == second.shape else Refusal(reason="one input is repeated along a dimension")


def window_refusal(window: Window, image: Tensor, output: Tensor) -> Refusal | None:
    """Return why no vendor's kernel slides this window; None: some may."""
    if max((*image.shape, *output.shape)) > LARGEST_SIZE:
        return Refusal(reason=f"sizes above {LARGEST_SIZE} leave the vendors' 16 bits")
    sides = ((window.height, image.shape[1], output.shape[1]), (window.width, image.shape[2], output.shape[2]))
    if any(_leaves_image(extent, inputs, outputs) for extent, inputs, outputs in sides):
        return Refusal(reason="some windows lie in the padding altogether")
    if min(window.height.after, window.width.after) < 0:  # where they meet single points, they write an output for each input
        return Refusal(reason="the last inputs are cut off")
    return None


def _leaves_image(extent: Extent, inputs: int, outputs: int) -> bool:
    """Whether a window of this direction meets no input at all, or starts behind the last one."""
    last = (outputs - 1) * extent.stride - extent.before
    return extent.before < 0 or extent.before >= extent.reach or last >= inputs
