"""Frozen value -> canonical JSON -> SHA-256 fingerprint.

Two values have the same fingerprint if and only if their canonical JSON is the same: keys sorted, no
spaces, floats in their shortest round-trip form, arrays by dtype, shape and content hash.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
from collections.abc import Mapping
from enum import Enum
from pathlib import PurePath
from typing import Any

import numpy as np


def sha256_bytes(data: bytes) -> str:
    """Return the SHA-256 of `data` as 64 lower-case hexadecimal digits."""
    return hashlib.sha256(data).hexdigest()


def canonical_json(value: Any) -> str:
    """Return the canonical JSON text of a frozen value.

    Parameters
    ----------
    value
        Dataclasses, mappings with string keys, sequences, strings, integers, finite floats, booleans, ``None``,
        enumerations, bytes and NumPy arrays, nested at will.

    Raises
    ------
    TypeError
        For anything else: a fingerprint over ``repr()`` would not be stable.
    ValueError
        For NaN and infinities.
    """
    return json.dumps(_plain(value), sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)


def fingerprint(value: Any) -> str:
    """Return the SHA-256 of the canonical JSON of `value` (64 hexadecimal digits)."""
    return sha256_bytes(canonical_json(value).encode("ascii"))


def _plain(value: Any) -> Any:
    if value is None or isinstance(value, bool | str | int):
        return value.value if isinstance(value, Enum) else value
    if isinstance(value, Enum):
        return _plain(value.value)
    if isinstance(value, float):
        if not math.isfinite(value):
            raise ValueError("a fingerprinted value must be finite")
        return value
    if isinstance(value, np.generic):
        return _plain(value.item())
    if isinstance(value, np.ndarray):
        return _plain_array(value)
    if isinstance(value, bytes):
        return {"sha256": sha256_bytes(value)}
    if isinstance(value, PurePath):
        raise TypeError("a path must not enter a fingerprint: it names a machine, not a content")
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: _plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        if not all(isinstance(key, str) for key in value):
            raise TypeError("keys of a fingerprinted mapping must be strings")
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    raise TypeError(f"cannot fingerprint a {type(value).__name__}")


def _plain_array(array: np.ndarray[Any, Any]) -> dict[str, Any]:
    little_endian = np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<"))
    return {"dtype": array.dtype.str.lstrip("<>=|"), "shape": list(array.shape), "sha256": sha256_bytes(little_endian.tobytes())}
