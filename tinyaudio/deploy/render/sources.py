"""Hand-written sources that a project takes as they are."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path

from tinyaudio.core.board import Board
from tinyaudio.core.resources import read_text_tree, resource_root
from tinyaudio.core.spec import KernelId
from tinyaudio.dsp.frontend import KERNELS

_SOURCE_SUFFIXES = (".h", ".cc", ".c", ".json", ".py", ".S")


#: Libraries of firmware/lib that only projects of one runtime, or with a self-test, have.
_OF_MODELS = frozenset({"tinyaudio_nn", "tinyaudio_tflm", "tinyaudio_self_test", "tinyaudio_anomaly", "tinyaudio_cmsis_nn", "tinyaudio_esp_nn"})
#: Build scripts that two libraries share, of which a project has one: they lie with the first, and copies go to the second.
_SHARED_SCRIPTS = {"tinyaudio_cmsis_nn": tuple(f"tinyaudio_tflm/{name}.py" for name in ("fetch_packages", "kept_objects", "library_archive"))}

_CORTEX_M = "cortex_m"  # folder of firmware/ports/ that the ports to such cores share


def library_files(kernel: KernelId, model_libraries: frozenset[str]) -> dict[str, str]:
    """Return the libraries of firmware/lib: all but those of other kernels and other runtimes."""
    of_kernels = {library for other in KERNELS.values() for library in other.libraries}
    unwanted = (of_kernels - set(KERNELS[kernel].libraries)) | (_OF_MODELS - model_libraries)
    others = tuple(f"lib/{library}/" for library in sorted(unwanted))
    libraries = files_below("lib", resource_root("firmware") / "lib")
    chosen = {path: text for path, text in libraries.items() if not path.startswith(others)}
    for library in model_libraries & _SHARED_SCRIPTS.keys():
        chosen |= {f"lib/{library}/{script.rpartition('/')[2]}": libraries[f"lib/{script}"] for script in _SHARED_SCRIPTS[library]}
    return chosen


def port_sources(board: Board) -> dict[str, str]:
    """Return the port of the board's family, with what it shares with other families in a folder of that name."""
    ports = resource_root("firmware") / "ports"
    shared = files_below(f"src/port/{_CORTEX_M}", ports / _CORTEX_M) if board.core.startswith("cortex-m") else {}
    return {**files_below("src/port", ports / board.family), **shared}


def files_below(prefix: str, root: Path) -> dict[str, str]:
    """Return the source files below `root`, by their path in the project, which starts with `prefix`."""
    return {f"{prefix}/{path}": text for path, text in _tree(root).items()}


@cache
def _tree(root: Path) -> Mapping[str, str]:
    return read_text_tree(root, suffixes=_SOURCE_SUFFIXES)
