"""Exact integer twin of the kernel `esp_sc16`: ESP-DSP's 16-bit FFT in block floating point, vectorised over frames.

ESP-DSP's ``dsps_fft2r_sc16_ansi`` transforms complex int16 values and halves its results in every stage, so that a
loud bin leaves the bins around it few bits. The kernel computes the first radix-4 stage itself, in 32 bits. Then each
quarter, which holds every fourth bin, is brought to 16 bits with an exponent and a factor of its own and goes through
``dsps_fft2r_sc16_ansi``; the results come back to 32 bits in the format of the kernel `cmsis_q31`, whose window and
split are used unchanged. docs/front_end.md derives the bounds.

The arithmetic of `fft_sc16` and `sc16_twiddles` is that of ESP-DSP 1.2.0 to 1.8.2 (``dsps_fft2r_sc16_ansi.c``, the same
in all these versions), of the C version only: those in assembly (``_ae32``, ``_aes3``, ``_arp4``) differ.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinyaudio.dsp.frontend import cmsis_q31
from tinyaudio.dsp.frontend.square_root import floor_square_root

#: Lengths of the real FFT: 8 to 512 points are left to ESP-DSP, which has tables for up to 4096.
SUPPORTED_FFT_SAMPLES = cmsis_q31.SUPPORTED_FFT_SAMPLES

Int32Array = NDArray[np.int32]
Int64Array = NDArray[np.int64]

_INT16_MAX = 32_767
#: A quarter's magnitude is brought to at most this; rounding to 16 bits may add 1/2 to either part.
_MAGNITUDE = 32_766


def design_tables(window_samples: int, fft_samples: int) -> dict[str, NDArray[Any]]:
    """Return the arrays of the C++ ``EspSc16Tables``.

    ``window`` and ``split`` of `cmsis_q31`; ``rotations`` int32 [fft_samples / 8 * 6], Q31, cosine and sine of the three
    rotations of each radix-4 butterfly; ``twiddles`` int16 [fft_samples / 8], what ESP-DSP's own table must begin with.
    """
    points = fft_samples // 2
    return {
        **cmsis_q31.design_tables(window_samples, fft_samples),
        "rotations": _rotations(points).transpose(2, 0, 1).ravel().astype(np.int32),
        "twiddles": sc16_twiddles(points // 4).T.ravel().astype(np.int16),
    }


def transform(tables: Mapping[str, NDArray[Any]], window: Int64Array) -> Int64Array:
    """Return the stage fft of the window stage [fft_samples, frames]: real and imaginary parts in turn, [2 * bins, frames]."""
    del tables
    spectrum = cmsis_q31.split(*complex_fft(window[0::2], window[1::2]))
    return np.stack(spectrum, axis=1).reshape(-1, window.shape[1])


def complex_fft(real: Int64Array, imaginary: Int64Array) -> tuple[Int64Array, Int64Array]:
    """Return the complex FFT in natural order, divided by its length.

    Parameters
    ----------
    real, imaginary
        int64 [points, frames], Q31 values under a Hann window: four points spaced evenly sum to magnitudes below ``4 * 2^31``.

    Returns
    -------
    tuple
        Real and imaginary part, int64 of the same shape, Q31.
    """
    points, frames = real.shape
    outputs = np.empty((2, points, frames), dtype=np.int64)
    for first, quarter in enumerate(_radix4(real, imaginary)):
        outputs[:, first::4] = _block_fft(*quarter)
    return outputs[0], outputs[1]


def fft_sc16(real: Int32Array, imaginary: Int32Array) -> tuple[Int32Array, Int32Array]:
    """Return what ``dsps_fft2r_sc16_ansi`` computes, in natural order.

    In each of its stages, pairs (a, b) become ``(32767 a +- w b + 32767) >> 16`` with twiddles w of 15 bits and their
    sign: half of ``a +- w b`` times 32767 / 32768, rounded to nearest. The sum takes 32 bits. Nothing saturates.

    Parameters
    ----------
    real, imaginary
        int32 [points, frames], magnitudes of at most 32767: then no intermediate magnitude is greater.

    Returns
    -------
    tuple
        Real and imaginary part, int32 of the same shape: the FFT times ``(32767 / 65536) ^ log2 points``.
    """
    points, frames = real.shape
    cosines, sines = sc16_twiddles(points).astype(np.int32)[:, :, np.newaxis, np.newaxis]
    groups, half = 1, points // 2
    while half > 0:
        x, y = real.reshape(groups, 2, half, frames), imaginary.reshape(groups, 2, half, frames)
        cosine, sine = cosines[:groups], sines[:groups]
        rotated_x = cosine * x[:, 1] + sine * y[:, 1]
        rotated_y = cosine * y[:, 1] - sine * x[:, 1]
        kept_x = x[:, 0] * _INT16_MAX + _INT16_MAX
        kept_y = y[:, 0] * _INT16_MAX + _INT16_MAX
        real = np.stack([(kept_x + rotated_x) >> 16, (kept_x - rotated_x) >> 16], axis=1).reshape(points, frames)
        imaginary = np.stack([(kept_y + rotated_y) >> 16, (kept_y - rotated_y) >> 16], axis=1).reshape(points, frames)
        groups, half = 2 * groups, half // 2
    order = cmsis_q31.bit_reversal(points)
    return real[order], imaginary[order]


@cache
def sc16_twiddles(points: int) -> Int64Array:
    """Return cosine and sine of ``2 pi k / points``, k < `points` / 2, as ESP-DSP's table: int64 [2, points / 2], k in bit-reversed order.

    ``dsps_gen_w_r2_sc16`` computes the angle and ``32767 cosf(angle)`` in float32 and truncates towards 0. The table of a
    longer FFT begins with that of a shorter one. A cosine off by 2 units in the last place leaves it as it is, so
    that up to 512 points it hangs on no C library (tested).
    """
    angle = np.arange(points // 2, dtype=np.float32) * np.float32(2.0 * np.pi / points)
    values = np.stack([np.cos(angle.astype(np.float64)), np.sin(angle.astype(np.float64))]).astype(np.float32)
    return _read_only(np.trunc(np.float32(_INT16_MAX) * values).astype(np.int64)[:, cmsis_q31.bit_reversal(points // 2)])


@cache
def _rotations(points: int) -> Int64Array:
    """Cosine and sine of ``2 pi n r / points`` for r = 1, 2, 3 and n < `points` / 4: int64 [3, 2, points / 4], Q31, rounded, saturated."""
    angle = 2.0 * np.pi * np.outer((1, 2, 3), np.arange(points // 4)) / points
    scaled = np.rint(np.stack([np.cos(angle), np.sin(angle)], axis=1) * 2.0**31)
    return _read_only(np.minimum(scaled, 2.0**31 - 1).astype(np.int64))


def _radix4(real: Int64Array, imaginary: Int64Array) -> tuple[tuple[Int64Array, Int64Array], ...]:
    """Return the four quarters whose FFTs are the bins 4 k, 4 k + 1, 4 k + 2 and 4 k + 3, divided by 8, int64 [points / 4, frames] each."""
    points, frames = real.shape
    x, y = (real >> 2).reshape(4, points // 4, frames), (imaginary >> 2).reshape(4, points // 4, frames)
    x_sum, x_difference, x_sum_odd, x_difference_odd = x[0] + x[2], x[0] - x[2], x[1] + x[3], x[1] - x[3]
    y_sum, y_difference, y_sum_odd, y_difference_odd = y[0] + y[2], y[0] - y[2], y[1] + y[3], y[1] - y[3]
    rotations = _rotations(points)[..., np.newaxis]
    return (
        ((x_sum + x_sum_odd) >> 1, (y_sum + y_sum_odd) >> 1),
        _rotate(x_difference + y_difference_odd, y_difference - x_difference_odd, rotations[0]),
        _rotate(x_sum - x_sum_odd, y_sum - y_sum_odd, rotations[1]),
        _rotate(x_difference - y_difference_odd, y_difference + x_difference_odd, rotations[2]),
    )


def _rotate(x: Int64Array, y: Int64Array, rotation: Int64Array) -> tuple[Int64Array, Int64Array]:
    """Return (x + j y) (cosine - j sine) / 2, every product rounded on its own."""
    cosine, sine = rotation
    multiply = cmsis_q31.multiply_rounded
    return multiply(x, cosine) + multiply(y, sine), multiply(y, cosine) + multiply(-x, sine)


def _block_fft(real: Int64Array, imaginary: Int64Array) -> tuple[Int64Array, Int64Array]:
    """Return twice the FFT of a quarter divided by its length, in 32 bits, by way of 16 bits: int64 [points, frames]."""
    points = len(real)
    power = np.max(real * real + imaginary * imaginary, axis=0)
    bound = floor_square_root(power.view(np.uint64) << np.uint64(2)).view(np.int64) + 1  # above twice the greatest magnitude
    shift = 32 - np.frexp(bound.astype(np.float64))[1].astype(np.int64)
    gain = (_MAGNITUDE << 17) // (((bound << shift) >> 16) + 1)  # 2^16 to 2^17
    multiply = cmsis_q31.multiply_rounded
    narrow_real = multiply(real << shift, gain).astype(np.int32)
    narrow_imaginary = multiply(imaginary << shift, gain).astype(np.int32)
    inverse = ((_unit_q46(points) >> shift) + (gain >> 1)) // gain
    bins_real, bins_imaginary = fft_sc16(narrow_real, narrow_imaginary)
    return (bins_real * inverse + 4096) >> 13, (bins_imaginary * inverse + 4096) >> 13


@cache
def _unit_q46(points: int) -> int:
    """``(32768 / 32767) ^ log2 points`` in Q46: undoes the gain of the stages."""
    stages = points.bit_length() - 1
    numerator, denominator = 1 << (46 + 15 * stages), int(_INT16_MAX**stages)
    return (numerator + denominator // 2) // denominator


def _read_only(array: Int64Array) -> Int64Array:
    array.flags.writeable = False
    return array
