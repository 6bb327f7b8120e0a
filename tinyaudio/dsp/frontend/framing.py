"""Cut PCM into frames and frames into patches."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinyaudio.core.spec import FrontendSpec


def frame_view(pcm: NDArray[np.int16], spec: FrontendSpec) -> NDArray[np.int16]:
    """Return the windows of `pcm` as a read-only view [frames, window_samples].

    Frame ``f`` starts at sample ``f * hop_samples``; samples behind the last whole window are dropped.

    Raises
    ------
    TypeError
        If `pcm` is not a one-dimensional int16 array: a silent conversion would change the integers.
    """
    if pcm.dtype != np.int16 or pcm.ndim != 1:
        raise TypeError(f"pcm must be a one-dimensional int16 array, not {pcm.ndim}-dimensional {pcm.dtype}")
    frames = spec.frames_of(len(pcm))
    if frames == 0:
        return np.empty((0, spec.window_samples), dtype=np.int16)
    windows = np.lib.stride_tricks.sliding_window_view(pcm, spec.window_samples)
    return windows[:: spec.hop_samples]


def patches(frames: NDArray[Any], spec: FrontendSpec) -> NDArray[Any]:
    """Return the whole patches of `frames` [frames, bands] as a read-only view in the layout of the spec.

    [patches, patch_frames, bands] or, with ``patch_layout = "bands_first"``, [patches, bands, patch_frames]. Patch ``p``
    starts at frame ``p * patch_hop_frames``; frames behind the last whole patch are dropped.
    """
    is_bands_first = spec.patch_layout == "bands_first"
    if spec.patches_of(len(frames)) == 0:
        shape = (frames.shape[1], spec.patch_frames) if is_bands_first else (spec.patch_frames, frames.shape[1])
        return np.empty((0, *shape), dtype=frames.dtype)
    windows = np.lib.stride_tricks.sliding_window_view(frames, spec.patch_frames, axis=0)[:: spec.patch_hop_frames]
    return windows if is_bands_first else np.moveaxis(windows, -1, 1)
