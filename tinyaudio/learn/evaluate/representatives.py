"""How the INT8 model moves with the audio that sets its ranges: with how much, and with which."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from tinyaudio.core.artifacts import FeatureSet, Float64Array, QuantizedModel, TrainedModel
from tinyaudio.core.evaluation import headline_value
from tinyaudio.core.project import QuantizeTable
from tinyaudio.learn.dataset import patch_features
from tinyaudio.learn.evaluate.quick import QuickPredictor
from tinyaudio.learn.evaluate.scoring import evaluate
from tinyaudio.learn.quantize import quantize
from tinyaudio.learn.training import FloatPredictor

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class RepresentativePoint:
    """One representative set, and the INT8 model that comes of it, on the validation split."""

    choice: Literal["classes", "coverage"]
    clips: int
    seed: int  # of the draw; "coverage" draws nothing
    accuracy: float  # of clips, or mAP where clips may have several labels
    same_verdicts: float  # share of the patches whose best class is that of the float model
    score_error: float  # root of the mean squared difference from the float model's scores


@dataclass(frozen=True, slots=True, kw_only=True)
class RepresentativeReport:
    """What the choice of representative audio is worth."""

    float_accuracy: float
    points: tuple[RepresentativePoint, ...]


def measure_representatives(
    trained: TrainedModel, features: FeatureSet, table: QuantizeTable, *, sizes: Sequence[int], seeds: int = 2, on_progress: Progress | None = None
) -> RepresentativeReport:
    """Quantize with representative sets of several sizes, drawn over the classes by several seeds and chosen by coverage.

    Parameters
    ----------
    trained
        The float model.
    features
        What it was trained on.
    table
        ``[quantize]`` of the project; its seed is the first.
    sizes
        Numbers of clips; beyond the training split, all of it.
    seeds
        How many draws over the classes for each size.
    on_progress
        Called with (models made, models in all).
    """
    predictor, patch_set = FloatPredictor(trained), patch_features(features, "validation")
    wanted = predictor.predict(patch_set)
    settings = [
        table.model_copy(update={"representative_clips": size, "choice": choice, "seed": seed})
        for size in _useful(sizes, len(features.dataset.of_split("train")))
        for choice, drawn in (("classes", seeds), ("coverage", 1))
        for seed in range(table.seed, table.seed + drawn)
    ]
    points = []
    for done, setting in enumerate(settings, start=1):
        points.append(_point(setting, quantize(trained, features, setting), features, wanted))
        if on_progress is not None:
            on_progress(done, len(settings))
    return RepresentativeReport(
        float_accuracy=headline_value(evaluate(predictor, "float", features, split="validation")),
        points=tuple(points),
    )


def _point(setting: QuantizeTable, quantized: QuantizedModel, features: FeatureSet, wanted: Float64Array) -> RepresentativePoint:
    predictor = QuickPredictor(quantized)
    accuracy = headline_value(evaluate(predictor, "int8", features, split="validation"))
    return RepresentativePoint(
        choice=setting.choice,
        clips=setting.representative_clips,
        seed=setting.seed,
        accuracy=accuracy,
        same_verdicts=float((predictor.scores.argmax(axis=1) == wanted.argmax(axis=1)).mean()),
        score_error=float(np.sqrt(np.mean((predictor.scores - wanted) ** 2))),
    )


def _useful(sizes: Sequence[int], clips: int) -> list[int]:
    return sorted({min(size, clips) for size in sizes})
