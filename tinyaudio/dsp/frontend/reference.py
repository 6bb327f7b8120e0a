"""The float64 reference: the log-mel as the spec defines it, without any table or kernel."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tinyaudio.core.spec import FrontendSpec
from tinyaudio.dsp.frontend.conditioning import reference_samples
from tinyaudio.dsp.frontend.framing import frame_view
from tinyaudio.dsp.frontend.mel import mel_matrix
from tinyaudio.dsp.frontend.post import reference_post_process
from tinyaudio.dsp.frontend.window import periodic_hann

_FULL_SCALE = 32_768.0  # int16 at full scale 1.0


def reference_mel(spec: FrontendSpec, pcm: NDArray[np.int16]) -> NDArray[np.float64]:
    """Return the mel energies of `pcm` (int16 [samples]) before offset and logarithm, float64 [frames, mel_bands]."""
    frames = reference_samples(spec, frame_view(pcm, spec)) / _FULL_SCALE
    spectrum = np.fft.rfft(frames * periodic_hann(spec.window_samples), n=spec.fft_samples, axis=1)
    magnitude = np.abs(spectrum)
    return (magnitude if spec.spectrum == "magnitude" else magnitude**2) @ mel_matrix(spec)


def reference_log_mel(spec: FrontendSpec, pcm: NDArray[np.int16]) -> NDArray[np.float64]:
    """Return the log-mel of `pcm` (int16 [samples]) in nepers, float64 [frames, mel_bands]."""
    return np.log(reference_mel(spec, pcm) + spec.log_offset)


def reference_feature_rows(spec: FrontendSpec, pcm: NDArray[np.int16]) -> NDArray[np.float64]:
    """Return what the affine step takes of the clip `pcm` (int16 [samples]) in nepers, float64 [frames, feature_bands]."""
    return reference_post_process(spec, reference_log_mel(spec, pcm))
