"""What noise, other levels and another microphone do to the float and the INT8 model, as a stage."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tinyaudio.core.artifacts import QuantizedModel
from tinyaudio.core.errors import ToolError
from tinyaudio.core.evaluation import first_headline
from tinyaudio.dsp.audio import USUAL_DEGRADATIONS
from tinyaudio.learn.dataset import clip_reader
from tinyaudio.learn.evaluate import Predictor, PredictorName, QuickPredictor, RobustnessPoint, measure_robustness
from tinyaudio.learn.oracle import oracle_version
from tinyaudio.learn.training import FloatPredictor
from tinyaudio.pipeline.data import features_stage, project_frontend
from tinyaudio.pipeline.judging import evaluate_stage, test_groups
from tinyaudio.pipeline.learning import quantize_stage, train_stage
from tinyaudio.pipeline.line import Advance, Line, StageResult, once, reuse_or_make
from tinyaudio.pipeline.native_model import NativePredictor, native_predictor


@dataclass(frozen=True, slots=True, kw_only=True)
class Robustness:
    """The test split under every degradation."""

    points: tuple[RobustnessPoint, ...]
    int8_by: str  # what computed INT8


@once
def robustness_stage(line: Line) -> StageResult[Robustness]:
    """Score the degraded test split with the float model, where there is one, and with INT8.

    INT8 is the compiled C++, of which some patches are compared with the reference interpreter; without a C++ compiler TensorFlow
    Lite's kernels, since the interpreter would take hours.
    """
    features, quantized, tables = features_stage(line), quantize_stage(line), project_frontend(line.project)
    trained = train_stage(line) if line.project.model_path is None else None

    def make(advance: Advance) -> Robustness:
        int8 = _int8_predictor(line, quantized.value)
        predictors: dict[PredictorName, Predictor] = {} if trained is None else {"float": FloatPredictor(trained.value)}
        points = measure_robustness(
            {**predictors, "int8": int8},
            features.value,
            read=clip_reader(line.project),
            tables=tables,
            degradations=USUAL_DEGRADATIONS,
            on_progress=advance,
        )
        return Robustness(points=points, int8_by=int8.description if isinstance(int8, NativePredictor) else "TensorFlow Lite's own kernels")

    return reuse_or_make(
        line,
        "robustness",
        Robustness,
        inputs={
            "features": features.stored.fingerprint,
            "quantize": quantized.stored.fingerprint,
            "train": None if trained is None else trained.stored.fingerprint,
            "frontend": tables.fingerprint,
            "degradations": USUAL_DEGRADATIONS,
            "oracle": oracle_version(),
        },
        description="degrading the test split",
        make=make,
    )


def conditions(line: Line) -> tuple[RobustnessPoint, ...]:
    """Return the figures as recorded, and under each degradation."""
    evaluations, groups = evaluate_stage(line).value, test_groups(line)
    both = {name: item for name, item in (("float", evaluations.float), ("int8", evaluations.int8)) if item is not None}
    undegraded = RobustnessPoint(condition="as recorded", by_predictor={name: first_headline(item, groups) for name, item in both.items()})
    return (undegraded, *robustness_stage(line).value.points)


def robustness_facts(line: Line) -> dict[str, Any]:
    """Return them as the command line's JSON shows them."""
    return {
        "judged_by": "accuracy" if evaluate_stage(line).value.int8.truth is None else "mAP",
        "int8_by": robustness_stage(line).value.int8_by,
        "conditions": [
            {
                "condition": point.condition,
                **{name: {"value": figure.value, "lower": figure.lower, "upper": figure.upper} for name, figure in point.by_predictor.items()},
            }
            for point in conditions(line)
        ],
    }


def _int8_predictor(line: Line, quantized: QuantizedModel) -> NativePredictor | QuickPredictor:
    native = native_predictor(quantized, line.store.directory / "native")
    return QuickPredictor(quantized) if isinstance(native, ToolError) else native
