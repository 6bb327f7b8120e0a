"""Objects that earlier projects compiled: taken from a folder, put into it, each with its call graph and never half of one."""

from __future__ import annotations

import filecmp
import os
import shutil
from pathlib import Path


def take_object(kept: Path | None, target: Path) -> bool:
    """Make `target` a copy of `kept`; return False, and leave nothing there but what was compiled there, if there is none.

    SCons remembers what it compiled `target` from, and knows nothing of copies: it would take one for its own work. So a copy
    has a mark beside it, and goes when it is not wanted any more.
    """
    mark = target.with_suffix(".kept")
    if kept is not None and kept.is_file():
        if not target.is_file() or not filecmp.cmp(kept, target, shallow=False):  # that of another tree, or of other flags
            mark.parent.mkdir(parents=True, exist_ok=True)
            mark.touch()
            copy_object(kept, target)
        return True
    if mark.is_file():
        target.unlink(missing_ok=True)
        mark.unlink()
    return False


def copy_object(source: Path, target: Path) -> None:
    """Copy an object, behind its call graph, so that whoever finds an object finds both whole."""
    target.parent.mkdir(parents=True, exist_ok=True)
    for suffix in (".ci", ".o"):
        if source.with_suffix(suffix).is_file():
            new = target.with_name(f"{target.name}{suffix}.{os.getpid()}")
            shutil.copyfile(source.with_suffix(suffix), new)
            new.replace(target.with_suffix(suffix))
