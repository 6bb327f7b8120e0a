"""Small streaming models: variables that carry values from one inference to the next."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from tests.deploy.compiler.model_builder import ModelBuilder

_SCALE = 0.05
_ZERO_POINT = -4


class StreamingModel(ModelBuilder):
    """A builder with variables, all of one quantization."""

    def values(self, name: str, shape: tuple[int, ...]) -> int:
        return self.tensor(name, shape, scale=_SCALE, zero_point=_ZERO_POINT)

    def handle(self, name: str) -> int:
        index = self.tensor(f"{name}_handle", (), dtype="resource")
        self.operator("VAR_HANDLE", [], [index], "VarHandleOptions", Container="", SharedName=name)
        return index

    def read(self, handle: int, shape: tuple[int, ...]) -> int:
        index = self.values(f"read_{len(self.tensors)}", shape)
        self.operator("READ_VARIABLE", [handle], [index], "ReadVariableOptions")
        return index

    def assign(self, handle: int, value: int) -> None:
        self.operator("ASSIGN_VARIABLE", [handle, value], [], "AssignVariableOptions")

    def initialize(self, **first: np.ndarray) -> None:
        """CALL_ONCE of a subgraph that gives variables their first values."""
        graph = StreamingModel()
        for name, data in first.items():
            handle = graph.handle(name)
            graph.assign(handle, graph.tensor(f"{name}_first", data.shape, scale=_SCALE, zero_point=_ZERO_POINT, data=data))
        self.subgraphs.append(graph)
        self.operator("CALL_ONCE", [], [], "CallOnceOptions", InitSubgraphIndex=len(self.subgraphs))

    def join(self, parts: list[int], shape: tuple[int, ...]) -> int:
        index = self.values(f"joined_{len(self.tensors)}", shape)
        self.operator("CONCATENATION", parts, [index], "ConcatenationOptions", Axis=0)
        return index

    def rows(self, source: int, begin: int, end: int, shape: tuple[int, ...]) -> int:
        numbers = [
            self.tensor(f"numbers_{len(self.tensors)}", (2,), dtype="int32", data=np.array(values))
            for values in ((begin, 0), (end, shape[1]), (1, 1))
        ]
        index = self.values(f"rows_{len(self.tensors)}", shape)
        self.operator("STRIDED_SLICE", [source, *numbers], [index], "StridedSliceOptions")
        return index

    def add(self, first: int, second: int, shape: tuple[int, ...]) -> int:
        index = self.values(f"sum_{len(self.tensors)}", shape)
        self.operator("ADD", [first, second], [index], "AddOptions")
        return index


def window(*, first: bool) -> bytes:
    """The last four rows of the input: what streaming convolutions do."""
    model = StreamingModel()
    if first:
        model.initialize(past=np.arange(9).reshape(3, 3) * 20 - 90)
    image = model.values("image", (1, 3))
    past = model.handle("past")
    joined = model.join([model.read(past, (3, 3)), image], (4, 3))
    model.assign(past, model.rows(joined, 1, 4, (3, 3)))
    return model.build(inputs=[image], outputs=[model.add(joined, image, (4, 3))])


def accumulator() -> bytes:
    """A sum of all inputs, which is read again after it was assigned."""
    model = StreamingModel()
    model.initialize(total=np.full((2, 3), 7))
    image, total = model.values("image", (2, 3)), model.handle("total")
    model.assign(total, model.add(model.read(total, (2, 3)), image, (2, 3)))
    return model.build(inputs=[image], outputs=[model.add(model.read(total, (2, 3)), image, (2, 3))])


def late_reader() -> bytes:
    """The old value is read after the new one was assigned: it must be kept."""
    model = StreamingModel()
    image, past = model.values("image", (2, 3)), model.handle("past")
    old = model.read(past, (2, 3))
    model.assign(past, image)
    return model.build(inputs=[image], outputs=[model.add(old, image, (2, 3))])


def swapped() -> bytes:
    """Two variables that exchange their values at every step."""
    model = StreamingModel()
    model.initialize(one=np.full((1, 4), 30), other=np.array([[-100, -50, 0, 50]]))
    image, one, other = model.values("image", (1, 4)), model.handle("one"), model.handle("other")
    first, second = model.read(one, (1, 4)), model.read(other, (1, 4))
    model.assign(one, second)
    model.assign(other, first)
    return model.build(inputs=[image], outputs=[model.add(model.read(one, (1, 4)), image, (1, 4))])


def delayed() -> bytes:
    """The output is the variable as it was: the input of the step before."""
    model = StreamingModel()
    image, past = model.values("image", (2, 3)), model.handle("past")
    old = model.read(past, (2, 3))
    model.assign(past, image)
    return model.build(inputs=[image], outputs=[old])


#: name -> the function that builds the model.
STREAMING_CASES: dict[str, Callable[[], bytes]] = {
    "window": lambda: window(first=False),
    "window_with_first_values": lambda: window(first=True),
    "accumulator": accumulator,
    "late_reader": late_reader,
    "swapped": swapped,
    "delayed": delayed,
}
