"""Strips of depthwise convolutions: what they cost, and how many rows a chain makes at a time with so much scratch."""

from __future__ import annotations

from dataclasses import dataclass, replace

from tinyaudio.deploy.compiler.graph import Graph, Kernel
from tinyaudio.deploy.compiler.ops.depthwise_conv_2d import DepthwiseConvolution
from tinyaudio.deploy.compiler.ops.row_chain import PREFIX, Link, RowChain, batch_bytes, row_kernel, scratch_layout

# Instructions of a strip, as counted on a Cortex-M7: to load the weights of a channel, and to keep a value for the next strip.
_CHANNEL = 40
_KEPT_VALUE = 0.4


def strips_cost(kernel: Kernel) -> float:
    """Return how many instructions of an inference the strips of `kernel` cost; none if it has no strips."""
    if not kernel.function.endswith("depthwise_3x3"):
        return 0.0
    sizes = {name: value for name, value in kernel.shape if isinstance(value, int)}
    kept_rows = max(0, 3 - sizes["StrideHeight"])
    row_values = sizes["InputChannels"] * ((sizes["OutputWidth"] - 1) * sizes["StrideWidth"] + 3)
    strips = -(-sizes["OutputHeight"] // sizes["StripRows"])
    return strips * (_CHANNEL * sizes["OutputChannels"] + _KEPT_VALUE * kept_rows * row_values)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Rows:
    """A number of rows at a time for one link."""

    scratch_bytes: int
    batch_bytes: int
    cost: float  # instructions of an inference that fewer strips would save


def grown_chain(chain: RowChain, graph: Graph, *, limit_bytes: int) -> RowChain:
    """Return the chain with as many rows at a time as fit `limit_bytes` of scratch; those first that save most for a byte more."""
    choices = [_choices(link, graph) for link in chain.links]
    taken = [0] * len(choices)

    def scratch_bytes(taken: list[int]) -> int:
        rows = [options[place] for options, place in zip(choices, taken, strict=True)]
        return scratch_layout([(one.scratch_bytes, one.batch_bytes) for one in rows])[1]

    while True:
        now = scratch_bytes(taken)
        found: list[tuple[float, list[int]]] = []
        for link, options in enumerate(choices):
            for place in range(taken[link] + 1, len(options)):
                tried = [*taken[:link], place, *taken[link + 1 :]]
                extra = scratch_bytes(tried) - now
                if now + extra <= limit_bytes:
                    found.append(((options[taken[link]].cost - options[place].cost) / max(extra, 1), tried))
        if not found:
            return _with(chain, [options[place].scratch_bytes for options, place in zip(choices, taken, strict=True)])
        taken = max(found)[1]


def _choices(link: Link, graph: Graph) -> list[_Rows]:
    """Return the numbers of rows that make different numbers of strips, from one row on; a single one if the link has no choice."""
    least = replace(link, strip_bytes=0) if isinstance(link, DepthwiseConvolution) else link
    kernel = row_kernel(least, least.lower(graph)[0], graph)
    row = batch_bytes(kernel, graph.tensor(link.outputs[0]))
    if kernel.function != f"{PREFIX}depthwise_3x3":
        return [_Rows(scratch_bytes=kernel.scratch_bytes, batch_bytes=row, cost=0)]
    sizes = {name: value for name, value in kernel.shape if isinstance(value, int)}
    height, stride, plane_rows = sizes["OutputHeight"], sizes["StrideHeight"], kernel.scratch_bytes // 3
    choices = []
    for strips in sorted({-(-height // rows) for rows in range(1, height + 1)}, reverse=True):
        rows = -(-height // strips)
        cost = strips_cost(kernel) * strips / height
        choices.append(_Rows(scratch_bytes=plane_rows * ((rows - 1) * stride + 3), batch_bytes=rows * row, cost=cost))
    return choices


def _with(chain: RowChain, scratch_bytes: list[int]) -> RowChain:
    links = tuple(
        replace(link, strip_bytes=size) if isinstance(link, DepthwiseConvolution) else link
        for link, size in zip(chain.links, scratch_bytes, strict=True)
    )
    return replace(chain, links=links)
