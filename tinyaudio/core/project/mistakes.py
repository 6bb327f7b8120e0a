"""What is wrong with a table, in words: the path of the key, and what was probably meant."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, get_args

from pydantic import BaseModel


def sentence(section: str, model: type[BaseModel], item: Mapping[str, Any], *, tables: Mapping[str, type[BaseModel]]) -> str:
    """Return the mistake `item` that pydantic found in the table `section`, made to `model`, as ``path: what is wrong``.

    A key that another one of `tables` has is sent there.
    """
    location = [str(part) for part in item["loc"]]
    path = ".".join([section, *location])
    if item["type"] == "extra_forbidden":
        known = _fields_at(model, location[:-1])
        return f"{path}: unknown key{other_table(location[-1], tables) or suggestion(location[-1], known)}"
    if item["type"] == "missing":
        return f"{path}: is missing"
    if item["type"] == "model_type":
        return f"{path}: must be a table"
    rule = f", that is {_rule_of(model, location)}" if item["type"] == "string_pattern_mismatch" and _rule_of(model, location) else ""
    return f"{path}: {item['msg'][0].lower()}{item['msg'][1:]}{rule} (it is {item['input']!r})"


def _fields_at(model: type[BaseModel], location: list[str]) -> list[str]:
    for part in location:
        annotation = model.model_fields[part].annotation
        tables = [kind for kind in (annotation, *get_args(annotation)) if isinstance(kind, type) and issubclass(kind, BaseModel)]
        model = tables[0]  # also of a table that may be missing
    return list(model.model_fields)


def suggestion(name: str, known: Iterable[str]) -> str:
    """Return the end of a sentence about an unknown `name`: what was probably meant, or what there is."""
    known = list(known)
    nearest = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    return f"; did you mean {nearest[0]!r}?" if nearest else f"; known: {', '.join(known)}"


def other_table(key: str, tables: Mapping[str, type[BaseModel]]) -> str:
    """Return the end of a sentence about a key that stands in the wrong table; "" if no table has it, or too many have."""
    homes = list(_tables_with(key, tables))
    return f"; it belongs into [{'] or ['.join(homes)}]" if 1 <= len(homes) <= 2 else ""


def _tables_with(key: str, tables: Mapping[str, type[BaseModel]]) -> Iterator[str]:
    """Yield the names of the tables that have `key`, those within tables as TOML writes them."""
    for name, model in tables.items():
        if key in model.model_fields:
            yield name
        inner = {f"{name}.{part}": field.annotation for part, field in model.model_fields.items()}
        yield from _tables_with(key, {path: kind for path, kind in inner.items() if isinstance(kind, type) and issubclass(kind, BaseModel)})


def _rule_of(model: type[BaseModel], location: list[str]) -> str:
    """Return in words what a value may be; "" where its table says nothing."""
    if len(location) != 1 or location[0] not in model.model_fields:
        return ""
    return model.model_fields[location[0]].description or ""
