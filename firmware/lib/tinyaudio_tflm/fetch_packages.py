"""Get the repositories of TFLite Micro and what it needs: each at one commit, with git, which checks every byte by that commit's id.

PlatformIO's own ``lib_deps`` would take the first folder in a repository that looks like a library, and leave the rest.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from pathlib import Path

_SLOW = ("-c", "http.lowSpeedLimit=1000", "-c", "http.lowSpeedTime=30")  # bytes a second, seconds: then a dead line is given up

#: What git sets for a hook that starts a build: the hook's repository, which is none of ours.
_OF_A_REPOSITORY = frozenset(
    f"GIT_{name}" for name in ("INDEX_FILE", "OBJECT_DIRECTORY", "ALTERNATE_OBJECT_DIRECTORIES", "COMMON_DIR", "SHALLOW_FILE", "NAMESPACE", "PREFIX")
)


class FetchError(Exception):
    """A package could not be had."""


def folder_of_pins(parent: Path, pins: list[str]) -> Path:
    """Return the folder in `parent` of just these packages: with other pins nothing of it is taken for what they name."""
    return parent / hashlib.sha256("\n".join(pins).encode()).hexdigest()[:16]


def fetch_packages(folder: Path, pins: list[str]) -> None:
    """Put the packages of `pins` that are not there yet into `folder`.

    Parameters
    ----------
    folder
        Gets a folder for each package.
    pins
        ``name=url#commit`` each.
    """
    for pin in pins:
        name, _, source = pin.partition("=")
        url, _, commit = source.rpartition("#")
        if not (folder / name).is_dir():
            _fetch(folder / name, url=url, commit=commit)


def _fetch(target: Path, *, url: str, commit: str) -> None:
    """Fetch one commit, without its history and without submodules, into a folder of its own that is renamed when it is whole."""
    part = target.with_name(f"{target.name}.part{os.getpid()}")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    try:
        _git(part, "init", "--quiet")
        _git(part, *_SLOW, "fetch", "--quiet", "--depth", "1", url, commit)
        _git(part, "-c", "advice.detachedHead=false", "checkout", "--quiet", "FETCH_HEAD")
        shutil.rmtree(part / ".git")
        part.rename(target)
    except FetchError as error:
        raise FetchError(f"{target.name} cannot be fetched from {url}: {error}") from error
    except OSError:
        if not target.is_dir():  # otherwise another build was quicker
            raise
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _git(folder: Path, *arguments: str) -> None:
    environment = {name: value for name, value in os.environ.items() if name not in _OF_A_REPOSITORY}
    environment |= {"GIT_TERMINAL_PROMPT": "0", "GIT_DIR": str(folder / ".git"), "GIT_WORK_TREE": str(folder)}
    try:
        ran = subprocess.run(["git", *arguments], cwd=folder, env=environment, capture_output=True, text=True, check=False)
    except FileNotFoundError as error:
        raise FetchError("git is not installed") from error
    if ran.returncode != 0:
        lines = [line.strip() for line in ran.stderr.splitlines() if line.strip()]
        raise FetchError(lines[-1].removeprefix("fatal: ") if lines else f"git {arguments[0]} failed")
