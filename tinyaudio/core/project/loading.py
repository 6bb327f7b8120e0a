"""The whole of ``tinyaudio.toml``: read, checked section by section and across them, and made one value."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, cast

from pydantic import Field, ValidationError

from tinyaudio.core.errors import ProjectError
from tinyaudio.core.project.anomaly import AnomalyTable
from tinyaudio.core.project.data import DataTable, data_problems
from tinyaudio.core.project.deciding import BackgroundTable, FirmwareTable, QuantizeTable
from tinyaudio.core.project.frontend import FrontendTable, frontend_problems, frontend_spec, with_preset
from tinyaudio.core.project.mistakes import other_table, sentence, suggestion
from tinyaudio.core.project.model import ModelTable, model_problems
from tinyaudio.core.project.section import Section
from tinyaudio.core.project.training import TrainTable, train_problems
from tinyaudio.core.project.tune import TuneTable, tune_problems
from tinyaudio.core.spec import FrontendSpec, KernelId

PROJECT_FILE = "tinyaudio.toml"

Task = Literal["events", "anomaly"]


class ProjectTable(Section):
    """``[project]``: what it is."""

    name: str = Field(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$",
        max_length=64,
        description="letters (a to z), digits, '_', '.' and '-', a letter or digit first",
    )
    task: Task = "events"
    board: str = Field(
        default="mps2_an500",
        pattern="^[a-z][a-z0-9_]*$",
        description="the id of a board, as `tinyaudio boards list` shows it",
    )  # features are computed as on this board
    fft_kernel: KernelId | None = None  # on every board in place of the board's own


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """A checked project. The sections enter fingerprints; the folder does not."""

    directory: Path
    name: str
    task: Task
    board: str
    fft_kernel: KernelId | None
    frontend: FrontendSpec
    data: DataTable
    model: ModelTable
    train: TrainTable
    quantize: QuantizeTable
    firmware: FirmwareTable
    anomaly: AnomalyTable
    background: BackgroundTable
    tune: TuneTable

    @property
    def is_anomaly(self) -> bool:
        """Whether the project asks if a machine sounds as usual, not what is heard."""
        return self.task == "anomaly"

    @property
    def manifest_path(self) -> Path:
        """Where the manifest lies; the files it lists are relative to its folder."""
        return self.directory / self.data.manifest

    @property
    def model_path(self) -> Path | None:
        """Where the finished model lies; None: the project trains its own."""
        return self.directory / self.model.file if self.model.file else None


_SECTIONS: dict[str, type[Section]] = {
    "project": ProjectTable,
    "data": DataTable,
    "frontend": FrontendTable,
    "model": ModelTable,
    "train": TrainTable,
    "quantize": QuantizeTable,
    "firmware": FirmwareTable,
    "anomaly": AnomalyTable,
    "background": BackgroundTable,
    "tune": TuneTable,
}

#: What is wrong in a section although each of its keys is right by itself.
_RULES: dict[str, Callable[[Any], Iterator[str]]] = {
    "frontend": frontend_problems,
    "data": data_problems,
    "model": model_problems,
    "train": train_problems,
    "tune": tune_problems,
}


def load_project(directory: Path) -> Project:
    """Read and check ``tinyaudio.toml`` in `directory`.

    Raises
    ------
    ProjectError
        If the file is missing, is not TOML (the line is named) or breaks a rule (all mistakes in one message).
    """
    path = directory / PROJECT_FILE
    try:
        text = path.read_bytes().decode("utf-8")
    except FileNotFoundError as error:
        raise ProjectError(
            f"there is no {PROJECT_FILE}", hint="`tinyaudio new DIR --task events` makes one; --project DIR names its folder", where=str(directory)
        ) from error
    except UnicodeDecodeError as error:
        raise ProjectError(f"not UTF-8: byte {error.start}", hint="save the file as UTF-8", where=str(path)) from error
    except OSError as error:
        raise ProjectError(f"cannot read: {error.strerror or error}", hint="check the file and its rights", where=str(path)) from error
    return parse_project(text, directory=directory)


def parse_project(text: str, *, directory: Path) -> Project:
    """Return the project that the TOML `text` describes; see `load_project`."""
    path = str(directory / PROJECT_FILE)
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ProjectError(f"not TOML: {error}", hint="mend the line it names", where=path) from error
    sections: dict[str, Section] = {}
    problems = [f"{name}: unknown section{other_table(name, _SECTIONS) or suggestion(name, _SECTIONS)}" for name in tables if name not in _SECTIONS]
    for name, model in _SECTIONS.items():
        try:
            sections[name] = model.model_validate(with_preset(tables.get(name, {})) if name == "frontend" else tables.get(name, {}))
        except ValidationError as error:
            problems += [sentence(name, model, cast(Mapping[str, Any], item), tables=_SECTIONS) for item in error.errors()]
    for name, rule in _RULES.items():
        if name in sections:
            problems += [f"{name}.{problem}" for problem in rule(sections[name])]
    problems = problems or list(_rules_across(sections))
    if problems:
        raise ProjectError("; ".join(problems), hint=f"mend {PROJECT_FILE}; `tinyaudio new DIR --task events` writes a commented one", where=path)
    return _assemble(directory, cast(Any, sections))


def _assemble(directory: Path, sections: dict[str, Any]) -> Project:
    about = sections["project"]
    return Project(
        directory=directory,
        name=about.name,
        task=about.task,
        board=about.board,
        fft_kernel=about.fft_kernel,
        frontend=frontend_spec(sections["frontend"]),
        **{name: sections[name] for name in ("data", "model", "train", "quantize", "firmware", "anomaly", "background", "tune")},
    )


def _rules_across(sections: Mapping[str, Any]) -> Iterator[str]:
    """Yield what is right in each section and wrong in both together."""
    yield from _finished_model_rules(sections["model"], is_anomaly=sections["project"].task == "anomaly")
    if sections["data"].label_separator and not sections["model"].file and sections["model"].head != "sigmoid":
        yield 'model.head: must be "sigmoid" where data.label_separator lets a clip have several labels: the scores of a softmax exclude each other'
    if sections["firmware"].false_alarms_per_hour and not sections["background"].hours:
        yield "background.hours: is 0, so firmware.false_alarms_per_hour has nothing to be measured on; 1.0 is an hour"


def _finished_model_rules(model: Any, *, is_anomaly: bool) -> Iterator[str]:
    if model.file and not model.labels and not is_anomaly:
        yield "model.labels: must name the outputs of model.file, in their order"
    if model.labels and is_anomaly:
        yield "model.labels: an anomaly detector has no classes; the output of model.file is its input again"
