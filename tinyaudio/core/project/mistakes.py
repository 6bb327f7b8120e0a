"""What is wrong with a table, in words: the path of the key, and what was probably meant."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from typing import Any, get_args

from pydantic import BaseModel


def sentence(section: str, model: type[BaseModel], item: Mapping[str, Any]) -> str:
    """Return the mistake `item` that pydantic found in the table `section`, made to `model`, as ``path: what is wrong``."""
    location = [str(part) for part in item["loc"]]
    path = ".".join([section, *location])
    if item["type"] == "extra_forbidden":
        return f"{path}: unknown key{suggestion(location[-1], _fields_at(model, location[:-1]))}"
    if item["type"] == "missing":
        return f"{path}: is missing"
    if item["type"] == "model_type":
        return f"{path}: must be a table"
    return f"{path}: {item['msg'][0].lower()}{item['msg'][1:]} (it is {item['input']!r})"


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
