"""Exact integer twin of CMSIS-DSP's ``arm_rfft_q31`` (plain C and Cortex-M variants), vectorised over frames.

Written from the arithmetic of CMSIS-DSP 1.10 to 1.16 (``arm_cfft_q31.c``, ``arm_cfft_radix4_q31.c``,
``arm_rfft_q31.c``) and compared with the C sources bit for bit by the tests. The real FFT of N samples is a complex
FFT of L = N / 2 points (even samples real, odd samples imaginary) and a split. The output is the spectrum divided by
N, so Q31 input gives Q(31 - log2 N) output.

CMSIS wraps where an addition overflows; this twin computes in int64 and never wraps. Both agree because nothing
overflows for Q31 input under a Hann window: docs/front_end.md derives the bound.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinyaudio.dsp.frontend.window import periodic_hann

#: Lengths of the real FFT that CMSIS-DSP has tables for and a `FrontendSpec` may ask for.
SUPPORTED_FFT_SAMPLES = (64, 128, 256, 512, 1024, 2048, 4096)

#: The window's peak, 2^31 (1 - 2^-20): 2^11 below full scale, so that the FFT's rounding cannot overflow bin 0.
WINDOW_PEAK_Q31 = (1 << 31) - (1 << 11)

Int64Array = NDArray[np.int64]

_ROUND_32 = 1 << 31


def design_tables(window_samples: int, fft_samples: int) -> dict[str, NDArray[Any]]:
    """Return the arrays of the C++ ``CmsisQ31Tables``: window [window_samples], split [fft_samples / 4 * 3], both int32, Q31."""
    return {
        "window": np.rint(periodic_hann(window_samples) * WINDOW_PEAK_Q31).astype(np.int32),
        "split": split_coefficients(fft_samples // 2)[:, : fft_samples // 4].T.ravel().astype(np.int32),
    }


def apply_window(tables: Mapping[str, NDArray[Any]], samples: NDArray[np.int16], *, fft_samples: int) -> Int64Array:
    """Return [fft_samples, frames] from [window_samples, frames]: Q15 x Q31 -> Q46, of which SMULWB keeps the bits from 16 up, doubled to Q31."""
    result = np.zeros((fft_samples, samples.shape[1]), dtype=np.int64)
    result[: len(samples)] = ((samples.astype(np.int64) * tables["window"][:, np.newaxis]) >> 16) << 1
    return result


def transform(tables: Mapping[str, NDArray[Any]], window: Int64Array) -> Int64Array:
    """Return the stage fft of the window stage [fft_samples, frames]: real and imaginary parts in turn, [2 * bins, frames]."""
    del tables  # the twin computes all bins with `split_coefficients`
    return np.stack(rfft_q31(window), axis=1).reshape(-1, window.shape[1])


def rfft_q31(samples: Int64Array) -> tuple[Int64Array, Int64Array]:
    """Return the real FFT of `samples`, computed as ``arm_rfft_q31`` does.

    Parameters
    ----------
    samples
        int64 [fft_samples, frames], Q31 values.

    Returns
    -------
    tuple
        Real and imaginary part, int64 [fft_samples / 2 + 1, frames], Q(31 - log2 fft_samples).
    """
    real, imaginary = _complex_fft(samples[0::2], samples[1::2])
    return split(real, imaginary)


@cache
def complex_twiddles(points: int) -> Int64Array:
    """Return cos and sin of ``2 pi k / points``, k < 3/4 `points`, as CMSIS's ``twiddleCoef_<points>_q31``: int64 [2, 3/4 points].

    CMSIS's table was not rounded to nearest: every entry is ``floor(2^31 x + 0.05)``, saturated to ``2^31 - 1``.
    """
    angle = 2.0 * np.pi * np.arange(3 * points // 4) / points
    scaled = np.floor(np.stack([np.cos(angle), np.sin(angle)]) * 2.0**31 + 0.05)
    return _read_only(np.minimum(scaled, 2.0**31 - 1).astype(np.int64))


@cache
def split_coefficients(points: int) -> Int64Array:
    """Return the coefficients A1, A2, B1 of the split for bins 1 to `points` - 1, int64 [3, points - 1], Q31.

    ``A1 = (1 - sin) / 2``, ``A2 = -cos / 2``, ``B1 = (1 + sin) / 2`` at the angle ``pi k / points``, rounded to
    nearest and saturated: the even and odd entries of CMSIS's ``realCoefAQ31`` and the even ones of ``realCoefBQ31``.
    """
    angle = np.pi * np.arange(1, points) / points
    values = np.stack([1.0 - np.sin(angle), -np.cos(angle), 1.0 + np.sin(angle)])
    return _read_only(np.minimum(np.rint(values * 2.0**30), 2.0**31 - 1).astype(np.int64))


def _complex_fft(real: Int64Array, imaginary: Int64Array) -> tuple[Int64Array, Int64Array]:
    """``arm_cfft_q31``, forward, in natural order: int64 [points, frames] -> the same shape, divided by `points`."""
    points = len(real)
    if points.bit_length() % 2 == 1:  # a power of 4
        outputs = _radix4(real[np.newaxis], imaginary[np.newaxis], complex_twiddles(points))
    else:
        outputs = _radix4by2(real, imaginary)
    order = bit_reversal(points)
    return outputs[0].reshape(points, -1)[order], outputs[1].reshape(points, -1)[order]


def _radix4by2(real: Int64Array, imaginary: Int64Array) -> tuple[Int64Array, Int64Array]:
    """``arm_cfft_radix4by2_q31``: one radix-2 stage in front of two radix-4 transforms of half the length."""
    half = len(real) // 2
    twiddles = complex_twiddles(2 * half)
    cosine, sine = twiddles[0, :half, np.newaxis], twiddles[1, :half, np.newaxis]
    real, imaginary = real >> 2, imaginary >> 2
    x, y = real[:half] - real[half:], imaginary[:half] - imaginary[half:]
    odd_real = (multiply_rounded(x, cosine) + multiply_rounded(y, sine)) << 1
    odd_imaginary = (multiply_rounded(y, cosine) + multiply_rounded(-x, sine)) << 1
    inputs = np.stack([real[:half] + real[half:], odd_real]), np.stack([imaginary[:half] + imaginary[half:], odd_imaginary])
    outputs = _radix4(*inputs, twiddles[:, ::2])
    return outputs[0] << 1, outputs[1] << 1


def _radix4(real: Int64Array, imaginary: Int64Array, twiddles: Int64Array) -> tuple[Int64Array, Int64Array]:
    """``arm_radix4_butterfly_q31`` on int64 [transforms, points, frames]; `twiddles` are those of `points`, int64 [2, 3/4 points]."""
    transforms, points, frames = real.shape
    real, imaginary = real >> 4, imaginary >> 4  # 4 guard bits
    quarter = points // 4
    step = 1
    first = True
    while quarter > 1:
        quarters_real = real.reshape(-1, 4, quarter, frames)
        quarters_imaginary = imaginary.reshape(-1, 4, quarter, frames)
        real, imaginary = _butterflies(quarters_real, quarters_imaginary, twiddles[:, ::step], first)
        quarter //= 4
        step *= 4
        first = False
    real, imaginary = _last_butterflies(real.reshape(-1, 4, frames), imaginary.reshape(-1, 4, frames))
    shape = (transforms, points, frames)
    return real.reshape(shape), imaginary.reshape(shape)


def _butterflies(x: Int64Array, y: Int64Array, twiddles: Int64Array, first: bool) -> tuple[Int64Array, Int64Array]:
    """One stage on int64 [groups, 4, quarter, frames]. The first one keeps its scale (its input was shifted), the others divide by 4."""
    quarter = x.shape[2]
    index = np.arange(quarter)
    x_sum, x_difference = x[:, 0] + x[:, 2], x[:, 0] - x[:, 2]
    y_sum, y_difference = y[:, 0] + y[:, 2], y[:, 0] - y[:, 2]
    x_sum_odd, x_difference_odd = x[:, 1] + x[:, 3], x[:, 1] - x[:, 3]
    y_sum_odd, y_difference_odd = y[:, 1] + y[:, 3], y[:, 1] - y[:, 3]
    scale = 0 if first else 2
    out_x, out_y = np.empty_like(x), np.empty_like(y)
    out_x[:, 0] = (x_sum + x_sum_odd) >> scale
    out_y[:, 0] = (y_sum + y_sum_odd) >> scale
    rotated = (
        (1, 2, x_sum - x_sum_odd, y_sum - y_sum_odd),  # CMSIS keeps the second output in the third place and the third in the second
        (2, 1, x_difference + y_difference_odd, y_difference - x_difference_odd),
        (3, 3, x_difference - y_difference_odd, y_difference + x_difference_odd),
    )
    for place, power, a, b in rotated:
        cosine, sine = twiddles[:, power * index, np.newaxis]
        rotated_x = ((a * cosine) >> 32) + ((b * sine) >> 32)
        rotated_y = ((b * cosine) >> 32) - ((a * sine) >> 32)
        out_x[:, place] = rotated_x << 1 if first else rotated_x >> 1
        out_y[:, place] = rotated_y << 1 if first else rotated_y >> 1
    return out_x, out_y


def _last_butterflies(x: Int64Array, y: Int64Array) -> tuple[Int64Array, Int64Array]:
    """The stage without twiddles and without scaling on int64 [groups, 4, frames]."""
    x_sum, x_difference = x[:, 0] + x[:, 2], x[:, 0] - x[:, 2]
    y_sum, y_difference = y[:, 0] + y[:, 2], y[:, 0] - y[:, 2]
    x_sum_odd, x_difference_odd = x[:, 1] + x[:, 3], x[:, 1] - x[:, 3]
    y_sum_odd, y_difference_odd = y[:, 1] + y[:, 3], y[:, 1] - y[:, 3]
    out_x = (x_sum + x_sum_odd, x_sum - x_sum_odd, x_difference + y_difference_odd, x_difference - y_difference_odd)
    out_y = (y_sum + y_sum_odd, y_sum - y_sum_odd, y_difference - x_difference_odd, y_difference + x_difference_odd)
    return np.stack(out_x, axis=1), np.stack(out_y, axis=1)


def split(real: Int64Array, imaginary: Int64Array) -> tuple[Int64Array, Int64Array]:
    """``arm_split_rfft_q31``: complex FFT of L points -> bins 0 to L of the real FFT, divided by 2. Every product is rounded on its own."""
    points = len(real)
    a1, a2, b1 = split_coefficients(points)[:, :, np.newaxis]
    x, y = real[1:], imaginary[1:]
    mirrored_x, mirrored_y = x[::-1], y[::-1]
    out_real, out_imaginary = np.zeros((2, points + 1, real.shape[1]), dtype=np.int64)
    out_real[1:-1] = multiply_rounded(x, a1) + multiply_rounded(-y, a2) + multiply_rounded(-mirrored_y, a2) + multiply_rounded(mirrored_x, b1)
    out_imaginary[1:-1] = multiply_rounded(x, a2) + multiply_rounded(y, a1) + multiply_rounded(-mirrored_y, b1) + multiply_rounded(-mirrored_x, a2)
    out_real[0] = (real[0] + imaginary[0]) >> 1
    out_real[-1] = (real[0] - imaginary[0]) >> 1
    return out_real, out_imaginary


def multiply_rounded(a: Int64Array, b: Int64Array) -> Int64Array:
    """``SMMULR``: the upper half of a 32 x 32 product, rounded. Adding it is ``SMMLAR``; adding it of ``-a`` is ``SMMLSR``."""
    product: Int64Array = a * b
    product += _ROUND_32
    product >>= 32
    return product


@cache
def bit_reversal(points: int) -> NDArray[np.intp]:
    """Return the places of 0 to `points` - 1 in the order of reversed bits, int [points]."""
    bits = points.bit_length() - 1
    return np.array([int(format(index, f"0{bits}b")[::-1], 2) for index in range(points)], dtype=np.intp)


def _read_only(array: Int64Array) -> Int64Array:
    array.flags.writeable = False
    return array
