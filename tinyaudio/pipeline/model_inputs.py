"""What a model is tried on: saturating patterns, noise, and features of real sounds where its front end is known."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinyaudio.core.errors import InputError, ModelError
from tinyaudio.core.spec import FrontendSpec, KernelId
from tinyaudio.deploy.compiler import TensorSummary
from tinyaudio.dsp.audio import read_pcm
from tinyaudio.dsp.frontend import bench_signals, compute_feature_rows, design_feature_quantization, design_frontend, quantize_features

_SUFFIXES = (".wav", ".flac")
_MOST_FILES = 50
_FLOAT_SPREAD = 4.0  # of random real numbers: a standard deviation
_FLOAT_LIMIT = 1_000.0  # of real numbers that saturate


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelInput:
    """One input."""

    kind: str  # "saturating", "real" or "random"
    values: NDArray[Any]  # flat, of the input's type
    begins: bool  # whether it is the first of its kind: a streaming model starts afresh


def make_inputs(tensor: TensorSummary, count: int, *, seed: int, real: NDArray[Any] | None = None) -> list[ModelInput]:
    """Return `count` inputs: some that saturate, half of them from `real` if there are such, random ones.

    Parameters
    ----------
    tensor
        The model's input.
    count
        At least 1.
    seed
        Of the random ones.
    real
        [n, elements] in the order of time; repeated if there are too few. None or empty: random ones instead.

    Raises
    ------
    InputError
        If `count` is less than 1.
    """
    if count < 1:
        raise InputError(f"cannot try a model on {count} inputs", hint="ask for 1 or more; the default is 20", where="--inputs")
    rng = np.random.default_rng(seed)
    kinds = [("saturating", _saturating(tensor, number, rng)) for number in range(max(1, count // 8))]
    if real is not None and len(real):
        kinds += [("real", real[index % len(real)]) for index in range((count - len(kinds) + 1) // 2)]
    kinds += [("random", _random(tensor, rng)) for _ in range(count - len(kinds))]
    return [
        ModelInput(kind=kind, values=values, begins=index == 0 or kinds[index - 1][0] != kind) for index, (kind, values) in enumerate(kinds[:count])
    ]


def real_inputs(tensor: TensorSummary, spec: FrontendSpec, *, kernel: KernelId, audio: Path | None, count: int, streaming: bool) -> NDArray[Any]:
    """Return features of sounds, [n, elements], at most `count`, as the front end `spec` computes them for the model.

    Parameters
    ----------
    tensor
        The model's input. It holds a whole number of frames of the front end; how many the spec says does not matter.
    spec
        The front end.
    kernel
        The board's FFT kernel.
    audio
        Folder with WAV or FLAC files; None: synthetic signals.
    count
        How many are wanted.
    streaming
        Whether each input continues the one before.

    Raises
    ------
    ModelError
        If the input holds no whole number of frames: both are shown.
    InputError
        If there are no recordings in `audio`.
    AudioError
        If one cannot be read.
    """
    frames, rest = divmod(tensor.elements, spec.feature_bands)
    if rest or not frames:
        raise ModelError(
            f"takes {list(tensor.shape)} = {tensor.elements} values, which are no whole frames of {spec.feature_bands} features",
            hint="name the front end that the model was trained with: --preset",
            where="input",
        )
    spec = replace(spec, patch_frames=frames, patch_hop_frames=frames if streaming else min(frames, spec.patch_hop_frames))
    tables = design_frontend(spec, kernel=kernel)
    patches = []
    for pcm in _recordings(spec, audio, count):
        rows = compute_feature_rows(tables, pcm)
        patches += [_laid_out(rows[start : start + frames], spec) for start in range(0, len(rows) - frames + 1, spec.patch_hop_frames)]
        if len(patches) >= count and (streaming or audio is None):
            break
    if not patches:
        raise InputError(f"no recording is as long as an input of {frames} frames", hint="choose longer recordings", where=str(audio))
    chosen = patches[:count] if streaming else [patches[index] for index in _spread(len(patches), count)]
    return _quantized(np.array(chosen, np.int32), tensor, spec, log_fraction_bits=tables.log_fraction_bits)


def _recordings(spec: FrontendSpec, audio: Path | None, count: int) -> Iterator[NDArray[np.int16]]:
    if audio is None:
        frames = max(2 * spec.patch_frames, count * spec.patch_hop_frames // 4)
        yield from bench_signals(spec, frames=frames).values()
        return
    files = sorted(path for path in audio.rglob("*") if path.suffix.lower() in _SUFFIXES)
    if not files:
        raise InputError("has no WAV or FLAC files", hint="name a folder with recordings", where=str(audio))
    step = max(1, len(files) // _MOST_FILES)
    for path in files[::step]:
        yield read_pcm(path, sample_rate_hz=spec.sample_rate_hz)


def _spread(available: int, count: int) -> list[int]:
    """Return at most `count` positions, spread evenly over all that are there."""
    return [int(index) for index in np.linspace(0, available - 1, min(count, available)).round()]


def _laid_out(rows: NDArray[np.int32], spec: FrontendSpec) -> NDArray[np.int32]:
    return (rows if spec.patch_layout == "frames_first" else rows.T).ravel()


def _quantized(features: NDArray[np.int32], tensor: TensorSummary, spec: FrontendSpec, *, log_fraction_bits: int) -> NDArray[Any]:
    if tensor.dtype == "int8":  # to the bit as a device computes it
        quantization = design_feature_quantization(tensor.scale, tensor.zero_point, log_fraction_bits=log_fraction_bits, log_scale=spec.log_scale)
        return quantize_features(features, quantization)
    real = features * (spec.log_scale * 2.0**-log_fraction_bits)
    if tensor.dtype == "float32":
        return real.astype(np.float32)
    limits = np.iinfo(tensor.dtype)
    quantized: NDArray[Any] = np.clip(np.round(real / tensor.scale) + tensor.zero_point, limits.min, limits.max).astype(tensor.dtype)
    return quantized


def _limits(tensor: TensorSummary) -> tuple[float, float, float]:
    """Return least, zero and greatest value of the input's type."""
    if tensor.dtype == "float32":
        return -_FLOAT_LIMIT, 0.0, _FLOAT_LIMIT
    limits = np.iinfo(tensor.dtype)
    return float(limits.min), float(tensor.zero_point), float(limits.max)


def _saturating(tensor: TensorSummary, number: int, rng: np.random.Generator) -> NDArray[Any]:
    """Return the extremes alone, alternating, silence, and then extremes at random."""
    least, zero, greatest = _limits(tensor)
    patterns = ([least], [greatest], [greatest, least], [zero])
    values = np.resize(patterns[number], tensor.elements) if number < len(patterns) else rng.choice([least, greatest], tensor.elements)
    return values.astype(tensor.dtype)


def _random(tensor: TensorSummary, rng: np.random.Generator) -> NDArray[Any]:
    if tensor.dtype == "float32":
        return rng.normal(0.0, _FLOAT_SPREAD, tensor.elements).astype(np.float32)
    limits = np.iinfo(tensor.dtype)
    return rng.integers(limits.min, limits.max, tensor.elements, dtype=tensor.dtype, endpoint=True)
