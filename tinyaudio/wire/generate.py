"""Render ``protocol.toml`` to Python, C++ and its page of documentation: ``python -m tinyaudio.wire.generate`` writes the files in a checkout."""

from __future__ import annotations

import re
from itertools import groupby
from pathlib import Path
from typing import Any

from tinyaudio.core.files import write_text_if_changed
from tinyaudio.core.resources import resource_root
from tinyaudio.core.templating import render_template
from tinyaudio.wire.schema import SCALARS, Enumeration, FieldDefinition, MessageDefinition, ProtocolDefinition, read_protocol

_CPP_SCALARS = {"u8": "uint8_t", "u16": "uint16_t", "u32": "uint32_t", "i8": "int8_t", "i16": "int16_t", "i32": "int32_t", "string": "char"}
_LINE_COLUMNS = 150


def render_protocol(protocol: ProtocolDefinition) -> dict[Path, str]:
    """Return the generated files: path in this checkout -> text."""
    context = _context(protocol)
    header = resource_root("firmware") / "lib" / "tinyaudio_wire" / "include" / "tinyaudio" / "protocol.h"
    return {
        Path(__file__).with_name("messages.py"): render_template("wire/messages.py.j2", context),
        header: render_template("wire/protocol.h.j2", context),
        resource_root("firmware").parent / "docs" / "wire_protocol.md": render_template("wire/protocol.md.j2", {"protocol": protocol}),
    }


def main() -> None:
    """Write the generated files."""
    for path, text in render_protocol(read_protocol()).items():
        write_text_if_changed(path, text)


def _context(protocol: ProtocolDefinition) -> dict[str, Any]:
    return {
        "version": protocol.version,
        "max_payload_bytes": protocol.max_payload_bytes,
        "enums": [_enumeration_context(enum) for enum in protocol.enums],
        "messages": [_message_context(message, protocol) for message in protocol.messages],
        "message_names": [message.name for message in protocol.messages],
    }


def _enumeration_context(enum: Enumeration) -> dict[str, Any]:
    entries = [{"upper": item.name.upper(), "camel": _camel(item.name), "value": item.value, "doc": item.doc} for item in enum.values]
    return {"name": enum.name, "doc": enum.doc, "is_flags": enum.is_flags, "cpp_type": _CPP_SCALARS[enum.type], "entries": entries}


def _message_context(message: MessageDefinition, protocol: ProtocolDefinition) -> dict[str, Any]:
    upper = re.sub(r"(?<!^)(?=[A-Z])", "_", message.name).upper()
    runs: list[dict[str, Any]] = []
    parts = []
    for is_scalar, group in groupby(message.fields, key=lambda field: field.type != "string" and not field.length and not field.max_length):
        fields = list(group)
        if is_scalar:
            run = {"index": len(runs), "codes": "".join(SCALARS[field.type] for field in fields)}
            runs.append(run)
            only_part = len(fields) == len(message.fields)
            parts.append(_scalar_part(message, fields, f"_{upper}_{run['index']}", indent=8 if only_part else 16))
        else:
            parts += [_array_part(message, field) for field in fields]
    return {
        "name": message.name,
        "upper": upper,
        "id": f"0x{message.id:02X}",
        "direction": message.direction.replace("_", " "),
        "doc": message.doc,
        "sequenced": message.sequenced,
        "max_bytes": message.max_bytes,
        "runs": runs,
        "parts": parts,
        "has_enums": any(field.enum for field in message.fields),
        "fields": [_field_context(field, protocol) for field in message.fields],
    }


def _scalar_part(message: MessageDefinition, fields: list[FieldDefinition], layout: str, *, indent: int) -> dict[str, str]:
    values = [layout, f'"{message.name}"', *(f"self.{field.name}" for field in fields)]
    targets = ", ".join(field.name for field in fields)
    decode = f"({targets},)" if len(fields) == 1 else targets
    call = f" = reader.integers({layout})"
    if len(decode + call) > _LINE_COLUMNS - 8:
        decode = _one_a_line("", [field.name for field in fields], indent=8)
    encode = f"pack({', '.join(values)})"
    if len(encode) > _LINE_COLUMNS - len("return ") - indent:
        encode = _one_a_line("pack", values, indent=indent)
    return {"encode": encode, "decode": decode + call}


def _one_a_line(name: str, items: list[str], *, indent: int) -> str:
    """Break a call or a tuple as ruff does, so that the generated file passes its check."""
    margin = " " * indent
    return f"{name}(\n" + "".join(f"{margin}    {item},\n" for item in items) + f"{margin})"


def _array_part(message: MessageDefinition, field: FieldDefinition) -> dict[str, str]:
    size = f"max_length={field.max_length}" if field.max_length else f"length={field.length}"
    where = f'"{message.name}.{field.name}"'
    if field.type == "string":
        return {"encode": f"pack_string({where}, self.{field.name}, {size})", "decode": f"{field.name} = reader.string({size})"}
    code = SCALARS[field.type]
    decode = f"reader.bytes_({size})" if field.type == "u8" else f'reader.array("{code}", {size})'
    return {"encode": f'pack_array("{code}", {where}, self.{field.name}, {size})', "decode": f"{field.name} = {decode}"}


def _field_context(field: FieldDefinition, protocol: ProtocolDefinition) -> dict[str, Any]:
    return {
        "name": field.name,
        "max_length": field.max_length,
        "comment": f"[{field.unit}] {field.doc}" if field.unit else field.doc,
        "constant": f"MAX_{field.name.upper()}" if field.max_length else "",
        "python_type": _python_type(field),
        "construct": f"{field.enum or field.flags}({field.name})" if field.enum or field.flags else field.name,
        "cpp_constant": f"kMax{_camel(field.name)}" if field.max_length else "",
        "cpp_declaration": _cpp_declaration(field),
        "cpp_encode": _cpp_encode(field),
        "cpp_decode": _cpp_decode(field, protocol),
    }


def _python_type(field: FieldDefinition) -> str:
    if field.type == "string":
        return "str"
    if field.length or field.max_length:
        return "bytes" if field.type == "u8" else "tuple[int, ...]"
    return field.enum or field.flags or "int"


def _cpp_declaration(field: FieldDefinition) -> str:
    size = f"[{field.length or field.max_length}]" if field.length or field.max_length else ""
    return f"{field.enum or _CPP_SCALARS[field.type]} {field.name}{size}"


def _cpp_encode(field: FieldDefinition) -> str:
    if field.max_length:
        return f"put_bounded(writer, message.{field.name}, message.{field.name}_count, {field.max_length}u)"
    if field.length:
        return f"put_array(writer, message.{field.name}, {field.length}u)"
    return f"put(writer, static_cast<{_CPP_SCALARS[field.type]}>(message.{field.name}))" if field.enum else f"put(writer, message.{field.name})"


def _cpp_decode(field: FieldDefinition, protocol: ProtocolDefinition) -> str:
    if field.max_length:
        return f"get_bounded(reader, message->{field.name}, &message->{field.name}_count, {field.max_length}u)"
    if field.length:
        return f"get_array(reader, message->{field.name}, {field.length}u)"
    if field.enum:
        (values,) = (enum.values for enum in protocol.enums if enum.name == field.enum)
        return f"get_enum(reader, &message->{field.name}, {len(values)}u)"
    return f"get(reader, &message->{field.name})"


def _camel(name: str) -> str:
    return "".join(word.capitalize() for word in name.split("_"))


if __name__ == "__main__":
    main()
