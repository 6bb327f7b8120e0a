"""What a device decides from the scores of its patches: moving sums, the labels they lead to, the sums and labels of a clip."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from tinyaudio.bench.device import ClipRun
from tinyaudio.core.artifacts import BoolArray, Calibration
from tinyaudio.core.decisions import decide, unpack_labels
from tinyaudio.core.errors import ProtocolError
from tinyaudio.core.spec import FrontendSpec
from tinyaudio.wire.messages import Detection

#: In the order in which the report lists them.
DECISION_STAGES = ("smoothed_scores", "decisions", "detections", "clip_scores", "clip_detections")


def expected_decisions(outputs: NDArray[np.int8], calibration: Calibration) -> dict[str, NDArray[np.int64]]:
    """Return what follows from the outputs of one clip's patches, int8 [patches, labels].

    Returns
    -------
    {"smoothed_scores", "decisions", "detections": [patches, labels], "clip_scores", "clip_detections": [1, labels]}
        The sums over the last `smoothing_patches` patches; the labels that are detected behind each patch, 1 or 0; the same as it
        follows from the messages about what changed; the sums over the clip; the labels that were detected in it.
    """
    decisions = decide(outputs, calibration)
    detected = decisions.detected.astype(np.int64)
    return {
        "smoothed_scores": decisions.sums,
        "decisions": detected,
        "detections": detected,
        "clip_scores": outputs.sum(axis=0, dtype=np.int64)[np.newaxis],
        "clip_detections": detected.max(axis=0, initial=0)[np.newaxis],
    }


def device_decisions(run: ClipRun, spec: FrontendSpec) -> dict[str, NDArray[np.int64]]:
    """Return the same as a device reported it.

    Raises
    ------
    ProtocolError
        If it names labels that there are not.
    """
    label_count = len(run.result.score_sums)
    last_frames = [patch * spec.patch_hop_frames + spec.patch_frames - 1 for patch in range(len(run.patches))]
    return {
        "smoothed_scores": np.array([patch.smoothed_score_sums for patch in run.patches], np.int64),
        "decisions": label_sets((patch.detected for patch in run.patches), label_count),
        "detections": detected_at(run.detections, last_frames, label_count),
        "clip_scores": np.array([run.result.score_sums], np.int64),
        "clip_detections": label_sets([run.result.detected], label_count),
    }


def label_sets(told: Iterable[bytes], label_count: int) -> NDArray[np.int64]:
    """Return sets of labels that a device told, int64 [sets, labels], 1 or 0."""
    try:
        sets: list[BoolArray] = [unpack_labels(data, label_count) for data in told]
    except ValueError as error:
        raise ProtocolError(str(error), hint="run `tinyaudio build` and flash again", where="detected") from error
    return np.array(sets, np.int64).reshape(-1, label_count)


def detected_at(detections: Sequence[Detection], frames: Sequence[int], label_count: int) -> NDArray[np.int64]:
    """Return which labels are detected behind each of the ascending `frames`, int64 [frames, labels]: one holds until a message ends it."""
    held, rows, told = np.zeros(label_count, np.int64), [], 0
    for frame in frames:
        while told < len(detections) and detections[told].frame_index <= frame:
            detection = detections[told]
            if detection.label_index >= label_count:
                raise ProtocolError(
                    f"label {detection.label_index} of {label_count} was told of",
                    hint="run `tinyaudio build` and flash again",
                    where=f"frame {detection.frame_index}",
                )
            held[detection.label_index] = detection.is_detected
            told += 1
        rows.append(held.copy())
    return np.array(rows, np.int64).reshape(-1, label_count)
