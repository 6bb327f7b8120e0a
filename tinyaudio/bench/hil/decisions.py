"""What a device decides from the scores of its patches: moving sums, the label they lead to, the sums of a clip."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tinyaudio.bench.device import ClipRun
from tinyaudio.core.artifacts import Calibration
from tinyaudio.core.spec import FrontendSpec

#: In the order in which the report lists them.
DECISION_STAGES = ("smoothed_scores", "decisions", "clip_scores")

_NO_LABEL = -1


def expected_decisions(outputs: NDArray[np.int8], calibration: Calibration) -> dict[str, NDArray[np.int64]]:
    """Return what follows from the outputs of one clip's patches, int8 [patches, labels].

    Returns
    -------
    {"smoothed_scores": [patches, labels], "decisions": [patches, 1], "clip_scores": [1, labels]}
        The sums over the last `smoothing_patches` patches; the label of the greatest of them (the first among equals), or -1
        where it does not reach the threshold; the sums over the clip.
    """
    summed = np.cumsum(outputs, axis=0, dtype=np.int64)
    before = np.zeros_like(summed)
    before[calibration.smoothing_patches :] = summed[: -calibration.smoothing_patches]
    sums = summed - before
    counts = np.minimum(np.arange(1, len(outputs) + 1), calibration.smoothing_patches)
    is_reached = sums.max(axis=1) >= calibration.detection_threshold * counts
    decisions = np.where(is_reached, sums.argmax(axis=1), _NO_LABEL)
    return {"smoothed_scores": sums, "decisions": decisions[:, np.newaxis], "clip_scores": summed[-1:]}


def device_decisions(run: ClipRun, spec: FrontendSpec) -> dict[str, NDArray[np.int64]]:
    """Return the same as a device reported it; a decision holds until the next message changes it."""
    changes = {detection.frame_index: detection.label_index for detection in run.detections}
    decisions, label = [], _NO_LABEL
    for patch in range(len(run.patches)):
        label = changes.get(patch * spec.patch_hop_frames + spec.patch_frames - 1, label)
        decisions.append([label])
    return {
        "smoothed_scores": np.array([patch.smoothed_score_sums for patch in run.patches], np.int64),
        "decisions": np.array(decisions, np.int64),
        "clip_scores": np.array([run.result.score_sums], np.int64),
    }
