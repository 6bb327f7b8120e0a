"""Folders of recordings as rows of a manifest: a folder for each label."""

from __future__ import annotations

import csv
import io
import os
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from tinyaudio.core.errors import InputError

_READ = (".wav", ".wave", ".flac")
#: Sounds in other coats: named, so that nobody misses them later.
_NOT_READ = (".aac", ".aif", ".aiff", ".m4a", ".mp3", ".mp4", ".ogg", ".opus", ".wma", ".w64")


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """A file that a manifest can list."""

    path: Path  # absolute
    label: str
    group: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Skipped:
    """A file or folder that it cannot list, or should not."""

    path: Path
    reason: str  # with what to do


def find_recordings(folder: Path, *, label: str | None = None, group_by: str | None = None) -> tuple[tuple[Recording, ...], tuple[Skipped, ...]]:
    """Look for WAV and FLAC files in `folder`; none of them is opened.

    Parameters
    ----------
    folder
        Has a folder for each label; with `label`, the recordings themselves. Hidden files are passed over.
    label
        Of all recordings in `folder` and below; None: the name of the folder that they lie in.
    group_by
        Regular expression that finds the source in a file's name without its ending: what its first group, or all of it, matches. None:
        recordings in the same folder below that of the label are of one source, any other one is a source of its own.

    Raises
    ------
    InputError
        If there is no such folder, no recording in it, or `label` or the expression is wrong or does not match a file's name.
    """
    if not folder.is_dir():
        raise InputError("there is no such folder", hint="name the folder that your recordings lie in", where=str(folder))
    if label is not None and not (label.strip() and _can_be_listed(label)):
        raise InputError(f"{label!r} cannot be a label", hint="leave --label out to take the names of the folders", where="--label")
    label = label.strip() if label is not None else None
    pattern = _pattern(group_by)
    found: list[Recording] = []
    skipped: list[Skipped] = []
    for path, base, its_label in _files(folder.resolve(), label, skipped):
        reason = _refusal(path, folder)
        if reason:
            skipped.append(Skipped(path=path, reason=reason))
        elif path.suffix.lower() in _READ:
            found.append(Recording(path=path, label=its_label, group=_group(path, base, its_label, pattern)))
    if not found:
        hint = "it needs a folder for each label, with WAV or FLAC files; `--label NAME` gives all of them one label"
        raise InputError(f"no recordings were found{_first_reason(skipped)}", hint=hint, where=str(folder))
    return tuple(found), tuple(skipped)


def append_rows(text: str, recordings: Iterable[Recording], *, columns: Mapping[str, str], folder: Path, split: str | None) -> str:
    """Return the manifest `text` with a row for each of `recordings`.

    Parameters
    ----------
    text
        The manifest so far; empty: a new one begins with its header.
    columns
        Role (filename, label, group, split) -> name of the column; columns of other names stay empty.
    folder
        Where the manifest lies. What lies below is named relative to it, so that both can be moved together.
    split
        Goes into the column of that role.

    Raises
    ------
    InputError
        If a folder that `recordings` lie in has a name that no manifest can hold.
    """
    header = manifest_header(text) or [columns[role] for role in ("filename", "label", "group", *(["split"] if split else []))]
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    if not text:
        writer.writerow(header)
    for item in recordings:
        name = manifest_name(item.path, folder)
        if not _can_be_listed(name):
            hint = "rename the folder that is not named in UTF-8, or has a line break in its name"
            raise InputError("a manifest cannot hold this path", hint=hint, where=ascii(name))
        values = {columns["filename"]: name, columns["label"]: item.label, columns["group"]: item.group}
        writer.writerow([{**values, columns["split"]: split or ""}.get(name, "") for name in header])
    return text + ("\n" if text and not text.endswith("\n") else "") + out.getvalue()


def manifest_header(text: str) -> list[str]:
    """Return the names of the columns of the manifest `text`; none of one that is empty."""
    return [name.strip() for name in next(csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline="")), [])]


def manifest_name(path: Path, folder: Path) -> str:
    """Return `path` as a manifest in `folder` names it: relative if it lies below."""
    return path.relative_to(folder).as_posix() if path.is_relative_to(folder) else path.as_posix()


def _pattern(text: str | None) -> re.Pattern[str] | None:
    try:
        return None if text is None else re.compile(text)
    except re.error as error:
        raise InputError(f"{text!r} is no regular expression: {error}", hint=r"'^(.*)_\d+$' is one", where="--group-by") from error


def _files(folder: Path, label: str | None, skipped: list[Skipped]) -> Iterator[tuple[Path, Path, str]]:
    """Yield each file in order, with the folder of its label, and the label."""
    if label is not None:
        yield from ((path, folder, label) for path in _walk(folder, skipped))
        return
    for entry in _entries(folder, skipped):
        if entry.is_symlink() and folder.is_relative_to(entry.resolve()):
            skipped.append(Skipped(path=entry, reason="is a link to a folder that it lies in; all there would be listed again under its name"))
        elif entry.is_dir():
            name = unicodedata.normalize("NFC", entry.name).strip()  # some file systems take letters and accents apart
            yield from ((path, entry, name) for path in _walk(entry, skipped))
        elif entry.suffix.lower() in _READ:
            skipped.append(Skipped(path=entry, reason="lies in no folder of a label; put it into one"))


def _walk(folder: Path, skipped: list[Skipped]) -> Iterator[Path]:
    """Yield the files in `folder` and below in order, folders behind links left out, so that the walk ends."""
    for entry in _entries(folder, skipped):
        if entry.is_dir() and not entry.is_symlink():
            yield from _walk(entry, skipped)
        else:
            yield entry


def _entries(folder: Path, skipped: list[Skipped]) -> list[Path]:
    try:
        return sorted(Path(entry.path) for entry in os.scandir(folder) if not entry.name.startswith("."))
    except OSError as error:
        skipped.append(Skipped(path=folder, reason=f"cannot be read: {error.strerror or error}; check its rights"))
        return []


def _refusal(path: Path, folder: Path) -> str:
    """Return why a file that looks like a sound is not listed; "" if it is, or is none."""
    if path.suffix.lower() in _NOT_READ:
        return "is neither WAV nor FLAC; convert it (`ffmpeg -i in.mp3 out.wav`)"
    if path.suffix.lower() not in _READ:
        return ""
    name = path.relative_to(folder.resolve()).as_posix()
    if not _can_be_listed(name) or any(part != part.strip() for part in name.split("/")):
        return "has a name that a manifest cannot hold (not UTF-8, a line break, or spaces at its ends); rename it"
    if not path.is_file():
        return "is a link to a file that is not there" if path.is_symlink() else "is no file"
    return ""


def _can_be_listed(name: str) -> bool:
    """Return whether a manifest can hold `name`: spaces of every kind it can, but no control characters, and no bytes that are not UTF-8."""
    return not any(unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp") for character in name)


def _group(path: Path, base: Path, label: str, pattern: re.Pattern[str] | None) -> str:
    if pattern is None:
        below = path.parent.relative_to(base).as_posix()
        return f"{label}/{path.name}" if below == "." else below
    match = pattern.search(path.stem)
    group = "" if match is None else next(iter(match.groups()), None) or match.group()
    if not group:
        raise InputError(f"{pattern.pattern!r} finds nothing in {path.stem!r}", hint=r"'^(.*)_\d+$' takes a number off the end", where="--group-by")
    return group


def _first_reason(skipped: list[Skipped]) -> str:
    return f": {skipped[0].path.name} {skipped[0].reason}" if skipped else ""
