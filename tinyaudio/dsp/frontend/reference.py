"""The float64 reference: the log-mel as the spec defines it, without any table or kernel."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tinyaudio.core.spec import FrontendSpec
from tinyaudio.dsp.frontend.conditioning import reference_samples
from tinyaudio.dsp.frontend.framing import frame_view
from tinyaudio.dsp.frontend.mel import mel_matrix
from tinyaudio.dsp.frontend.post import reference_post_process
from tinyaudio.dsp.frontend.window import periodic_hann

_FULL_SCALE = 32_768.0  # int16 at full scale 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ReferenceStages:
    """What the stages of the integer front end approximate, full scale 1.0."""

    window: NDArray[np.float64]  # [frames, window_samples]
    spectrum: NDArray[np.float64]  # [frames, bins], magnitude or power
    log_mel: NDArray[np.float64]  # [frames, mel_bands], nepers
    feature_rows: NDArray[np.float64]  # [frames, feature_bands], nepers: what the affine step takes


def reference_stages(spec: FrontendSpec, pcm: NDArray[np.int16]) -> ReferenceStages:
    """Return the stages of the clip `pcm` (int16 [samples])."""
    window = _windowed(spec, pcm)
    spectrum = _spectrum(spec, window)
    log_mel = np.log(spectrum @ mel_matrix(spec) + spec.log_offset)
    return ReferenceStages(window=window, spectrum=spectrum, log_mel=log_mel, feature_rows=reference_post_process(spec, log_mel))


def reference_mel(spec: FrontendSpec, pcm: NDArray[np.int16]) -> NDArray[np.float64]:
    """Return the mel energies of `pcm` (int16 [samples]) before offset and logarithm, float64 [frames, mel_bands]."""
    return _spectrum(spec, _windowed(spec, pcm)) @ mel_matrix(spec)


def reference_log_mel(spec: FrontendSpec, pcm: NDArray[np.int16]) -> NDArray[np.float64]:
    """Return the log-mel of `pcm` (int16 [samples]) in nepers, float64 [frames, mel_bands]."""
    return np.log(reference_mel(spec, pcm) + spec.log_offset)


def reference_feature_rows(spec: FrontendSpec, pcm: NDArray[np.int16]) -> NDArray[np.float64]:
    """Return what the affine step takes of the clip `pcm` (int16 [samples]) in nepers, float64 [frames, feature_bands]."""
    return reference_post_process(spec, reference_log_mel(spec, pcm))


def _windowed(spec: FrontendSpec, pcm: NDArray[np.int16]) -> NDArray[np.float64]:
    windowed: NDArray[np.float64] = reference_samples(spec, frame_view(pcm, spec)) / _FULL_SCALE * periodic_hann(spec.window_samples)
    return windowed


def _spectrum(spec: FrontendSpec, window: NDArray[np.float64]) -> NDArray[np.float64]:
    magnitude: NDArray[np.float64] = np.abs(np.fft.rfft(window, n=spec.fft_samples, axis=1))
    return magnitude if spec.spectrum == "magnitude" else magnitude**2
