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


def saturate_int8(values: NDArray[np.int64]) -> NDArray[np.int8]:
    """Return `values` clipped to -128 to 127."""
    return np.clip(values, -128, 127).astype(np.int8)


def quantize_int8(values: NDArray[Any], *, scale: float, zero_point: int) -> NDArray[np.int8]:
    """Return real `values` in steps of `scale` around `zero_point`: rounded, ties upwards, and clipped."""
    return saturate_int8(np.floor(np.asarray(values, np.float64) / scale + 0.5).astype(np.int64) + zero_point)
