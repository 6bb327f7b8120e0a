"""``[tune]``: what a search may change, and what it must keep to."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

from pydantic import BeforeValidator, Field

from tinyaudio.core.project.model import Architecture
from tinyaudio.core.project.section import Section, as_tuples, listed_twice

_Whole = Annotated[tuple[int, int], BeforeValidator(as_tuples)]
_Range = Annotated[tuple[float, float], BeforeValidator(as_tuples)]

#: Key -> what its two ends may be; blocks, width and dropout as in [model], the others as in [train].
_LIMITS = {"width_multiplier": (0.05, 1.0), "blocks": (1, 13), "dropout": (0.0, 0.9), "learning_rate": (1e-6, 1.0), "mixup": (0.0, 10.0)}


class TuneTable(Section):
    """``[tune]``: ranges are [lowest, highest]; what is not named here is as in [model] and [train]."""

    trials: int = Field(default=30, ge=1, le=10_000)  # in all, over all runs
    seed: int = Field(default=1, ge=0, lt=2**32)
    architectures: Annotated[tuple[Architecture, ...], BeforeValidator(as_tuples), Field(min_length=1)] = ("mobilenet_v1", "mobilenet_v2", "ds_cnn")
    width_multiplier: _Range = (0.1, 0.5)
    blocks: _Whole = (3, 13)
    dropout: _Range = (0.0, 0.4)
    learning_rate: _Range = (1e-3, 2e-2)
    mixup: _Range = (0.0, 0.4)
    maximum_ram_bytes: int = Field(default=0, ge=0)  # of the model's arena; 0: any
    maximum_flash_bytes: int = Field(default=0, ge=0)  # of the model's constants and code, as predicted; 0: any
    maximum_instructions: int = Field(default=0, ge=0)  # of one inference, as predicted; 0: any


def tune_problems(table: TuneTable) -> Iterator[str]:
    """Yield every range that is upside down or leaves what the setting may be, and architectures listed twice."""
    for name, (lowest, highest) in _LIMITS.items():
        low, high = getattr(table, name)
        if low > high:
            yield f"{name}: [{low}, {high}] begins above its end"
        elif not lowest <= low <= high <= highest:  # nan neither
            yield f"{name}: [{low}, {high}] leaves {lowest} to {highest}"
    yield from listed_twice("architectures", table.architectures)
