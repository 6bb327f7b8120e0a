"""The typed graph: tensors, operators, and the kernel call each operator becomes."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import prod
from typing import Any

import numpy as np
import numpy.typing as npt

from tinyaudio.core.errors import ModelError

IntArray = npt.NDArray[np.integer[Any]]

#: In the order of a C++ struct's members; a tuple is a struct or an array within, a string a C++ expression.
Number = int | str | tuple["Number", ...]

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
    c_type: str  # "int8_t", "int16_t", "int32_t" ...
    values: IntArray  # flat
    alignment_bytes: int = 4  # of its address

    @property
    def bytes(self) -> int:
        """Size in memory."""
        return self.values.size * np.dtype(self.c_type.removesuffix("_t")).itemsize


@dataclass(frozen=True, slots=True, kw_only=True)
class Pointer:
    """Argument of a kernel: an activation in the arena."""

    tensor: int
    offset_bytes: int = 0
    raw: bool = False  # as int8_t*, whatever the tensor's type: for kernels that move or look up bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrays:
    """Argument of a kernel: one constant array, or a struct of several."""

    constants: tuple[Constant, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Numbers:
    """Argument of a kernel: a number, or a struct of several."""

    values: tuple[Number, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scratch:
    """Argument of a kernel: memory of its own during the call."""

    offset_bytes: int = 0  # in the scratch of the operator


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredRows:
    """Argument of a kernel that takes its input row by row: those of an image in the arena."""

    tensor: int
    row_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class MadeRows:
    """Argument of a kernel that takes its input row by row: those that an earlier kernel of the operator makes."""

    maker: str  # `Kernel.result` of that one
    offset_bytes: int  # in the scratch of the operator: where they lie


Argument = Pointer | Arrays | Numbers | Scratch | StoredRows | MadeRows


@dataclass(frozen=True, slots=True, kw_only=True)
class Kernel:
    """A call ``function<Shape>(arguments)`` of a kernel of firmware/lib/tinyaudio_nn."""

    function: str  # name in namespace tinyaudio::nn
    header: str  # "tinyaudio/nn/<header>"
    arguments: tuple[Argument, ...]
    shape: tuple[tuple[str, int | str], ...] = ()  # compile-time constants of the Shape struct; a string is a C++ expression
    scratch_bytes: int = 0
    in_place: tuple[int, ...] = ()  # positions of the operator's inputs over which the output may lie, if it starts `lead_bytes` or more before them
    lead_bytes: int = 0
    macs: int = 0  # multiply-accumulates of one inference
    result: str | Pointer | None = None  # what makes rows: a variable that stands for it, or the image that takes all its rows
    part: int = 0  # of which of the operator's `parts` this is a kernel

    @property
    def constants(self) -> tuple[Constant, ...]:
        """All constant arrays among the arguments."""
        return tuple(constant for argument in self.arguments if isinstance(argument, Arrays) for constant in argument.constants)


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation(ABC):
    """An operator. Each kind is a subclass in `ops`, with its attributes as further fields."""

    index: int  # position in the file
    kind: str  # TensorFlow Lite's name, as "CONV_2D"
    inputs: tuple[int, ...]  # tensor indices; ABSENT for an optional one that is not there
    outputs: tuple[int, ...]

    @abstractmethod
    def lower(self, graph: Graph) -> tuple[Kernel, ...]:
        """Return the kernel calls that compute this operator, in order."""

    def fold(self, constants: Sequence[npt.NDArray[Any]]) -> tuple[npt.NDArray[Any], ...] | None:
        """Return the outputs for `constants`, one array an input; None if this kind of operator cannot be computed while compiling."""
        del constants
        return None

    @property
    def parts(self) -> tuple[Operation, ...]:
        """The operators of the file that it computes, in order: itself, unless several were joined to one."""
        return (self,)

    @property
    def states(self) -> tuple[int, ...]:
        """Return the tensors among its inputs and outputs that keep their values from one inference to the next."""
        return ()

    def where(self, graph: Graph) -> str:
        """Return the place that error messages name."""
        return operation_place(self.index, self.kind, graph.tensors[self.outputs[0]].name)


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """A variable of a streaming model: a tensor that keeps its value from one inference to the next."""

    tensor: int
    initial: npt.NDArray[Any]  # as the tensor; its value before the first inference and after a reset


@dataclass(frozen=True, slots=True, kw_only=True)
class Graph:
    """A model: one subgraph, in execution order."""

    tensors: tuple[Tensor, ...]
    operations: tuple[Operation, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    file_tensors: int = 0  # so many of the tensors are the file's; the others were made while compiling
    states: tuple[State, ...] = ()
    aliases: tuple[tuple[int, int], ...] = ()  # (tensor, tensor in whose memory it lies): of removed operators that only moved values

    def storage(self, tensor_index: int) -> int:
        """Return the tensor in whose memory tensor `tensor_index` lies; most often itself."""
        return dict(self.aliases).get(tensor_index, tensor_index)

    def in_the_file(self, tensor_index: int) -> int:
        """Return a tensor of the file that holds the same values as `tensor_index`; if there is none, itself."""
        storage = self.storage(tensor_index)
        if tensor_index < self.file_tensors or storage in self.state_tensors:
            return tensor_index
        names = sorted({index for index, lies_in in self.aliases if lies_in == storage} | {storage})
        return names[0] if self.tensor(names[0]).elements == self.tensor(tensor_index).elements else tensor_index

    def with_aliases(self, sources: Mapping[int, int], operations: tuple[Operation, ...]) -> Graph:
        """Return the graph with `operations`, in which each tensor of `sources` lies where the other one lies.

        Readers keep their tensor, whose shape they were written for; `storage` says whose memory it is.
        """
        aliases = {**dict(self.aliases), **sources}

        def follow(index: int) -> int:
            while index in aliases:
                index = aliases[index]
            return index

        return replace(self, operations=operations, aliases=tuple(sorted((index, follow(index)) for index in aliases)))

    def tensor(self, index: int) -> Tensor:
        """Return tensor `index`."""
        return self.tensors[index]

    def consumers(self, tensor_index: int) -> tuple[Operation, ...]:
        """Return the operators that read tensor `tensor_index`."""
        return tuple(operation for operation in self.operations if tensor_index in operation.inputs)

    @property
    def state_tensors(self) -> frozenset[int]:
        """The tensors that keep their values from one inference to the next."""
        return frozenset(state.tensor for state in self.states)


def operation_place(index: int, kind: str, output_name: str) -> str:
    """Return how error messages name an operator."""
    return f"operator {index} {kind} (output tensor {output_name!r})"
