"""How INT8 moves with its representative audio, as a picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tinyaudio.core.files import write_bytes_atomically
from tinyaudio.report.figures import logarithmic_x, new_figure, open_frame, svg_bytes

_CHOICES = {"classes": ("spread over the classes, drawn", "#2563a8"), "coverage": ("spread over the sounds", "#d98324")}


@dataclass(frozen=True, slots=True, kw_only=True)
class RepresentativeRow:
    """One INT8 model."""

    choice: str  # of the clips: "classes" or "coverage"
    clips: int
    accuracy: float  # on the validation split
    score_error: float  # root of the mean squared difference from the float model's scores


def write_representatives_picture(rows: Sequence[RepresentativeRow], directory: Path, *, float_accuracy: float) -> Path:
    """Write ``representatives.svg`` into `directory` and return it: accuracy and score error over the number of clips."""
    figure = new_figure(9.0, 3.6)
    left, right = figure.subplots(1, 2)
    for choice, (name, colour) in _CHOICES.items():
        chosen = [row for row in rows if row.choice == choice]
        clips = [row.clips for row in chosen]
        left.plot(clips, [100.0 * row.accuracy for row in chosen], "o", color=colour, label=name, alpha=0.8)
        right.plot(clips, [row.score_error for row in chosen], "o", color=colour, label=name, alpha=0.8)
    left.axhline(100.0 * float_accuracy, color="#5b6b7b", linestyle="--", linewidth=1, label="float")
    left.set_ylabel("validation split, percent")
    right.set_ylabel("difference from float scores (RMS)")
    for axes in (left, right):
        logarithmic_x(axes)
        axes.set_xlabel("representative clips")
        open_frame(axes)
    left.legend(fontsize=8, frameon=False)
    path = directory / "representatives.svg"
    write_bytes_atomically(path, svg_bytes(figure))
    return path
