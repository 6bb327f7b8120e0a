"""Where a compiled model's build takes CMSIS-NN from: a local folder, or the pinned repository, fetched into the cache."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from tinyaudio.core.artifacts import FirmwareProject
from tinyaudio.core.canonical import fingerprint
from tinyaudio.core.errors import ToolError
from tinyaudio.core.files import storage_error
from tinyaudio.core.tools import cache_dir
from tinyaudio.deploy.build.tflite_micro import LibrarySource, packages_dir, require_network
from tinyaudio.deploy.tflm import CMSIS_NN, ROOT_VARIABLE
from tinyaudio.deploy.tflm.tree import cmsis_nn_revision

#: Of a project that calls CMSIS-NN from a compiled model.
_LIBRARY_FILE = "lib/tinyaudio_cmsis_nn/library.json"
_HEADER = "Include/arm_nnfunctions.h"
_VARIABLES = "TINYAUDIO_CMSIS_NN_"  # prefix of what firmware/lib/tinyaudio_cmsis_nn/build_cmsis_nn.py reads
_SOURCE_SUFFIXES = {".h", ".c"}
_FINGERPRINT_DIGITS = 8
_KEY_DIGITS = 16
#: Where CMSIS-NN lies in what the variable names: itself, beside others, in a tree of TFLite Micro, in one of several trees.
_PLACES = ("", "CMSIS-NN", "third_party/cmsis_nn", "cmsis_nn/third_party/cmsis_nn")


def vendor_source(project: FirmwareProject, *, toolchain: str, offline: bool) -> LibrarySource:
    """Return where `project` gets CMSIS-NN from; nothing for projects whose compiled model does not call it.

    Raises
    ------
    ToolError
        If ``TINYAUDIO_TFLM_ROOT`` names a folder without it; if it was not fetched before and cannot be now, or may not (`offline`).
    StorageError
        If a local folder cannot be read.
    """
    if _LIBRARY_FILE not in project.files:
        return LibrarySource()
    named = os.environ.get(ROOT_VARIABLE)
    if named:
        root = _local_folder(Path(named))
        digest = _digest(root)
        version = f"CMSIS-NN {cmsis_nn_revision(root)} {digest[:_FINGERPRINT_DIGITS]}"
        return _source(version, f"{_VARIABLES}ROOT", root, key=(str(root), digest, toolchain))
    folder = packages_dir((CMSIS_NN,))
    if not (folder / CMSIS_NN.name).is_dir():
        require_network([CMSIS_NN], offline=offline, what="--kernels vendor", instead="the kernels of tinyaudio need none of it: leave --kernels out")
    return _source(f"CMSIS-NN {CMSIS_NN.commit[:12]}", f"{_VARIABLES}PACKAGES", folder, key=(folder.name, toolchain))


def _source(version: str, variable: str, folder: Path, *, key: tuple[str, ...]) -> LibrarySource:
    objects = cache_dir() / "cmsis_nn_objects" / fingerprint(key)[:_KEY_DIGITS]
    variables = {variable: str(folder), f"{_VARIABLES}VERSION": version, f"{_VARIABLES}OBJECTS": str(objects)}
    return LibrarySource(version=f"tinyaudio + {version}", variables=variables)


def _local_folder(named: Path) -> Path:
    folder = named.expanduser().resolve()  # the build runs elsewhere
    for place in _PLACES:
        if (folder / place / _HEADER).is_file():
            return folder / place
    raise ToolError(
        "holds no CMSIS-NN",
        hint=f"a checkout of {CMSIS_NN.url} in this folder, or a tree of TFLite Micro with it (docs/guide/runtimes.md); "
        "or build with a network and without the variable",
        where=f"{ROOT_VARIABLE}={named}",
    )


def _digest(root: Path) -> str:
    digest = hashlib.sha256()
    try:
        for path in sorted(root.rglob("*")):
            if path.suffix in _SOURCE_SUFFIXES and path.is_file():
                digest.update(path.relative_to(root).as_posix().encode() + b"\0" + hashlib.sha256(path.read_bytes()).digest())
    except OSError as error:
        raise storage_error(root, error) from error
    return digest.hexdigest()
