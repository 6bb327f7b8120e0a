"""Find boards/, templates/ and firmware/: beside the package in a checkout, inside it in an installed wheel."""

from __future__ import annotations

from pathlib import Path

from tinyaudio.core.errors import ToolError

_PACKAGE = Path(__file__).resolve().parent.parent


def resource_root(name: str) -> Path:
    """Return the folder that holds the resource `name` ("boards", "templates" or "firmware").

    Raises
    ------
    ToolError
        If the installation is incomplete.
    """
    installed = _PACKAGE / "_resources" / name
    checkout = _PACKAGE.parent / name
    for candidate in (installed, checkout):
        if candidate.is_dir():
            return candidate
    raise ToolError(
        f"the folder {name}/ of tinyaudio is missing",
        hint="install tinyaudio again: pip install --force-reinstall tinyaudio",
        where=str(checkout),
    )


def read_text_tree(root: Path, *, suffixes: tuple[str, ...]) -> dict[str, str]:
    """Return {relative POSIX path: text} of all files below `root` whose name ends in one of `suffixes`, sorted."""
    files = sorted(path for path in root.rglob("*") if path.is_file() and path.name.endswith(suffixes))
    return {path.relative_to(root).as_posix(): path.read_text(encoding="utf-8") for path in files}
