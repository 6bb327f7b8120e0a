"""Recordings, and what the front end makes of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from tinyaudio.core.artifacts.arrays import BoolArray, Int32Array, Int64Array
from tinyaudio.core.spec import FrontendSpec, KernelId

Split = Literal["train", "validation", "test"]
SPLITS: tuple[Split, ...] = ("train", "validation", "test")


def split_labels(text: str, separator: str) -> tuple[str, ...]:
    """Return the labels that `text` names: itself without a `separator`, else any number of them."""
    return (text,) if not separator else tuple(label for label in text.split(separator) if label)


@dataclass(frozen=True, slots=True, kw_only=True)
class Clip:
    """One labelled recording of the manifest."""

    filename: str  # as in the manifest, relative to it
    label: str  # where the data set has a separator: any number of labels, sorted, with it in between
    group: str  # clips of one source share it; a group is never in two splits
    split: Split
    samples: int  # at the project's sample rate
    pcm_sha256: str  # of the int16 samples at the project's sample rate


@dataclass(frozen=True, slots=True, kw_only=True)
class Dataset:
    """The checked manifest. Where the files lie is not part of it: the content hashes are."""

    labels: tuple[str, ...]  # class order of the model, sorted
    sample_rate_hz: int
    clips: tuple[Clip, ...]  # in the manifest's order
    label_separator: str = ""  # between the labels of a clip; "": each clip has exactly one

    @property
    def is_multi_label(self) -> bool:
        """Whether a clip may have several labels, or none."""
        return bool(self.label_separator)

    def labels_of(self, clip: Clip) -> tuple[str, ...]:
        """Return the labels of `clip`."""
        return split_labels(clip.label, self.label_separator)

    def truth_of(self, clips: Sequence[Clip]) -> BoolArray:
        """Return which labels each clip has, bool[clips, labels]."""
        return np.array([[label in self.labels_of(clip) for label in self.labels] for clip in clips], np.bool_).reshape(len(clips), len(self.labels))

    def label_indices_of(self, clips: Sequence[Clip]) -> Int64Array:
        """Return the label of each clip as a position in `labels`, int64[clips]; -1 where clips may have several."""
        return np.array([-1 if self.is_multi_label else self.labels.index(clip.label) for clip in clips], np.int64)

    def of_split(self, split: Split) -> tuple[Clip, ...]:
        """Return the clips of `split`, in order."""
        return tuple(clip for clip in self.clips if clip.split == split)


@dataclass(frozen=True, slots=True, kw_only=True)
class FeatureSet:
    """Log-mel features of all clips, as the integer twin computes them."""

    spec: FrontendSpec
    kernel: KernelId
    frontend_fingerprint: str
    log_fraction_bits: int  # Q format of log_mel: value = log_mel / 2**log_fraction_bits, natural logarithm
    dataset: Dataset
    log_mel: Int32Array  # [frames of all clips, mel_bands]
    frame_offsets: Int64Array  # [clips + 1]; frames of clip i are frame_offsets[i] : frame_offsets[i + 1]


@dataclass(frozen=True, slots=True, kw_only=True)
class AugmentedFeatures:
    """Features of the data set and of changed copies of its training clips, which stand behind it as clips of their own."""

    features: FeatureSet
    draws: dict[str, str]  # file name of the copy -> JSON of what was drawn for it
