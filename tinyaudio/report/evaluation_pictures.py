"""Pictures of an evaluation: curves, calibration, robustness, occlusion."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np

from tinyaudio.core.evaluation import EvaluationFigures
from tinyaudio.core.spec import FrontendSpec
from tinyaudio.report.evaluation_values import Condition, WorstClip
from tinyaudio.report.figures import new_figure, open_frame, plain, png_uri, svg_data_uri

_COLOURS = ("#2563a8", "#d98324", "#2e8b57", "#8e5ea2", "#c0392b", "#17a2b8", "#b8a13a", "#5b6b7b", "#e377c2", "#7f4f24")


def curves_figure(figures: EvaluationFigures, kind: Literal["roc", "precision_recall"]) -> str:
    """Return the curve of every class that occurs, with its area, as an SVG data URI."""
    figure = new_figure(5.4, 4.4)
    axes = figure.subplots()
    for index, item in enumerate(figures.classes):
        curve = item.roc if kind == "roc" else item.precision_recall
        if not math.isnan(curve.area):
            name = f"{curve.area:.3f} {plain(item.metrics.label)}"  # a legend leaves out what begins with an underscore, as labels may
            axes.plot(curve.x, curve.y, color=_COLOURS[index % len(_COLOURS)], linewidth=1.4, label=name)
    if kind == "roc":
        axes.plot((0, 1), (0, 1), color="#b8c4d0", linewidth=1, linestyle="--")
    axes.set_xlabel("false positive rate" if kind == "roc" else "recall")
    axes.set_ylabel("true positive rate" if kind == "roc" else "precision")
    axes.set_title("ROC (area)" if kind == "roc" else "precision over recall (average precision)", fontsize=11)
    axes.set_xlim(-0.02, 1.02)
    axes.set_ylim(-0.02, 1.02)
    axes.legend(fontsize=7.5, frameon=False, loc="lower right" if kind == "roc" else "lower left")
    open_frame(axes)
    return svg_data_uri(figure)


def calibration_figure(predictors: Sequence[EvaluationFigures], *, several_labels: bool) -> str:
    """Return how often a score of some height is right, as an SVG data URI; the larger the dot, the more clips.

    Where clips may have several labels, every score counts, else the highest of each clip.
    """
    figure = new_figure(4.6, 4.4)
    axes = figure.subplots()
    axes.plot((0, 1), (0, 1), color="#b8c4d0", linewidth=1, linestyle="--")
    for index, item in enumerate(predictors):
        bins = [entry for entry in item.calibration if entry.items]
        label = f"{item.evaluation.predictor}: error {item.calibration_error:.3f}"
        total = sum(entry.items for entry in bins)
        sizes = [12 + 160 * entry.items / total for entry in bins]
        axes.plot([entry.mean_score for entry in bins], [entry.accuracy for entry in bins], color=_COLOURS[index], linewidth=1, label=label)
        axes.scatter([entry.mean_score for entry in bins], [entry.accuracy for entry in bins], s=sizes, color=_COLOURS[index], alpha=0.7)
    axes.set_xlabel("mean score" if several_labels else "mean of the highest score")
    axes.set_ylabel("share that is right")
    axes.set_title("calibration", fontsize=11)
    axes.set_xlim(0, 1.03)
    axes.set_ylim(-0.03, 1.03)
    axes.legend(fontsize=8, frameon=False, loc="lower right")
    open_frame(axes)
    return svg_data_uri(figure)


def conditions_figure(conditions: Sequence[Condition], *, judged_by: str) -> str:
    """Return the figure `judged_by` of each predictor under each condition as bars with their intervals; SVG data URI."""
    names = list(conditions[0].by_predictor)
    figure = new_figure(6.4, 0.8 + 0.24 * (len(names) + 0.4) * len(conditions))
    axes = figure.subplots()
    height = 0.8 / len(names)
    for row, name in enumerate(names):
        figures = [item.by_predictor[name] for item in conditions]
        positions = np.arange(len(conditions)) + (row - (len(names) - 1) / 2) * height
        values = [100 * item.value for item in figures]
        spans = [[100 * max(0.0, item.value - item.lower) for item in figures], [100 * max(0.0, item.upper - item.value) for item in figures]]
        axes.barh(positions, values, height=0.9 * height, color=_COLOURS[row], xerr=spans, ecolor="#5b6b7b", error_kw={"linewidth": 1}, label=name)
        for position, item in zip(positions, figures, strict=True):
            axes.text(100 * item.upper + 1, position, f"{100 * item.value:.1f} %", va="center", fontsize=8)
    axes.set_yticks(np.arange(len(conditions)), [item.name for item in conditions])
    axes.legend(fontsize=8, frameon=False, loc="lower left", bbox_to_anchor=(0, 1), ncols=len(names))
    axes.set_xlim(0, 115)
    axes.set_xticks(range(0, 101, 20))
    axes.invert_yaxis()
    axes.set_xlabel(f"{judged_by} in percent")
    open_frame(axes)
    return svg_data_uri(figure)


def occlusion_figure(clip: WorstClip, spec: FrontendSpec) -> str:
    """Return the clip's features and, of one patch, what the verdict hangs on (red) and what speaks against it (blue); PNG data URI."""
    hop_seconds = spec.hop_samples / spec.sample_rate_hz
    figure = new_figure(6.8, 4.2)
    upper, lower = figure.subplots(2, 1)
    length = len(clip.log_mel) * hop_seconds
    upper.imshow(clip.log_mel.T, origin="lower", aspect="auto", cmap="magma", extent=(0, length, 0, clip.log_mel.shape[1]))
    start, stop = (frame * hop_seconds for frame in (clip.first_frame, clip.first_frame + spec.patch_frames))
    upper.add_patch(_frame(start, 0, stop - start, clip.log_mel.shape[1]))
    upper.set_ylabel("band")
    patch = clip.log_mel[clip.first_frame : clip.first_frame + spec.patch_frames]
    extent = (start, stop, 0, clip.log_mel.shape[1])
    lower.imshow(patch.T, origin="lower", aspect="auto", cmap="gray", extent=extent)
    limit = max(float(np.abs(clip.influence).max()), 1e-6)
    shown = lower.imshow(
        clip.influence.T, origin="lower", aspect="auto", cmap="RdBu_r", vmin=-limit, vmax=limit, alpha=0.55, interpolation="bilinear", extent=extent
    )
    lower.set_xlabel("time / s")
    lower.set_ylabel("band")
    figure.colorbar(shown, ax=lower, label="score lost without it", pad=0.02)
    return png_uri(figure)


def _frame(x: float, y: float, width: float, height: float) -> Any:
    from matplotlib.patches import Rectangle

    return Rectangle((x, y), width, height, fill=False, edgecolor="#33ccff", linewidth=1.5)
