"""A line that drops, flips and repeats bytes, the same ones for the same seed: proof that the protocol holds."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tinyaudio.bench.transport.base import Transport


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultRates:
    """How often a byte suffers, each from 0 to 1."""

    drop: float = 0.0
    flip: float = 0.0  # one bit of it
    duplicate: float = 0.0


class FaultyTransport:
    """`transport`, made worse.

    Attributes
    ----------
    faults
        Bytes that were dropped, flipped or repeated so far, both directions together.
    """

    def __init__(self, transport: Transport, *, seed: int, to_device: FaultRates, from_device: FaultRates) -> None:
        self.faults = 0
        self._transport = transport
        self._to_device = to_device
        self._from_device = from_device
        self._random_to_device, self._random_from_device = np.random.default_rng(seed).spawn(2)

    def write(self, data: bytes) -> None:
        """Hand over what is left of `data`."""
        self._transport.write(self._spoil(data, self._to_device, self._random_to_device))

    def read(self, max_bytes: int, *, timeout_seconds: float) -> bytes:
        """Return what is left of what has come; repeated bytes may exceed `max_bytes`."""
        return self._spoil(self._transport.read(max_bytes, timeout_seconds=timeout_seconds), self._from_device, self._random_from_device)

    def close(self) -> None:
        """Close the line below."""
        self._transport.close()

    def _spoil(self, data: bytes, rates: FaultRates, random: np.random.Generator) -> bytes:
        values = np.frombuffer(data, np.uint8)
        flipped = random.random(values.size) < rates.flip
        values = np.where(flipped, values ^ (1 << random.integers(0, 8, values.size)).astype(np.uint8), values)
        dropped = random.random(values.size) < rates.drop
        duplicated = random.random(values.size) < rates.duplicate
        self.faults += int((flipped | dropped | duplicated).sum())
        return np.repeat(values, np.where(dropped, 0, 1 + duplicated)).tobytes()
