"""``[data]``: the recordings, and how they are parted."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from pydantic import Field

from tinyaudio.core.project.section import Section, Texts, listed_twice


class Columns(Section):
    """``[data.columns]``: what the manifest's columns are called."""

    filename: str = Field(default="filename", min_length=1)
    label: str = Field(default="label", min_length=1)
    group: str = Field(default="group", min_length=1)  # clips of one source; never in two splits
    split: str = Field(default="split", min_length=1)  # may be missing in the manifest: then splits are drawn by group


class SplitTable(Section):
    """``[data.split]``: which values of the split column mean what, and how to draw what the manifest leaves open."""

    train: Texts = ("train",)
    validation: Texts = ("validation",)  # none of these in the manifest: validation groups are drawn from train
    test: Texts = ("test",)
    validation_fraction: float = Field(default=0.2, gt=0.0, lt=0.9)  # of the training clips, about
    test_fraction: float = Field(default=0.2, gt=0.0, lt=0.9)  # of all clips, about; only without a split column
    folds: int = Field(default=0, ge=0, le=100)  # without a split column: so many parts of whole groups, classes alike in each; 0: use test_fraction
    test_fold: int = Field(default=1, ge=1, le=100)  # the part that is tested
    seed: int = Field(default=1, ge=0, lt=2**32)


class DataTable(Section):
    """``[data]``: the recordings."""

    manifest: str = Field(default="manifest.csv", min_length=1)  # relative to the project's folder
    labels: Texts = ()  # the labels that must occur; empty: those of the manifest
    label_separator: str = Field(default="", pattern=r"^[^\w\s]{0,2}$")  # between the labels of a clip that may have several, or none; "": one each
    minimum_clips_per_class: int = Field(default=4, ge=1)
    channels: Literal["mix", "refuse"] = "mix"  # of a file with several channels: average them, or call it an error
    resample: bool = True  # files of another rate are resampled; false: they are an error
    columns: Columns = Columns()
    split: SplitTable = SplitTable()


def data_problems(table: DataTable) -> Iterator[str]:
    """Yield columns and splits that get in each other's way, and labels listed twice."""
    columns: dict[str, str] = table.columns.model_dump()
    label_column = columns["label"]
    for name in ("filename", "group", "split"):
        if columns[name] == label_column:
            yield f"columns.{name}: is the label's column, too ({label_column!r})"
    parts = {name: getattr(table.split, name) for name in ("train", "validation", "test")}
    for name in ("train", "test"):
        if not parts[name]:
            yield f"split.{name}: is empty, so nothing could be {'trained on' if name == 'train' else 'tested'}"
    for first, second in (("train", "validation"), ("train", "test"), ("validation", "test")):
        common = sorted(set(parts[first]) & set(parts[second]))
        if common:
            yield f"split.{second}: {', '.join(map(repr, common))} is in split.{first}, too"
    if table.split.folds == 1:
        yield "split.folds: is 1, so nothing would be left to train on"
    elif table.split.folds and table.split.test_fold > table.split.folds:
        yield f"split.test_fold: is {table.split.test_fold}, but there are {table.split.folds} folds"
    yield from listed_twice("labels", table.labels)
