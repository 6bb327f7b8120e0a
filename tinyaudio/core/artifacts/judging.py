"""How good a model is, and how its scores become decisions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from tinyaudio.core.artifacts.arrays import BoolArray, Float64Array, Int64Array
from tinyaudio.core.artifacts.data import Split


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """Clip-level results of one predictor on one split; a clip's score is the mean over its patches."""

    predictor: Literal["float", "int8", "device"]
    split: Split
    labels: tuple[str, ...]
    filenames: tuple[str, ...]
    label_indices: Int64Array  # [clips], the truth; -1 where `truth` tells it
    scores: Float64Array  # [clips, labels], dequantized
    accuracy: float  # with several labels a clip: share of the clips of which every label is decided right
    confusion: Int64Array  # [labels (truth), labels (predicted)]; with several labels a clip [labels, 2 (has it), 2 (decided)]
    truth: BoolArray | None = None  # [clips, labels], where a clip may have several labels, or none; None: exactly one


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """How patch scores become decisions on the device, in integers; `tinyaudio.core.decisions` says how."""

    smoothing_patches: int  # moving sum over this many patches
    detection_threshold: int  # of an int8 output, -128 to 127; the smoothed mean must reach it
    class_thresholds: tuple[int, ...] = ()  # the same for each label by itself, 128: never; empty: `detection_threshold` holds for all
    is_exclusive: bool = True  # only the best label is detected; False: every one that reaches its threshold
