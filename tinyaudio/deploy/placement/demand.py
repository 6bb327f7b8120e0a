"""What an image needs of memory, as far as it is known before anything is compiled."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A named part of something large, for the error that says why it is large."""

    name: str  # "tensor 'conv1'"
    bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Demand:
    """Bytes by kind of content."""

    arena_bytes: int  # activations and scratch of the model, exact; 0: there is no model
    arena_parts: tuple[Part, ...]  # what is alive where the arena is fullest, largest first
    weights_bytes: int  # constants of the model, exact
    weights_parts: tuple[Part, ...]  # by operator, largest first
    table_bytes: int  # of the front end, at most
    buffer_bytes: int  # of the front end, the application and the link, at most
    dma_bytes: int  # of the port, at most; 0: it has none
