"""The exact integer square root."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def floor_square_root(values: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Return ``floor(sqrt(values))`` exactly for values below 2^63."""
    root: NDArray[np.uint64] = np.sqrt(values.astype(np.float64)).astype(np.uint64)  # off by one at most, next to a perfect square
    root -= root * root > values
    following = root + np.uint64(1)
    exact: NDArray[np.uint64] = root + (following * following <= values)
    return exact
