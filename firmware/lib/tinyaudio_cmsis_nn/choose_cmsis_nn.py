"""Which files of CMSIS-NN the adapters need: those that define what they call, what these call, and so on."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

_HEADER = "Include/arm_nnfunctions.h"
_NAME = re.compile(r"\barm_\w+")
_DEFINITION = re.compile(r"^[A-Za-z_][\w *]*?\b(arm_\w+)\s*\([^;{}]*\)\s*\{", re.MULTILINE)
_COMMENT = re.compile(r"/\*.*?\*/|//[^\n]*", re.DOTALL)


class SourcesError(Exception):
    """The sources are not there, or lack what is called."""


def find_cmsis_nn(folder: Path) -> Path:
    """Return CMSIS-NN in `folder`: itself, or a package beside others."""
    for part in ("", "CMSIS-NN"):
        if (folder / part / _HEADER).is_file():
            return folder / part
    raise SourcesError(f"{folder} holds no CMSIS-NN: there is no {_HEADER}")


def choose_sources(root: Path, callers: Iterable[Path]) -> tuple[str, ...]:
    """Return the files, relative to `root`, behind the functions that the files `callers` name."""
    texts = {path.relative_to(root).as_posix(): _code(path) for path in sorted((root / "Source").rglob("*.c"))}
    places = {name: file for file, text in texts.items() for name in _DEFINITION.findall(text)}
    declared = set(_NAME.findall(_code(root / _HEADER)))
    wanted = {name for path in callers for name in re.findall(r"\b(arm_\w+)\(", _code(path))}
    missing = sorted(name for name in wanted if name not in places or name not in declared)
    if missing:
        raise SourcesError(f"the CMSIS-NN in {root} has no {', '.join(missing)}")
    chosen: set[str] = set()
    left = {places[name] for name in wanted}
    while left:
        file = left.pop()
        chosen.add(file)
        left |= {places[name] for name in _NAME.findall(texts[file]) if name in places} - chosen
    return tuple(sorted(chosen))


def _code(path: Path) -> str:
    return _COMMENT.sub(" ", path.read_text(encoding="utf-8", errors="replace"))
