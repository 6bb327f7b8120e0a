"""A local tree of TFLite Micro's sources: where it is, whose kernels it has, which versions."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

from tinyaudio.core.errors import ToolError
from tinyaudio.core.files import storage_error
from tinyaudio.deploy.tflm.defects import TRANSPOSE_CONV_COMPONENT

#: Environment variable that names a tree, or a folder of trees ("reference", "cmsis_nn").
ROOT_VARIABLE = "TINYAUDIO_TFLM_ROOT"

_ENTRY = "tensorflow/lite/micro/micro_interpreter.h"
_KERNELS = "tensorflow/lite/micro/kernels"
_NEEDED = (_ENTRY, "third_party/flatbuffers/include", "third_party/gemmlowp", "third_party/ruy")
_SOURCE_SUFFIXES = {".h", ".cc", ".c", ".S"}
_REVISION = re.compile(r"\$Revision:\s*V\.?([\w.]+)")
_CMSIS_NN = "third_party/cmsis_nn"
_CMSIS_NN_TRANSPOSE_CONV = "third_party/cmsis_nn/Source/ConvolutionFunctions/arm_transpose_conv_s8.c"
_FINGERPRINT_DIGITS = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Tree:
    """A tree that can be built from."""

    root: Path
    kernel_library: str  # "cmsis_nn", or "" for the reference kernels
    fingerprint: str  # of all its sources
    kernel_library_version: str  # "" where the library does not tell
    components: tuple[tuple[str, str], ...] = ()  # (name, version) of what `defects` may know of

    @property
    def version(self) -> str:
        """What the firmware reports: "tflite-micro tree 0123456789ab + CMSIS-NN 19.1.0"."""
        return describe(f"tree {self.fingerprint[:_FINGERPRINT_DIGITS]}", self.kernel_library, self.kernel_library_version)


def describe(tflite_micro: str, kernel_library: str, kernel_library_version: str) -> str:
    """Return the line that says whose kernels compute, at most 64 characters."""
    names = {"": "reference kernels", "cmsis_nn": "CMSIS-NN", "esp_nn": "ESP-NN"}
    return f"tflite-micro {tflite_micro} + {names[kernel_library]} {kernel_library_version}".rstrip()


def find_tree(folder: Path, kernel_library: str) -> Tree:
    """Return the tree in `folder` that has the kernels of `kernel_library`.

    Parameters
    ----------
    folder
        A tree as TFLite Micro's ``create_tflm_tree.py`` makes it, or a folder with several of them, named by their kernels:
        ``reference`` and ``cmsis_nn``. One tree has the kernels it was made for and no others.
    kernel_library
        "cmsis_nn", or "" for the reference kernels.

    Raises
    ------
    ToolError
        If there is no such tree, or it is not whole.
    """
    wanted = kernel_library or "reference"
    folder = folder.expanduser().resolve()  # the build runs elsewhere
    named = folder / wanted
    root = named if (named / _ENTRY).is_file() else folder
    missing = [name for name in _NEEDED if not (root / name).exists()]
    where = f"{ROOT_VARIABLE}={folder}"
    if missing:
        raise ToolError(f"is no tree of TFLite Micro: it has no {missing[0]}", hint=_how_to_make(kernel_library), where=where)
    if not _has_kernels(root, kernel_library):
        raise ToolError(f"has no {wanted} kernels; it was made for others", hint=_how_to_make(kernel_library), where=where)
    try:
        return Tree(
            root=root,
            kernel_library=kernel_library,
            fingerprint=_fingerprint(root),
            kernel_library_version=cmsis_nn_revision(root / _CMSIS_NN) if kernel_library == "cmsis_nn" else "",
            components=_components(root, kernel_library),
        )
    except OSError as error:
        raise storage_error(root, error) from error


def cmsis_nn_revision(root: Path) -> str:
    """Return the revision that the CMSIS-NN in `root` tells of itself, "19.1.0"; "" if it tells none."""
    return _revision(root / "Include" / "arm_nnfunctions.h")


def _has_kernels(root: Path, kernel_library: str) -> bool:
    if kernel_library:
        return (root / _KERNELS / kernel_library / "conv.cc").is_file() and (root / "third_party" / kernel_library).is_dir()
    return (root / _KERNELS / "conv.cc").is_file()


def _how_to_make(kernel_library: str) -> str:
    options = "TARGET=cortex_m_generic TARGET_ARCH=project_generation" + (f" OPTIMIZED_KERNEL_DIR={kernel_library}" if kernel_library else "")
    folder = kernel_library or "reference"
    return (
        f'in a checkout of TFLite Micro: create_tflm_tree.py --makefile_options="{options}" <folder>/{folder}, then {ROOT_VARIABLE}=<folder>; '
        "or build with a network and without the variable"
    )


def _components(root: Path, kernel_library: str) -> tuple[tuple[str, str], ...]:
    if kernel_library != "cmsis_nn":
        return ()
    return ((TRANSPOSE_CONV_COMPONENT, _revision(root / _CMSIS_NN_TRANSPOSE_CONV)),)


def _revision(source: Path) -> str:
    """Return the revision that a file of CMSIS-NN tells in its first comment; "" if it tells none."""
    found = _REVISION.search(source.read_text(encoding="utf-8", errors="replace")) if source.is_file() else None
    return found[1] if found else ""


def _fingerprint(root: Path) -> str:
    """Return the SHA-256 over names and contents of all sources."""
    digest = hashlib.sha256()
    for path in sorted(root.rglob("*")):
        if path.suffix in _SOURCE_SUFFIXES and path.is_file():
            digest.update(path.relative_to(root).as_posix().encode() + b"\0" + hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()
