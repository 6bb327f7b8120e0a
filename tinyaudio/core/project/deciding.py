"""``[quantize]``, ``[background]`` and ``[firmware]``: from a trained model to decisions on the device."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from tinyaudio.core.project.section import Section

#: Of a label; a score that is not a number is refused.
_Score = Annotated[float, Field(gt=0.0, le=1.0, allow_inf_nan=False)]


class QuantizeTable(Section):
    """``[quantize]``: the way to INT8."""

    representative_clips: int = Field(default=120, ge=1)  # of the training split
    choice: Literal["classes", "coverage"] = "classes"  # spread over the classes, drawn by seed; or over the sounds: the least alike
    maximum_loss: float = Field(default=1.0, ge=0.0, le=1.0)  # of clip accuracy, float less INT8; more fails the evaluation; 1: whatever it is
    seed: int = Field(default=1, ge=0, lt=2**32)


class BackgroundTable(Section):
    """``[background]``: sound in which nothing is to be detected, for counting false alarms."""

    hours: float = Field(default=0.0, ge=0.0, le=24.0)  # so long to choose thresholds by, and as long again to test them with; 0: none
    folder: str = ""  # of recordings without events, relative to the project's folder; synthetic scenes fill the rest
    seed: int = Field(default=1, ge=0, lt=2**32)  # of the scenes


class FirmwareTable(Section):
    """``[firmware]``: how the device turns patch scores into decisions."""

    smoothing_patches: int = Field(default=3, ge=1, le=64)
    detection_threshold: float = Field(default=0.5, gt=0.0, lt=1.0)  # of the smoothed score
    wanted_precision: float = Field(
        default=0.0, ge=0.0, le=1.0
    )  # share of decisions that are right: sets the threshold by the validation split; 0: no
    false_alarms_per_hour: float = Field(default=0.0, ge=0.0, le=3_600.0)  # raises the threshold until [background] gives no more; 0: no
    class_thresholds: dict[str, _Score] = Field(default_factory=dict)  # of labels by name, in place of any other; 1: never
