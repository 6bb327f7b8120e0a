"""The CSV manifest: rows, and what is wrong with them, by the row numbers that a spreadsheet shows."""

from __future__ import annotations

import csv
import difflib
import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tinyaudio.core.artifacts import split_labels
from tinyaudio.core.errors import ManifestError
from tinyaudio.core.project import DataTable

ProblemKind = Literal[
    "bad_row",
    "missing",
    "unreadable",
    "empty",
    "silent",
    "clipped",
    "cut_off",
    "wrong_rate",
    "stereo",
    "nan_or_beyond_full_scale",
    "duplicate",
    "group_in_two_splits",
    "few_clips",
    "label_never_occurs",
    "label_always_occurs",
    "labels_always_together",
    "several_labels",
    "unused_split",
    "abnormal_in_training",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """A fault of the data."""

    severity: Literal["error", "warning"]  # errors stop the training
    row: int | None  # as a spreadsheet counts, the header being row 1; None: the fault is not of one row
    file: str  # as in the manifest; empty if the fault is not of one file
    kind: ProblemKind
    message: str  # one line: what is wrong and what to do

    def __str__(self) -> str:
        place = f"row {self.row}: " if self.row is not None else ""
        return f"{place}{self.file + ': ' if self.file else ''}{self.message}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One usable row."""

    number: int  # as a spreadsheet counts
    filename: str
    label: str  # with data.label_separator any number of them, sorted, with it in between
    group: str
    split_value: str | None  # None: the manifest has no split column
    label_separator: str = ""

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels of the clip."""
        return split_labels(self.label, self.label_separator)


def read_manifest(path: Path, data: DataTable) -> tuple[tuple[Row, ...], tuple[Problem, ...]]:
    """Read the manifest `path` with the column names of `data`.

    Returns
    -------
    (rows, problems)
        The good rows in order, and a ``bad_row`` problem for each of the others. Empty rows are skipped.

    Raises
    ------
    ManifestError
        If the file is missing, is not UTF-8 CSV, lacks a column or has no row at all.
    """
    records = _records(path)
    header = [name.strip() for name in next(records, [])]
    columns = _columns(header, data, path)
    rows: list[Row] = []
    problems: list[Problem] = []
    for number, record in enumerate(records, start=2):
        if not any(field.strip() for field in record):
            continue
        row, message = _row(number, record, columns, width=len(header), data=data)
        if row is not None:
            rows.append(row)
        else:
            problems.append(Problem(severity="error", row=number, file=_field(record, columns["filename"]), kind="bad_row", message=message))
    if not rows and not problems:
        raise ManifestError("it lists no clips", hint="add one row for each recording", where=str(path))
    return tuple(rows), (*problems, *_repeated_files(rows))


def _records(path: Path) -> Iterator[list[str]]:
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except FileNotFoundError as error:
        raise ManifestError("there is no such manifest", hint="data.manifest in tinyaudio.toml names it", where=str(path)) from error
    except UnicodeDecodeError as error:
        line = path.read_bytes()[: error.start].count(b"\n") + 1
        raise ManifestError(f"not UTF-8 in line {line}", hint="save the file as UTF-8 CSV", where=str(path)) from error
    except OSError as error:
        raise ManifestError(f"cannot read: {error.strerror or error}", hint="check the file and its rights", where=str(path)) from error
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        yield from reader
    except csv.Error as error:
        raise ManifestError(f"not CSV near line {reader.line_num}: {error}", hint="mend the quotes there", where=str(path)) from error


def _columns(header: list[str], data: DataTable, path: Path) -> dict[str, int]:
    """Return {role: position}; the split column may be missing."""
    names = data.columns.model_dump()
    missing = [(role, name) for role, name in names.items() if name not in header and role != "split"]
    if missing:
        sentences = []
        for role, name in missing:
            nearest = difflib.get_close_matches(name, header, n=1)
            sentences.append(f"there is no column {name!r}" + (f"; did you mean {nearest[0]!r}?" if nearest else "") + f" (data.columns.{role})")
        raise ManifestError(
            f"{', '.join(sentences)}; row 1 has: {', '.join(header) or 'nothing'}",
            hint="mend row 1, or map the names in [data.columns]",
            where=str(path),
        )
    repeated = sorted({name for name in names.values() if header.count(name) > 1})
    if repeated:
        raise ManifestError(f"the column {repeated[0]!r} occurs twice in row 1", hint="rename one of them", where=str(path))
    return {role: header.index(name) for role, name in names.items() if name in header}


def _row(number: int, record: list[str], columns: dict[str, int], *, width: int, data: DataTable) -> tuple[Row | None, str]:
    """Return the row, or None and why not."""
    if len(record) != width:
        return None, f"has {len(record)} fields, but the header has {width}; check for missing or extra commas"
    fields = {role: _field(record, position) for role, position in columns.items()}
    may_be_empty = ("label",) if data.label_separator else ()  # a clip in which no label is heard
    empty = [f"{data.columns.model_dump()[role]!r}" for role, value in fields.items() if not value and role not in may_be_empty]
    if empty:
        return None, f"the column {' and '.join(empty)} is empty; fill it in"
    labels, message = _labels(fields["label"], data)
    row = Row(
        number=number,
        filename=fields["filename"],
        label=data.label_separator.join(labels),
        group=fields["group"],
        split_value=fields.get("split"),
        label_separator=data.label_separator,
    )
    return (None, message) if message else (row, "")


def _labels(text: str, data: DataTable) -> tuple[list[str], str]:
    """Return the labels in a field, sorted where there may be several, and what is wrong with them."""
    parts = [part.strip() for part in text.split(data.label_separator)] if data.label_separator and text else [text] if text else []
    if "" in parts:
        return [], f"{text!r} has an empty label; take the {data.label_separator!r} too many out"
    repeated = sorted({part for part in parts if parts.count(part) > 1})
    if repeated:
        return [], f"the label {repeated[0]!r} is listed twice in {text!r}; take one out"
    unknown = [part for part in parts if data.labels and part not in data.labels]
    if unknown:
        nearest = difflib.get_close_matches(unknown[0], data.labels, n=1)
        advice = f"did you mean {nearest[0]!r}?" if nearest else "add it there, or drop the row"
        return [], f"the label {unknown[0]!r} is not in data.labels; {advice}"
    return sorted(parts), ""


def _field(record: list[str], position: int) -> str:
    return record[position].strip() if position < len(record) else ""


def _repeated_files(rows: list[Row]) -> Iterator[Problem]:
    first_row: dict[str, int] = {}
    for row in rows:
        if row.filename in first_row:
            message = f"the file is listed in row {first_row[row.filename]} already; drop one of them"
            yield Problem(severity="error", row=row.number, file=row.filename, kind="bad_row", message=message)
        first_row.setdefault(row.filename, row.number)
