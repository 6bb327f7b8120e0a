"""The strict Jinja2 environment: no clock, no randomness, no undefined names, a few tested filters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import jinja2

from tinyaudio.core.resources import resource_root


def render_template(name: str, context: Mapping[str, Any]) -> str:
    """Render ``templates/<name>`` with `context`.

    Raises
    ------
    jinja2.UndefinedError
        If the template uses a name that `context` lacks: a bug of tinyaudio, never of the user.
    """
    return environment(resource_root("templates")).get_template(name).render(**context)


@cache
def environment(root: Path) -> jinja2.Environment:
    """Return the environment over the templates below `root`."""
    result = jinja2.Environment(
        loader=jinja2.FileSystemLoader(root),
        undefined=jinja2.StrictUndefined,
        autoescape=False,  # C++, TOML and INI text; the HTML template escapes by an explicit |e
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    result.globals.clear()
    result.globals["range"] = range
    result.filters["c_values"] = c_values
    result.filters["c_string"] = c_string
    result.filters["c_bytes"] = c_bytes
    return result


def c_values(values: Sequence[int], per_line: int = 12, indent: int = 4, suffix: str = "") -> str:
    """Format integers as lines of a C array initializer, without braces.

    ``INT32_MIN`` is written as an expression, since ``-2147483648`` is not an ``int`` literal in C.
    """
    texts = [_c_integer(int(value), suffix) for value in values]
    lines = (", ".join(texts[start : start + per_line]) for start in range(0, len(texts), per_line))
    return (",\n" + " " * indent).join(lines)


def c_bytes(text: str, per_line: int = 16, indent: int = 4) -> str:
    """Format hexadecimal digits (a fingerprint) as bytes of a C array initializer."""
    texts = [f"0x{byte:02x}" for byte in bytes.fromhex(text)]
    lines = (", ".join(texts[start : start + per_line]) for start in range(0, len(texts), per_line))
    return (",\n" + " " * indent).join(lines)


def c_string(text: str) -> str:
    """Quote `text` as a C string literal: every byte outside printable ASCII becomes a three-digit octal escape."""
    escaped = []
    for byte in text.encode("utf-8"):
        character = chr(byte)
        if character in '"\\?':
            escaped.append("\\" + character)
        elif 32 <= byte < 127:
            escaped.append(character)
        else:
            escaped.append(f"\\{byte:03o}")
    return '"' + "".join(escaped) + '"'


def _c_integer(value: int, suffix: str) -> str:
    if value == -(2**31):
        return "(-2147483647 - 1)"
    return f"{value}{suffix}"
