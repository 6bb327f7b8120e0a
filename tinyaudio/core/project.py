"""A user's project: ``tinyaudio.toml``, checked whole, all mistakes reported at once, each with its path."""

from __future__ import annotations

import dataclasses
import difflib
import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, cast, get_type_hints

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, create_model

from tinyaudio.core.anomaly_section import AnomalyTable
from tinyaudio.core.errors import ProjectError
from tinyaudio.core.presets import DEFAULT_PRESET, preset_fields, preset_names
from tinyaudio.core.spec import FrontendSpec, KernelId, spec_problems
from tinyaudio.core.tune_section import Architecture, TuneTable, tune_problems

PROJECT_FILE = "tinyaudio.toml"

Task = Literal["events", "anomaly"]

_Texts = Annotated[
    tuple[Annotated[str, BeforeValidator(lambda value: str(value) if isinstance(value, int) and not isinstance(value, bool) else value)], ...],
    Field(strict=False),
]

#: Of a label; a score that is not a number is refused.
_Score = Annotated[float, Field(gt=0.0, le=1.0, allow_inf_nan=False)]


class _Section(BaseModel):
    """A table of the file: frozen, strict about types, refuses keys it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class ProjectTable(_Section):
    """``[project]``: what it is."""

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$", max_length=64)
    task: Task = "events"
    board: str = Field(default="mps2_an500", pattern="^[a-z][a-z0-9_]*$")  # features are computed as on this board
    fft_kernel: KernelId | None = None  # on every board in place of the board's own


class Columns(_Section):
    """``[data.columns]``: what the manifest's columns are called."""

    filename: str = Field(default="filename", min_length=1)
    label: str = Field(default="label", min_length=1)
    group: str = Field(default="group", min_length=1)  # clips of one source; never in two splits
    split: str = Field(default="split", min_length=1)  # may be missing in the manifest: then splits are drawn by group


class SplitTable(_Section):
    """``[data.split]``: which values of the split column mean what, and how to draw what the manifest leaves open."""

    train: _Texts = ("train",)
    validation: _Texts = ("validation",)  # none of these in the manifest: validation groups are drawn from train
    test: _Texts = ("test",)
    validation_fraction: float = Field(default=0.2, gt=0.0, lt=0.9)  # of the training clips, about
    test_fraction: float = Field(default=0.2, gt=0.0, lt=0.9)  # of all clips, about; only without a split column
    folds: int = Field(default=0, ge=0, le=100)  # without a split column: so many parts of whole groups, classes alike in each; 0: use test_fraction
    test_fold: int = Field(default=1, ge=1, le=100)  # the part that is tested
    seed: int = Field(default=1, ge=0, lt=2**32)


class DataTable(_Section):
    """``[data]``: the recordings."""

    manifest: str = Field(default="manifest.csv", min_length=1)  # relative to the project's folder
    labels: _Texts = ()  # the labels that must occur; empty: those of the manifest
    label_separator: str = Field(default="", pattern=r"^[^\w\s]{0,2}$")  # between the labels of a clip that may have several, or none; "": one each
    minimum_clips_per_class: int = Field(default=4, ge=1)
    channels: Literal["mix", "refuse"] = "mix"  # of a file with several channels: average them, or call it an error
    resample: bool = True  # files of another rate are resampled; false: they are an error
    columns: Columns = Columns()
    split: SplitTable = SplitTable()


class ModelTable(_Section):
    """``[model]``: the network, or a finished model in its place."""

    file: str = ""  # a finished .tflite, relative to the project's folder: nothing is trained then
    labels: _Texts = ()  # of `file`, in the order of its outputs
    architecture: Architecture = "mobilenet_v1"
    width_multiplier: float = Field(default=0.25, ge=0.05, le=1.0)
    blocks: int = Field(default=13, ge=1, le=13)  # mobilenet_v1 is as deep as YAMNet's body at 13; others take what they have up to it
    activation: Literal["relu6", "relu"] = "relu6"  # "relu" for backbones that were trained with it, as YAMNet's
    head: Literal["softmax", "sigmoid"] = "softmax"  # "sigmoid": classes that may sound at once
    dropout: float = Field(default=0.2, ge=0.0, lt=1.0)  # in front of the classifier


def _as_tuples(value: Any) -> Any:
    """TOML has arrays where the spec has tuples."""
    return tuple(_as_tuples(item) for item in value) if isinstance(value, list) else value


def _frontend_field(field: dataclasses.Field[Any]) -> tuple[Any, Any]:
    annotation = get_type_hints(FrontendSpec)[field.name]
    return (Annotated[annotation, BeforeValidator(_as_tuples)] if isinstance(field.default, tuple) else annotation), field.default


#: ``[frontend]`` has the fields of `FrontendSpec`, so it is made from them, and the name of the preset that they change.
FrontendTable: type[_Section] = create_model(
    "FrontendTable",
    __base__=_Section,
    __module__=__name__,
    preset=(str, DEFAULT_PRESET),
    **cast(Any, {field.name: _frontend_field(field) for field in dataclasses.fields(FrontendSpec)}),
)


def _with_preset(table: Any) -> Any:
    """Return the table ``[frontend]`` with what its preset sets and it does not; as it is if it is none, or names no preset."""
    preset = table.get("preset") if isinstance(table, dict) else None
    return {**preset_fields(preset), **table} if isinstance(preset, str) and preset in preset_names() else table


class TransferTable(_Section):
    """``[train.transfer]``: start from the convolutions of another model."""

    backbone: str = ""  # .keras, .h5 or .tflite, relative to the project's folder; "": start from random weights
    # The type is made above, which mypy cannot follow.
    frontend: Annotated[FrontendTable | None, BeforeValidator(_with_preset)] = None  # type: ignore[valid-type] # what the backbone was trained on: a preset, and what differs from it
    classifier_l2: float = Field(default=1e-3, gt=0.0, le=10.0)  # first the classifier is fitted, with this penalty on its weights
    trainable_blocks: int = Field(default=0, ge=0, le=13)  # then it and the last so many blocks are trained; 0: neither
    learning_rate: float = Field(default=1e-4, gt=0.0, le=1.0)  # in place of train.learning_rate


class DistillationTable(_Section):
    """``[train.distillation]``: learn what a larger network says, also of recordings without labels."""

    teacher: str = ""  # backbone file of a mobilenet_v1 such as YAMNet, relative to the project's folder; "": none
    # The type is made above, which mypy cannot follow.
    frontend: Annotated[FrontendTable | None, BeforeValidator(_with_preset)] = None  # type: ignore[valid-type] # what the teacher hears by
    width_multiplier: float = Field(default=1.0, ge=0.05, le=1.0)  # of the teacher, as in [model]
    blocks: int = Field(default=13, ge=1, le=13)
    activation: Literal["relu6", "relu"] = "relu"
    classifier_l2: float = Field(default=1e-3, gt=0.0, le=10.0)  # its classifier is fitted to the training split, with this penalty
    share: float = Field(default=0.7, ge=0.0, le=1.0)  # of the teacher in the targets of labelled clips; the rest are the labels
    unlabelled: str = ""  # folder of recordings without labels, relative to the project's folder


class AugmentationTable(_Section):
    """``[train.augmentation]``: random changes of the training patches; 0 switches one off."""

    time_shift_frames: int = Field(default=24, ge=0)  # a patch may start this many frames earlier or later
    gain_db: float = Field(default=10.0, ge=0.0, le=60.0)  # louder or softer by up to this
    time_mask_frames: int = Field(default=12, ge=0)  # longest stretch that is blanked
    frequency_mask_bands: int = Field(default=8, ge=0)  # most neighbouring bands that are blanked
    mixup: float = Field(default=0.0, ge=0.0, le=10.0)  # patches are mixed in pairs, labels too, in shares drawn from Beta(mixup, mixup)


class AudioTable(_Section):
    """``[train.audio]``: random changes of the recordings themselves, in front of the integer front end; 0 and "" switch one off."""

    versions: int = Field(default=0, ge=0, le=32)  # changed copies of each training clip, besides the clip itself
    noise_snr_db: float = Field(default=5.0, ge=-20.0, le=60.0)  # the worst; the best is 25 dB better
    backgrounds: str = ""  # folder of recordings to take the noise from, relative to the project's folder; "": noise of random colour
    gain_db: float = Field(default=6.0, ge=0.0, le=60.0)  # louder or softer by up to this
    shift_seconds: float = Field(default=0.5, ge=0.0, le=60.0)  # earlier or later by up to this; what falls out comes in again
    pitch_semitones: float = Field(default=1.0, ge=0.0, le=12.0)  # higher or lower by up to this
    stretch: float = Field(default=0.1, ge=0.0, le=0.5)  # faster or slower by up to this share
    rooms: str = ""  # folder of impulse responses
    microphone_db: float = Field(default=6.0, ge=0.0, le=24.0)  # gain of each of seven bands, as if another microphone had heard it


class TrainTable(_Section):
    """``[train]``: the training."""

    epochs: int = Field(default=40, ge=1, le=10_000)
    batch_size: int = Field(default=32, ge=1, le=4_096)
    learning_rate: float = Field(default=5e-3, gt=0.0, le=1.0)
    patience: int = Field(default=12, ge=1)  # epochs without a better validation loss before it stops
    seed: int = Field(default=1, ge=0, lt=2**32)
    class_balance: bool = True  # classes with few patches weigh more
    label_smoothing: float = Field(default=0.05, ge=0.0, lt=1.0)
    loss: Literal["cross_entropy", "focal"] = "cross_entropy"  # "focal": what is nearly right already counts less
    focal_gamma: float = Field(default=2.0, ge=0.0, le=10.0)
    silence: Literal["drop", "uniform"] = "drop"  # patches in which next to nothing is heard: left out, or all classes alike
    validation: Literal["select", "include"] = "select"  # the validation split picks the epoch, or is trained on as well and the last epoch is kept
    temperature_scaling: bool = False  # divide the classifier's weights by the number that makes the validation split's scores honest
    transfer: TransferTable = TransferTable()
    distillation: DistillationTable = DistillationTable()
    audio: AudioTable = AudioTable()
    augmentation: AugmentationTable = AugmentationTable()


class QuantizeTable(_Section):
    """``[quantize]``: the way to INT8."""

    representative_clips: int = Field(default=120, ge=1)  # of the training split
    choice: Literal["classes", "coverage"] = "classes"  # spread over the classes, drawn by seed; or over the sounds: the least alike
    maximum_loss: float = Field(default=1.0, ge=0.0, le=1.0)  # of clip accuracy, float less INT8; more fails the evaluation; 1: whatever it is
    seed: int = Field(default=1, ge=0, lt=2**32)


class BackgroundTable(_Section):
    """``[background]``: sound in which nothing is to be detected, for counting false alarms."""

    hours: float = Field(default=0.0, ge=0.0, le=24.0)  # so long to choose thresholds by, and as long again to test them with; 0: none
    folder: str = ""  # of recordings without events, relative to the project's folder; synthetic scenes fill the rest
    seed: int = Field(default=1, ge=0, lt=2**32)  # of the scenes


class FirmwareTable(_Section):
    """``[firmware]``: how the device turns patch scores into decisions."""

    smoothing_patches: int = Field(default=3, ge=1, le=64)
    detection_threshold: float = Field(default=0.5, gt=0.0, lt=1.0)  # of the smoothed score
    wanted_precision: float = Field(
        default=0.0, ge=0.0, le=1.0
    )  # share of decisions that are right: sets the threshold by the validation split; 0: no
    false_alarms_per_hour: float = Field(default=0.0, ge=0.0, le=3_600.0)  # raises the threshold until [background] gives no more; 0: no
    class_thresholds: dict[str, _Score] = {}  # of labels by name, in place of any other; 1: never


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
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ProjectError(f"not TOML: {error}", hint="mend the line it names", where=PROJECT_FILE) from error
    sections: dict[str, BaseModel] = {}
    problems = [f"{name}: unknown section{_suggestion(name, _SECTIONS)}" for name in tables if name not in _SECTIONS]
    for name, model in _SECTIONS.items():
        try:
            sections[name] = model.model_validate(_with_preset(tables.get(name, {})) if name == "frontend" else tables.get(name, {}))
        except ValidationError as error:
            problems += [_sentence(name, model, cast(Mapping[str, Any], item)) for item in error.errors()]
    for rule, section in _RULES.items():
        if section in sections:
            problems += [f"{section}.{problem}" for problem in rule(sections[section])]
    problems = problems or list(_rules_across(sections))
    if problems:
        raise ProjectError(
            "; ".join(problems), hint=f"mend {PROJECT_FILE}; `tinyaudio new DIR --task events` writes a commented one", where=PROJECT_FILE
        )
    return _assemble(directory, cast(Any, sections))


_SECTIONS: dict[str, type[BaseModel]] = {
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


def frontend_spec(table: BaseModel) -> FrontendSpec:
    """Return the front end that a checked ``[frontend]``, or ``[train.transfer.frontend]``, describes."""
    return FrontendSpec(**table.model_dump(exclude={"preset"}))


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


def _frontend_rules(section: Any) -> Iterator[str]:
    """Yield an unknown preset, and what `FrontendSpec` would refuse; the table has the same fields."""
    if section.preset not in preset_names():
        yield f"preset: there is no preset {section.preset!r}{_suggestion(section.preset, list(preset_names()))}"
    for problem in spec_problems(section):
        name, _, rest = problem.partition(" ")
        yield f"{name}: {rest}"


def _data_rules(section: Any) -> Iterator[str]:
    columns: dict[str, str] = section.columns.model_dump()
    label_column = columns["label"]
    for name in ("filename", "group", "split"):
        if columns[name] == label_column:
            yield f"columns.{name}: is the label's column, too ({label_column!r})"
    parts = {name: getattr(section.split, name) for name in ("train", "validation", "test")}
    for name in ("train", "test"):
        if not parts[name]:
            yield f"split.{name}: is empty, so nothing could be {'trained on' if name == 'train' else 'tested'}"
    for first, second in (("train", "validation"), ("train", "test"), ("validation", "test")):
        common = sorted(set(parts[first]) & set(parts[second]))
        if common:
            yield f"split.{second}: {', '.join(map(repr, common))} is in split.{first}, too"
    if section.split.folds == 1:
        yield "split.folds: is 1, so nothing would be left to train on"
    elif section.split.folds and section.split.test_fold > section.split.folds:
        yield f"split.test_fold: is {section.split.test_fold}, but there are {section.split.folds} folds"
    repeated = sorted({label for label in section.labels if section.labels.count(label) > 1})
    if repeated:
        yield f"labels: {', '.join(map(repr, repeated))} is listed twice"


def _train_rules(section: Any) -> Iterator[str]:
    if section.temperature_scaling and section.validation == "include":
        yield 'temperature_scaling: is fitted to the validation split, which validation = "include" trains on; one of the two must go'
    if section.transfer.frontend is not None:
        yield from (f"transfer.frontend.{problem}" for problem in _frontend_rules(section.transfer.frontend))
    if section.distillation.frontend is not None:
        yield from (f"distillation.frontend.{problem}" for problem in _frontend_rules(section.distillation.frontend))
    if section.distillation.teacher and section.distillation.frontend is None:
        yield 'distillation.frontend: must say what front end the teacher was trained on, as preset = "yamnet"'
    if section.distillation.unlabelled and not section.distillation.teacher:
        yield "distillation.unlabelled: says nothing without train.distillation.teacher"


def _model_rules(section: Any) -> Iterator[str]:
    if section.labels and not section.file:
        yield "labels: are those of model.file, which is not given; a model trained here gets its labels from the manifest"
    repeated = sorted({label for label in section.labels if section.labels.count(label) > 1})
    if repeated:
        yield f"labels: {', '.join(map(repr, repeated))} is listed twice"


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


_RULES: dict[Callable[[Any], Iterator[str]], str] = {
    _frontend_rules: "frontend",
    _data_rules: "data",
    _model_rules: "model",
    _train_rules: "train",
    tune_problems: "tune",
}


def _sentence(section: str, model: type[BaseModel], item: Mapping[str, Any]) -> str:
    """Return one mistake as ``path: what is wrong``."""
    location = [str(part) for part in item["loc"]]
    path = ".".join([section, *location])
    if item["type"] == "extra_forbidden":
        return f"{path}: unknown key{_suggestion(location[-1], _fields_at(model, location[:-1]))}"
    if item["type"] == "missing":
        return f"{path}: is missing"
    if item["type"] == "model_type":
        return f"{path}: must be a table"
    return f"{path}: {item['msg'][0].lower()}{item['msg'][1:]} (it is {item['input']!r})"


def _fields_at(model: type[BaseModel], location: list[str]) -> list[str]:
    for part in location:
        inner = model.model_fields[part].annotation
        model = cast(type[BaseModel], inner)
    return list(model.model_fields)


def _suggestion(name: str, known: Mapping[str, Any] | list[str]) -> str:
    nearest = difflib.get_close_matches(name, list(known), n=1, cutoff=0.5)
    return f"; did you mean {nearest[0]!r}?" if nearest else f"; known: {', '.join(known)}"
