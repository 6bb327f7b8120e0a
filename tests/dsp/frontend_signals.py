"""Signals that front ends are tested with: int16, deterministic. Their makers are those of the front end's bench."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from tinyaudio.dsp.frontend.signals import Pcm, chirp, constant, full_scale_square, impulses, silence, speech_like, tone, white_noise

__all__ = ["SIGNALS", "Pcm", "full_scale_square", "impulses", "speech_like", "tone", "white_noise"]

#: Name -> maker of so many samples. Tones are at and between the bins of a 512-point FFT.
SIGNALS: dict[str, Callable[[int], Pcm]] = {
    "silence": silence,
    "least_significant_bit": lambda samples: (np.arange(samples) % 2).astype(np.int16),
    "dc_positive": lambda samples: constant(samples, value=32767),
    "dc_negative": lambda samples: constant(samples, value=-32768),
    "full_scale_square": full_scale_square,
    "full_scale_nyquist": lambda samples: full_scale_square(samples, period_samples=2),
    "impulses": impulses,
    "tone_at_bin_-1": lambda samples: tone(samples, cycles_per_sample=32 / 512, dbfs=-1),
    "tone_at_bin_-40": lambda samples: tone(samples, cycles_per_sample=32 / 512, dbfs=-40),
    "tone_at_bin_-80": lambda samples: tone(samples, cycles_per_sample=32 / 512, dbfs=-80),
    "tone_between_bins_-1": lambda samples: tone(samples, cycles_per_sample=75.5 / 512, dbfs=-1),
    "tone_between_bins_-40": lambda samples: tone(samples, cycles_per_sample=75.5 / 512, dbfs=-40),
    "chirp": chirp,
    "noise_-3": lambda samples: white_noise(samples, dbfs=-3),
    "noise_-40": lambda samples: white_noise(samples, dbfs=-40),
    "noise_-70": lambda samples: white_noise(samples, dbfs=-70),
    "speech_like_-3": lambda samples: speech_like(samples, dbfs=-3),
    "speech_like_-40": lambda samples: speech_like(samples, dbfs=-40),
}
