"""RESHAPE."""

from __future__ import annotations

from dataclasses import dataclass

from tinyaudio.deploy.compiler.graph import Graph, Kernel, Operation
from tinyaudio.deploy.compiler.view import OperatorView


@dataclass(frozen=True, slots=True, kw_only=True)
class Reshape(Operation):
    """The same values under another shape."""

    def lower(self, graph: Graph) -> Kernel:
        """Refuse: the pass `remove_reshapes` takes every RESHAPE out of the graph."""
        raise AssertionError(f"{self.where(graph)} was not removed")


def read(view: OperatorView) -> Reshape:
    """Read and check a RESHAPE; its second input only repeats the output's shape."""
    view.expect_arity(inputs=(1, 2))
    values, output = view.int8_activation(view.input(0)), view.output()
    if values.elements != output.elements:
        view.fail(f"tensor {output.describe()} has another number of values than {values.describe()}")
    if (output.scale, output.zero_point) != (values.scale, values.zero_point):
        view.fail("its input and output are quantized differently")
    return Reshape(index=view.index, kind=view.kind, inputs=view.inputs, outputs=view.outputs)
