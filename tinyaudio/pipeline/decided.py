"""What the thresholds make of the test split: with the float model, with INT8 on the host, and on the device, side by side."""

from __future__ import annotations

from itertools import pairwise
from typing import Literal

import numpy as np

from tinyaudio.core.artifacts import BoolArray, Calibration, FeatureSet, HilReport, QuantizedModel, TrainedModel
from tinyaudio.core.clip_decisions import ClipDecisions
from tinyaudio.core.decisions import decide_clips, detected_in_clips, detected_means, thresholds_of
from tinyaudio.learn.dataset import patch_features
from tinyaudio.learn.training import FloatPredictor
from tinyaudio.pipeline.data import features_stage
from tinyaudio.pipeline.judging import calibrate_stage, expected_stage
from tinyaudio.pipeline.learning import quantize_stage, train_stage
from tinyaudio.pipeline.line import Advance, Line, reuse_or_make


def clip_decisions(line: Line, report: HilReport) -> tuple[ClipDecisions, ...]:
    """Return what was detected in the clips of the test split; without the float model where there is none."""
    calibration, expected = calibrate_stage(line).value, expected_stage(line).value
    detected = detected_in_clips(decide_clips(expected, calibration).detected, expected.patch_offsets)
    on_host = _of(line, "int8", detected)
    on_device = _of(line, "device", report.detected)
    if line.project.model_path is not None:
        return on_host, on_device
    return _float_decisions(line), on_host, on_device


def _float_decisions(line: Line) -> ClipDecisions:
    features, trained, quantized, calibration = features_stage(line), train_stage(line), quantize_stage(line), calibrate_stage(line)

    def make(advance: Advance) -> ClipDecisions:
        return _of(line, "float", float_detections(trained.value, quantized.value, features.value, calibration.value, on_progress=advance))

    return reuse_or_make(
        line,
        "decided_float",
        ClipDecisions,
        inputs={name: item.stored.fingerprint for name, item in (("train", trained), ("features", features), ("calibrate", calibration))}
        | {"scale": quantized.value.output_scale, "zero_point": quantized.value.output_zero_point},
        description="deciding with the float model",
        make=make,
    ).value


def float_detections(
    trained: TrainedModel, quantized: QuantizedModel, features: FeatureSet, calibration: Calibration, *, on_progress: Advance | None = None
) -> BoolArray:
    """Return which labels the float model detects in each clip of the test split, bool[clips, labels], by the thresholds in its own scale."""
    patch_set = patch_features(features, "test")
    scores, offsets = FloatPredictor(trained).predict(patch_set, on_progress=on_progress), patch_set.patch_offsets
    thresholds = thresholds_of(calibration, scores.shape[1])
    parts = []
    for start, stop in pairwise(offsets):
        summed = np.cumsum(scores[start:stop], axis=0)
        before = np.zeros_like(summed)
        before[calibration.smoothing_patches :] = summed[: -calibration.smoothing_patches]
        counts = np.minimum(np.arange(1, len(summed) + 1), calibration.smoothing_patches)[:, np.newaxis]
        parts.append(
            detected_means(
                (summed - before) / counts,
                thresholds.tolist(),
                scale=quantized.output_scale,
                zero_point=quantized.output_zero_point,
                is_exclusive=calibration.is_exclusive,
            )
        )
    return detected_in_clips(np.concatenate(parts), offsets)


def _of(line: Line, predictor: Literal["float", "int8", "device"], detected: BoolArray) -> ClipDecisions:
    dataset = features_stage(line).value.dataset
    clips = dataset.of_split("test")
    filenames = tuple(clip.filename for clip in clips)
    return ClipDecisions(predictor=predictor, labels=dataset.labels, filenames=filenames, truth=dataset.truth_of(clips), detected=detected)
