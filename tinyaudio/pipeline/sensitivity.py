"""What the choice of representative audio is worth, as a stage and a picture."""

from __future__ import annotations

import dataclasses
from typing import Any

from tinyaudio.core.errors import InputError
from tinyaudio.learn.evaluate import RepresentativeReport, measure_representatives
from tinyaudio.pipeline.data import features_stage
from tinyaudio.pipeline.learning import train_stage
from tinyaudio.pipeline.line import Line, StageResult, reuse_or_make
from tinyaudio.report import RepresentativeRow, write_representatives_picture

_SIZES = (4, 12, 40, 120)


def sensitivity_stage(line: Line) -> StageResult[RepresentativeReport]:
    """Quantize with several representative sets and compare the results on the validation split.

    Raises
    ------
    InputError
        If the project's model came finished, or detects anomalies: what is compared are accuracies and verdicts.
    """
    if line.project.is_anomaly:
        hint = "docs/anomaly_quantization.md tells what its choice does to an autoencoder; `tinyaudio evaluate` what INT8 loses here"
        raise InputError(
            "the sensitivity to representative audio is measured by classes, and an anomaly detector has none", hint=hint, where="--sensitivity"
        )
    if line.project.model_path is not None:
        raise InputError("a finished model is quantized already", hint="take file out of [model] to train one", where="model.file")
    features, trained = features_stage(line), train_stage(line)
    table = line.project.quantize
    sizes = sorted({*_SIZES, table.representative_clips})
    return reuse_or_make(
        line,
        "sensitivity",
        RepresentativeReport,
        inputs={"features": features.stored.fingerprint, "train": trained.stored.fingerprint, "quantize": table.model_dump(), "sizes": sizes},
        description="quantizing with other representative clips",
        make=lambda advance: measure_representatives(trained.value, features.value, table, sizes=sizes, on_progress=advance),
    )


def sensitivity_facts(line: Line) -> dict[str, Any]:
    """Return the points as the command line's JSON shows them, and where their picture is."""
    report = sensitivity_stage(line).value
    rows = [
        RepresentativeRow(choice=point.choice, clips=point.clips, accuracy=point.accuracy, score_error=point.score_error) for point in report.points
    ]
    picture = write_representatives_picture(rows, line.store.directory, float_accuracy=report.float_accuracy)
    return {"float": report.float_accuracy, "points": [dataclasses.asdict(point) for point in report.points], "picture": str(picture)}
