"""What an evaluation page is made from."""

from __future__ import annotations

from dataclasses import dataclass

from tinyaudio.core.alarms import DecisionFigures
from tinyaudio.core.artifacts import Float64Array, Int16Array, LayerError
from tinyaudio.core.evaluation import EvaluationFigures, Headline
from tinyaudio.core.spec import FrontendSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class WorstClip:
    """A clip that was decided wrong, and what that verdict hangs on."""

    filename: str
    label: str  # in words, where it may have several
    true_labels: tuple[str, ...]
    predicted: str  # in words
    explained: str  # the class whose score is explained
    pcm: Int16Array  # at the project's sample rate
    log_mel: Float64Array  # [frames, feature_bands]
    scores: Float64Array  # [labels]
    first_frame: int  # of the patch that speaks loudest for that class
    influence: Float64Array  # [blocks over time, blocks over bands] of that patch


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """Accuracy, or mAP where clips may have several labels, when the recordings are degraded."""

    name: str
    by_predictor: dict[str, Headline]  # "float", "int8" -> the figure, with its interval


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluationPageInputs:
    """Everything the page shows."""

    project_name: str
    spec: FrontendSpec
    predictors: tuple[EvaluationFigures, ...]  # float, INT8 and, if it ran, the device
    conditions: tuple[Condition, ...]  # the first: as recorded
    layers: tuple[LayerError, ...]  # of the INT8 model, in execution order
    maximum_loss: float  # of the first headline that the project allows INT8; 1: any
    worst: tuple[WorstClip, ...]
    decisions: tuple[DecisionFigures, ...] = ()  # under each rule of deciding
    int8_by: str = ""  # what computed the INT8 figures
