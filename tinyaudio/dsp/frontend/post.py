"""What follows the log-mel: level normalization and cosine transform, in integers and in float64.

The features of a frame are the log-mel, less a running mean of the frames' means where `level_normalization` is on,
then the first coefficients of its discrete cosine transform where `cepstral_coefficients` is not 0.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tinyaudio.core.spec import FrontendSpec
from tinyaudio.dsp.frontend.conditioning import rounded_mean
from tinyaudio.dsp.frontend.cosine import COSINE_FRACTION_BITS, cosine_matrix
from tinyaudio.dsp.frontend.tables import LOG_FRACTION_BITS, FrontendTables

#: Fraction bits of the running level: 2^-24 nepers a step, so that the slowest mean still follows differences of 2^-13.
LEVEL_FRACTION_BITS = 24


@dataclass(frozen=True, slots=True, kw_only=True)
class LevelState:
    """The running level behind a frame of a clip."""

    mean_q24: int  # of the frames' mean log-mel, nepers


def post_process(tables: FrontendTables, log_mel: NDArray[np.int32], level: LevelState | None = None) -> tuple[NDArray[np.int32], LevelState | None]:
    """Return what the affine step takes, int32 [frames, feature_bands], nepers, Q16, and the level behind the last frame.

    Parameters
    ----------
    tables
        The front end.
    log_mel
        int32 [frames, mel_bands], consecutive frames of one clip.
    level
        That behind the frame before; None at the start of a clip.
    """
    spec = tables.spec
    if spec.level_normalization == "running" and len(log_mel):
        levels = _running_levels(log_mel, level, shift=spec.level_time_constant_frames.bit_length() - 1)
        level = LevelState(mean_q24=levels[-1])
        drop = LEVEL_FRACTION_BITS - LOG_FRACTION_BITS
        log_mel = log_mel - ((np.array(levels, np.int32)[:, np.newaxis] + (1 << (drop - 1))) >> drop)
    if spec.cepstral_coefficients:
        products = log_mel.astype(np.int64) @ tables.cosines_q30.T.astype(np.int64)
        log_mel = ((products + (1 << (COSINE_FRACTION_BITS - 1))) >> COSINE_FRACTION_BITS).astype(np.int32)
    return log_mel, level


def _running_levels(log_mel: NDArray[np.int32], level: LevelState | None, *, shift: int) -> list[int]:
    """Return the level behind each frame in Q24: the first frame's mean, then 1 / 2^shift of the way to each next one's."""
    drop = LEVEL_FRACTION_BITS - LOG_FRACTION_BITS
    means = (rounded_mean(log_mel.sum(axis=1, dtype=np.int64), log_mel.shape[1]) << drop).tolist()
    current = level.mean_q24 if level is not None else means[0]
    levels = []
    for mean in means:
        current += (mean - current + ((1 << shift) >> 1)) >> shift
        levels.append(current)
    return levels


def reference_post_process(spec: FrontendSpec, log_mel: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the same in float64 for all frames of a clip, [frames, feature_bands] in nepers."""
    if spec.level_normalization == "running" and len(log_mel):
        means = log_mel.mean(axis=1)
        level, levels = means[0], np.empty(len(means))
        for frame, mean in enumerate(means):
            level += (mean - level) / spec.level_time_constant_frames
            levels[frame] = level
        log_mel = log_mel - levels[:, np.newaxis]
    return log_mel @ cosine_matrix(spec.mel_bands, spec.cepstral_coefficients).T if spec.cepstral_coefficients else log_mel
