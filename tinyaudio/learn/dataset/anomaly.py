"""Splits and faults of data for anomaly detection: only normal sound is trained on, faults are for testing alone."""

from __future__ import annotations

import csv
import dataclasses
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence

from tinyaudio.core.artifacts import SPLITS, Clip, Split
from tinyaudio.core.project import Project, SplitTable
from tinyaudio.learn.dataset.manifest import Problem, Row
from tinyaudio.learn.dataset.splits import assign_splits

_LEAST_GROUPS = 3  # of normal sound: one each to train on, to set the threshold by and to test; a finished model is not trained


def assign_anomaly_splits(rows: Sequence[Row], table: SplitTable, normal: Collection[str]) -> tuple[Split | None, ...]:
    """Return the split of every row: normal rows as `assign_splits` has it, the others "test" or none.

    Without a split column, a group that holds a fault is for testing as a whole. With one, a faulty row that is marked for
    training or validation is not used.
    """
    has_splits = any(row.split_value is not None for row in rows)
    faulty_groups = {row.group for row in rows if row.label not in normal}
    drawn = [row.label in normal and (has_splits or row.group not in faulty_groups) for row in rows]
    alike = [dataclasses.replace(row, label="normal") for row, is_drawn in zip(rows, drawn, strict=True) if is_drawn]
    splits = iter(assign_splits(alike, table))
    return tuple(next(splits) if is_drawn else _split_of_rest(row, table) for row, is_drawn in zip(rows, drawn, strict=True))


def without_training(splits: Sequence[Split | None]) -> tuple[Split | None, ...]:
    """Return the splits for a finished model, which nobody trains: what was for training sets the threshold as well."""
    return tuple("validation" if split == "train" else split for split in splits)


def machines_by_file(project: Project) -> dict[str, str]:
    """Return {file name: machine} as the manifest tells it; empty if it has no such column."""
    columns = project.data.columns
    with project.manifest_path.open(encoding="utf-8-sig", newline="") as stream:
        records = csv.DictReader(stream, skipinitialspace=True)
        if project.anomaly.machine_column not in (records.fieldnames or ()):
            return {}
        return {(row[columns.filename] or "").strip(): (row[project.anomaly.machine_column] or "").strip() for row in records}


def is_misplaced(row: Row, project: Project) -> bool:
    """Whether a row is faulty and marked for training or validation."""
    table = project.data.split
    return row.label not in project.anomaly.normal and row.split_value in (*table.train, *table.validation)


def anomaly_problems(rows: Sequence[Row], splits: Sequence[Split | None], project: Project) -> Iterator[Problem]:
    """Yield what is wrong with the choice of clips: too little normal sound, none in a split, faults where none should be."""
    normal = project.anomaly.normal
    misplaced = [row for row in rows if is_misplaced(row, project)]
    for row in misplaced:
        message = f"the label {row.label!r} is not normal, but the split is {row.split_value!r}; it is left out, mark it for testing"
        yield Problem(severity="warning", row=row.number, file=row.filename, kind="abnormal_in_training", message=message)
    kept = [(row, split) for row, split in zip(rows, splits, strict=True) if split is not None]
    counts = Counter(split for row, split in kept if row.label in normal)
    groups = {row.group for row, _ in kept if row.label in normal}
    if not counts:
        names = ", ".join(sorted({row.label for row in rows})) or "none"
        yield _general("error", f"no clip is normal: anomaly.normal is {', '.join(normal)}, the labels are {names}", kind="label_never_occurs")
    elif len(groups) < (least_groups := _LEAST_GROUPS if project.model_path is None else 2) or counts.total() < project.data.minimum_clips_per_class:
        least = max(least_groups, project.data.minimum_clips_per_class)
        message = f"{counts.total()} normal clips of {len(groups)} groups; {least} of {least_groups} are the least, record some more"
        yield _general("error", message, kind="few_clips")
    else:
        for split in SPLITS if project.model_path is None else ("validation", "test"):
            if not counts[split]:
                yield _general("error", f"no normal clip is in the split {split!r}; move a group of them there", kind="label_never_occurs")
    if not any(row.label not in normal for row, _ in kept):
        message = "no clip is faulty: the model can be trained and its threshold set, but nobody will know what it finds"
        yield _general("warning", message, kind="label_never_occurs")


def little_sound(clips: Iterable[Clip], project: Project) -> Iterator[Problem]:
    """Yield that there is too little normal sound to set a threshold by, which is better known before the training than behind it."""
    chosen = [clip for clip in clips if clip.split == "validation" and clip.label in project.anomaly.normal]
    seconds, needed = sum(clip.samples for clip in chosen) / project.frontend.sample_rate_hz, project.anomaly.minimum_seconds
    if chosen and seconds < needed:
        there_is = f"{seconds:.1f} s of normal sound in the validation split, {needed:g} s are needed to set a threshold"
        missing = f"record {needed - seconds:.1f} s more, or lower anomaly.minimum_seconds"
        yield _general("warning", f"{there_is}; {missing}", kind="little_sound")


def _split_of_rest(row: Row, table: SplitTable) -> Split | None:
    return "test" if row.split_value is None or row.split_value in table.test else None


def _general(severity: str, message: str, *, kind: str) -> Problem:
    return Problem(severity=severity, row=None, file="", kind=kind, message=message)  # type: ignore[arg-type]
