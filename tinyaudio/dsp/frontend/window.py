"""The analysis window in float64."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def periodic_hann(samples: int) -> NDArray[np.float64]:
    """Return a periodic Hann window of `samples` values: ``0.5 - 0.5 cos(2 pi n / samples)``, as ``tf.signal.hann_window``."""
    return 0.5 - 0.5 * np.cos(2.0 * np.pi * np.arange(samples) / samples)
