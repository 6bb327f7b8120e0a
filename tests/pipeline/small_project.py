"""A project that goes the whole way in seconds."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tinyaudio.dsp.audio import SyntheticSet, synthesize_set
from tinyaudio.pipeline import open_line, run_line
from tinyaudio.pipeline.line import Advance, Line

PROJECT = """
[project]
name = "small"

[model]
width_multiplier = 0.1
blocks = 2

[train]
epochs = 2
"""
SMALL_SET = SyntheticSet(
    labels=("alarm", "engine", "siren"), train_recordings=4, validation_recordings=2, test_recordings=2, takes=1, clip_samples=24_000
)


class Silent:
    """Collects notes and warnings."""

    def __init__(self) -> None:
        self.notes: list[str] = []

    def note(self, text: str) -> None:
        self.notes.append(text)

    def detail(self, text: str) -> None:
        pass

    def warning(self, text: str) -> None:
        self.notes.append(f"warning: {text}")

    @contextmanager
    def task(self, description: str) -> Iterator[Advance]:
        self.notes.append(description)
        yield lambda _done, _total: None


def line_of(directory: Path) -> Line:
    return open_line(directory, Silent())


def make_small_project(directory: Path) -> None:
    """Make the project and let it go the whole way on this computer."""
    synthesize_set(directory, SMALL_SET)
    (directory / "tinyaudio.toml").write_text(PROJECT)
    assert run_line(line_of(directory), "native").passed
