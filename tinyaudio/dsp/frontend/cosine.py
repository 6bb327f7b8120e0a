"""The discrete cosine transform from the log-mel to cepstral coefficients."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

#: The matrix is Q30: its values are at most sqrt(2), and 2^8 products with logarithms of 23 bits stay below 2^62.
COSINE_FRACTION_BITS = 30


def cosine_matrix(bands: int, coefficients: int) -> NDArray[np.float64]:
    """Return the DCT-II as ``tf.signal.mfccs_from_log_mel_spectrograms`` has it, [coefficients, bands].

    ``sqrt(2 / bands) * cos(pi k (2 n + 1) / (2 bands))``: the transform that is orthonormal but for coefficient 0, as in
    HTK (The HTK Book, section 5.3).
    """
    index = np.arange(coefficients)[:, np.newaxis]
    position = 2.0 * np.arange(bands) + 1.0
    matrix: NDArray[np.float64] = np.sqrt(2.0 / bands) * np.cos(np.pi * index * position / (2.0 * bands))
    return matrix
