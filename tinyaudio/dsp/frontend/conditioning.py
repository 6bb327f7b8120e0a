"""What happens to the samples of a window before anything else: mean and gain, in integers and in float64."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tinyaudio.core.spec import FrontendSpec

#: The gain of the samples is Q24: a gain of at most 100 keeps it below 2^31.
GAIN_FRACTION_BITS = 24

_LEAST, _GREATEST = -32_768, 32_767


def is_conditioned(spec: FrontendSpec) -> bool:
    """Whether `spec` takes the samples otherwise than as they are."""
    return spec.dc_removal or spec.pre_gain_db != 0.0


def design_gain_q24(spec: FrontendSpec) -> int:
    """Return the gain of the samples in Q24; 0 stands for samples that are taken as they are."""
    return round(10.0 ** (spec.pre_gain_db / 20.0) * 2**GAIN_FRACTION_BITS) if is_conditioned(spec) else 0


def rounded_mean(sums: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    """Return ``floor((sums + floor(count / 2)) / count)``: the mean, rounded to nearest, a half upwards."""
    return (sums + count // 2) // count


def condition_samples(spec: FrontendSpec, frames: NDArray[np.int16], *, gain_q24: int) -> NDArray[np.int16]:
    """Return `frames` [frames, window_samples] without their mean and with the gain: rounded to nearest, a half upwards, saturated."""
    if gain_q24 == 0:
        return frames
    values = frames.astype(np.int64)
    if spec.dc_removal:
        values -= rounded_mean(values.sum(axis=1, keepdims=True), values.shape[1])
    scaled = (values * gain_q24 + (1 << (GAIN_FRACTION_BITS - 1))) >> GAIN_FRACTION_BITS
    conditioned: NDArray[np.int16] = np.clip(scaled, _LEAST, _GREATEST).astype(np.int16)
    return conditioned


def reference_samples(spec: FrontendSpec, frames: NDArray[np.int16]) -> NDArray[np.float64]:
    """Return the same in float64, in units of int16: nothing is rounded, but full scale clips as in the integers."""
    values = frames.astype(np.float64)
    if not is_conditioned(spec):
        return values
    if spec.dc_removal:
        values -= values.mean(axis=1, keepdims=True)
    clipped: NDArray[np.float64] = np.clip(values * 10.0 ** (spec.pre_gain_db / 20.0), _LEAST, _GREATEST)
    return clipped
