"""RESHAPE, SQUEEZE and EXPAND_DIMS."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy.typing as npt

from tinyaudio.deploy.compiler.graph import Graph, Kernel, Operation
from tinyaudio.deploy.compiler.view import OperatorView


@dataclass(frozen=True, slots=True, kw_only=True)
class Reshape(Operation):
    """The same values under another shape. The input is the tensor alone."""

    shape: tuple[int, ...]

    def lower(self, graph: Graph) -> tuple[Kernel, ...]:
        """Refuse: the pass `remove_reshapes` takes every RESHAPE out of the graph."""
        raise AssertionError(f"{self.where(graph)} was not removed")

    def fold(self, constants: Sequence[npt.NDArray[Any]]) -> tuple[npt.NDArray[Any], ...]:
        """Reshape the constant."""
        return (constants[0].reshape(self.shape),)


def read(view: OperatorView) -> Reshape:
    """Read and check a RESHAPE, SQUEEZE or EXPAND_DIMS; what else they are given only repeats the output's shape."""
    view.expect_arity(inputs=(1, 2))
    values, output = view.input(0), view.tensors[view.outputs[0]]
    if values.elements != output.elements:
        view.fail(f"tensor {output.describe()} has another number of values than {values.describe()}")
    if values.dtype != output.dtype:
        view.fail(f"tensor {output.describe()} is of another type than {values.describe()}")
    if values.data is None and values.quantization is not None and output.quantization is not None:
        view.expect_equal_quantization(values, output)
    return Reshape(index=view.index, kind=view.kind, inputs=(values.index,), outputs=view.outputs, shape=output.shape)
