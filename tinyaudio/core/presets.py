"""Front ends by name, read from ``presets.toml`` beside this file."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any

from tinyaudio.core.errors import SpecError
from tinyaudio.core.spec import FrontendSpec

DEFAULT_PRESET = "yamnet"


def preset_names() -> tuple[str, ...]:
    """Return the names of all presets, in the order of the file."""
    return tuple(_tables())


def preset_about(name: str) -> str:
    """Return one sentence on the preset `name`.

    Raises
    ------
    SpecError
        If there is no such preset.
    """
    return str(_table(name)["about"])


def preset_fields(name: str) -> Mapping[str, Any]:
    """Return the fields of `FrontendSpec` that the preset `name` sets; the others have their defaults.

    Raises
    ------
    SpecError
        If there is no such preset.
    """
    return {field: value for field, value in _table(name).items() if field != "about"}


def load_preset(name: str) -> FrontendSpec:
    """Return the front end of the preset `name`.

    Raises
    ------
    SpecError
        If there is no such preset; the hint lists those there are.
    """
    return FrontendSpec(**preset_fields(name))


def _table(name: str) -> Mapping[str, Any]:
    tables = _tables()
    if name not in tables:
        raise SpecError(f"there is no preset {name!r}", hint=f"presets: {', '.join(tables)}", where="frontend.preset")
    return tables[name]


@cache
def _tables() -> Mapping[str, Mapping[str, Any]]:
    return tomllib.loads(files("tinyaudio.core").joinpath("presets.toml").read_text(encoding="utf-8"))
