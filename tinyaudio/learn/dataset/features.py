"""Features of a data set, from the integer twin of the target board's front end."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tinyaudio.core.artifacts import BoolArray, Clip, Dataset, FeatureSet, Int8Array, Int16Array, Int32Array, Int64Array, QuantizedModel, Split
from tinyaudio.core.canonical import sha256_bytes
from tinyaudio.core.errors import ManifestError, StageError
from tinyaudio.core.project import Project
from tinyaudio.dsp.audio import read_pcm
from tinyaudio.dsp.frontend import (
    FeatureQuantization,
    FrontendTables,
    compute_feature_rows,
    design_feature_quantization,
    patches,
    quantize_features,
)

Progress = Callable[[int, int], None]
ClipReader = Callable[[Clip], Int16Array]


@dataclass(frozen=True, slots=True, kw_only=True)
class PatchSet:
    """All patches of one split, clip by clip."""

    clips: tuple[Clip, ...]
    log_mel: Int32Array  # [patches, *spec.patch_shape]: log-mel, or cepstral coefficients
    label_indices: Int64Array  # [patches]; -1 where clips may have several labels
    truth: BoolArray  # [patches, labels], the labels of the patch's clip
    patch_offsets: Int64Array  # [clips + 1]; patches of clip i are patch_offsets[i] : patch_offsets[i + 1]
    log_fraction_bits: int
    log_scale: float  # units of the model's input a neper
    is_bands_first: bool = False  # patches are [bands, frames]


def clip_reader(project: Project) -> ClipReader:
    """Return a function from a clip to its int16 samples, which refuses a file that changed since the data set was made."""
    folder, sample_rate_hz = project.manifest_path.parent, project.frontend.sample_rate_hz

    def read(clip: Clip) -> Int16Array:
        pcm = read_pcm(folder / clip.filename, sample_rate_hz=sample_rate_hz, channels=project.data.channels)
        if sha256_bytes(np.ascontiguousarray(pcm, dtype="<i2").tobytes()) != clip.pcm_sha256:
            raise ManifestError("the file changed since the data was checked", hint="run the command again", where=clip.filename)
        return pcm

    return read


def compute_features(dataset: Dataset, read: ClipReader, tables: FrontendTables, *, on_progress: Progress | None = None) -> FeatureSet:
    """Run the integer twin over every clip of `dataset`.

    Parameters
    ----------
    dataset
        The clips.
    read
        Returns the samples of a clip; see `clip_reader`.
    tables
        The front end of the target board.
    on_progress
        Called with (clips done, clips in all).

    Raises
    ------
    StageError
        If the data set was made for another sample rate.
    """
    if dataset.sample_rate_hz != tables.spec.sample_rate_hz:
        raise StageError(
            f"the data is at {dataset.sample_rate_hz} Hz, the front end at {tables.spec.sample_rate_hz} Hz",
            hint="make the data set again",
            where="features",
        )
    parts = []
    for done, clip in enumerate(dataset.clips, start=1):
        parts.append(compute_feature_rows(tables, read(clip)))
        if on_progress is not None:
            on_progress(done, len(dataset.clips))
    log_mel = np.concatenate(parts)
    offsets = np.concatenate([[0], np.cumsum([len(part) for part in parts])]).astype(np.int64)
    log_mel.flags.writeable = offsets.flags.writeable = False
    return FeatureSet(
        spec=tables.spec,
        kernel=tables.kernel,
        frontend_fingerprint=tables.fingerprint,
        log_fraction_bits=tables.log_fraction_bits,
        dataset=dataset,
        log_mel=log_mel,
        frame_offsets=offsets,
    )


def clip_features(features: FeatureSet, clip_index: int) -> Int32Array:
    """Return the log-mel (or the cepstral coefficients) of one clip, int32[frames, feature_bands], a view."""
    start, stop = features.frame_offsets[clip_index : clip_index + 2]
    return features.log_mel[start:stop]


def patch_features(features: FeatureSet, split: Split) -> PatchSet:
    """Return all patches of `split`, as the device cuts them: from the clip's start, every ``patch_hop_frames``."""
    spec, dataset = features.spec, features.dataset
    chosen = [(index, clip) for index, clip in enumerate(dataset.clips) if clip.split == split]
    parts = [patches(clip_features(features, index), spec) for index, _ in chosen]
    counts = [len(part) for part in parts]
    clips = tuple(clip for _, clip in chosen)
    shape = (0, *spec.patch_shape)
    return PatchSet(
        clips=clips,
        log_mel=np.concatenate(parts) if parts else np.zeros(shape, np.int32),
        label_indices=np.repeat(dataset.label_indices_of(clips), counts),
        truth=np.repeat(dataset.truth_of(clips), counts, axis=0),
        patch_offsets=np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
        log_fraction_bits=features.log_fraction_bits,
        log_scale=spec.log_scale,
        is_bands_first=spec.patch_layout == "bands_first",
    )


def dequantized_log_mel(log_mel: Int32Array, *, log_fraction_bits: int, log_scale: float) -> npt.NDArray[np.float32]:
    """Return the log-mel in nepers, times `log_scale`, as float32: what the float model is fed with."""
    return (log_mel * (log_scale * 2.0**-log_fraction_bits)).astype(np.float32)


def quantization_of(model: QuantizedModel, *, log_fraction_bits: int, log_scale: float) -> FeatureQuantization:
    """Return the last integer step of the front end for the input of `model`."""
    return design_feature_quantization(model.input_scale, model.input_zero_point, log_fraction_bits=log_fraction_bits, log_scale=log_scale)


def quantized_patches(model: QuantizedModel, patch_set: PatchSet) -> Int8Array:
    """Return the int8 features, int8[patches, *patch_shape], exactly as the device feeds them to `model`."""
    quantization = quantization_of(model, log_fraction_bits=patch_set.log_fraction_bits, log_scale=patch_set.log_scale)
    return quantize_features(patch_set.log_mel, quantization)
