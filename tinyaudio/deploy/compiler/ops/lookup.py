"""Operators that map each value on its own: all of them are a table of 256 results, made while compiling."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from tinyaudio.deploy.compiler.arithmetic import Bounds
from tinyaudio.deploy.compiler.fixed_point import Int64Array
from tinyaudio.deploy.compiler.graph import Arrays, Constant, Graph, Kernel, Numbers, Operation, Pointer, Tensor
from tinyaudio.deploy.compiler.view import OperatorView

BYTE_TYPES = ("int8", "uint8")


@dataclass(frozen=True, slots=True, kw_only=True)
class Lookup(Operation):
    """The result of each value of one byte."""

    input_dtype: str  # "int8" or "uint8"
    output_dtype: str  # "int8" or "uint8"
    results: tuple[int, ...]  # [256]: for each byte of the input, read as uint8

    def lower(self, graph: Graph) -> tuple[Kernel, ...]:
        """Return `look_up`, in place."""
        table = np.array(self.results, self.output_dtype).view(np.int8)
        arguments = (
            Pointer(tensor=self.inputs[0], raw=True),
            Pointer(tensor=self.outputs[0], raw=True),
            Arrays(constants=(Constant(role="table", c_type="int8_t", values=table),)),
            Numbers(values=(graph.tensor(self.inputs[0]).elements,)),
        )
        return (Kernel(function="look_up", header="look_up.h", arguments=arguments, in_place=(0,)),)

    def fold(self, constants: Sequence[npt.NDArray[Any]]) -> tuple[npt.NDArray[Any], ...]:
        """Look the constants up."""
        (values,) = constants
        return (np.array(self.results, self.output_dtype)[values.view(np.uint8)],)

    @property
    def bounds(self) -> Bounds | None:
        """If the table keeps every value within bounds and changes nothing else: these bounds."""
        values = bytes_as(self.input_dtype)
        low, high = min(self.results), max(self.results)
        if self.input_dtype != self.output_dtype or not np.array_equal(np.clip(values, low, high), self.results):
            return None
        return low, high


def bytes_as(dtype: str) -> Int64Array:
    """Return the values of all bytes, 0 to 255, read as `dtype`."""
    return np.arange(256, dtype=np.uint8).view(dtype).astype(np.int64)


def byte_tensor(view: OperatorView, tensor: Tensor) -> Tensor:
    """Return `tensor` after checking that it holds quantized bytes."""
    if tensor.dtype not in BYTE_TYPES:
        view.fail(f"tensor {tensor.describe()} must be int8 or uint8")
    return view.quantized(tensor)


def read_lookup(view: OperatorView, function: Callable[[Int64Array], Int64Array]) -> Lookup:
    """Return the operator of one byte tensor that maps each value x to ``function(x)``, held within the output's type."""
    view.expect_arity(inputs=(1,))
    values, output = byte_tensor(view, view.input(0)), byte_tensor(view, view.tensors[view.outputs[0]])
    view.expect_output_shape(values.shape)
    limits = np.iinfo(output.dtype)
    results = np.clip(function(bytes_as(values.dtype)), limits.min, limits.max)
    return Lookup(
        index=view.index,
        kind=view.kind,
        inputs=view.inputs,
        outputs=view.outputs,
        input_dtype=values.dtype,
        output_dtype=output.dtype,
        results=tuple(results.tolist()),
    )


def read_int8_lookup(view: OperatorView, function: Callable[[Int64Array], Int64Array]) -> Lookup:
    """Return `read_lookup` of an operator that the reference knows for int8 only."""
    view.expect_arity(inputs=(1,))
    view.int8_values(view.input(0))
    view.output()
    return read_lookup(view, function)
