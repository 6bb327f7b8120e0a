"""`FrontendSpec`: *what* the front end computes. How it is computed (tables, kernels) is `dsp.frontend`'s business."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from itertools import pairwise
from typing import Literal, get_args

from tinyaudio.core.canonical import fingerprint
from tinyaudio.core.errors import SpecError

Spectrum = Literal["magnitude", "power"]
MelScale = Literal["htk", "slaney"]
MelTriangles = Literal["mel", "hz"]
MelNorm = Literal["none", "slaney"]
LevelNormalization = Literal["none", "running"]
PatchLayout = Literal["frames_first", "bands_first"]
KernelId = Literal["cmsis_q31", "portable_q31", "esp_sc16"]

#: Stages of the front end in their order; `wire/protocol.toml` gives them the same ids.
STAGES = ("window", "fft", "energy", "mel", "log", "post", "features")

#: Most points of a microphone's response curve, and their range in dB: the weights' precision must bear it.
MAX_RESPONSE_POINTS = 64
MAX_RESPONSE_DB = 20.0
MAX_PRE_GAIN_DB = 40.0
MAX_LEVEL_TIME_CONSTANT_FRAMES = 4_096


@dataclass(frozen=True, slots=True, kw_only=True)
class FrontendSpec:
    """A log-mel front end. The defaults are YAMNet's (Gemmeke et al., AudioSet; TensorFlow model garden, `params.py`).

    The log-mel of a frame is ``ln(sum_k weight[band, k] * spectrum[k] + log_offset)`` where the spectrum is the
    magnitude or the power of the FFT of the Hann-windowed samples, scaled to full scale = 1.0. Behind it come, where
    they are switched on, level normalization and cosine transform, in this order; `log_scale` is a factor on the result.
    """

    sample_rate_hz: int = 16_000
    window_samples: int = 400  # periodic Hann window, at the start of the FFT frame, zeros behind it
    hop_samples: int = 160
    fft_samples: int = 512  # power of two
    mel_bands: int = 64
    mel_low_hz: float = 125.0  # lower edge of the first triangle
    mel_high_hz: float = 7_500.0  # upper edge of the last triangle
    mel_scale: MelScale = "htk"  # edges evenly spaced in mel: 1127 ln(1 + f / 700 Hz), or Slaney's (linear below 1 kHz, logarithmic above)
    mel_triangles: MelTriangles = "mel"  # sides of the triangles are straight over mel (tf.signal, YAMNet) or over Hz (librosa)
    mel_norm: MelNorm = "none"  # peak of a triangle: 1, or 2 / (its width in Hz), so that its area is 1 (librosa's "slaney")
    spectrum: Spectrum = "magnitude"
    log_offset: float = 0.001  # added before the natural logarithm, in units of the spectrum at full scale 1.0
    patch_frames: int = 96  # frames a model input spans
    patch_hop_frames: int = 48  # frames between the starts of two patches
    patch_layout: PatchLayout = "frames_first"  # of the model's input: [patch_frames, bands] or [bands, patch_frames]
    dc_removal: bool = False  # subtract the mean of each window
    pre_gain_db: float = 0.0  # 0 to 40: gain of the samples, behind dc_removal; saturates at full scale
    microphone_response: tuple[tuple[float, float], ...] = ()  # (Hz, dB) of the microphone, rising in Hz; its inverse corrects the spectrum
    level_normalization: LevelNormalization = "none"  # subtract a running mean of the frame's mean log-mel
    level_time_constant_frames: int = 64  # power of two; how slowly that mean follows
    cepstral_coefficients: int = 0  # the features are so many of the first coefficients of the log-mel's DCT-II; 0: the log-mel
    log_scale: float = 1.0  # factor on the natural logarithm, taken into the int8 step; 10 / ln 10 makes a power spectrum dB

    def __post_init__(self) -> None:
        problems = spec_problems(self)
        if problems:
            raise SpecError("; ".join(problems), hint="mend [frontend] in tinyaudio.toml", where="frontend")

    @property
    def bins(self) -> int:
        """Number of bins of the real FFT, DC and Nyquist included."""
        return self.fft_samples // 2 + 1

    @property
    def feature_bands(self) -> int:
        """Number of features of a frame: mel bands, or cepstral coefficients."""
        return self.cepstral_coefficients or self.mel_bands

    @property
    def patch_shape(self) -> tuple[int, int]:
        """Shape of a patch as the model reads it."""
        shape = (self.patch_frames, self.feature_bands)
        return shape if self.patch_layout == "frames_first" else (shape[1], shape[0])

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
        """Return the fingerprint of the front end: this spec computed with `kernel` (64 hexadecimal digits).

        Options that are off are left out: a new option leaves the fingerprints of front ends without it as they were.
        """
        values = {field.name: (getattr(self, field.name), field.default) for field in fields(self)}
        told = {name: value for name, (value, default) in values.items() if name not in _OPTIONS or value != default}
        return fingerprint({"spec": told, "kernel": kernel})


#: Fields that came after the first version of the spec.
_OPTIONS = frozenset(
    {
        "mel_triangles",
        "mel_norm",
        "patch_layout",
        "dc_removal",
        "pre_gain_db",
        "microphone_response",
        "level_normalization",
        "level_time_constant_frames",
        "cepstral_coefficients",
        "log_scale",
    }
)


def spec_problems(spec: FrontendSpec) -> list[str]:
    """Return one sentence for each rule that `spec` breaks, each starting with the field's name."""
    return [*_choice_problems(spec), *_frame_problems(spec), *_mel_problems(spec), *_option_problems(spec), *_response_problems(spec)]


def _choice_problems(spec: FrontendSpec) -> Iterator[str]:
    choices = (
        ("mel_scale", MelScale),
        ("mel_triangles", MelTriangles),
        ("mel_norm", MelNorm),
        ("spectrum", Spectrum),
        ("patch_layout", PatchLayout),
        ("level_normalization", LevelNormalization),
    )
    for name, allowed in choices:
        if getattr(spec, name) not in get_args(allowed):
            yield f"{name} is {getattr(spec, name)!r}; supported: {', '.join(get_args(allowed))}"


def _frame_problems(spec: FrontendSpec) -> Iterator[str]:
    if not 8_000 <= spec.sample_rate_hz <= 48_000:
        yield f"sample_rate_hz is {spec.sample_rate_hz}; 8000 to 48000 are supported"
    if spec.fft_samples not in (64, 128, 256, 512, 1024, 2048, 4096):
        yield f"fft_samples is {spec.fft_samples}; it must be a power of two from 64 to 4096"
    if not 2 <= spec.window_samples <= spec.fft_samples:
        yield f"window_samples is {spec.window_samples}; it must be 2 to fft_samples ({spec.fft_samples})"
    if not 1 <= spec.hop_samples <= spec.window_samples:
        yield f"hop_samples is {spec.hop_samples}; it must be 1 to window_samples ({spec.window_samples})"
    if not 1 <= spec.patch_frames <= 1_024:
        yield f"patch_frames is {spec.patch_frames}; 1 to 1024 are supported"
    if not 1 <= spec.patch_hop_frames <= spec.patch_frames:
        yield f"patch_hop_frames is {spec.patch_hop_frames}; it must be 1 to patch_frames ({spec.patch_frames})"


def _mel_problems(spec: FrontendSpec) -> Iterator[str]:
    if not 1 <= spec.mel_bands <= 256:
        yield f"mel_bands is {spec.mel_bands}; 1 to 256 are supported"
    if not 0 <= spec.mel_low_hz < spec.mel_high_hz <= spec.sample_rate_hz / 2:
        yield (
            f"mel_low_hz and mel_high_hz are {spec.mel_low_hz} and {spec.mel_high_hz}; "
            f"they must rise and lie within 0 and half the sample rate ({spec.sample_rate_hz / 2})"
        )
    if not 1e-9 <= spec.log_offset <= 1.0:
        yield f"log_offset is {spec.log_offset}; 1e-9 to 1 are supported"


def _option_problems(spec: FrontendSpec) -> Iterator[str]:
    if not 0.0 <= spec.pre_gain_db <= MAX_PRE_GAIN_DB:
        yield f"pre_gain_db is {spec.pre_gain_db}; 0 to {MAX_PRE_GAIN_DB:g} are supported (to attenuate 16-bit samples would only round them)"
    frames = spec.level_time_constant_frames
    if not 1 <= frames <= MAX_LEVEL_TIME_CONSTANT_FRAMES or frames & (frames - 1):
        yield f"level_time_constant_frames is {frames}; it must be a power of two from 1 to {MAX_LEVEL_TIME_CONSTANT_FRAMES}"
    if not 0 <= spec.cepstral_coefficients <= spec.mel_bands:
        yield f"cepstral_coefficients is {spec.cepstral_coefficients}; it must be 0 to mel_bands ({spec.mel_bands})"
    if not 0.001 <= spec.log_scale <= 1_000.0:
        yield f"log_scale is {spec.log_scale}; 0.001 to 1000 are supported"


def _response_problems(spec: FrontendSpec) -> Iterator[str]:
    points = spec.microphone_response
    if len(points) > MAX_RESPONSE_POINTS:
        yield f"microphone_response has {len(points)} points; {MAX_RESPONSE_POINTS} are supported"
    for index, (frequency_hz, gain_db) in enumerate(points):
        if not 0.0 <= frequency_hz <= spec.sample_rate_hz / 2:
            yield f"microphone_response[{index}] is at {frequency_hz} Hz; 0 to half the sample rate ({spec.sample_rate_hz / 2}) are supported"
        if not abs(gain_db) <= MAX_RESPONSE_DB:
            yield f"microphone_response[{index}] is {gain_db} dB; -{MAX_RESPONSE_DB:g} to {MAX_RESPONSE_DB:g} are supported"
    for index, (point, following) in enumerate(pairwise(points), start=1):
        if not point[0] < following[0]:
            yield f"microphone_response[{index}] is at {following[0]} Hz, not above the point before it ({point[0]} Hz)"
