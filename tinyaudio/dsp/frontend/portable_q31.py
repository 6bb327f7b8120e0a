"""Exact integer twin of the kernel ``portable_q31``: our own real FFT on 32-bit values, vectorised over frames.

A complex FFT of L = N / 2 points (even samples real, odd samples imaginary), decimated in time: one stage of radix 4
(or radix 2, where L is no power of 4) without twiddles that reads the windowed samples in their order and writes them
digit-reversed, then stages of radix 4 with twiddles in Q30, then the split into the bins of the real FFT.

A product with a Q30 factor, ``(a * b + 2^31) >> 32``, is divided by 4 on the way: the scaling of a radix-4 stage costs
nothing. docs/front_end.md derives the bounds; nothing overflows for a Hann window.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinyaudio.dsp.frontend.window import periodic_hann

#: Lengths of the real FFT.
SUPPORTED_FFT_SAMPLES = (64, 128, 256, 512, 1024, 2048, 4096)

Int64Array = NDArray[np.int64]
ComplexArray = tuple[Int64Array, Int64Array]  # real and imaginary part

_ROUND_32 = 1 << 31
_QUARTER_Q32 = 1 << 30  # a factor of 1 in Q30: what a product is divided by 4 with


def first_radix(fft_samples: int) -> int:
    """Return the radix of the first stage: 4, or 2 where the complex FFT's length is no power of 4."""
    return 4 if (fft_samples // 2).bit_length() % 2 == 1 else 2


def window_peak(fft_samples: int) -> int:
    """Return the window's peak: just below 2^30 before a radix-4 stage, which sums four samples without scaling, else below 2^31.

    Windowed samples are then below 2^29 or 2^30, and the first stage's results below 2^30 either way.
    """
    return ((1 << 31) - (1 << 11)) >> (1 if first_radix(fft_samples) == 4 else 0)


def design_tables(window_samples: int, fft_samples: int) -> dict[str, NDArray[Any]]:
    """Return the arrays of the C++ ``PortableQ31Tables``.

    Returns
    -------
    dict
        ``window`` int32, the samples' factors in the order in which the first stage reads them; ``positions`` uint16
        [fft_samples / 2 / radix], where it writes (the index of the first of its words); ``twiddles`` int32, cos and sin
        of w^2, w, w^3 in Q30 for each stage's butterflies but the first; ``split`` int32 [fft_samples / 2 - 2], cos and
        sin in Q30 of bins 1 to fft_samples / 4 - 1.
    """
    radix = first_radix(fft_samples)
    butterflies = fft_samples // 2 // radix
    stages = [stage_twiddles(quarter)[1:, [1, 0, 2]].reshape(-1, 6) for quarter in _quarters(fft_samples)]
    angles = 2.0 * np.pi * np.arange(1, fft_samples // 4) / fft_samples
    return {
        "window": window_table(window_samples, fft_samples)[reading_order(window_samples, fft_samples)].astype(np.int32),
        "positions": (2 * radix * _digit_reversal(butterflies)).astype(np.uint16),
        "twiddles": np.concatenate(stages).ravel().astype(np.int32),
        "split": _q30(np.stack([np.cos(angles), np.sin(angles)], axis=1)).ravel().astype(np.int32),
    }


@cache
def window_table(window_samples: int, fft_samples: int) -> Int64Array:
    """Return the factors of the samples in their order, with a zero behind an odd number of them."""
    factors = np.rint(periodic_hann(window_samples) * window_peak(fft_samples)).astype(np.int64)
    return _read_only(np.concatenate([factors, np.zeros(window_samples % 2, dtype=np.int64)]))


def reading_order(window_samples: int, fft_samples: int) -> NDArray[np.intp]:
    """Return the samples' indices in the order in which the first stage reads them: pair by pair, those behind the window left out."""
    radix = first_radix(fft_samples)
    pairs = np.arange(fft_samples // 2).reshape(radix, -1).T.ravel()  # butterfly n reads pairs n, n + quarter, ...
    used = pairs[pairs < (window_samples + 1) // 2]
    order: NDArray[np.intp] = (2 * used[:, np.newaxis] + np.arange(2)).ravel()
    return order


@cache
def stage_twiddles(quarter: int) -> Int64Array:
    """Return cos and sin of ``2 pi j k / (4 quarter)``, j < quarter, k = 1, 2, 3, in Q30: int64 [quarter, 3, 2]."""
    angles = 2.0 * np.pi * np.arange(quarter)[:, np.newaxis] * np.arange(1, 4) / (4 * quarter)
    return _read_only(_q30(np.stack([np.cos(angles), np.sin(angles)], axis=-1)))


def apply_window(tables: Mapping[str, NDArray[Any]], samples: NDArray[np.int16], *, fft_samples: int) -> Int64Array:
    """Return [fft_samples, frames] from [window_samples, frames]: Q15 times the factor, of which SMULWB drops 16 bits; below 2^30."""
    del tables  # in another order
    factors = window_table(len(samples), fft_samples)[: len(samples), np.newaxis]
    result = np.zeros((fft_samples, samples.shape[1]), dtype=np.int64)
    result[: len(samples)] = (samples.astype(np.int64) * factors) >> 16
    return result


def transform(tables: Mapping[str, NDArray[Any]], window: Int64Array) -> Int64Array:
    """Return bins 0 to N / 2 of `window` [N, frames], real and imaginary parts in turn: [N + 2, frames], Q(31 - log2 N)."""
    del tables
    real, imaginary = _first_stage(window[0::2], window[1::2], radix=first_radix(len(window)))
    for quarter in _quarters(len(window)):
        real, imaginary = _radix4_stage(real, imaginary, quarter)
    return _split(real, imaginary)


def _first_stage(x: Int64Array, y: Int64Array, *, radix: int) -> ComplexArray:
    """Butterflies of [L, frames] without twiddles and scaling; in digit-reversed order."""
    points, frames = x.shape
    order = np.argsort(_digit_reversal(points // radix))
    x, y = x.reshape(radix, -1, frames)[:, order], y.reshape(radix, -1, frames)[:, order]
    if radix == 2:
        return _interleave((x[0] + x[1], x[0] - x[1])), _interleave((y[0] + y[1], y[0] - y[1]))
    even, even_difference = (x[0] + x[2], y[0] + y[2]), (x[0] - x[2], y[0] - y[2])
    odd, odd_difference = (x[1] + x[3], y[1] + y[3]), (x[1] - x[3], y[1] - y[3])
    return _join(even, even_difference, odd, odd_difference)


def _radix4_stage(real: Int64Array, imaginary: Int64Array, quarter: int) -> ComplexArray:
    """Groups of four transforms of `quarter` points become transforms of four times as many, divided by 4."""
    x, y = (part.reshape(-1, 4, quarter, part.shape[1]) for part in (real, imaginary))
    cosine, sine = np.moveaxis(stage_twiddles(quarter), (2, 1), (0, 1))[..., np.newaxis]  # [3, quarter, 1] each
    ax, ay = x[:, 0] >> 2, y[:, 0] >> 2
    even_x, even_y = _add_rotated(ax, ay, x[:, 2], y[:, 2], cosine[1], sine[1])
    bx, by = _add_rotated(np.zeros_like(ax), np.zeros_like(ay), x[:, 1], y[:, 1], cosine[0], sine[0])
    odd_x, odd_y = _add_rotated(bx, by, x[:, 3], y[:, 3], cosine[2], sine[2])
    return _join((even_x, even_y), (2 * ax - even_x, 2 * ay - even_y), (odd_x, odd_y), (2 * bx - odd_x, 2 * by - odd_y))


def _join(even: ComplexArray, even_difference: ComplexArray, odd: ComplexArray, odd_difference: ComplexArray) -> ComplexArray:
    """Sums and differences of inputs 0, 2 and of inputs 1, 3 of butterflies [groups, quarter, frames] to outputs [points, frames]."""
    return (
        _interleave((even[0] + odd[0], even_difference[0] + odd_difference[1], even[0] - odd[0], even_difference[0] - odd_difference[1])),
        _interleave((even[1] + odd[1], even_difference[1] - odd_difference[0], even[1] - odd[1], even_difference[1] + odd_difference[0])),
    )


def _interleave(outputs: tuple[Int64Array, ...]) -> Int64Array:
    """Put the outputs of each group, [groups, ..., frames] each, behind one another: [points, frames]."""
    return np.stack(outputs, axis=1).reshape(-1, outputs[0].shape[-1])


def _add_rotated(x: Int64Array, y: Int64Array, u: Int64Array, v: Int64Array, cosine: Int64Array, sine: Int64Array) -> ComplexArray:
    """(x + j y) + (u + j v)(cos - j sin) / 4: SMMLAR twice for the real part, SMMLAR and SMMLSR for the imaginary one.

    A factor of exactly 1 is no exception: the C++'s shorter butterfly for it rounds the same products.
    """
    return x + _rounded(u * cosine) + _rounded(v * sine), y + _rounded(v * cosine) + _rounded(-(u * sine))


def _split(x: Int64Array, y: Int64Array) -> Int64Array:
    """Complex FFT of L points -> bins 0 to L of the real FFT, divided by 2; in pairs k, L - k."""
    points, frames = x.shape
    half = points // 2
    angles = 2.0 * np.pi * np.arange(1, half)[:, np.newaxis] / (2 * points)
    cosine, sine = _q30(np.cos(angles)), _q30(np.sin(angles))
    lower_x, lower_y, upper_x, upper_y = x[1:half], y[1:half], x[:half:-1], y[:half:-1]
    r, q = lower_y + upper_y, lower_x - upper_x
    even_x, even_y = (lower_x + upper_x) >> 2, (lower_y - upper_y) >> 2
    out = np.empty((points + 1, 2, frames), dtype=np.int64)
    out[1:half, 0] = even_x + _rounded(r * cosine) + _rounded(-(q * sine))
    out[1:half, 1] = even_y + _rounded(-(q * cosine)) + _rounded(-(r * sine))
    out[points - 1 : half : -1, 0] = 2 * even_x - out[1:half, 0]
    out[points - 1 : half : -1, 1] = out[1:half, 1] - 2 * even_y
    out[0] = (x[0] + y[0]) >> 1, np.zeros(frames, dtype=np.int64)
    out[half] = x[half] >> 1, -(y[half] >> 1)
    out[points] = (x[0] - y[0]) >> 1, np.zeros(frames, dtype=np.int64)
    return out.reshape(-1, frames)


def _rounded(product: Int64Array) -> Int64Array:
    """``SMMULR`` of a product of two 32-bit values: its upper half, rounded."""
    product += _ROUND_32
    product >>= 32
    return product


def _quarters(fft_samples: int) -> list[int]:
    """Lengths that the stages with twiddles find: a quarter of what each leaves."""
    radix = first_radix(fft_samples)
    stages = ((fft_samples // 2 // radix).bit_length() - 1) // 2
    return [radix * 4**stage for stage in range(stages)]


@cache
def _digit_reversal(count: int) -> NDArray[np.intp]:
    """The numbers below `count`, a power of 4, with their base-4 digits reversed."""
    result = np.zeros(1, dtype=np.intp)
    while len(result) < count:
        result = np.concatenate([4 * result + digit for digit in range(4)])
    result.flags.writeable = False
    return result


def _q30(values: NDArray[np.float64]) -> Int64Array:
    return np.rint(values * 2.0**30).astype(np.int64)


def _read_only(array: Int64Array) -> Int64Array:
    array.flags.writeable = False
    return array
