"""The tensors of a ``.tflite`` file: type, shape, quantization and data of each, checked."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import tflite

from tinyaudio.core.errors import ModelError
from tinyaudio.deploy.compiler.graph import Quantization, Tensor

MAX_TENSOR_ELEMENTS = 1 << 26  # 64 Mi values: more than any microcontroller holds, so a damaged shape
EXPORT_AGAIN = "the file is damaged; export or copy the model again"
RESOURCE = "resource"  # dtype of the handle of a variable, which has no values of its own

_MAX_RANK = 8
_DTYPES = {
    tflite.TensorType.FLOAT32: "float32",
    tflite.TensorType.FLOAT16: "float16",
    tflite.TensorType.INT32: "int32",
    tflite.TensorType.UINT8: "uint8",
    tflite.TensorType.INT64: "int64",
    tflite.TensorType.BOOL: "bool",
    tflite.TensorType.INT16: "int16",
    tflite.TensorType.INT8: "int8",
    tflite.TensorType.FLOAT64: "float64",
    tflite.TensorType.UINT32: "uint32",
    tflite.TensorType.UINT16: "uint16",
    tflite.TensorType.RESOURCE: RESOURCE,
}


def read_tensors(model: Any, subgraph: Any, *, users: Mapping[int, str], ends: Collection[int]) -> list[Tensor]:
    """Return all tensors of a subgraph; `users` names, for errors, the first operator that uses a tensor, `ends` are inputs and outputs."""
    return [
        _read_tensor(model, subgraph.Tensors(index), index, users.get(index, ""), is_end=index in ends) for index in range(subgraph.TensorsLength())
    ]


def _read_tensor(model: Any, source: Any, index: int, user: str, *, is_end: bool) -> Tensor:
    name = (source.Name() or b"").decode("utf-8", errors="replace")
    where = f"tensor {index} {name!r}{f' of {user}' if user else ''}"
    dtype = _DTYPES.get(source.Type())
    if dtype is None:
        raise ModelError(
            f"its element type {source.Type()} is not supported", hint="export the model with full-integer INT8 quantization", where=where
        )
    if source.Sparsity() is not None:
        raise ModelError("sparse tensors are not supported", hint="export the model without sparsity", where=where)
    shape = _read_shape(source, where, used=bool(user) or is_end, is_end=is_end)
    return Tensor(
        index=index,
        name=name or f"tensor_{index}",
        shape=shape,
        dtype=dtype,
        quantization=_read_quantization(source.Quantization(), shape, where, _is_integer(dtype)),
        data=None if dtype == RESOURCE else _read_data(model, source.Buffer(), shape, dtype, where),
    )


def _is_integer(dtype: str) -> bool:
    return dtype != RESOURCE and bool(np.issubdtype(np.dtype(dtype), np.integer))


def _read_shape(source: Any, where: str, *, used: bool, is_end: bool) -> tuple[int, ...]:
    rank = source.ShapeLength()
    if rank > _MAX_RANK:
        raise ModelError(f"it has {rank} dimensions", hint=EXPORT_AGAIN, where=where)
    shape = tuple(int(source.Shape(axis)) for axis in range(rank))
    signature = tuple(int(source.ShapeSignature(axis)) for axis in range(min(source.ShapeSignatureLength(), _MAX_RANK)))
    # A free batch size is recorded as shape 1, signature -1; everything then runs with 1. Only within the model may it be another dimension.
    free = [axis for axis, size in enumerate(signature) if size < 0 and not (shape[axis : axis + 1] == (1,) and (axis == 0 or not is_end))]
    if free or any(size < 0 for size in shape):
        raise ModelError(f"its shape {list(signature or shape)} is dynamic", hint="export the model with a fixed batch size of 1", where=where)
    if used and any(size == 0 for size in shape):  # an LSTM names intermediate tensors that have no size
        raise ModelError(f"its shape {list(shape)} has a size of zero", hint=EXPORT_AGAIN, where=where)
    if math.prod(shape) > MAX_TENSOR_ELEMENTS:
        raise ModelError(f"its shape {list(shape)} is too large", hint=EXPORT_AGAIN, where=where)
    return shape


def _read_quantization(source: Any, shape: tuple[int, ...], where: str, integer: bool) -> Quantization | None:
    if source is None or source.ScaleLength() == 0 or not integer:
        return None
    count = source.ScaleLength()
    if count > MAX_TENSOR_ELEMENTS:
        raise ModelError(f"it has {count} scales", hint=EXPORT_AGAIN, where=where)
    scales = tuple(float(value) for value in source.ScaleAsNumpy())
    zero_points = tuple(int(value) for value in source.ZeroPointAsNumpy()) if source.ZeroPointLength() else (0,) * count
    for scale in scales:
        if not (math.isfinite(scale) and scale > 0):
            raise ModelError(f"its scale is {scale}; a scale is finite and positive", hint="export the model again", where=where)
    if len(zero_points) != count:
        raise ModelError(f"it has {count} scales and {len(zero_points)} zero points", hint=EXPORT_AGAIN, where=where)
    # A bias may name the axis of its weights; a tensor of one dimension has no other.
    axis = int(source.QuantizedDimension()) if count > 1 and len(shape) > 1 else 0
    if count > 1 and not (0 <= axis < len(shape) and shape[axis] == count):
        raise ModelError(f"it has {count} scales along axis {axis} of shape {list(shape)}", hint=EXPORT_AGAIN, where=where)
    return Quantization(scales=scales, zero_points=zero_points, axis=axis)


def _read_data(model: Any, buffer_index: int, shape: tuple[int, ...], dtype: str, where: str) -> npt.NDArray[Any] | None:
    if buffer_index >= model.BuffersLength():
        raise ModelError(f"it names buffer {buffer_index} of {model.BuffersLength()}", hint=EXPORT_AGAIN, where=where)
    buffer = model.Buffers(buffer_index)
    if buffer.Offset() > 1:
        raise ModelError("its data lies behind the FlatBuffer", hint="export the model smaller than 2 GB", where=where)
    if buffer.DataIsNone() or buffer.DataLength() == 0:
        return None
    wanted_bytes = math.prod(shape) * np.dtype(dtype).itemsize
    if buffer.DataLength() != wanted_bytes:
        raise ModelError(
            f"its buffer holds {buffer.DataLength()} bytes, its shape {list(shape)} needs {wanted_bytes}", hint=EXPORT_AGAIN, where=where
        )
    little_endian = np.dtype(dtype).newbyteorder("<")
    data = np.frombuffer(buffer.DataAsNumpy().tobytes(), dtype=little_endian).astype(dtype).reshape(shape)
    data.flags.writeable = False
    return data
