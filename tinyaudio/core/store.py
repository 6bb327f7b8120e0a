"""Stages on disk: ``<stage>.json`` with arrays and bytes beside it by hash.

A stage is found again by the fingerprint of its inputs; a blob that no longer has its hash makes the stage
count as missing, so that a damaged folder mends itself.
"""

from __future__ import annotations

import dataclasses
import io
import json
import time
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

import numpy as np

from tinyaudio.core.canonical import fingerprint, sha256_bytes
from tinyaudio.core.files import write_bytes_atomically, write_text_atomically

T = TypeVar("T")
_FORMAT = 1
_IGNORE = ".gitignore"


@dataclass(frozen=True, slots=True)
class Stored(Generic[T]):
    """A value with its fingerprints."""

    value: T
    fingerprint: str  # of the value
    inputs_fingerprint: str  # of what it was made from
    seconds: float  # that making it took


class RunStore:
    """The folder ``runs/<name>`` of a project."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def load(self, stage: str, value_type: type[T], inputs: Mapping[str, Any]) -> Stored[T] | None:
        """Return the stored value of `stage` if it was made from `inputs` and is whole, else None."""
        stored = self.load_any(stage, value_type)
        return stored if stored is not None and stored.inputs_fingerprint == fingerprint(inputs) else None

    def load_any(self, stage: str, value_type: type[T]) -> Stored[T] | None:
        """Return the stored value of `stage` whatever it was made from, or None if there is none or it is damaged."""
        try:
            record = json.loads(self._path(stage).read_text(encoding="utf-8"))
            if record["format"] != _FORMAT:
                return None
            value = self._decode(value_type, record["value"])
            if record["fingerprint"] != fingerprint(record["value"]):
                return None
            return Stored(value, record["fingerprint"], record["inputs_fingerprint"], record["seconds"])
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def save(self, stage: str, value: T, inputs: Mapping[str, Any], *, seconds: float) -> Stored[T]:
        """Write `value`, blobs first, so that an interrupted write leaves the former state."""
        plain = self._encode(value)
        stored = Stored(value, fingerprint(plain), fingerprint(inputs), seconds)
        record = {
            "format": _FORMAT,
            "stage": stage,
            "fingerprint": stored.fingerprint,
            "inputs_fingerprint": stored.inputs_fingerprint,
            "inputs": json.loads(json.dumps(inputs, default=fingerprint)),
            "seconds": round(seconds, 3),
            "value": plain,
        }
        if not (self.directory / _IGNORE).exists():
            write_text_atomically(self.directory / _IGNORE, "*\n")  # what a run makes can be made again: no project needs to tell git so
        write_text_atomically(self._path(stage), json.dumps(record, indent=1, sort_keys=True) + "\n")
        return stored

    def remove_unused_blobs(self, *, older_than_seconds: float) -> int:
        """Delete blobs that no stage names any more; return how many.

        Younger ones stay: another process may have written them and not yet the record that names them. If a record cannot
        be read, nothing is deleted.
        """
        try:
            named = {name for path in self.directory.glob("*.json") for name in _blob_names(path.read_text(encoding="utf-8"))}
        except (OSError, ValueError):
            return 0
        oldest_kept = time.time() - older_than_seconds
        unused = [path for path in (self.directory / "blobs").glob("*") if path.name not in named and path.stat().st_mtime < oldest_kept]
        for path in unused:
            path.unlink(missing_ok=True)
        return len(unused)

    def _path(self, stage: str) -> Path:
        return self.directory / f"{stage}.json"

    def _encode(self, value: Any) -> Any:
        if dataclasses.is_dataclass(value) and not isinstance(value, type):
            return {item.name: self._encode(getattr(value, item.name)) for item in dataclasses.fields(value)}
        if isinstance(value, Mapping):
            return {key: self._encode(item) for key, item in value.items()}
        if isinstance(value, tuple | list):
            return [self._encode(item) for item in value]
        if isinstance(value, bytes):
            return self._write_blob(value, ".bin")
        if isinstance(value, np.ndarray):
            buffer = io.BytesIO()
            np.save(buffer, np.ascontiguousarray(value), allow_pickle=False)
            return self._write_blob(buffer.getvalue(), ".npy")
        if value is None or isinstance(value, bool | int | float | str):
            return value
        raise TypeError(f"cannot store a {type(value).__name__}")

    def _write_blob(self, data: bytes, suffix: str) -> dict[str, str]:
        name = sha256_bytes(data) + suffix
        path = self.directory / "blobs" / name
        if not path.exists():
            write_bytes_atomically(path, data)
        return {"blob": name}

    def _read_blob(self, plain: Mapping[str, str]) -> bytes:
        name = plain["blob"]
        data = (self.directory / "blobs" / Path(name).name).read_bytes()
        if sha256_bytes(data) != Path(name).stem:
            raise ValueError(f"the blob {name} is damaged")
        return data

    def _decode(self, value_type: Any, plain: Any) -> Any:
        origin, arguments = typing.get_origin(value_type), typing.get_args(value_type)
        if hasattr(origin, "__value__"):  # a `type` alias of Python 3.12, as newer NumPy's NDArray is
            origin = typing.get_origin(origin.__value__)
        if origin is np.ndarray:
            array = np.load(io.BytesIO(self._read_blob(plain)), allow_pickle=False)
            array.flags.writeable = False
            return array
        if origin in (typing.Union, types.UnionType):
            return None if plain is None else self._decode(next(item for item in arguments if item is not type(None)), plain)
        if origin is tuple and len(arguments) == 2 and arguments[1] is Ellipsis:
            return tuple(self._decode(arguments[0], item) for item in plain)
        if origin is tuple:
            return tuple(self._decode(kind, item) for kind, item in zip(arguments, plain, strict=True))
        if origin is dict:
            return {key: self._decode(arguments[1], item) for key, item in plain.items()}
        if isinstance(value_type, type) and dataclasses.is_dataclass(value_type):
            hints = typing.get_type_hints(value_type)
            return value_type(**{item.name: self._decode(hints[item.name], plain[item.name]) for item in dataclasses.fields(value_type)})
        if value_type is bytes:
            return self._read_blob(plain)
        if value_type is float:
            return float(plain)
        return plain


def _blob_names(text: str) -> set[str]:
    names: set[str] = set()

    def visit(item: dict[str, Any]) -> dict[str, Any]:
        if set(item) == {"blob"}:
            names.add(item["blob"])
        return item

    json.loads(text, object_hook=visit)
    return names
