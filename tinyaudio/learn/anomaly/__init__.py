"""Anomaly detection behind the network: scores of patches, one-class models, and the threshold that makes scores alarms.

The public face: `train_one_class` and `quantize_one_class`, `expected_scores` (what the device must compute), `score_test_split`
(float, INT8 and loudness side by side) `set_threshold`, and
`suspects_by_score` and `suspects_by_sound` (what is called normal and is not like the others).
"""

from tinyaudio.learn.anomaly.one_class import quantize_one_class, train_one_class
from tinyaudio.learn.anomaly.scores import ScoreOracle, expected_scores, residual_scale_of, score_test_split
from tinyaudio.learn.anomaly.suspects import NormalScores, suspects_by_score, suspects_by_sound
from tinyaudio.learn.anomaly.threshold import (
    Tail,
    cluster_peaks,
    fit_tail,
    normal_scores,
    recommended_seconds,
    set_threshold,
    threshold_warnings,
)

__all__ = [
    "NormalScores",
    "ScoreOracle",
    "Tail",
    "cluster_peaks",
    "expected_scores",
    "fit_tail",
    "normal_scores",
    "quantize_one_class",
    "recommended_seconds",
    "residual_scale_of",
    "score_test_split",
    "set_threshold",
    "suspects_by_score",
    "suspects_by_sound",
    "threshold_warnings",
    "train_one_class",
]
