"""Thresholds for a wanted precision, as integers, on decisions made as the device makes them."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from tests.learn.test_evaluate import recorded
from tinyaudio.bench.hil.decisions import expected_decisions
from tinyaudio.core.artifacts import Calibration, ExpectedOutputs, FeatureSet, QuantizedModel
from tinyaudio.core.errors import ProjectError, StageError
from tinyaudio.core.project import FirmwareTable
from tinyaudio.learn.calibrate import calibrate_for_precision, lowest_threshold, smoothed_means
from tinyaudio.learn.dataset import patch_features


def validation_outputs(features: FeatureSet, *, seed: int = 1) -> tuple[QuantizedModel, ExpectedOutputs]:
    """Return outputs that are right the more often the higher they are."""
    model, _ = recorded(features)
    patch_set = patch_features(features, "validation")
    rng = np.random.default_rng(seed)
    outputs = rng.integers(-128, 0, size=(len(patch_set.log_mel), 3))
    sureness = rng.integers(0, 128, size=len(outputs))
    winner = np.where(rng.integers(0, 128, size=len(outputs)) < sureness, patch_set.label_indices, rng.integers(0, 3, size=len(outputs)))
    outputs[np.arange(len(outputs)), winner] = sureness
    filenames = tuple(clip.filename for clip in patch_set.clips)
    eight = outputs.astype(np.int8)
    return model, ExpectedOutputs(
        model_sha256=model.sha256, oracle="test", filenames=filenames, logits=eight, outputs=eight, patch_offsets=patch_set.patch_offsets
    )


def precision(features: FeatureSet, expected: ExpectedOutputs, calibration: Calibration) -> tuple[float, int]:
    """Return the share of the labels that the device detects in a clip which are right, and how many it detects."""
    dataset = features.dataset
    truth = dataset.truth_of(dataset.of_split("validation"))
    parts = [expected.outputs[start:stop] for start, stop in zip(expected.patch_offsets[:-1], expected.patch_offsets[1:], strict=True)]
    decisions = [expected_decisions(part, calibration)["decisions"] for part in parts]
    assert max(part.sum(axis=1).max() for part in decisions) == 1
    detected = np.array([part.any(axis=0) for part in decisions])
    return float(truth[detected].mean()), int(detected.sum())


@pytest.mark.parametrize(("smoothing", "wanted"), [(1, 0.8), (3, 0.9)])
def test_the_device_reaches_the_wanted_precision_and_not_a_step_earlier(small_features: FeatureSet, smoothing: int, wanted: float) -> None:
    model, expected = validation_outputs(small_features)
    table = FirmwareTable(smoothing_patches=smoothing, wanted_precision=wanted)
    calibration = calibrate_for_precision(model, expected, small_features, table)
    assert precision(small_features, expected, calibration)[0] >= wanted  # with a threshold each, as the device decides
    one = dataclasses.replace(calibration, class_thresholds=())
    assert precision(small_features, expected, one)[0] >= wanted
    earlier = dataclasses.replace(one, detection_threshold=calibration.detection_threshold - 1)
    assert precision(small_features, expected, earlier)[0] < wanted
    assert len(calibration.class_thresholds) == 3
    assert min(calibration.class_thresholds) <= calibration.detection_threshold


def test_means_are_those_of_the_device(small_features: FeatureSet) -> None:
    _, expected = validation_outputs(small_features)
    means = smoothed_means(expected, smoothing_patches=3)
    start, stop = expected.patch_offsets[1:3]
    sums = expected_decisions(expected.outputs[start:stop], Calibration(smoothing_patches=3, detection_threshold=0))["smoothed_scores"]
    counts = np.minimum(np.arange(1, stop - start + 1), 3)
    np.testing.assert_allclose(means[start:stop], sums / counts[:, np.newaxis])


def test_what_cannot_be_reached_is_said(small_features: FeatureSet) -> None:
    model, expected = validation_outputs(small_features)
    wrong = dataclasses.replace(expected, outputs=np.full_like(expected.outputs, 3))  # always the first label
    with pytest.raises(ProjectError, match="no threshold makes 90% of the decisions"):
        calibrate_for_precision(model, wrong, small_features, FirmwareTable(wanted_precision=0.9))
    with pytest.raises(StageError, match="of another model or other clips"):
        calibrate_for_precision(model, dataclasses.replace(expected, filenames=("x",)), small_features, FirmwareTable(wanted_precision=0.9))


def test_the_lowest_threshold_by_hand() -> None:
    scores, right = np.array([10.0, 20.0, 30.0, 40.0]), np.array([True, False, True, True])
    assert lowest_threshold(scores, right, wanted=0.7) == -128
    assert lowest_threshold(scores, right, wanted=0.9) == 21
    assert lowest_threshold(scores, ~right, wanted=0.9) == 128
    assert lowest_threshold(scores[:0], right[:0], wanted=0.5) == 128
