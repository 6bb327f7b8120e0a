"""Named byte strings inside a ``.tflite`` file: its metadata entries, read and added without touching the rest.

FlatBuffers are built back to front and refer forwards only. So a new root table with new lists of buffers and
metadata goes *in front of* the old file, whose tables stay where they are, byte for byte.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import flatbuffers
import tflite

from tinyaudio.core.errors import ModelError

FILE_IDENTIFIER = b"TFL3"
_ALIGNMENT_BYTES = 16  # of tensor data within the file
_Result = TypeVar("_Result")

# What the accessors of the flatbuffers library raise on bytes that are no FlatBuffer.
_LIBRARY_FAILURES = (struct.error, ValueError, TypeError, IndexError, OverflowError, AttributeError, MemoryError)


def guarded(read: Callable[[], _Result]) -> _Result:
    """Return ``read()``; whatever the flatbuffers library raises over malformed bytes becomes a `ModelError`."""
    try:
        return read()
    except _LIBRARY_FAILURES as error:
        raise ModelError(
            f"the file is damaged: {error}", hint="the FlatBuffer cannot be read; export or copy the model again", where=".tflite"
        ) from error


def open_model(tflite_bytes: bytes) -> Any:
    """Return the root table (a ``tflite.Model``) of a ``.tflite`` file.

    Raises
    ------
    ModelError
        If the bytes are too short or carry another file identifier.
    """
    if len(tflite_bytes) < 8 or tflite_bytes[4:8] != FILE_IDENTIFIER:
        raise ModelError("not a TensorFlow Lite model: the identifier TFL3 is missing", hint="give a .tflite file", where=".tflite")
    root_offset = int.from_bytes(tflite_bytes[:4], "little")
    if root_offset + 4 > len(tflite_bytes):
        raise ModelError(
            "the file is damaged: its root lies behind its end", hint="the file may be truncated; export or copy it again", where=".tflite"
        )
    return tflite.Model.GetRootAs(tflite_bytes, 0)


def read_metadata(tflite_bytes: bytes, key: str) -> bytes | None:
    """Return the metadata of a ``.tflite`` file under the name `key`, or ``None`` if there is none.

    Raises
    ------
    ModelError
        If the bytes are not a readable ``.tflite`` file.
    """
    return guarded(lambda: _read_metadata(open_model(tflite_bytes), key))


def add_metadata(tflite_bytes: bytes, entries: Mapping[str, bytes]) -> bytes:
    """Return the ``.tflite`` file with the metadata `entries` added; an entry that exists is replaced.

    Entries that are there already, with the same bytes, change nothing: adding is idempotent.

    Raises
    ------
    ModelError
        If the bytes are not a readable ``.tflite`` file, or it keeps buffers outside the FlatBuffer.
    """
    return guarded(lambda: _add_metadata(tflite_bytes, entries))


def _metadata_indices(model: Any) -> dict[str, int]:
    entries = (model.Metadata(index) for index in range(model.MetadataLength()))
    return {(entry.Name() or b"").decode("utf-8"): entry.Buffer() for entry in entries}


def _read_metadata(model: Any, key: str) -> bytes | None:
    buffer_index = _metadata_indices(model).get(key)
    if buffer_index is None:
        return None
    if buffer_index >= model.BuffersLength():
        raise ModelError(f"metadata {key!r} names buffer {buffer_index} of {model.BuffersLength()}", hint="export the model again", where=".tflite")
    buffer = model.Buffers(buffer_index)
    return b"" if buffer.DataIsNone() else buffer.DataAsNumpy().tobytes()


def _add_metadata(tflite_bytes: bytes, entries: Mapping[str, bytes]) -> bytes:
    model = open_model(tflite_bytes)
    wanted = {key: data for key, data in sorted(entries.items()) if _read_metadata(model, key) != data}
    if not wanted:
        return tflite_bytes
    for index in range(model.BuffersLength()):
        if model.Buffers(index).Offset() > 1:
            raise ModelError("the model keeps its buffers behind the FlatBuffer", hint="export it smaller than 2 GB", where=f"buffer {index}")
    old = tflite_bytes + bytes(-len(tflite_bytes) % _ALIGNMENT_BYTES)
    builder = flatbuffers.Builder(len(old) + 4096)
    builder.CreateByteVector(old)
    return _write_root(builder, model, len(old), wanted)


def _write_root(builder: Any, model: Any, old_bytes: int, wanted: Mapping[str, bytes]) -> bytes:
    """Write the new root in front of the old file, which ends where `builder`'s bytes end."""
    buffers = [old_bytes - model.Buffers(index)._tab.Pos for index in range(model.BuffersLength())]
    named = _metadata_indices(model)
    kept = [model.Metadata(index) for index in range(model.MetadataLength())]
    metadata = [old_bytes - entry._tab.Pos for entry in kept if (entry.Name() or b"").decode("utf-8") not in wanted]
    for key, data in wanted.items():
        buffer = _write_buffer(builder, data)
        buffer_index = named.get(key, len(buffers))
        buffers[buffer_index : buffer_index + 1] = [buffer]
        metadata.append(_write_entry(builder, key, buffer_index))
    buffers_vector = _write_offsets(builder, tflite.ModelStartBuffersVector, buffers)
    metadata_vector = _write_offsets(builder, tflite.ModelStartMetadataVector, metadata)

    def old_field(slot: int) -> int:
        """Offset, from the end, of what the old root's field `slot` refers to; 0 if the field is absent."""
        offset = model._tab.Offset(4 + 2 * slot)
        return old_bytes - model._tab.Indirect(model._tab.Pos + offset) if offset else 0

    tflite.ModelStart(builder)
    tflite.ModelAddVersion(builder, model.Version())
    tflite.ModelAddOperatorCodes(builder, old_field(1))
    tflite.ModelAddSubgraphs(builder, old_field(2))
    tflite.ModelAddDescription(builder, old_field(3))
    tflite.ModelAddBuffers(builder, buffers_vector)
    tflite.ModelAddMetadataBuffer(builder, old_field(5))
    tflite.ModelAddMetadata(builder, metadata_vector)
    tflite.ModelAddSignatureDefs(builder, old_field(7))
    builder.Finish(tflite.ModelEnd(builder), file_identifier=FILE_IDENTIFIER)
    return bytes(builder.Output())


def _write_buffer(builder: Any, data: bytes) -> int:
    builder.Prep(_ALIGNMENT_BYTES, len(data))
    vector = builder.CreateByteVector(data)
    tflite.BufferStart(builder)
    tflite.BufferAddData(builder, vector)
    return int(tflite.BufferEnd(builder))


def _write_entry(builder: Any, key: str, buffer_index: int) -> int:
    name = builder.CreateString(key)
    tflite.MetadataStart(builder)
    tflite.MetadataAddName(builder, name)
    tflite.MetadataAddBuffer(builder, buffer_index)
    return int(tflite.MetadataEnd(builder))


def _write_offsets(builder: Any, start: Callable[[Any, int], object], offsets: list[int]) -> int:
    start(builder, len(offsets))
    for offset in reversed(offsets):
        builder.PrependUOffsetTRelative(offset)
    return int(builder.EndVector())
