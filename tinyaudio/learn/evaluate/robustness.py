"""The test split once more, degraded: with noise, at other levels, through another microphone."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from tinyaudio.core.artifacts import Clip, FeatureSet, Int16Array
from tinyaudio.core.evaluation import Headline, first_headline
from tinyaudio.dsp.audio import Degradation, degrade
from tinyaudio.dsp.frontend import FrontendTables
from tinyaudio.learn.dataset import ClipReader, compute_features
from tinyaudio.learn.evaluate.scoring import Predictor, PredictorName, evaluate

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class RobustnessPoint:
    """Clip accuracy, or mAP where clips may have several labels, under one degradation."""

    condition: str  # in words
    by_predictor: dict[str, Headline]  # name of the predictor -> the figure, with its interval over whole groups


def measure_robustness(
    predictors: Mapping[PredictorName, Predictor],
    features: FeatureSet,
    *,
    read: ClipReader,
    tables: FrontendTables,
    degradations: Sequence[Degradation],
    on_progress: Progress | None = None,
) -> tuple[RobustnessPoint, ...]:
    """Degrade the samples of the test split, take them through the integer front end, and let every predictor score the same.

    Parameters
    ----------
    predictors
        See `evaluate`.
    features
        Of the recordings as they are; gives the data set.
    read
        Returns the samples of a clip.
    tables
        The front end that `features` were computed with.
    degradations
        One result each.
    on_progress
        Called with (degradations done, degradations in all).
    """
    dataset = dataclasses.replace(features.dataset, clips=features.dataset.of_split("test"))
    groups = [clip.group for clip in dataset.clips]
    points = []
    for done, degradation in enumerate(degradations, start=1):
        degraded = compute_features(dataset, _degraded(read, degradation, dataset.sample_rate_hz), tables)
        figures: dict[str, Headline] = {name: first_headline(evaluate(predictor, name, degraded), groups) for name, predictor in predictors.items()}
        points.append(RobustnessPoint(condition=degradation.describe(), by_predictor=figures))
        if on_progress is not None:
            on_progress(done, len(degradations))
    return tuple(points)


def _degraded(read: ClipReader, degradation: Degradation, sample_rate_hz: int) -> ClipReader:
    """Return `read` with each clip degraded; the noise of a clip is drawn by its content, whatever its place in the set."""

    def read_degraded(clip: Clip) -> Int16Array:
        return degrade(read(clip), degradation, sample_rate_hz=sample_rate_hz, seed=int(clip.pcm_sha256[:8], 16))

    return read_degraded
