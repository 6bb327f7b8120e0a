"""Message types: what is encoded comes back, and nothing else is accepted."""

from __future__ import annotations

import dataclasses
import struct
from typing import Any, get_args

import pytest

from tinyaudio.core.errors import ProtocolError
from tinyaudio.wire import messages
from tinyaudio.wire.messages import (
    MAX_PAYLOAD_BYTES,
    CalibrationSource,
    Capability,
    ClipBegin,
    Hello,
    Log,
    LogLevel,
    Message,
    PatchResult,
    Pcm,
    StageTrace,
    TraceMode,
    decode_message,
)
from tinyaudio.wire.schema import SCALARS, FieldDefinition, read_protocol

PROTOCOL = read_protocol()


def example_value(field: FieldDefinition, *, largest: bool) -> Any:
    """Return the least or the greatest value that `field` can have."""
    if field.type == "string":
        return "z" * field.max_length if largest else ""
    if field.enum or field.flags:
        (enum,) = (enum for enum in PROTOCOL.enums if enum.name == (field.enum or field.flags))
        kind = getattr(messages, enum.name)
        return kind(enum.values[-1].value if largest else enum.values[0].value)
    bits = 8 * struct.calcsize(SCALARS[field.type])
    low, high = (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if field.type.startswith("i") else (0, 2**bits - 1)
    value = high if largest else low
    count = field.length or (field.max_length if largest else 0)
    if field.length or field.max_length:
        return bytes([value]) * count if field.type == "u8" else (value,) * count
    return value


@pytest.mark.parametrize("largest", [False, True])
@pytest.mark.parametrize("definition", PROTOCOL.messages, ids=lambda definition: definition.name)
def test_a_message_at_its_limits_comes_back(definition: Any, largest: bool) -> None:
    kind = getattr(messages, definition.name)
    message = kind(**{field.name: example_value(field, largest=largest) for field in definition.fields})
    payload = message.encode()
    assert len(payload) <= kind.MAX_BYTES <= MAX_PAYLOAD_BYTES
    assert not largest or len(payload) == kind.MAX_BYTES
    assert decode_message(kind.ID, payload) == message
    for wrong in (payload[:-1], payload + b"\0"):
        with pytest.raises(ProtocolError, match=f"^{definition.name}: "):
            kind.decode(wrong)


def test_the_union_has_every_message() -> None:
    assert [kind.__name__ for kind in get_args(Message)] == [definition.name for definition in PROTOCOL.messages]


def test_a_payload_is_little_endian_and_packed() -> None:
    pcm = Pcm(clip_id=1, offset_samples=0x01020304, samples=(-2, 3))
    assert pcm.encode() == bytes.fromhex("01000000 04030201 0200 feff 0300")


def test_messages_are_frozen() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        Log(level=LogLevel.INFO, text="").text = "x"  # type: ignore[misc]


@pytest.mark.parametrize(
    ("make", "where"),
    [
        (lambda: Pcm(clip_id=2**32, offset_samples=0, samples=()), "Pcm"),
        (lambda: Pcm(clip_id=0, offset_samples=0, samples=(0,) * 257), r"Pcm\.samples"),
        (lambda: Pcm(clip_id=0, offset_samples=0, samples=(40_000,)), r"Pcm\.samples"),
        (lambda: StageTrace(clip_id=0, frame_index=0, stage_crc32=(1, 2), counter_ticks=0), r"StageTrace\.stage_crc32"),
        (lambda: Log(level=LogLevel.INFO, text="ä" * 101), r"Log\.text"),
    ],
)
def test_what_does_not_fit_is_refused_by_name(make: Any, where: str) -> None:
    with pytest.raises(ProtocolError, match=f"^{where}: "):
        make().encode()


def test_a_count_beyond_its_bound_is_refused() -> None:
    payload = struct.pack("<IIIIHBH", 0, 0, 0, 0, 0, 1, 65) + bytes(65)
    with pytest.raises(ProtocolError, match="65 elements; 64 are possible"):
        PatchResult.decode(payload)


def test_an_unknown_value_of_an_enumeration_is_refused() -> None:
    payload = bytearray(
        ClipBegin(
            clip_id=0,
            total_samples=0,
            trace_mode=TraceMode.CRC,
            capture_stages=0,
            capture_first_frame=0,
            capture_frame_count=0,
            decide_by=CalibrationSource.BUILT_IN,
        ).encode()
    )
    payload[8] = 9
    with pytest.raises(ProtocolError, match=r"ClipBegin: 9 is not a valid TraceMode"):
        ClipBegin.decode(bytes(payload))


def test_an_unknown_type_is_refused() -> None:
    with pytest.raises(ProtocolError, match="no message of type 254"):
        decode_message(254, b"")


def test_unknown_capabilities_are_kept() -> None:
    (definition,) = (definition for definition in PROTOCOL.messages if definition.name == "Hello")
    hello = Hello(**{field.name: example_value(field, largest=False) for field in definition.fields})
    newer = dataclasses.replace(hello, capabilities=Capability.RESET | Capability(1 << 30))
    assert Hello.decode(newer.encode()).capabilities == newer.capabilities


def test_a_log_line_cut_inside_a_character_is_still_shown() -> None:
    payload = Log(level=LogLevel.INFO, text="aä").encode()
    cut = payload[:1] + struct.pack("<H", 2) + payload[3:-1]
    assert Log.decode(cut).text == "a\ufffd"
