"""`FrontendSpec`: *what* the front end computes. How it is computed (tables, kernels) is `dsp.frontend`'s business."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from tinyaudio.core.canonical import fingerprint
from tinyaudio.core.errors import SpecError

Spectrum = Literal["magnitude", "power"]
MelScale = Literal["htk"]
KernelId = Literal["cmsis_q31"]

#: Stages of the front end in their order; `wire/protocol.toml` gives them the same ids.
STAGES = ("window", "fft", "energy", "mel", "log", "features")


@dataclass(frozen=True, slots=True, kw_only=True)
class FrontendSpec:
    """A log-mel front end. The defaults are YAMNet's (Gemmeke et al., AudioSet; TensorFlow model garden, `params.py`).

    The log-mel of a frame is ``ln(sum_k weight[band, k] * spectrum[k] + log_offset)`` where the spectrum is the
    magnitude or the power of the FFT of the Hann-windowed samples, scaled to full scale = 1.0.
    """

    sample_rate_hz: int = 16_000
    window_samples: int = 400  # periodic Hann window, at the start of the FFT frame, zeros behind it
    hop_samples: int = 160
    fft_samples: int = 512  # power of two
    mel_bands: int = 64
    mel_low_hz: float = 125.0  # lower edge of the first triangle
    mel_high_hz: float = 7_500.0  # upper edge of the last triangle
    mel_scale: MelScale = "htk"  # triangles linear in mel, mel = 1127 ln(1 + f / 700 Hz)
    spectrum: Spectrum = "magnitude"
    log_offset: float = 0.001  # added before the natural logarithm, in units of the spectrum at full scale 1.0
    patch_frames: int = 96  # frames a model input spans
    patch_hop_frames: int = 48  # frames between the starts of two patches

    def __post_init__(self) -> None:
        problems = spec_problems(self)
        if problems:
            raise SpecError("; ".join(problems), hint="mend [frontend] in tinyaudio.toml", where="frontend")

    @property
    def bins(self) -> int:
        """Number of bins of the real FFT, DC and Nyquist included."""
        return self.fft_samples // 2 + 1

    @property
    def patch_samples(self) -> int:
        """Samples that one patch spans."""
        return self.window_samples + (self.patch_frames - 1) * self.hop_samples

    def frames_of(self, samples: int) -> int:
        """Number of whole frames in `samples` samples; the last, incomplete window is dropped."""
        return 0 if samples < self.window_samples else 1 + (samples - self.window_samples) // self.hop_samples

    def patches_of(self, frames: int) -> int:
        """Number of whole patches in `frames` frames."""
        return 0 if frames < self.patch_frames else 1 + (frames - self.patch_frames) // self.patch_hop_frames

    def fingerprint(self, kernel: KernelId) -> str:
        """Return the fingerprint of the front end: this spec computed with `kernel` (64 hexadecimal digits)."""
        return fingerprint({"spec": self, "kernel": kernel})


def spec_problems(spec: FrontendSpec) -> list[str]:
    """Return one sentence for each rule that `spec` breaks, each starting with the field's name."""
    problems = []
    if not 8_000 <= spec.sample_rate_hz <= 48_000:
        problems.append(f"sample_rate_hz is {spec.sample_rate_hz}; 8000 to 48000 are supported")
    if spec.fft_samples not in (64, 128, 256, 512, 1024, 2048, 4096):
        problems.append(f"fft_samples is {spec.fft_samples}; it must be a power of two from 64 to 4096")
    if not 2 <= spec.window_samples <= spec.fft_samples:
        problems.append(f"window_samples is {spec.window_samples}; it must be 2 to fft_samples ({spec.fft_samples})")
    if not 1 <= spec.hop_samples <= spec.window_samples:
        problems.append(f"hop_samples is {spec.hop_samples}; it must be 1 to window_samples ({spec.window_samples})")
    if not 1 <= spec.mel_bands <= 256:
        problems.append(f"mel_bands is {spec.mel_bands}; 1 to 256 are supported")
    if not 0 <= spec.mel_low_hz < spec.mel_high_hz <= spec.sample_rate_hz / 2:
        problems.append(
            f"mel_low_hz and mel_high_hz are {spec.mel_low_hz} and {spec.mel_high_hz}; "
            f"they must rise and lie within 0 and half the sample rate ({spec.sample_rate_hz / 2})"
        )
    if not 1e-9 <= spec.log_offset <= 1.0:
        problems.append(f"log_offset is {spec.log_offset}; 1e-9 to 1 are supported")
    if not 1 <= spec.patch_frames <= 1_024:
        problems.append(f"patch_frames is {spec.patch_frames}; 1 to 1024 are supported")
    if not 1 <= spec.patch_hop_frames <= spec.patch_frames:
        problems.append(f"patch_hop_frames is {spec.patch_hop_frames}; it must be 1 to patch_frames ({spec.patch_frames})")
    for name, allowed in (("mel_scale", get_args(MelScale)), ("spectrum", get_args(Spectrum))):
        if getattr(spec, name) not in allowed:
            problems.append(f"{name} is {getattr(spec, name)!r}; supported: {', '.join(allowed)}")
    return problems
