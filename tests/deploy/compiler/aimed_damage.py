"""Damage that keeps a file well formed: fields of tensors, operators and options take other values, most of them valid elsewhere."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any

import numpy as np

from tinyaudio.core.errors import ModelError
from tinyaudio.core.tflite_metadata import open_model

_SIZES = (0, 1, 2, 3, 5, 16, 255, 65_536, 2**31 - 1, -1)
_NUMBERS = (0, 1, 2, 3, 4, 7, 127, 128, 255, 4_097, 2**31 - 1, -1, -2, -(2**31))
_SCALES = (0.0, -1.0, float("nan"), float("inf"), 1e-45, 1e-38, 3e38, 1.0, 0.003)
_ZERO_POINTS = (0, -128, 127, 128, -129, 255, 2**31, -(2**63), 2**63 - 1)
_TYPES = 18  # of TensorType, and a few beyond
_SLOTS = range(4, 24, 2)  # of a table of options


def _scalar(table: Any, slot: int) -> int | None:
    """Return where a scalar field lies; None if it has its default value and so no place."""
    offset = table.Offset(slot)
    return table.Pos + offset if offset else None


def _element(table: Any, slot: int, rng: np.random.Generator, size: int) -> int | None:
    """Return where one element of a vector lies."""
    offset = table.Offset(slot)
    if not offset or table.VectorLen(offset) == 0:
        return None
    return int(table.Vector(offset)) + size * int(rng.integers(table.VectorLen(offset)))


def _put(data: bytearray, place: int | None, layout: str, value: float) -> bool:
    if place is None or place + struct.calcsize(layout) > len(data):
        return False
    struct.pack_into(layout, data, place, value)
    return True


def _tensor(data: bytearray, rng: np.random.Generator) -> Any:
    subgraph = open_model(bytes(data)).Subgraphs(0)
    return subgraph.Tensors(int(rng.integers(subgraph.TensorsLength())))


def _operator(data: bytearray, rng: np.random.Generator) -> Any:
    subgraph = open_model(bytes(data)).Subgraphs(0)
    return subgraph.Operators(int(rng.integers(subgraph.OperatorsLength())))


def _shape(data: bytearray, rng: np.random.Generator) -> bool:
    return _put(data, _element(_tensor(data, rng)._tab, 4, rng, 4), "<i", int(rng.choice(_SIZES)))


def _type(data: bytearray, rng: np.random.Generator) -> bool:
    return _put(data, _scalar(_tensor(data, rng)._tab, 6), "<b", int(rng.integers(_TYPES + 3)))


def _buffer(data: bytearray, rng: np.random.Generator) -> bool:
    """Let a tensor take the buffer of another one, or one that is not there."""
    count = open_model(bytes(data)).BuffersLength()
    return _put(data, _scalar(_tensor(data, rng)._tab, 8), "<I", int(rng.integers(count + 2)))


def _quantization(data: bytearray, rng: np.random.Generator) -> bool:
    quantization = _tensor(data, rng).Quantization()
    if quantization is None:
        return False
    kind = int(rng.integers(3))
    if kind == 0:
        return _put(data, _element(quantization._tab, 8, rng, 4), "<f", float(rng.choice(_SCALES)))
    if kind == 1:
        return _put(data, _element(quantization._tab, 10, rng, 8), "<q", _ZERO_POINTS[int(rng.integers(len(_ZERO_POINTS)))])
    return _put(data, _scalar(quantization._tab, 16), "<i", int(rng.choice(_NUMBERS)))  # quantized_dimension


def _wiring(data: bytearray, rng: np.random.Generator) -> bool:
    """Let an operator read or write another tensor, or none: loops, two writers, constants that are written."""
    tensors = open_model(bytes(data)).Subgraphs(0).TensorsLength()
    return _put(data, _element(_operator(data, rng)._tab, int(rng.choice([6, 8])), rng, 4), "<i", int(rng.integers(-1, tensors + 1)))


def _ends(data: bytearray, rng: np.random.Generator) -> bool:
    subgraph = open_model(bytes(data)).Subgraphs(0)
    return _put(data, _element(subgraph._tab, int(rng.choice([6, 8])), rng, 4), "<i", int(rng.integers(-1, subgraph.TensorsLength() + 1)))


def _kind(data: bytearray, rng: np.random.Generator) -> bool:
    """Let an operator code mean another operator, whose options these are not."""
    code = open_model(bytes(data)).OperatorCodes(0)._tab
    value = int(rng.integers(0, 127))
    return _put(data, _scalar(code, 4), "<b", value) | _put(data, _scalar(code, 10), "<i", value)


def _option(data: bytearray, rng: np.random.Generator) -> bool:
    union = _operator(data, rng).BuiltinOptions()
    if union is None:
        return False
    layout = str(rng.choice(["<b", "<i"]))
    value = int(rng.choice(_NUMBERS))
    place = _scalar(union, int(rng.choice(_SLOTS)))
    return _put(data, place, layout, value if layout == "<i" else (value + 128) % 256 - 128)


def _constant(data: bytearray, rng: np.random.Generator) -> bool:
    """Change an integer among axes, shapes, sizes, paddings or biases."""
    tensor = _tensor(data, rng)
    if tensor.Type() != 2:
        return False
    buffer = open_model(bytes(data)).Buffers(tensor.Buffer())
    return _put(data, _element(buffer._tab, 4, rng, 4) if buffer.DataLength() >= 4 else None, "<i", int(rng.choice(_NUMBERS)))


_KINDS: tuple[Callable[[bytearray, np.random.Generator], bool], ...] = (
    _shape,
    _type,
    _buffer,
    _quantization,
    _quantization,
    _wiring,
    _wiring,
    _ends,
    _kind,
    _option,
    _option,
    _constant,
)


def aimed(good: bytes, rng: np.random.Generator) -> bytes:
    """Return `good` with one to three fields changed."""
    data = bytearray(good)
    wanted = int(rng.integers(1, 4))
    while wanted:
        try:
            wanted -= _KINDS[int(rng.integers(len(_KINDS)))](data, rng)
        except (struct.error, IndexError, ValueError, TypeError, ModelError):
            break  # a wide value was put into a narrow field: the file is no longer well formed
    return bytes(data)
