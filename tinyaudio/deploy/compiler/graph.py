"""The typed graph: tensors, operators, and the kernel call each operator becomes."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
import numpy.typing as npt

from tinyaudio.core.errors import ModelError

IntArray = npt.NDArray[np.integer[Any]]

ABSENT = -1  # index of an optional input that is not there


@dataclass(frozen=True, slots=True, kw_only=True)
class Quantization:
    """Affine quantization: real = scale * (quantized - zero point), for the whole tensor or per channel."""

    scales: tuple[float, ...]  # one, or one a channel; float32 values, finite and positive
    zero_points: tuple[int, ...]  # as many
    axis: int  # of the channels; 0 where there is one scale


@dataclass(frozen=True, slots=True, kw_only=True)
class Tensor:
    """A tensor of the graph: an activation, or a constant (`data`)."""

    index: int
    name: str
    shape: tuple[int, ...]  # every size at least 1
    dtype: str  # NumPy's name: "int8", "int32", "float32" ...
    quantization: Quantization | None
    data: npt.NDArray[Any] | None  # [shape], read-only; None for an activation

    @property
    def elements(self) -> int:
        """Number of values."""
        return prod(self.shape)

    @property
    def bytes(self) -> int:
        """Size in memory."""
        return self.elements * np.dtype(self.dtype).itemsize

    @property
    def scale(self) -> float:
        """Scale of a tensor that is quantized as a whole."""
        return self._quantization().scales[0]

    @property
    def zero_point(self) -> int:
        """Zero point of a tensor that is quantized as a whole."""
        return self._quantization().zero_points[0]

    def describe(self) -> str:
        """Return name and shape, as error messages give them."""
        return f"{self.name!r} {self.dtype}{list(self.shape)}"

    def _quantization(self) -> Quantization:
        if self.quantization is None:
            raise ModelError(
                "the tensor is not quantized", hint="export the model with full-integer INT8 quantization", where=f"tensor {self.name!r}"
            )
        return self.quantization


@dataclass(frozen=True, slots=True, kw_only=True)
class Constant:
    """A constant array of the generated code."""

    role: str  # "weights", "bias", "multipliers", "right_shifts": last part of its C++ name
    c_type: str  # "int8_t" or "int32_t"
    values: IntArray  # flat


@dataclass(frozen=True, slots=True, kw_only=True)
class Kernel:
    """A call of a kernel of firmware/lib/tinyaudio_nn.

    The call is ``function<Shape>(input, output[, {constants}][, scratch])``; the shape's members are `shape`.
    """

    function: str  # name in namespace tinyaudio::nn
    header: str  # "tinyaudio/nn/<header>"
    shape: tuple[tuple[str, int | str], ...]  # compile-time constants of the Shape struct; a string is a C++ expression
    constants: tuple[Constant, ...] = ()
    parameters: tuple[int, ...] = ()  # run-time numbers, passed as one brace list, in place of a Shape
    scratch_bytes: int = 0
    in_place: bool = False  # the output may start where the first input starts
    macs: int = 0  # multiply-accumulates of one inference


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation(ABC):
    """An operator. Each kind is a subclass in `ops`, with its attributes as further fields."""

    index: int  # position in the file
    kind: str  # TensorFlow Lite's name, as "CONV_2D"
    inputs: tuple[int, ...]  # tensor indices; ABSENT for an optional one that is not there
    outputs: tuple[int, ...]

    @abstractmethod
    def lower(self, graph: Graph) -> Kernel:
        """Return the kernel call that computes this operator."""

    def where(self, graph: Graph) -> str:
        """Return the place that error messages name."""
        return operation_place(self.index, self.kind, graph.tensors[self.outputs[0]].name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Graph:
    """A model: one subgraph, in execution order."""

    tensors: tuple[Tensor, ...]
    operations: tuple[Operation, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    aliases: tuple[tuple[int, int], ...] = ()  # (tensor, tensor in whose memory it lies), of removed RESHAPEs

    def storage(self, tensor_index: int) -> int:
        """Return the tensor in whose memory tensor `tensor_index` lies; most often itself."""
        return dict(self.aliases).get(tensor_index, tensor_index)

    def tensor(self, index: int) -> Tensor:
        """Return tensor `index`."""
        return self.tensors[index]

    def consumers(self, tensor_index: int) -> tuple[Operation, ...]:
        """Return the operators that read tensor `tensor_index`."""
        return tuple(operation for operation in self.operations if tensor_index in operation.inputs)


def operation_place(index: int, kind: str, output_name: str) -> str:
    """Return how error messages name an operator."""
    return f"operator {index} {kind} (output tensor {output_name!r})"
