"""What all tables of ``tinyaudio.toml`` have in common."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field


class Section(BaseModel):
    """A table of the file: frozen, strict about types, refuses keys it does not know, and TOML's nan and inf."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


def as_tuples(value: Any) -> Any:
    """Return `value` with tuples in place of lists, also inside: TOML has arrays where the tables have tuples."""
    return tuple(as_tuples(item) for item in value) if isinstance(value, list) else value


def _as_text(value: Any) -> Any:
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


#: Values of a manifest's column; folds are often whole numbers.
Texts = Annotated[tuple[Annotated[str, BeforeValidator(_as_text)], ...], Field(strict=False)]


def listed_twice(key: str, names: Iterable[str]) -> Iterator[str]:
    """Yield a sentence about what stands in the array `key` more than once, if anything does."""
    repeated = sorted(name for name, count in Counter(names).items() if count > 1)
    if repeated:
        yield f"{key}: {', '.join(map(repr, repeated))} is listed twice"
