"""Which code computes: a fingerprint of this package's own source and of the libraries that do arithmetic for it."""

from __future__ import annotations

import functools
import hashlib
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import tinyaudio

#: Parts of the package whose results are kept on disk: the twin, learning, and what both stand on.
COMPUTING = ("core", "dsp", "learn")
#: Libraries whose results are, too.
LIBRARIES = ("numpy", "scipy", "tensorflow", "tensorflow-cpu")


@functools.cache
def code_version() -> str:
    """Return a SHA-256 over the source of `COMPUTING` and the versions of `LIBRARIES`, as hexadecimal digits.

    Source is taken rather than a version number, so that a checkout that is being worked on is not one version for months.
    """
    return source_digest(Path(tinyaudio.__file__).parent, COMPUTING, {name: _version(name) for name in LIBRARIES})


def source_digest(package: Path, parts: tuple[str, ...], versions: dict[str, str]) -> str:
    """Return a SHA-256 over every ``.py`` and ``.toml`` of the folders `parts` in `package`, by name and content, and `versions`."""
    digest = hashlib.sha256(repr(sorted(versions.items())).encode())
    files = (path for part in parts for path in (package / part).rglob("*") if path.suffix in (".py", ".toml"))
    for path in sorted(files):
        content = path.read_bytes()
        digest.update(f"{path.relative_to(package).as_posix()} {len(content)}\n".encode())
        digest.update(content)
    return digest.hexdigest()


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""
