"""Operators of the file joined to one: each makes its rows from those of the one before, a few at a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from tinyaudio.deploy.compiler.graph import Argument, Graph, Kernel, MadeRows, Operation, Pointer, Scratch, StoredRows, Tensor
from tinyaudio.deploy.compiler.memory import aligned
from tinyaudio.deploy.compiler.ops.conv_2d import Convolution
from tinyaudio.deploy.compiler.ops.depthwise_conv_2d import DepthwiseConvolution
from tinyaudio.deploy.compiler.window import Window

PREFIX = "rows_of_"  # of the kernels' names: functions of firmware/lib/tinyaudio_nn that return a maker of rows

#: Kernels that can make their output row by row.
_KERNELS = ("pointwise", "depthwise_3x3", "depthwise_conv_2d", "conv_rows", "conv_2d")

Link = Convolution | DepthwiseConvolution


@dataclass(frozen=True, slots=True, kw_only=True)
class RowChain(Operation):
    """Two or more operators; what lies between them is never in memory as a whole."""

    links: tuple[Link, ...]

    @property
    def parts(self) -> tuple[Operation, ...]:
        """The operators of the file that it computes, in order."""
        return self.links

    def lower(self, graph: Graph) -> tuple[Kernel, ...]:
        """Return a maker of rows for each operator; the last one fills the output."""
        return self.assembled(graph, [row_kernel(link, link.lower(graph)[0], graph) for link in self.links])

    def assembled(self, graph: Graph, whole: Sequence[Kernel]) -> tuple[Kernel, ...]:
        """Return the makers of rows from `whole`, what `row_kernel` gives for each link."""
        outputs = [graph.tensor(link.outputs[0]) for link in self.links]
        places, scratch_bytes = scratch_layout(
            [(kernel.scratch_bytes, batch_bytes(kernel, output)) for kernel, output in zip(whole, outputs, strict=True)]
        )
        source: Argument = _stored(graph.tensor(self.inputs[0]))
        kernels: list[Kernel] = []
        for part, link in enumerate(self.links):
            name = f"rows_{link.index}"
            maker = _placed(whole[part], source=source, offset_bytes=places[part][0])
            kernels.append(replace(maker, result=name, part=part))
            source = MadeRows(maker=name, offset_bytes=places[part][1])
        last = replace(
            kernels[-1],
            result=Pointer(tensor=self.outputs[0]),
            scratch_bytes=scratch_bytes,
            in_place=(0,),
            lead_bytes=lead_bytes([link.window for link in self.links], graph.tensor(self.inputs[0]), outputs[-1]),
        )
        return (*kernels[:-1], last)


def chain(links: Sequence[Link]) -> RowChain:
    """Return the operators, each of which reads what the one before it writes, as one."""
    return RowChain(
        index=links[-1].index,
        kind=" + ".join(link.kind for link in links),
        inputs=links[0].inputs[:1],
        outputs=links[-1].outputs,
        links=tuple(links),
    )


def can_be_link(operation: Operation, kernels: Sequence[Kernel]) -> bool:
    """Whether the operator, which `kernels` compute, can make its output row by row."""
    return isinstance(operation, Link) and len(kernels) == 1 and kernels[0].function in _KERNELS


def batch_bytes(kernel: Kernel, output: Tensor) -> int:
    """Return the size of the rows that the kernel makes at a time."""
    return int(dict(kernel.shape).get("StripRows", 1)) * _row_bytes(output)


def scratch_layout(links: Sequence[tuple[int, int]]) -> tuple[list[tuple[int, int]], int]:
    """Return (offset of the scratch, offset of the rows that it makes) for each link, and the size of all.

    `links` are the sizes of the same two; the rows of the last link go to the output.
    """
    places, end = [], 0
    for scratch_bytes, rows_bytes in links:
        places.append((end, end + aligned(scratch_bytes)))
        end += aligned(scratch_bytes) + aligned(rows_bytes)
    return places, end - aligned(links[-1][1])


def lead_bytes(windows: Sequence[Window], image: Tensor, output: Tensor) -> int:
    """Return how far in front of the image the output must start, as `Window.lead_bytes` does for a single window."""
    most = 0
    for rows in range(1, output.shape[1]):
        read = rows
        for window in reversed(windows):
            reach = (read - 1) * window.height.stride + window.height.reach - window.height.before
            read = max(0, reach) if read else 0  # rows that are all padding ask for none, and so does what comes before them
        if read < image.shape[1]:
            most = max(most, rows * _row_bytes(output) - read * _row_bytes(image))
    return most


def row_kernel(link: Link, kernel: Kernel, graph: Graph) -> Kernel:
    """Return the kernel that makes the rows of `link`, whose whole image `kernel` computes; its input still missing."""
    image, output = graph.tensor(link.inputs[0]), graph.tensor(link.outputs[0])
    shape, arguments, scratch_bytes = kernel.shape, kernel.arguments[2:], kernel.scratch_bytes
    if kernel.function == "pointwise":
        pixels = tuple((name, output.shape[2] if name == "Pixels" else value) for name, value in shape)
        shape = (("ImageRows", output.shape[1]), *pixels)
    elif kernel.function == "conv_2d":  # reads the rows under its window more than once
        arguments = (*arguments, Scratch(offset_bytes=aligned(scratch_bytes)))
        scratch_bytes = aligned(scratch_bytes) + link.window.height.reach * _row_bytes(image)
    function = f"{PREFIX}{kernel.function}"
    return replace(kernel, function=function, arguments=arguments, shape=shape, scratch_bytes=scratch_bytes, in_place=(), lead_bytes=0)


def _placed(kernel: Kernel, *, source: Argument, offset_bytes: int) -> Kernel:
    arguments = (
        replace(argument, offset_bytes=argument.offset_bytes + offset_bytes) if isinstance(argument, Scratch) else argument
        for argument in kernel.arguments
    )
    return replace(kernel, arguments=(source, *arguments), scratch_bytes=0)


def _stored(image: Tensor) -> StoredRows:
    return StoredRows(tensor=image.index, row_bytes=_row_bytes(image))


def _row_bytes(image: Tensor) -> int:
    return image.shape[2] * image.shape[3]
