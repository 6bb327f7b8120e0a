"""`write_project`: a rendered project becomes files, touching only what changed."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from tinyaudio.core.artifacts import FirmwareProject
from tinyaudio.core.errors import StorageError
from tinyaudio.core.files import storage_error, write_text_if_changed

#: Lists the files that `write_project` wrote, so that it removes what is no longer part of the project and nothing else.
MANIFEST_FILE = ".tinyaudio-project.json"


def write_project(project: FirmwareProject, directory: Path) -> tuple[str, ...]:
    """Write `project` to `directory`, touching only files whose text changed; return the paths written or removed, sorted.

    Files that an earlier call wrote and that are no longer part of the project are removed. Everything else there, such
    as PlatformIO's ``.pio``, stays.

    Raises
    ------
    StorageError
        If the disk refuses, or if `directory` has content and was not written by this function.
    """
    earlier = _earlier_files(directory)
    _write_manifest(directory, earlier | set(project.files))  # first: a project written in part is known as ours
    written = [path for path, text in project.files.items() if write_text_if_changed(directory / path, text)]
    stale = sorted(earlier - set(project.files))
    for path in stale:
        _remove(directory, path)
    _write_manifest(directory, project.files)
    return tuple(sorted([*written, *stale]))


def _earlier_files(directory: Path) -> frozenset[str]:
    """Return the files that an earlier `write_project` left; refuse a folder that is somebody else's."""
    manifest = directory / MANIFEST_FILE
    try:
        if not manifest.is_file():
            if directory.is_dir() and any(directory.iterdir()):
                raise StorageError(
                    "the folder is not empty and holds no firmware project of tinyaudio", hint="choose another --out folder", where=str(directory)
                )
            return frozenset()
        listed = json.loads(manifest.read_text(encoding="utf-8"))["files"]
        return frozenset(path for path in listed if _is_inside(path))
    except OSError as error:
        raise storage_error(directory, error) from error
    except (ValueError, KeyError, TypeError) as error:
        raise StorageError("its list of files is damaged", hint="remove the folder, or choose another one", where=str(manifest)) from error


def _write_manifest(directory: Path, paths: Iterable[str]) -> None:
    write_text_if_changed(directory / MANIFEST_FILE, json.dumps({"files": sorted(paths)}, indent=2) + "\n")


def _is_inside(path: str) -> bool:
    """Whether a listed path stays inside the project, so that a doctored list removes nothing outside."""
    pure = PurePosixPath(path)
    return not pure.is_absolute() and ".." not in pure.parts


def _remove(directory: Path, path: str) -> None:
    target = directory / path
    try:
        target.unlink(missing_ok=True)
        for parent in target.relative_to(directory).parents:
            if parent != Path() and not any((directory / parent).iterdir()):
                (directory / parent).rmdir()
    except OSError as error:
        raise storage_error(target, error) from error
