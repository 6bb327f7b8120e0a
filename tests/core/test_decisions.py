"""The rule by which labels are detected, by hand; and calibrations that do not fit."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tinyaudio.core.artifacts import Calibration
from tinyaudio.core.clip_decisions import ClipDecisions
from tinyaudio.core.decisions import (
    ALWAYS,
    NEVER,
    calibration_fingerprint,
    decide,
    detected_in_clips,
    detected_means,
    pack_labels,
    thresholds_of,
    unpack_labels,
)
from tinyaudio.core.errors import StageError

OUTPUTS = np.array([[40, 39, -128], [40, 41, 127], [20, 41, 127]], np.int8)


def detected(calibration: Calibration) -> list[list[int]]:
    return [np.flatnonzero(row).tolist() for row in decide(OUTPUTS, calibration).detected]


@pytest.mark.parametrize(
    ("thresholds", "is_exclusive", "expected"),
    [
        ((40, 40, 0), False, [[0], [0, 1], [1, 2]]),  # means 40 39 -128; 40 40 -0.5; 30 41 127
        ((40, 40, -1), False, [[0], [0, 1, 2], [1, 2]]),
        ((41, 39, NEVER), False, [[1], [1], [1]]),
        ((ALWAYS, ALWAYS, ALWAYS), False, [[0, 1, 2], [0, 1, 2], [0, 1, 2]]),
        ((40, 40, 127), True, [[0], [0], [2]]),  # among equals the first
        ((41, 0, 128), True, [[], [], []]),  # the second best does not stand in for the best
    ],
)
def test_each_label_has_its_threshold(thresholds: tuple[int, ...], is_exclusive: bool, expected: list[list[int]]) -> None:
    assert detected(Calibration(smoothing_patches=2, detection_threshold=0, class_thresholds=thresholds, is_exclusive=is_exclusive)) == expected


def test_one_threshold_is_that_of_every_label() -> None:
    one = Calibration(smoothing_patches=2, detection_threshold=40, is_exclusive=False)
    assert detected(one) == detected(Calibration(smoothing_patches=2, detection_threshold=0, class_thresholds=(40, 40, 40), is_exclusive=False))


def test_a_model_without_steps_decides_in_its_own_scale() -> None:
    means = np.array([[0.0, 0.5, 1.0], [0.2, 0.5 - 1e-9, 1.0]])
    by: dict[str, Any] = {"scale": 1 / 256, "zero_point": -128, "is_exclusive": False}
    assert detected_means(means, (0, 0, NEVER), **by).tolist() == [[False, True, False], [False, False, False]]
    assert detected_means(means, (ALWAYS, -76, 127), **by).tolist() == [[True, True, True], [True, True, True]]


@pytest.mark.parametrize(
    ("thresholds", "sentence"),
    [
        ((1, 2), r"has 2 thresholds for 3 labels"),
        ((1, 2, 129), r"has a threshold of 129; whole numbers from -128 to 128 \(never\) are possible"),
        ((1, 2, float("nan")), r"has a threshold of nan"),
        ((1, 0.5, 2), r"has a threshold of 0\.5"),
        ((-129,), r"has 1 thresholds for 3 labels and has a threshold of -129"),
    ],
)
def test_a_calibration_of_another_model_is_refused(thresholds: tuple[int, ...], sentence: str) -> None:
    calibration = Calibration(smoothing_patches=1, detection_threshold=0, class_thresholds=thresholds)
    with pytest.raises(StageError, match=sentence) as caught:
        thresholds_of(calibration, 3)
    assert "tinyaudio calibrate" in caught.value.hint


def test_the_fingerprint_is_of_what_is_decided_and_of_what_for() -> None:
    calibration = Calibration(smoothing_patches=3, detection_threshold=5)

    def of(changed: Calibration = calibration, *, label_count: int = 2, model: str = "a", frontend: str = "b") -> str:
        return calibration_fingerprint(changed, label_count=label_count, model_sha256=model, frontend_fingerprint=frontend)

    assert of() == of(Calibration(smoothing_patches=3, detection_threshold=9, class_thresholds=(5, 5)))  # the same decisions
    others = [
        of(Calibration(smoothing_patches=2, detection_threshold=5)),
        of(Calibration(smoothing_patches=3, detection_threshold=6)),
        of(Calibration(smoothing_patches=3, detection_threshold=5, is_exclusive=False)),
        of(label_count=3),
        of(model="c"),
        of(frontend="c"),
    ]
    assert len({of(), *others}) == 7


@pytest.mark.parametrize("count", [0, 1, 7, 8, 9, 521])
def test_sets_of_labels_come_back(count: int) -> None:
    labels = np.random.default_rng(count).random(count) < 0.5
    assert unpack_labels(pack_labels(labels), count).tolist() == labels.tolist()
    with pytest.raises(ValueError, match="is no set of"):
        unpack_labels(pack_labels(labels) + b"\0", count)


def test_a_set_with_labels_that_there_are_not_is_refused() -> None:
    with pytest.raises(ValueError, match="80 is no set of 7 labels"):
        unpack_labels(b"\x80", 7)


def test_a_clip_has_what_was_detected_behind_any_of_its_patches() -> None:
    rows = np.array([[1, 0], [0, 0], [0, 1], [0, 0]], np.bool_)
    in_clips = detected_in_clips(rows, np.array([0, 3, 4]))
    assert in_clips.tolist() == [[True, True], [False, False]]
    truth = np.array([[True, False], [False, False]])
    figures = ClipDecisions(predictor="device", labels=("a", "b"), filenames=("x", "y"), truth=truth, detected=in_clips)
    assert (figures.accuracy, figures.precision, figures.recall, figures.macro_f1) == (0.5, 0.5, 1.0, 1.0)
    assert figures.names(in_clips[0]) == ("a", "b")
