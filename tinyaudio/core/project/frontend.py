"""``[frontend]``, and the other places of the file that describe a front end."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any, cast, get_type_hints

from pydantic import BaseModel, BeforeValidator, create_model

from tinyaudio.core.presets import DEFAULT_PRESET, preset_fields, preset_names
from tinyaudio.core.project.mistakes import suggestion
from tinyaudio.core.project.section import Section, as_tuples
from tinyaudio.core.spec import FrontendSpec, spec_problems


def _frontend_field(field: dataclasses.Field[Any]) -> tuple[Any, Any]:
    annotation = get_type_hints(FrontendSpec)[field.name]
    return (Annotated[annotation, BeforeValidator(as_tuples)] if isinstance(field.default, tuple) else annotation), field.default


#: ``[frontend]`` has the fields of `FrontendSpec`, so it is made from them, and the name of the preset that they change.
FrontendTable: type[Section] = create_model(
    "FrontendTable",
    __base__=Section,
    __module__=__name__,
    preset=(str, DEFAULT_PRESET),
    **cast(Any, {field.name: _frontend_field(field) for field in dataclasses.fields(FrontendSpec)}),
)


def with_preset(table: Any) -> Any:
    """Return the table ``[frontend]`` with what its preset sets and it does not; as it is if it is none, or names no preset."""
    preset = table.get("preset") if isinstance(table, dict) else None
    return {**preset_fields(preset), **table} if isinstance(preset, str) and preset in preset_names() else table


#: A front end besides that of the project.
if TYPE_CHECKING:  # mypy cannot follow a type that is made at run time
    OtherFrontend = Section | None
else:
    OtherFrontend = Annotated[FrontendTable | None, BeforeValidator(with_preset)]


def frontend_spec(table: BaseModel) -> FrontendSpec:
    """Return the front end that a checked ``[frontend]``, or ``[train.transfer.frontend]``, describes."""
    return FrontendSpec(**table.model_dump(exclude={"preset"}))


def frontend_problems(table: Any) -> Iterator[str]:
    """Yield an unknown preset, and what `FrontendSpec` would refuse; the table has the same fields."""
    if table.preset not in preset_names():
        yield f"preset: there is no preset {table.preset!r}{suggestion(table.preset, preset_names())}"
    for problem in spec_problems(table):
        name, _, rest = problem.partition(" ")
        yield f"{name}: {rest}"
