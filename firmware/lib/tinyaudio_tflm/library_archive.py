"""Archives of software that is not ours, for PlatformIO's build: compiled as its authors do, its objects kept for the next project.

A folder of objects that earlier projects compiled from the same sources with the same compiler, by flags: what is there is
copied, what is not is put there. Nothing of a project goes into these objects.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from kept_objects import copy_object, take_object
from SCons.Script import Action


def library_archive(env: Any, name: str, root: Path, files: Iterable[str], *, defines: Sequence[str], kept: str | None) -> Any:
    """Return the archive of `files` below `root`, without our warnings.

    Parameters
    ----------
    env
        Of the library that PlatformIO builds.
    name
        Of the archive.
    root, files
        The sources, relative to `root`.
    defines
        Macros of the sources' own.
    kept
        Folder of objects to take and to keep; None: none are kept.
    """
    theirs = env.Clone()
    flags = [flag for flag in env["CCFLAGS"] if not str(flag).startswith("-ffile-prefix-map")]  # names the project's folder
    theirs.Replace(CCFLAGS=[*flags, "-w", f"-ffile-prefix-map={root}={name}"])
    theirs.Append(CPPDEFINES=list(defines))
    build_dir = Path(env.subst("$BUILD_DIR")) / name
    folder = _folder(theirs, kept, name)
    nodes = [_object(theirs, root / file, build_dir / f"{file}.o", folder / f"{file}.o" if folder else None) for file in files]
    return theirs.StaticLibrary(str(build_dir / name), nodes)


def _folder(theirs: Any, kept: str | None, name: str) -> Path | None:
    if not kept:
        return None
    flags = [str(theirs[variable]) for variable in ("CC", "CXX", "CFLAGS", "CXXFLAGS", "CCFLAGS", "CPPDEFINES")]
    return Path(kept) / hashlib.sha256("\n".join(flags).encode()).hexdigest()[:16] / name


def _object(theirs: Any, source: Path, target: Path, kept: Path | None) -> Any:
    """Return the node of an object: a copy of the one in `kept`, or one to compile, which is then kept."""
    if take_object(kept, target):
        return theirs.File(str(target))
    node = theirs.Object(str(target), str(source))
    if kept is not None:
        # PlatformIO's AddPostAction puts off what concerns files that are not there yet, and forgets it of a cloned environment.
        keep = Action(lambda target, **_: copy_object(Path(str(target[0])), kept), None)
        node[0].get_executor().add_post_action(keep)
    return node
