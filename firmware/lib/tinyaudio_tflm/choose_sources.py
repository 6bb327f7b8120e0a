"""Which files of TFLite Micro a model needs: those that its operators and the interpreter lead to.

TFLite Micro has no list of that kind. But a header and the sources that define what it declares have one name
(``conv.h``, ``conv.cc``, ``conv_common.cc``), so following includes leads from an operator's registration to everything
behind it. What is found too much the linker drops, what is found too little it names.

Two layouts are known:

* a tree, as TFLite Micro's own ``create_tflm_tree.py`` makes it: outside libraries in ``third_party/``;
* packages: the repositories as they are, side by side, TFLite Micro in the folder ``tflite-micro``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

KERNELS = "tensorflow/lite/micro/kernels"
RESOLVER = "tensorflow/lite/micro/micro_mutable_op_resolver.h"
_ENTRY = "tensorflow/lite/micro/micro_interpreter.h"
_OURS = "tensorflow/lite/micro/debug_log.cc"  # the glue says where the log goes

_INCLUDE = re.compile(r'^\s*#\s*include\s+"([^"]+)"', re.MULTILINE)
_ADD = re.compile(r"TfLiteStatus Add\w+\((.*?)\n  \}", re.DOTALL)
_OPERATOR = re.compile(r"BuiltinOperator_(\w+)")
_REGISTER = re.compile(r"Register_\w+")
_DEFINITION = re.compile(r"^(?:const )?TFLMRegistration\*? (Register_\w+)\(\)\s*\{", re.MULTILINE)

#: Outside library -> (folder in a tree, folder of a package, folders in it that go on the include path).
_THIRD_PARTY = {
    "flatbuffers": ("third_party/flatbuffers", "flatbuffers", ("include",)),
    "gemmlowp": ("third_party/gemmlowp", "gemmlowp", ("",)),
    "ruy": ("third_party/ruy", "ruy", ("",)),
    "cmsis_nn": ("third_party/cmsis_nn", "CMSIS-NN", ("", "Include")),
}


class SourcesError(Exception):
    """The sources are not there, or not whole."""


@dataclass(frozen=True)
class Sources:
    """What to compile."""

    root: Path  # of TFLite Micro
    runtime: tuple[str, ...]  # files of TFLite Micro, relative to `root`
    kernel_library: tuple[Path, ...]  # files of the vendor's kernels
    include_dirs: tuple[Path, ...]
    defines: tuple[str, ...]


def choose_sources(folder: Path, *, operators: list[str], kernel_library: str) -> Sources:
    """Return what a model with `operators` needs of the tree or the packages in `folder`.

    Parameters
    ----------
    folder
        A tree, or the folder that holds the packages.
    operators
        TensorFlow Lite's names, as "CONV_2D".
    kernel_library
        "cmsis_nn", or "" for the reference kernels.
    """
    is_tree = (folder / _ENTRY).is_file()
    root = folder if is_tree else folder / "tflite-micro"
    if not (root / _ENTRY).is_file():
        raise SourcesError(f"{folder} holds no TFLite Micro: there is no {_ENTRY}")
    library_names = ["flatbuffers", "gemmlowp", "ruy", *([kernel_library] if kernel_library else [])]
    libraries = {name: folder / _THIRD_PARTY[name][0 if is_tree else 1] for name in library_names}
    for name, path in libraries.items():
        if not path.is_dir():
            raise SourcesError(f"{folder} holds no {name}: there is no {path.relative_to(folder).as_posix()}")
    start = [_definition(root, kernel_library, operator) for operator in operators]
    includes = [libraries[name] / part for name in library_names for part in _THIRD_PARTY[name][2]]
    return Sources(
        root=root,
        runtime=_closure(root, kernel_library, [*start, _ENTRY]),
        kernel_library=_library_sources(libraries[kernel_library]) if kernel_library else (),
        include_dirs=(root, *includes),
        defines=(kernel_library.upper(),) if kernel_library else (),
    )


def _registrations(root: Path) -> dict[str, str]:
    """Return {operator: the function that registers it} of the resolver."""
    found = {}
    for add in _ADD.findall((root / RESOLVER).read_text(encoding="utf-8")):
        operator, register = _OPERATOR.search(add), _REGISTER.search(add)
        if operator and register:
            found[operator[1]] = register[0]
    return found


def _definition(root: Path, kernel_library: str, operator: str) -> str:
    """Return the file that defines an operator, the vendor's if it has one."""
    register = _registrations(root).get(operator)
    if register is None:
        raise SourcesError(f"this TFLite Micro has no operator {operator}")
    folders = [f"{KERNELS}/{kernel_library}", KERNELS] if kernel_library else [KERNELS]
    for folder in folders:
        for path in sorted((root / folder).glob("*.cc")):
            if register in _DEFINITION.findall(path.read_text(encoding="utf-8")):
                return path.relative_to(root).as_posix()
    wanted = kernel_library or "reference"
    raise SourcesError(f"{root} has no {wanted} kernel of {operator}; was the tree made for other kernels?")


def _closure(root: Path, kernel_library: str, start: list[str]) -> tuple[str, ...]:
    """Return the sources that `start` leads to. The resolver leads to all operators, so nothing follows it."""
    seen: set[str] = set()
    left = list(start)
    while left:
        name = left.pop()
        if name in seen or name in (RESOLVER, _OURS) or name.startswith("signal/") or not (root / name).is_file():
            continue
        seen.add(name)
        left += _INCLUDE.findall((root / name).read_text(encoding="utf-8"))
        if name.endswith(".h"):
            left += _sources_of(root, kernel_library, name)
    return tuple(sorted(name for name in seen if name.endswith((".cc", ".c"))))


def _sources_of(root: Path, kernel_library: str, header: str) -> list[str]:
    folder, _, name = header.removesuffix(".h").rpartition("/")
    optimized = f"{folder}/{kernel_library}/{name}.cc"
    plain = f"{folder}/{name}.cc"
    has_optimized = bool(kernel_library) and folder == KERNELS and (root / optimized).is_file()
    return [optimized if has_optimized else plain, f"{folder}/{name}_common.cc"]


def _library_sources(library: Path) -> tuple[Path, ...]:
    """Return the sources of CMSIS-NN but those of floating-point kernels."""
    names = sorted((library / "Source").rglob("*.c"))
    return tuple(path for path in names if not path.stem.endswith(("_f16", "_f32", "_flt")))
