"""Figures of an evaluation, and which clips are worst."""

from __future__ import annotations

import numpy as np
import pytest

from tinyaudio.core.artifacts import Evaluation
from tinyaudio.core.evaluation import evaluation_figures, worst_clips
from tinyaudio.core.metrics import accuracy, confusion_matrix

SCORES = np.array([[0.9, 0.1], [0.6, 0.4], [0.3, 0.7], [0.8, 0.2]])
TRUTH = np.array([0, 1, 1, 1])


def evaluation() -> Evaluation:
    confusion = confusion_matrix(TRUTH, SCORES.argmax(axis=1), class_count=2)
    return Evaluation(
        predictor="int8",
        split="test",
        labels=("dog", "rain"),
        filenames=("a", "b", "c", "d"),
        label_indices=TRUTH,
        scores=SCORES,
        accuracy=accuracy(confusion),
        confusion=confusion,
    )


def test_headlines_have_intervals_around_them() -> None:
    figures = evaluation_figures(evaluation(), ["1", "2", "3", "4"], draws=300)
    headlines = {item.name: item for item in figures.headlines}
    assert headlines["accuracy"].value == 0.5
    assert headlines["macro F1"].value == pytest.approx((2 * 1 / (1 + 3) + 2 * 1 / (3 + 1)) / 2)
    assert headlines["mAP"].value == pytest.approx((1.0 + np.mean([1.0, 1.0, 1.0])) / 2)
    assert all(item.lower <= item.value <= item.upper for item in figures.headlines)
    assert headlines["accuracy"].lower < 0.25
    assert [item.metrics.label for item in figures.classes] == ["dog", "rain"]
    assert figures.classes[0].roc.area == 1.0
    assert sum(item.items for item in figures.calibration) == 4


def test_the_worst_clips_lost_by_most_and_are_wrong() -> None:
    assert worst_clips(evaluation(), count=5) == (3, 1)
    assert worst_clips(evaluation(), count=1) == (3,)
