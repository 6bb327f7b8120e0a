"""Pictures as self-contained data URIs (matplotlib, its Agg and SVG back ends; no display, no global state)."""

from __future__ import annotations

import base64
import io
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from tinyaudio.core.artifacts import Evaluation, Float64Array, Placement, RegionUse
from tinyaudio.core.spec import FrontendSpec

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_ACCENT = "#2563a8"
_RIGHT = "#2e8b57"
_WRONG = "#c0392b"
_MEMORY_COLOURS = ("#2563a8", "#d98324", "#2e8b57", "#8e5ea2", "#c0392b", "#17a2b8", "#b8a13a", "#5b6b7b", "#e377c2")


def confusion_figure(evaluation: Evaluation, title: str) -> str:
    """Return the confusion matrix of `evaluation` (truth down, prediction across) as an SVG data URI.

    Where clips may have several labels: what was found, missed and mistaken, by label.
    """
    if evaluation.truth is not None:
        return _label_counts_figure(evaluation, title)
    labels = [plain(label) for label in evaluation.labels]
    side = 1.6 + 0.48 * len(labels)
    figure = new_figure(side + 0.4, side)
    axes = figure.subplots()
    counts = evaluation.confusion
    share = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    axes.imshow(share, cmap="Blues", vmin=0, vmax=1)
    for row, column in np.argwhere(counts > 0):
        axes.text(column, row, str(counts[row, column]), ha="center", va="center", color="white" if share[row, column] > 0.5 else "#222", fontsize=9)
    axes.set_xticks(range(len(labels)), labels, rotation=45, ha="right")
    axes.set_yticks(range(len(labels)), labels)
    axes.set_xlabel("predicted")
    axes.set_ylabel("true")
    axes.set_title(title, fontsize=11)
    return svg_data_uri(figure)


def _label_counts_figure(evaluation: Evaluation, title: str) -> str:
    """Return for each label how many clips were found, missed and taken to have it by mistake, as an SVG data URI."""
    labels, counts = evaluation.labels, evaluation.confusion
    figure = new_figure(6.0, 1.4 + 0.4 * len(labels))
    axes = figure.subplots()
    positions, left = np.arange(len(labels)), np.zeros(len(labels))
    for name, values, colour in (("found", counts[:, 1, 1], _RIGHT), ("missed", counts[:, 1, 0], "#b8c4d0"), ("mistaken", counts[:, 0, 1], _WRONG)):
        axes.barh(positions, values, left=left, color=colour, label=name)
        left = left + values
    axes.set_yticks(positions, [plain(label) for label in labels])
    axes.invert_yaxis()
    axes.set_xlabel("clips")
    axes.set_title(title, fontsize=11)
    axes.legend(ncols=3, fontsize=8, frameon=False, loc="upper center", bbox_to_anchor=(0.5, -0.18))
    open_frame(axes)
    return svg_data_uri(figure)


def spectrogram_figure(log_mel: Float64Array, *, spec: FrontendSpec) -> str:
    """Return features [frames, feature_bands], log-mel or cepstrum, over time as a PNG data URI."""
    hop_seconds = spec.hop_samples / spec.sample_rate_hz
    figure = new_figure(6.4, 2.6)
    axes = figure.subplots()
    picture = axes.imshow(
        log_mel.T, origin="lower", aspect="auto", cmap="magma", interpolation="nearest", extent=(0, len(log_mel) * hop_seconds, 0, log_mel.shape[1])
    )
    axes.set_xlabel("time / s")
    axes.set_ylabel("cepstral coefficient" if spec.cepstral_coefficients else f"mel band\n{spec.mel_low_hz:g} to {spec.mel_high_hz:g} Hz")
    is_plain = spec.cepstral_coefficients == 0 and spec.level_normalization == "none" and spec.log_scale == 1.0
    figure.colorbar(picture, label="ln(mel + offset)" if is_plain else "feature", pad=0.02)
    return png_uri(figure)


def scores_figure(labels: Sequence[str], scores: Float64Array, *, true_labels: Collection[str]) -> str:
    """Return a clip's scores [labels] as bars: the true classes green, a wrong winner red; SVG data URI."""
    figure = new_figure(3.6, 0.7 + 0.27 * len(labels))
    axes = figure.subplots()
    winner = int(np.argmax(scores))
    colours = [_RIGHT if label in true_labels else _WRONG if index == winner else "#b8c4d0" for index, label in enumerate(labels)]
    positions = np.arange(len(labels))
    axes.barh(positions, scores, color=colours)
    axes.set_yticks(positions, [plain(label) for label in labels])
    axes.invert_yaxis()
    axes.set_xlim(0, 1)
    axes.set_xlabel("score")
    open_frame(axes)
    return svg_data_uri(figure)


def budget_figure(rows: Sequence[tuple[str, int, int]]) -> str:
    """Return used against available memory for rows of (name, used_bytes, available_bytes) as an SVG data URI."""
    figure = new_figure(6.4, 0.7 + 0.42 * len(rows))
    axes = figure.subplots()
    positions = np.arange(len(rows))
    shares = [100 * used / available for _, used, available in rows]
    axes.barh(positions, [100] * len(rows), color="#e6ebf0")
    axes.barh(positions, shares, color=[_WRONG if share > 100 else _ACCENT for share in shares])
    for position, (_, used, available) in enumerate(rows):
        axes.text(min(shares[position], 100) + 1, position, f"{used:,} of {available:,} bytes", va="center", fontsize=9)
    axes.set_yticks(positions, [name for name, _, _ in rows])
    axes.invert_yaxis()
    axes.set_xlabel("percent of the board's budget")
    open_frame(axes)
    return svg_data_uri(figure)


def memory_figure(regions: Mapping[str, RegionUse], placement: Placement) -> str:
    """Return each memory region as a bar of its length, filled with what lies there, as an SVG data URI.

    The bars are shares of their regions, which differ a thousandfold in size; empty regions are left out.
    """
    shown = [name for name, use in regions.items() if use.used_bytes]
    figure = new_figure(7.6, 1.5 + 0.42 * len(shown))
    axes = figure.subplots()
    colours = dict(zip((item.name for item in placement.items), _MEMORY_COLOURS * len(placement.items), strict=False))
    for position, name in enumerate(shown):
        use, left = regions[name], 0.0
        axes.barh(position, 100, color="#e6ebf0")
        for item in placement.items:
            if item.region == name and item.bytes:
                share = 100 * item.bytes / use.length_bytes
                axes.barh(position, share, left=left, color=colours[item.name], edgecolor="white", linewidth=0.5)
                left += share
        axes.text(101, position, f"{use.used_bytes:,} of {use.length_bytes:,} bytes", va="center", fontsize=8)
    axes.set_yticks(range(len(shown)), shown)
    axes.set_xlim(0, 135)
    axes.set_xticks(range(0, 101, 25))
    axes.invert_yaxis()
    axes.set_xlabel("percent of the region")
    named = [item.name for item in placement.items if item.bytes]
    axes.legend(
        handles=[_patch(colours[name]) for name in named],
        labels=named,
        ncols=3,
        fontsize=7.5,
        frameon=False,
        loc="lower center",
        bbox_to_anchor=(0.45, 1.0),
    )
    open_frame(axes)
    return svg_data_uri(figure)


def _patch(colour: str) -> Any:
    from matplotlib.patches import Patch

    return Patch(color=colour)


def plain(text: str) -> str:
    """Return `text`, which a user wrote, so that a figure shows it as it is: what stands between two dollars would be read as a formula."""
    return text.replace("$", r"\$")


def new_figure(width_inches: float, height_inches: float) -> Figure:
    """Return an empty figure that lays itself out."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width_inches, height_inches), layout="constrained")


def logarithmic_x(axes: Any) -> None:
    """Make the horizontal axis logarithmic, with plain numbers at it instead of powers of ten."""
    from matplotlib.ticker import LogFormatter

    axes.set_xscale("log")
    axes.xaxis.set_major_formatter(LogFormatter())
    axes.xaxis.set_minor_formatter(LogFormatter(minor_thresholds=(2.0, 0.5)))


def open_frame(axes: Any) -> None:
    """Leave the upper and the right edge of a plot open."""
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)


def svg_bytes(figure: Figure) -> bytes:
    """Return `figure` as an SVG file; the same bytes each time."""
    import matplotlib

    buffer = io.BytesIO()
    with matplotlib.rc_context({"svg.hashsalt": "tinyaudio", "svg.fonttype": "path"}):
        figure.savefig(buffer, format="svg", metadata={"Date": None})
    return buffer.getvalue()


def svg_data_uri(figure: Figure) -> str:
    """Return `figure` as an SVG data URI."""
    return "data:image/svg+xml;base64," + base64.b64encode(svg_bytes(figure)).decode("ascii")


def png_bytes(figure: Figure) -> bytes:
    """Return `figure` as a PNG file; the same bytes each time."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=130, metadata={"Software": None})
    return buffer.getvalue()


def png_uri(figure: Figure) -> str:
    """Return `figure` as a PNG data URI; the same bytes each time."""
    return "data:image/png;base64," + base64.b64encode(png_bytes(figure)).decode("ascii")
