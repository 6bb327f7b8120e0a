"""What a transport can do, and deadlines as values."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol


class Transport(Protocol):
    """A line to a device. Every method raises `TransportError` when the line is dead."""

    def write(self, data: bytes) -> None:
        """Hand over `data`; returns when it may be forgotten, not when it has arrived."""

    def read(self, max_bytes: int, *, timeout_seconds: float) -> bytes:
        """Return what has come, at most `max_bytes`; wait for the first byte at most `timeout_seconds`, then return ``b""``."""

    def close(self) -> None:
        """Let go of the line; twice is allowed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Deadline:
    """A point in time of `clock`."""

    expires_seconds: float
    clock: Callable[[], float] = time.monotonic

    @classmethod
    def after(cls, seconds: float, *, clock: Callable[[], float] = time.monotonic) -> Deadline:
        """Return the deadline `seconds` from now."""
        return cls(expires_seconds=clock() + seconds, clock=clock)

    @property
    def remaining_seconds(self) -> float:
        """Time left, at least 0."""
        return max(0.0, self.expires_seconds - self.clock())

    @property
    def expired(self) -> bool:
        """Whether no time is left."""
        return self.clock() >= self.expires_seconds
