"""What a search found, as a picture: quality over instructions, and what no other trial beats."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tinyaudio.core.files import write_bytes_atomically
from tinyaudio.report.figures import logarithmic_x, new_figure, open_frame, svg_bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class ParetoPoint:
    """One network that was trained."""

    architecture: str
    instructions: int  # of one inference, as predicted
    quality: float  # on the validation split
    is_on_front: bool
    is_best: bool


def write_pareto_picture(points: Sequence[ParetoPoint], directory: Path, *, judged_by: str) -> Path:
    """Write ``tune.svg`` into `directory` and return it."""
    figure = new_figure(7.2, 4.6)
    axes = figure.subplots()
    for architecture, colour in zip(sorted({point.architecture for point in points}), ("#2563a8", "#d98324", "#2e8b57", "#8e5ea2"), strict=False):
        own = [point for point in points if point.architecture == architecture]
        axes.scatter([point.instructions / 1e6 for point in own], [100.0 * point.quality for point in own], color=colour, label=architecture)
    front = sorted((point for point in points if point.is_on_front), key=lambda point: point.instructions)
    axes.step(
        [point.instructions / 1e6 for point in front],
        [100.0 * point.quality for point in front],
        where="post",
        color="#5b6b7b",
        linewidth=1.2,
        label="not beaten",
    )
    best = [point for point in points if point.is_best]
    axes.scatter(
        [point.instructions / 1e6 for point in best],
        [100.0 * point.quality for point in best],
        s=160,
        facecolors="none",
        edgecolors="#c0392b",
        linewidths=1.6,
        label="best",
    )
    logarithmic_x(axes)
    axes.set_xlabel("million instructions an inference, predicted")
    axes.set_ylabel(f"{judged_by} on the validation split, percent")
    axes.legend(fontsize=8, frameon=False)
    open_frame(axes)
    path = directory / "tune.svg"
    write_bytes_atomically(path, svg_bytes(figure))
    return path
