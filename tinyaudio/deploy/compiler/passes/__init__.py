"""Passes: functions from a graph to an equivalent, simpler graph, in the order in which they run."""

from __future__ import annotations

from collections.abc import Callable

from tinyaudio.deploy.compiler.graph import Graph
from tinyaudio.deploy.compiler.passes.fold_padding import fold_padding
from tinyaudio.deploy.compiler.passes.fuse_activations import fuse_activations
from tinyaudio.deploy.compiler.passes.join_lookups import join_lookups
from tinyaudio.deploy.compiler.passes.narrow_convolution import narrow_convolution
from tinyaudio.deploy.compiler.passes.remove_dead import remove_dead
from tinyaudio.deploy.compiler.passes.remove_reshapes import remove_reshapes
from tinyaudio.deploy.compiler.passes.share_variables import share_variables
from tinyaudio.deploy.compiler.passes.widen_depthwise import widen_depthwise

#: `fold_constants` runs before them all, while the file is read.
PASSES: tuple[Callable[[Graph], Graph], ...] = (
    fold_padding,
    fuse_activations,
    join_lookups,
    remove_reshapes,
    remove_dead,
    share_variables,
)

#: What brings operators into the form that our kernels compute best; a vendor's want them as they were.
KERNEL_PASSES: tuple[Callable[[Graph], Graph], ...] = (
    widen_depthwise,
    narrow_convolution,
)


def simplify(graph: Graph) -> Graph:
    """Run all passes."""
    return suit_kernels(tidy(graph))


def tidy(graph: Graph) -> Graph:
    """Run the passes after which less is to be computed, whoever computes it."""
    for run in PASSES:
        graph = run(graph)
    return graph


def suit_kernels(graph: Graph) -> Graph:
    """Run the passes for our own kernels."""
    for run in KERNEL_PASSES:
        graph = run(graph)
    return graph
