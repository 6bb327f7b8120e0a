"""What a teacher said of recordings, kept so that a student can be trained without it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tinyaudio.core.artifacts import FeatureSet, Int64Array


@dataclass(frozen=True, slots=True, kw_only=True)
class SoftTargets:
    """Features to train a student on, and a teacher's scores for their patches."""

    features: FeatureSet  # of the student; unlabelled clips stand behind the others, in the training split, with "" as label
    unlabelled: int  # how many those are
    scores: npt.NDArray[np.float32]  # [patches of all clips, labels]; zeros where the teacher was not asked
    patch_offsets: Int64Array  # [clips + 1]; patches of clip i are patch_offsets[i] : patch_offsets[i + 1]
    teacher: str  # name of its file
    teacher_accuracy: float  # of the validation patches, right by the teacher; with several labels a clip, of patches and labels
