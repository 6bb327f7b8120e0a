"""Round, quantize and clip: the one rule of this project for getting to integers, of which the firmware has a twin.

Ties go upwards: ``floor(x + 1/2)``. Truncation, the usual mistake in front of a quantized autoencoder, would move every
value by half a step to one side. The twin is ``firmware/lib/tinyaudio_anomaly/include/tinyaudio/rounding.h``.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def round_shift(values: NDArray[np.int64], bits: int) -> NDArray[np.int64]:
    """Return ``floor(values / 2^bits + 1/2)``, int64; `bits` is 1 or more and the sum with half a step must fit."""
    return (values + (1 << (bits - 1))) >> bits


def round_half_up(values: Any) -> NDArray[np.int64]:
    """Return ``floor(values + 1/2)`` of real `values`, int64."""
    return np.floor(np.asarray(values, np.float64) + 0.5).astype(np.int64)


def saturate_int8(values: NDArray[np.int64]) -> NDArray[np.int8]:
    """Return `values` clipped to -128 to 127."""
    return np.clip(values, -128, 127).astype(np.int8)


def saturate_int16(values: NDArray[np.int64]) -> NDArray[np.int16]:
    """Return `values` clipped to -32768 to 32767."""
    return np.clip(values, -32768, 32767).astype(np.int16)


def quantize_int8(values: NDArray[Any], *, scale: float, zero_point: int) -> NDArray[np.int8]:
    """Return real `values` in steps of `scale` around `zero_point`: rounded, ties upwards, and clipped."""
    return saturate_int8(round_half_up(np.asarray(values, np.float64) / scale) + zero_point)
