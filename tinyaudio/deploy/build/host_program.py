"""A compiled model as a program of this computer: the generated C++ with the kernels' fastest versions for this processor."""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

from tinyaudio.core.canonical import fingerprint
from tinyaudio.core.errors import ToolError
from tinyaudio.core.files import storage_error, write_text_atomically
from tinyaudio.core.resources import resource_root
from tinyaudio.core.tools import Tool, find_tool, run_tool
from tinyaudio.deploy.compiler import CompiledModel
from tinyaudio.deploy.render import model_source_files

_COMPILER = "g++"
_FLAGS = ("-std=c++17", "-O3", "-fno-exceptions", "-fno-rtti")
_MAIN_FILE = "run_model.cc"


@dataclass(frozen=True, slots=True, kw_only=True)
class HostProgram:
    """See firmware/host/run_model.cc for what it reads and writes."""

    path: Path
    compiler: str  # "g++ 12.2.0"


def build_host_program(compiled: CompiledModel, folder: Path) -> HostProgram:
    """Compile a model for this computer into `folder`, unless the program there is already of the same text, compiler and processor.

    Raises
    ------
    ToolError
        If there is no C++ compiler, or it refuses the program.
    StorageError
        If the disk refuses.
    """
    compiler = find_tool(_COMPILER)
    processor = _processor_flags(compiler)
    sources = {**model_source_files(compiled), _MAIN_FILE: (resource_root("firmware") / "host" / _MAIN_FILE).read_text(encoding="utf-8")}
    key = fingerprint({"sources": sources, "flags": [*_FLAGS, *processor], "processor": _macros(compiler, processor)})
    program, key_file = folder / "run_model", folder / "run_model.key"
    result = HostProgram(path=program, compiler=f"{_COMPILER} {compiler.version}".strip())
    if program.is_file() and key_file.is_file() and key_file.read_text(encoding="utf-8") == key:
        return result
    key_file.unlink(missing_ok=True)
    with tempfile.TemporaryDirectory(prefix="tinyaudio-host-") as work:
        root = Path(work)
        for path, text in sources.items():
            write_text_atomically(root / path, text)
        includes = [f"-I{path}" for path in (root, *sorted(root.glob("lib/*/include")))]
        run_tool(
            [compiler.path, *_FLAGS, *processor, *includes, *sorted(root.rglob("*.cc")), "-o", root / "run_model"],
            timeout_seconds=300,
            hint="`tinyaudio doctor` says which compiler is known to work",
        )
        _install(root / "run_model", program)
    write_text_atomically(key_file, key)
    return result


def _install(made: Path, program: Path) -> None:
    """Put the program in its place at once: a copy in the same folder, renamed."""
    try:
        program.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=program.parent, prefix=".run_model.")
        with os.fdopen(handle, "wb") as stream:
            stream.write(made.read_bytes())
        os.chmod(temporary, 0o755)
        os.replace(temporary, program)
    except OSError as error:
        raise storage_error(program, error) from error


def _processor_flags(compiler: Tool) -> tuple[str, ...]:
    """Return the flags that let the compiler use all of this processor, as far as it knows such flags."""
    for flag in ("-march=native", "-mcpu=native"):
        try:
            _macros(compiler, (flag,))
        except ToolError:
            continue
        return (flag,)
    return ()


def _macros(compiler: Tool, flags: tuple[str, ...]) -> str:
    """Return the macros that the compiler defines by itself: they name it and what the processor can."""
    return run_tool([compiler.path, *flags, "-dM", "-E", "-x", "c++", os.devnull], timeout_seconds=30).stdout
