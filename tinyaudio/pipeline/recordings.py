"""Recordings to rows of a project's manifest: ``tinyaudio data import``."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

from tinyaudio.core.errors import InputError, ManifestError
from tinyaudio.core.files import write_text_atomically
from tinyaudio.core.new_project import is_example_manifest
from tinyaudio.core.project import Project
from tinyaudio.learn.dataset import append_rows, find_recordings, manifest_header, read_manifest
from tinyaudio.pipeline.line import Line


def import_recordings(line: Line, folder: Path, *, label: str | None = None, group_by: str | None = None, split: str | None = None) -> dict[str, Any]:
    """List the recordings of `folder` in the project's manifest; see `find_recordings`. What is listed already stays as it is.

    The made-up rows of a new project give way. No file is opened: `check_data` looks into them.

    Returns
    -------
    {"manifest", "clips", "labels": {label: clips}, "groups", "already_listed", "problems"}
        Of what was added. Problems are files and folders that were passed over, as in `data_facts`.

    Raises
    ------
    InputError
        If there is nothing to import, the manifest is not part of the project, or `split` is missing where the manifest has that column.
    ManifestError
        If the manifest that is there cannot be read.
    """
    project = line.project
    path = project.manifest_path.resolve()
    if not path.is_relative_to(project.directory.resolve()):
        raise InputError("the manifest is not part of the project", hint="list your recordings there by hand", where=str(path))
    text, listed = _manifest(project)
    recordings, skipped = find_recordings(folder, label=label, group_by=group_by)
    new = [item for item in recordings if item.path.resolve() not in listed]
    columns = project.data.columns.model_dump()
    _check_split(text, columns["split"], split, project)
    if new:
        write_text_atomically(path, append_rows(text, new, columns=columns, folder=path.parent, split=split))
    return {
        "manifest": str(project.manifest_path),
        "clips": len(new),
        "labels": dict(sorted(Counter(item.label for item in new).items())),
        "groups": len({item.group for item in new}),
        "already_listed": len(recordings) - len(new),
        "problems": [{"row": None, "file": str(item.path), "severity": "warning", "kind": "skipped", "message": item.reason} for item in skipped],
    }


def _manifest(project: Project) -> tuple[str, set[Path]]:
    """Return the text of the manifest, and the files that it lists; nothing of one that is missing, or a new project's example."""
    path = project.manifest_path
    if not path.exists():
        return "", set()
    try:
        rows, _ = read_manifest(path, project.data)
    except ManifestError as error:
        if "lists no clips" not in error.message:
            raise
        rows = ()
    files = {(path.parent / row.filename).resolve() for row in rows}
    if rows and is_example_manifest(row.filename for row in rows) and not any(file.exists() for file in files):
        return "", set()
    return path.read_text(encoding="utf-8"), files


def _check_split(text: str, column: str, split: str | None, project: Project) -> None:
    has_column, where = column in manifest_header(text), str(project.manifest_path)
    if split is not None and not split.strip():
        raise InputError("--split is empty", hint="say what goes there, as --split train, or leave it out", where="--split")
    if text and has_column and split is None:
        raise InputError(f"the manifest has a column {column!r}", hint="say what goes there: --split train, say", where=where)
    if text and not has_column and split is not None:
        raise InputError(f"the manifest has no column {column!r}", hint="leave --split out, or add the column", where=where)
