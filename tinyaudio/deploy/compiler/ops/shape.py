"""SHAPE, which models with a free batch size carry along: known when compiling, so it is folded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from tinyaudio.deploy.compiler.graph import Graph, Kernel, Operation
from tinyaudio.deploy.compiler.view import OperatorView


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape(Operation):
    """The shape of a tensor; no input is left, for every shape is known."""

    sizes: tuple[int, ...]

    def lower(self, graph: Graph) -> tuple[Kernel, ...]:
        """Refuse: it is folded when it is read."""
        raise AssertionError(f"{self.where(graph)} was not folded")

    def fold(self, constants: Sequence[npt.NDArray[Any]]) -> tuple[npt.NDArray[Any], ...]:
        """Return the shape."""
        del constants
        return (np.array(self.sizes, np.int64),)


def read_shape(view: OperatorView) -> Shape:
    """Read a SHAPE."""
    view.expect_arity(inputs=(1,))
    if view.tensors[view.outputs[0]].dtype not in ("int32", "int64"):
        view.fail("its output is not int32")
    return Shape(index=view.index, kind=view.kind, inputs=(), outputs=view.outputs, sizes=view.input(0).shape)
