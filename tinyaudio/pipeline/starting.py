"""Where projects come from: an empty one to fill in, and the demo's."""

from __future__ import annotations

import shutil
from pathlib import Path

from tinyaudio.core.errors import InputError
from tinyaudio.core.files import write_text_atomically, write_text_if_changed
from tinyaudio.core.new_project import new_project_files
from tinyaudio.core.project import PROJECT_FILE, anomaly_not_yet
from tinyaudio.dsp.audio import SyntheticSet, synthesize_set
from tinyaudio.pipeline.line import Progress, open_line
from tinyaudio.pipeline.proof import Proof, run_line

_TASKS = ("events", "anomaly")

#: Everything else is at its default. The synthetic set is small, so fewer epochs do.
_DEMO_PROJECT = """\
[project]
name = "demo"
task = "events"

[train]
epochs = 24
"""


def new_project(directory: Path, *, task: str) -> list[str]:
    """Make a project in `directory`; return the names of its files.

    Raises
    ------
    InputError
        If the folder exists and is not empty, or the task is unknown.
    NotYetSupportedError
        For ``anomaly``.
    """
    _check_task(task)
    if directory.exists() and any(directory.iterdir()):
        raise InputError("the folder is not empty", hint="choose another name; tinyaudio never overwrites", where=str(directory))
    existed = directory.exists()
    files = new_project_files("events", directory.resolve().name)
    try:
        for name, text in files.items():
            write_text_atomically(directory / name, text)
    except BaseException:
        if not existed:
            shutil.rmtree(directory, ignore_errors=True)
        raise
    return list(files)


def run_demo(directory: Path, *, board: str, task: str, progress: Progress) -> Proof:
    """Go the whole way on the built-in synthetic set, kept in `directory`; stages that are there already are reused."""
    _check_task(task)
    with progress.task("synthesizing the recordings") as advance:
        synthesize_set(directory, SyntheticSet(), on_progress=advance)
    write_text_if_changed(directory / PROJECT_FILE, _DEMO_PROJECT)
    return run_line(open_line(directory, progress), board)


def _check_task(task: str) -> None:
    if task not in _TASKS:
        raise InputError(f"there is no task {task!r}", hint=f"tasks: {', '.join(_TASKS)}", where="--task")
    if task == "anomaly":
        raise anomaly_not_yet()
