"""Pictures of anomaly scores: over time, as histograms, and what the autoencoder made of a patch."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np

from tinyaudio.core.anomaly import PatchScores
from tinyaudio.core.artifacts import Float64Array
from tinyaudio.core.spec import FrontendSpec
from tinyaudio.report.figures import new_figure, open_frame, plain, png_uri, svg_data_uri

_NORMAL = "#2563a8"
_FAULTY = "#c0392b"
_BINS = 48


def score_over_time_figure(scores: PatchScores, smoothed: Float64Array, *, level: float, normal: Collection[str]) -> str:
    """Return smoothed scores, float64[patches] in octaves, clip after clip with the threshold `level`, as an SVG data URI."""
    figure = new_figure(9.0, 3.2)
    axes = figure.subplots()
    for clip, (start, stop) in enumerate(zip(scores.patch_offsets[:-1], scores.patch_offsets[1:], strict=True)):
        colour = _NORMAL if scores.conditions[clip] in normal else _FAULTY
        axes.plot(np.arange(start, stop), smoothed[start:stop], color=colour, linewidth=1.2, marker="." if stop - start == 1 else None)
    axes.axhline(level, color="#222", linestyle="--", linewidth=1.0)
    axes.text(0, level, " threshold", va="bottom", fontsize=8)
    starts = [index for index, name in enumerate(scores.conditions) if index == 0 or name != scores.conditions[index - 1]]
    axes.set_xticks(
        [int(scores.patch_offsets[index]) for index in starts], [plain(scores.conditions[index]) for index in starts], rotation=30, ha="left"
    )
    axes.xaxis.tick_top()
    axes.set_ylabel("smoothed score / octaves")
    axes.spines["right"].set_visible(False)
    axes.spines["bottom"].set_visible(False)
    return svg_data_uri(figure)


def score_histogram_figure(scores: PatchScores, smoothed: Float64Array, *, level: float, normal: Collection[str]) -> str:
    """Return histograms of the smoothed scores of normal and faulty clips with the threshold `level` as an SVG data URI."""
    is_faulty = np.array([condition not in normal for condition in scores.conditions], np.bool_)[scores.clip_of_patch]
    figure = new_figure(6.4, 2.8)
    axes = figure.subplots()
    edges = np.linspace(min(float(smoothed.min()), level) - 0.1, max(float(smoothed.max()), level) + 0.1, _BINS + 1)
    for name, chosen, colour in (("normal", ~is_faulty, _NORMAL), ("faulty", is_faulty, _FAULTY)):
        axes.hist(smoothed[chosen], bins=edges.tolist(), color=colour, alpha=0.7, label=name)
    axes.axvline(level, color="#222", linestyle="--", linewidth=1.0)
    axes.set_yscale("symlog")
    axes.set_xlabel("smoothed score / octaves")
    axes.set_ylabel("patches")
    axes.legend(frameon=False, fontsize=9)
    open_frame(axes)
    return svg_data_uri(figure)


def patch_figure(values: Float64Array, reconstruction: Float64Array | None, *, spec: FrontendSpec) -> str:
    """Return a patch, and what became of it and the difference where there is that, each [frames, bands] in nepers, as a PNG data URI."""
    figure = new_figure(9.0 if reconstruction is not None else 3.6, 2.5)
    seconds = len(values) * spec.hop_samples / spec.sample_rate_hz
    lowest, highest = float(values.min()), float(values.max())
    panels = [("input", values, "magma", lowest, highest)]
    if reconstruction is not None:
        panels += [("reconstruction", reconstruction, "magma", lowest, highest), ("residual", values - reconstruction, "RdBu_r", -2.0, 2.0)]
    places = figure.subplots(1, len(panels), sharey=True, squeeze=False)[0]
    for axes, (title, picture, colours, least, greatest) in zip(places, panels, strict=True):
        image = axes.imshow(
            picture.T, origin="lower", aspect="auto", cmap=colours, vmin=least, vmax=greatest, extent=(0.0, seconds, 0, picture.shape[1])
        )
        axes.set_title(title, fontsize=10)
        axes.set_xlabel("time / s")
        figure.colorbar(image, ax=axes, pad=0.02)
    figure.axes[0].set_ylabel("band")
    return png_uri(figure)
