"""Calls of vendors' kernels in the form that all adapters have, and what no vendor's kernel computes."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from tinyaudio.deploy.compiler.arithmetic import Bounds, quantize_multiplier
from tinyaudio.deploy.compiler.channels import channel_constants, channel_operands
from tinyaudio.deploy.compiler.graph import Argument, Arrays, Constant, Graph, Kernel, Operation, Pointer, Scratch, Tensor
from tinyaudio.deploy.compiler.ops.conv_2d import Convolution, weight_rows
from tinyaudio.deploy.compiler.ops.depthwise_conv_2d import DepthwiseConvolution
from tinyaudio.deploy.compiler.ops.fully_connected import FullyConnected
from tinyaudio.deploy.compiler.ops.pool_2d import Pool
from tinyaudio.deploy.compiler.ops.transpose_conv import TransposeConvolution
from tinyaudio.deploy.compiler.window import Extent, Window

#: Vendors keep sizes in 16 bits.
LARGEST_SIZE = (1 << 15) - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """Why a vendor's library does not compute an operator."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Adapter:
    """Writes calls of the adapter of one library."""

    prefix: str  # of its functions: "cmsis_nn"; the header has the same name
    weights_alignment_bytes: int = 4

    def convolution(
        self, name: str, operation: Convolution | DepthwiseConvolution | TransposeConvolution, graph: Graph, *, scratch_bytes: int, macs: int
    ) -> Kernel:
        """Return the call of a kernel that slides a window of weights over an image; `macs` is what it multiplies and adds."""
        image, output = tensors_of(operation, graph)
        arrays = self._arrays(operation, graph, channel_axis=3 if isinstance(operation, DepthwiseConvolution) else 0)
        return replace(
            self._kernel(name, arguments_of(operation, arrays, scratch_bytes=scratch_bytes)),
            shape=(*_window_shape(operation.window, image, output, bounds=operation.bounds), ("ScratchBytes", scratch_bytes)),
            scratch_bytes=scratch_bytes,
            macs=macs,
        )

    def fully_connected(self, operation: FullyConnected, graph: Graph) -> Kernel:
        """Return the call of a dense kernel, which takes one scale or a scale for each output."""
        values, output = tensors_of(operation, graph)
        weights = graph.tensor(operation.inputs[1])
        channels, depth = weights.shape
        rows = values.elements // depth
        is_per_channel = weights.quantization is not None and len(weights.quantization.scales) > 1
        shape = (("Rows", rows), ("InputChannels", depth), ("OutputChannels", channels), ("PerChannel", int(is_per_channel)))
        return replace(
            self._kernel("fully_connected", arguments_of(operation, self._arrays(operation, graph))),
            shape=(*shape, *_offsets(values, output, bounds=operation.bounds)),
            macs=rows * channels * depth,
        )

    def pool(self, operation: Pool, graph: Graph) -> Kernel:
        """Return the call of a kernel that takes means or maxima, without scratch."""
        image, output = tensors_of(operation, graph)
        name = "average_pool" if operation.function == "average_pool_2d" else "max_pool"
        shape = _window_shape(operation.window, image, output, bounds=operation.bounds)
        return replace(self._kernel(name, arguments_of(operation)), shape=shape)

    def like_ours(self, name: str, operation: Operation, graph: Graph) -> Kernel | Refusal:
        """Return the call of a kernel that takes what ours of the same `name` takes; no vendor says that it works in place."""
        kernels = operation.lower(graph)
        if [kernel.function for kernel in kernels] != [name]:
            return Refusal(reason=f"there is no kernel for this kind of {operation.kind}")
        call = self._kernel(name, ())
        return replace(kernels[0], function=call.function, header=call.header, in_place=())

    def elementwise(self, name: str, operation: Operation, graph: Graph) -> Kernel | Refusal:
        """Return `like_ours` of a sum or product, as far as vendors compute them: they know no difference, and repeat no input."""
        first, second = (graph.tensor(index) for index in operation.inputs)
        if operation.kind not in ("ADD", "MUL"):
            return Refusal(reason=f"there is no kernel for {operation.kind}")
        if first.shape != second.shape:
            return Refusal(reason="one input is repeated along a dimension")
        return self.like_ours(name, operation, graph)

    def _kernel(self, name: str, arguments: tuple[Argument, ...]) -> Kernel:
        return Kernel(function=f"{self.prefix}_{name}", header=f"{self.prefix}.h", arguments=arguments)

    def _arrays(
        self, operation: Convolution | DepthwiseConvolution | TransposeConvolution | FullyConnected, graph: Graph, *, channel_axis: int = 0
    ) -> Arrays:
        return _channel_arrays(operation, graph, bounds=operation.bounds, channel_axis=channel_axis, alignment_bytes=self.weights_alignment_bytes)


def _channel_arrays(operation: Operation, graph: Graph, *, bounds: Bounds, channel_axis: int = 0, alignment_bytes: int = 4) -> Arrays:
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


def _window_shape(window: Window, image: Tensor, output: Tensor, *, bounds: Bounds) -> tuple[tuple[str, int], ...]:
    """Return the Shape that VendorWindow is made from."""
    sizes = (*zip(("InputHeight", "InputWidth", "InputChannels"), image.shape[1:], strict=True),)
    outputs = (*zip(("OutputHeight", "OutputWidth", "OutputChannels"), output.shape[1:], strict=True),)
    padding = (("PaddingBottom", window.height.after), ("PaddingRight", window.width.after))
    return (*sizes, *outputs, *window.shape_constants(), *padding, *_offsets(image, output, bounds=bounds))


def _offsets(values: Tensor, output: Tensor, *, bounds: Bounds) -> tuple[tuple[str, int], ...]:
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
