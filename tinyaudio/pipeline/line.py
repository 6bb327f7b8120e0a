"""The line's frame: a project, where its values are stored, and the rule that a stage runs only if its inputs changed."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

from tinyaudio.core.board import PROJECT_BOARDS, load_board
from tinyaudio.core.canonical import fingerprint
from tinyaudio.core.code_version import code_version
from tinyaudio.core.errors import BoardError
from tinyaudio.core.project import PROJECT_FILE, Project, load_project
from tinyaudio.core.store import RunStore, Stored

T = TypeVar("T")

#: Called with (how much is done, how much there is in all).
Advance = Callable[[int, int], None]


class Progress(Protocol):
    """Whoever shows the user how far the work is."""

    def note(self, text: str) -> None:
        """Say something in passing."""

    def detail(self, text: str) -> None:
        """Say something that only few want to read."""

    def warning(self, text: str) -> None:
        """Warn."""

    def task(self, description: str) -> AbstractContextManager[Advance]:
        """Announce work that may take a while."""


@dataclass(frozen=True, slots=True)
class StageResult(Generic[T]):
    """A stage's value and how it came about."""

    stage: str
    stored: Stored[T]
    inputs: Mapping[str, Any]
    reused: bool

    @property
    def value(self) -> T:
        """The value itself."""
        return self.stored.value

    def describe(self, **metrics: Any) -> dict[str, Any]:
        """Return the stage as the command line's JSON shows it."""
        return {
            "stage": self.stage,
            "fingerprint": self.stored.fingerprint,
            "inputs": {name: value if isinstance(value, str) else fingerprint(value) for name, value in self.inputs.items()},
            "metrics": metrics,
            "seconds": round(self.stored.seconds, 3),
            "reused": self.reused,
        }


@dataclass(frozen=True, slots=True)
class Line:
    """A project with its store, and the stages that this process has seen already."""

    project: Project
    store: RunStore
    progress: Progress
    seen: dict[str, StageResult[Any]] = field(default_factory=dict)  # by stage


def open_line(directory: Path, progress: Progress) -> Line:
    """Return the line of the project in `directory`.

    Raises
    ------
    ProjectError
        If there is no ``tinyaudio.toml`` there, or it is wrong.
    BoardError
        If its board does not exist, or breaks a rule.
    """
    project = load_project(directory)
    try:
        load_board(project.board, folder=directory / PROJECT_BOARDS)  # features are computed as on it: no stage ends well without
    except BoardError as error:
        if error.where != "--board":
            raise
        raise BoardError(f"project.board: {error.message}", hint=error.hint, where=str(directory / PROJECT_FILE)) from error
    return Line(project=project, store=RunStore(directory / "runs" / project.name), progress=progress)


def once(stage: Callable[[Line], StageResult[T]]) -> Callable[[Line], StageResult[T]]:
    """Let a stage be asked for by several others and still run, and speak, once for a line."""

    @functools.wraps(stage)
    def ask(line: Line) -> StageResult[T]:
        if stage.__name__ not in line.seen:
            line.seen[stage.__name__] = stage(line)
        return line.seen[stage.__name__]

    return ask


def reuse_or_make(
    line: Line,
    stage: str,
    value_type: type[T],
    *,
    inputs: Mapping[str, Any],
    description: str,
    make: Callable[[Advance], T],
    outlives_code: bool = False,
) -> StageResult[T]:
    """Return the stored value of `stage` if it was made from the same `inputs` by the same code; otherwise make and store it.

    With `outlives_code` the code does not matter: what took hours to learn is not thrown away by an upgrade. All that follows
    is computed again, and where it comes to the same bits, what follows that is reused.
    """
    inputs = inputs if outlives_code else {**inputs, "code": code_version()}
    stored = line.store.load(stage, value_type, inputs)
    if stored is not None:
        line.progress.note(f"{stage}: unchanged, reused")
        return StageResult(stage, stored, inputs, reused=True)
    started = time.monotonic()
    with line.progress.task(description) as advance:
        value = make(advance)
    stored = line.store.save(stage, value, inputs, seconds=time.monotonic() - started)
    return StageResult(stage, stored, inputs, reused=False)
