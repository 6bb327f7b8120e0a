"""Read ``protocol.toml`` and check it by named rules, all violations reported at once."""

from __future__ import annotations

import re
import struct
import tomllib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tinyaudio.core.errors import InputError

DEFINITION = Path(__file__).with_name("protocol.toml")

#: Type in the TOML -> code of `struct`.
SCALARS = {"u8": "B", "u16": "H", "u32": "I", "i8": "b", "i16": "h", "i32": "i"}
COUNT_BYTES = 2  # the u16 in front of a bounded array or string
PAYLOAD_LIMIT_BYTES = 1_024  # the firmware holds a few payloads in static buffers


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedValue:
    """One value of an enumeration, or one bit of a set of flags."""

    name: str
    value: int  # for a flag the mask, not the bit's number
    doc: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Enumeration:
    """The values an integer field may take (`is_flags` false), or the bits it may carry (true)."""

    name: str
    type: str
    doc: str
    values: tuple[NamedValue, ...]
    is_flags: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldDefinition:
    """One field of a message."""

    name: str
    type: str  # key of SCALARS, or "string"
    doc: str
    unit: str = ""
    length: int = 0  # elements of a fixed array; 0: no fixed array
    max_length: int = 0  # most elements of a bounded array or bytes of a string; 0: neither
    enum: str = ""  # name of an Enumeration, "" for plain integers
    flags: str = ""

    @property
    def element_bytes(self) -> int:
        """Bytes of one element."""
        return 1 if self.type == "string" else struct.calcsize(SCALARS[self.type])

    @property
    def max_bytes(self) -> int:
        """Most bytes the field takes in a payload."""
        if self.max_length:
            return COUNT_BYTES + self.max_length * self.element_bytes
        return max(self.length, 1) * self.element_bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageDefinition:
    """One message."""

    name: str
    id: int
    direction: str  # to_device, to_host or both
    doc: str
    fields: tuple[FieldDefinition, ...]
    sequenced: bool = True  # False: the link's own, outside the sequence

    @property
    def max_bytes(self) -> int:
        """Length of the longest payload."""
        return sum(field.max_bytes for field in self.fields)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProtocolDefinition:
    """The whole protocol."""

    version: int
    enums: tuple[Enumeration, ...]
    messages: tuple[MessageDefinition, ...]

    @property
    def max_payload_bytes(self) -> int:
        """Length of the longest payload of any message."""
        return max(message.max_bytes for message in self.messages)


def read_protocol(path: Path = DEFINITION) -> ProtocolDefinition:
    """Read and check the definition.

    Raises
    ------
    InputError
        If it is not TOML, or breaks rules; the message lists all of them.
    """
    try:
        protocol = _parse(tomllib.loads(path.read_text(encoding="utf-8")))
    except (tomllib.TOMLDecodeError, KeyError, TypeError, AttributeError, OSError) as error:
        raise InputError(f"not a protocol definition: {error!r}", hint="see tinyaudio/wire/protocol.toml", where=path.name) from error
    problems = protocol_problems(protocol)
    if problems:
        raise InputError("; ".join(problems), hint="mend the definition", where=path.name)
    return protocol


def layout(protocol: ProtocolDefinition) -> dict[str, Any]:
    """Return what two ends must agree on, as plain values: names, ids, types and lengths in order, without the docs."""
    return {
        "enums": {enum.name: {"type": enum.type, "values": {item.name: item.value for item in enum.values}} for enum in protocol.enums},
        "messages": {message.name: _message_layout(message) for message in protocol.messages},
    }


def protocol_problems(protocol: ProtocolDefinition) -> list[str]:
    """Return one sentence for each rule that `protocol` breaks."""
    return [problem for rule in _RULES for problem in rule(protocol)]


def _message_layout(message: MessageDefinition) -> dict[str, Any]:
    fields = []
    for field in message.fields:
        entry: dict[str, Any] = {"name": field.name, "type": field.type}
        entry.update({key: value for key in ("length", "max_length", "enum", "flags") if (value := getattr(field, key))})
        fields.append(entry)
    return {"id": message.id, "direction": message.direction, "sequenced": message.sequenced, "fields": fields}


def _parse(table: dict[str, Any]) -> ProtocolDefinition:
    enums = [_parse_enumeration(entry, is_flags=False) for entry in table.get("enums", [])]
    flags = [_parse_enumeration(entry, is_flags=True) for entry in table.get("flags", [])]
    messages = []
    for entry in table["messages"]:
        fields = tuple(FieldDefinition(**field) for field in entry["fields"])
        messages.append(MessageDefinition(**{**entry, "fields": fields}))
    return ProtocolDefinition(version=table["version"], enums=(*enums, *flags), messages=tuple(messages))


def _parse_enumeration(entry: dict[str, Any], *, is_flags: bool) -> Enumeration:
    values = tuple(
        NamedValue(name=value["name"], value=1 << value["bit"] if is_flags else value["value"], doc=value["doc"]) for value in entry["values"]
    )
    return Enumeration(name=entry["name"], type=entry["type"], doc=entry["doc"], values=values, is_flags=is_flags)


def _reject_duplicates(protocol: ProtocolDefinition) -> Iterator[str]:
    type_names = [enum.name for enum in protocol.enums] + [message.name for message in protocol.messages]
    yield from (f"the name {name} is used twice" for name, count in Counter(type_names).items() if count > 1)
    yield from (f"the id {number} is used twice" for number, count in Counter(message.id for message in protocol.messages).items() if count > 1)
    for message in protocol.messages:
        counts = Counter(field.name for field in message.fields)
        yield from (f"{message.name}.{name} is used twice" for name, count in counts.items() if count > 1)


def _reject_bad_names(protocol: ProtocolDefinition) -> Iterator[str]:
    outer = [(enum.name, enum.doc) for enum in protocol.enums] + [(message.name, message.doc) for message in protocol.messages]
    for name, doc in outer:
        if not re.fullmatch(r"[A-Z][A-Za-z0-9]*", name):
            yield f"{name!r} must be written in CamelCase"
        if not doc:
            yield f"{name} has no doc"
    for owner, name, doc in _inner_names(protocol):
        if not re.fullmatch(r"[a-z][a-z0-9_]*", name):
            yield f"{owner}.{name} must be written in snake_case"
        if not doc:
            yield f"{owner}.{name} has no doc"


def _inner_names(protocol: ProtocolDefinition) -> Iterator[tuple[str, str, str]]:
    for enum in protocol.enums:
        yield from ((enum.name, value.name, value.doc) for value in enum.values)
    for message in protocol.messages:
        yield from ((message.name, field.name, field.doc) for field in message.fields)


def _reject_bad_messages(protocol: ProtocolDefinition) -> Iterator[str]:
    for message in protocol.messages:
        if not 1 <= message.id <= 255:
            yield f"{message.name} has the id {message.id}; 1 to 255 are possible"
        if message.direction not in ("to_device", "to_host", "both"):
            yield f"{message.name} has the direction {message.direction!r}; it must be to_device, to_host or both"
        if not message.fields:
            yield f"{message.name} has no fields"
        elif all(field.type in (*SCALARS, "string") for field in message.fields) and message.max_bytes > PAYLOAD_LIMIT_BYTES:
            yield f"{message.name} takes up to {message.max_bytes} bytes; {PAYLOAD_LIMIT_BYTES} are possible"


def _reject_bad_fields(protocol: ProtocolDefinition) -> Iterator[str]:
    enums = {enum.name: enum for enum in protocol.enums}
    for message in protocol.messages:
        for field in message.fields:
            yield from (f"{message.name}.{field.name} {problem}" for problem in _field_problems(field, enums))


def _field_problems(field: FieldDefinition, enums: Mapping[str, Enumeration]) -> Iterator[str]:
    if field.type != "string" and field.type not in SCALARS:
        yield f"has the type {field.type!r}; it must be one of {', '.join(SCALARS)} or string"
    if field.length and field.max_length:
        yield "has both length and max_length"
    if field.type == "string" and not field.max_length:
        yield "is a string without max_length"
    if not 0 <= field.length <= 65_535 or not 0 <= field.max_length <= 65_535:
        yield "is longer than 65535 or shorter than 0"
    for name, is_flags in ((field.enum, False), (field.flags, True)):
        if name and (name not in enums or enums[name].is_flags is not is_flags or enums[name].type != field.type):
            yield f"refers to {name}, which is not there, of another kind, or of another type"


def _reject_bad_enumerations(protocol: ProtocolDefinition) -> Iterator[str]:
    for enum in protocol.enums:
        numbers = [value.value for value in enum.values]
        if len({value.name for value in enum.values}) < len(numbers):
            yield f"{enum.name} has two values of one name"
        if enum.type != ("u32" if enum.is_flags else "u8"):
            yield f"{enum.name} must be {'u32' if enum.is_flags else 'u8'}"
        if any(not 0 <= number < 2 ** (32 if enum.is_flags else 8) for number in numbers):
            yield f"{enum.name} has a value that does not fit its type"
        if not enum.is_flags and numbers != list(range(len(numbers))):
            yield f"the values of {enum.name} must count up from 0"
        if enum.is_flags and len(set(numbers)) < len(numbers):
            yield f"{enum.name} uses a bit twice"


_RULES: tuple[Callable[[ProtocolDefinition], Iterator[str]], ...] = (
    _reject_duplicates,
    _reject_bad_names,
    _reject_bad_messages,
    _reject_bad_fields,
    _reject_bad_enumerations,
)
