"""Where projects come from: an empty one to fill in, and the demo's."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from tinyaudio.core.board import load_board
from tinyaudio.core.errors import InputError
from tinyaudio.core.files import write_bytes_atomically, write_text_atomically, write_text_if_changed
from tinyaudio.core.new_project import FinishedModel, new_project_files
from tinyaudio.core.presets import DEFAULT_PRESET, load_preset, preset_names
from tinyaudio.core.project import PROJECT_FILE, Task
from tinyaudio.dsp.audio import MachineSet, SyntheticSet, synthesize_machine_set, synthesize_set
from tinyaudio.pipeline.firmware import USUAL_FIRMWARE, FirmwareRequest
from tinyaudio.pipeline.foreign import check_autoencoder, check_frontend, checked_labels, step_frames
from tinyaudio.pipeline.line import Progress, open_line
from tinyaudio.pipeline.model_file import model_bytes, model_frontend, read_model
from tinyaudio.pipeline.proof import Proof, run_line

_TASKS: tuple[Task, ...] = ("events", "anomaly")
MODEL_FILE = "model.tflite"  # where a project keeps a finished model

#: Everything else is at its default. The synthetic set is small, so fewer epochs do.
_DEMO_PROJECT = """\
[project]
name = "demo"
task = "events"

[train]
epochs = 24
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelSource:
    """A finished model to make a project around."""

    path: Path
    preset: str | None  # its front end; None: the one that the file names
    labels: Path | None  # text file with a label a line, in the order of the outputs; None: those that the file names


def new_project(directory: Path, *, task: str, manifest: Path | None = None, model: ModelSource | None = None) -> list[str]:
    """Make a project in `directory`; return the names of its files.

    Parameters
    ----------
    directory
        New, or empty.
    task
        ``events`` or ``anomaly``.
    manifest
        An existing list of recordings; None: an example is written.
    model
        A finished model in place of training; it is copied into the project.

    Raises
    ------
    InputError
        If the folder exists and is not empty, the task is unknown, or a file cannot be read.
    ModelError
        If the model is no classifier of these labels, or for ``anomaly`` no autoencoder, on this front end.
    """
    wanted = _task(task)
    if directory.exists() and any(directory.iterdir()):
        hint = "choose another name; tinyaudio never overwrites. Are your recordings there? `tinyaudio data import` lists them in a project beside it"
        raise InputError("the folder is not empty", hint=hint, where=str(directory))
    if manifest is not None and not manifest.is_file():
        raise InputError("there is no such manifest", hint="name a CSV file", where=str(manifest))
    existed = directory.exists()
    finished = None if model is None else _finished(model, is_anomaly=wanted == "anomaly")
    listed = "" if manifest is None else manifest.resolve().as_posix()
    files = new_project_files(wanted, directory.resolve().name, manifest=listed, model=finished)
    try:
        for name, text in files.items():
            write_text_atomically(directory / name, text)
        if model is not None:
            write_bytes_atomically(directory / MODEL_FILE, model_bytes(model.path))
    except BaseException:
        if not existed:
            shutil.rmtree(directory, ignore_errors=True)
        raise
    return [*files, *([MODEL_FILE] if model is not None else [])]


def _finished(model: ModelSource, *, is_anomaly: bool) -> FinishedModel:
    """Hold the model against its front end and its labels, before anything is written."""
    file = read_model(model.path, with_steps=False, int8_ends=True)
    spec = model_frontend(file, model.preset)
    if spec is None:
        raise InputError(
            "does not name its front end", hint=f"--preset, one of {', '.join(preset_names())}: the one it was trained with", where=str(model.path)
        )
    changed: dict[str, Any] = {} if file.compiled.state_bytes == 0 else step_frames(file, spec)
    spec = replace(spec, **changed)
    labels: tuple[str, ...] = ()
    if not is_anomaly:
        labels = checked_labels(file, () if model.labels is None else _read_labels(model.labels))
    elif model.labels is not None:
        raise InputError("an anomaly detector has no classes", hint="leave --labels out", where="--labels")
    else:
        check_autoencoder(file)
    check_frontend(file, spec)
    default = load_preset(DEFAULT_PRESET)
    changes = {field.name: getattr(spec, field.name) for field in fields(spec) if getattr(spec, field.name) != getattr(default, field.name)}
    frontend = changes if model.preset is None else {"preset": model.preset, **changed}
    return FinishedModel(file=MODEL_FILE, labels=labels, frontend=frontend, patch_hop_frames=spec.patch_hop_frames)


def _read_labels(path: Path) -> tuple[str, ...]:
    """Return the lines of a text file that are not empty."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"the labels cannot be read: {error}", hint="a text file in UTF-8 with a label a line", where=str(path)) from error
    labels = tuple(line.strip() for line in lines if line.strip())
    if len(set(labels)) != len(labels) or not labels:
        raise InputError("names a label twice, or none", hint="a label a line, in the order of the model's outputs", where=str(path))
    return labels


def run_demo(directory: Path, *, board: str, task: str, progress: Progress, request: FirmwareRequest = USUAL_FIRMWARE) -> Proof:
    """Go the whole way on the built-in synthetic set, kept in `directory`; stages that are there already are reused."""
    is_anomaly = _task(task) == "anomaly"
    load_board(board)
    with progress.task("synthesizing the recordings") as advance:
        if is_anomaly:
            synthesize_machine_set(directory, MachineSet(), on_progress=advance)
        else:
            synthesize_set(directory, SyntheticSet(), on_progress=advance)
    write_text_if_changed(directory / PROJECT_FILE, new_project_files("anomaly", "demo")[PROJECT_FILE] if is_anomaly else _DEMO_PROJECT)
    return run_line(open_line(directory, progress), board, request=request)


def _task(task: str) -> Task:
    chosen = next((known for known in _TASKS if known == task), None)
    if chosen is None:
        raise InputError(f"there is no task {task!r}", hint=f"tasks: {', '.join(_TASKS)}", where="--task")
    return chosen
