"""What the generated message types are encoded and decoded with: bounded, little-endian, and strict about both ends."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from functools import cache
from typing import Any

from tinyaudio.core.errors import ProtocolError

_COUNT = struct.Struct("<H")


def pack(layout: struct.Struct, message: str, *values: int) -> bytes:
    """Encode the integers of `message` that lie side by side.

    Raises
    ------
    ProtocolError
        If a value does not fit its type.
    """
    try:
        return layout.pack(*values)
    except struct.error as error:
        raise ProtocolError(f"a value does not fit its field: {error}", hint="check the values handed to the message", where=message) from error


def pack_array(code: str, field: str, values: Sequence[int], *, length: int = 0, max_length: int = 0) -> bytes:
    """Encode an array: of exactly `length` elements, or of at most `max_length` behind a count.

    `code` is that of `struct`; for ``"B"`` the values may be `bytes`.
    """
    count = len(values)
    if (max_length and count > max_length) or (length and count != length):
        expected = f"at most {max_length}" if max_length else f"exactly {length}"
        raise ProtocolError(f"{count} elements; {expected} are possible", hint="check the values handed to the message", where=field)
    head = _COUNT.pack(count) if max_length else b""
    if code == "B":
        return head + bytes(values)
    return head + pack(_array_layout(code, count), field, *values)


def pack_string(field: str, text: str, *, max_length: int) -> bytes:
    """Encode `text` as UTF-8 of at most `max_length` bytes behind a count."""
    return pack_array("B", field, text.encode("utf-8"), max_length=max_length)


class Reader:
    """Takes a payload apart, field by field; every read past the end is a `ProtocolError` that names the message."""

    __slots__ = ("_message", "_offset", "_payload")

    def __init__(self, payload: bytes, message: str) -> None:
        self._payload = payload
        self._message = message
        self._offset = 0

    def integers(self, layout: struct.Struct) -> tuple[Any, ...]:
        """Take the integers that `layout` describes."""
        try:
            values = layout.unpack_from(self._payload, self._offset)
        except struct.error as error:
            raise self._malformed(f"is shorter than its fields ({len(self._payload)} bytes)") from error
        self._offset += layout.size
        return values

    def array(self, code: str, *, length: int = 0, max_length: int = 0) -> tuple[int, ...]:
        """Take an array of exactly `length` elements, or of at most `max_length` behind a count."""
        return self.integers(_array_layout(code, self._count(length, max_length)))

    def bytes_(self, *, length: int = 0, max_length: int = 0) -> bytes:
        """Take bytes, as `array`."""
        count = self._count(length, max_length)
        taken = self._payload[self._offset : self._offset + count]
        if len(taken) < count:
            raise self._malformed(f"is shorter than its fields ({len(self._payload)} bytes)")
        self._offset += count
        return taken

    def string(self, *, max_length: int) -> str:
        """Take UTF-8 text; bytes that are not UTF-8 (a chip's log line cut short) become U+FFFD."""
        return self.bytes_(max_length=max_length).decode("utf-8", errors="replace")

    def finish(self) -> None:
        """Raise unless the payload was taken whole."""
        if self._offset != len(self._payload):
            raise self._malformed(f"has {len(self._payload) - self._offset} bytes behind its fields")

    def _count(self, length: int, max_length: int) -> int:
        if not max_length:
            return length
        count = int(self.integers(_COUNT)[0])
        if count > max_length:
            raise self._malformed(f"has a field of {count} elements; {max_length} are possible")
        return count

    def _malformed(self, what: str) -> ProtocolError:
        return ProtocolError(
            f"the message {what}", hint="the firmware speaks another layout: run `tinyaudio build` and flash again", where=self._message
        )


@cache
def _array_layout(code: str, count: int) -> struct.Struct:
    return struct.Struct(f"<{count}{code}")
