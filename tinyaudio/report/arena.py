"""The arena of a model over time, as a picture: what lies where, from which operator to which."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tinyaudio.core.errors import InputError
from tinyaudio.core.files import write_bytes_atomically
from tinyaudio.report.figures import new_figure, plain, png_bytes, svg_bytes, svg_data_uri

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_COLOURS = ("#2563a8", "#2e8b57", "#8e5ea2", "#17a2b8", "#5b6b7b", "#b8a13a")
_SCRATCH_COLOUR = "#d98324"
_STATE_COLOUR = "#c0392b"
_LABELLED_SHARE = 0.06  # of the arena's height: smaller buffers have no room for a name
_INCHES_PER_STEP = 0.42


@dataclass(frozen=True, slots=True, kw_only=True)
class ArenaBuffer:
    """A buffer of the arena."""

    name: str
    offset_bytes: int
    bytes: int
    first: int  # step that writes it; -1: written before the first one
    last: int  # last step that needs it; the number of steps: needed after the last one
    is_scratch: bool = False
    is_state: bool = False  # kept from one inference to the next


@dataclass(frozen=True, slots=True, kw_only=True)
class ArenaTimeline:
    """An arena from the first operator to the last."""

    title: str
    arena_bytes: int
    steps: tuple[str, ...]  # operators in the order of execution
    buffers: tuple[ArenaBuffer, ...]


def write_arena_picture(timeline: ArenaTimeline, path: Path) -> None:
    """Draw `timeline` to a ``.svg`` or ``.png`` file; the same bytes each time.

    Raises
    ------
    InputError
        If the file's name ends otherwise.
    StorageError
        If the disk refuses.
    """
    draw = {".svg": svg_bytes, ".png": png_bytes}.get(path.suffix.lower())
    if draw is None:
        raise InputError(f"cannot draw a {path.suffix or 'file without a suffix'}", hint="name a .svg or a .png file", where=str(path))
    write_bytes_atomically(path, draw(arena_figure(timeline)))


def arena_uri(timeline: ArenaTimeline) -> str:
    """Return the picture as an SVG data URI."""
    return svg_data_uri(arena_figure(timeline))


def arena_figure(timeline: ArenaTimeline) -> Figure:
    """Return the picture: operators across, bytes of the arena upwards, a box for each buffer while it is needed."""
    steps = len(timeline.steps)
    figure = new_figure(max(6.4, 2.0 + _INCHES_PER_STEP * steps), 4.6)
    axes = figure.subplots()
    for number, buffer in enumerate(timeline.buffers):
        first, last = max(buffer.first, -1), min(buffer.last, steps)
        colour = _STATE_COLOUR if buffer.is_state else _SCRATCH_COLOUR if buffer.is_scratch else _COLOURS[number % len(_COLOURS)]
        axes.broken_barh(
            [(first - 0.46, last - first + 0.92)],
            (buffer.offset_bytes, buffer.bytes),
            facecolor=colour,
            alpha=0.55,
            edgecolor="#333333",
            linewidth=0.6,
        )
        if buffer.bytes >= _LABELLED_SHARE * timeline.arena_bytes:
            middle = (first + last) / 2, buffer.offset_bytes + buffer.bytes / 2
            axes.text(*middle, _label(buffer, columns=6 * (last - first + 1)), ha="center", va="center", fontsize=6.5)
    axes.axhline(timeline.arena_bytes, color="#333333", linewidth=1.0, linestyle="--")
    axes.set_xlim(-1.6, steps + 0.6)
    axes.set_ylim(0, timeline.arena_bytes * 1.04)
    axes.set_xticks(range(steps), [plain(step) for step in timeline.steps], rotation=90, fontsize=6.5)
    axes.set_ylabel("bytes of the arena")
    axes.set_title(f"{plain(timeline.title)}: arena of {timeline.arena_bytes:,} bytes (orange: scratch, red: state)", fontsize=10)
    return figure


def _label(buffer: ArenaBuffer, *, columns: int) -> str:
    if buffer.is_scratch:  # its colour says so
        return f"{buffer.bytes:,}"
    name = buffer.name if len(buffer.name) <= columns else buffer.name[: max(columns - 1, 3)] + "…"
    return f"{plain(name)}\n{buffer.bytes:,}"
