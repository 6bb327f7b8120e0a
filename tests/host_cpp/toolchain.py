"""Compile firmware C++ for the host, under the sanitizers, and run it."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from tinyaudio.core.artifacts import FirmwareProject
from tinyaudio.deploy.build import ensure_cmsis_dsp
from tinyaudio.deploy.render import write_project

REPOSITORY = Path(__file__).resolve().parents[2]
FIRMWARE_LIB = REPOSITORY / "firmware" / "lib"
WARNINGS = ("-Wall", "-Wextra", "-Wshadow", "-Werror")
THIRD_PARTY_FLAGS = ("-fno-sanitize=shift",)  # CMSIS-DSP shifts negative numbers to the left, which every compiler it supports defines
SANITIZERS = ("-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-fno-omit-frame-pointer")


def compile_host(
    output: Path,
    sources: Sequence[Path],
    *,
    include_dirs: Sequence[Path] = (),
    flags: Sequence[str] = (),
    sanitize: bool = True,
    c_sources: Sequence[Path] = (),
) -> Path:
    """Compile C++17 `sources` (warnings are errors) and third-party C `c_sources` (warnings ignored) into `output`."""
    includes = [f"-I{directory}" for directory in include_dirs]
    common = ["-O2", "-g", *(SANITIZERS if sanitize else ()), *includes, *flags]
    objects = []
    for index, source in enumerate(c_sources):
        target = output.parent / f"{output.name}.{index}.{source.stem}.o"
        _run([_compiler("CC", "gcc"), "-std=c11", "-w", *common, *THIRD_PARTY_FLAGS, "-c", str(source), "-o", str(target)])
        objects.append(str(target))
    _run([_compiler("CXX", "g++"), "-std=c++17", "-fno-exceptions", "-fno-rtti", *WARNINGS, *common, *map(str, sources), *objects, "-o", str(output)])
    return output


def sanitized_program(
    project: FirmwareProject, folder: Path, *, more_sources: Sequence[Path] = (), include_dirs: Sequence[Path] = (), flags: Sequence[str] = ()
) -> Path:
    """Compile the very files of a rendered project, and what they need beside them, for the host, with the sanitizers."""
    root = folder / "project"
    write_project(project, root)
    cmsis = ensure_cmsis_dsp()
    return compile_host(
        folder / "firmware",
        [*sorted(path for place in ("src", "lib") for path in (root / place).rglob("*.cc")), *more_sources],
        c_sources=sorted((root / "lib").rglob("*.c")),
        include_dirs=[
            root / "src",
            *sorted(path for library in (root / "lib").iterdir() for path in (library / "include", library / "src") if path.is_dir()),
            *(cmsis / name for name in ("Include", "PrivateInclude", "")),
            *include_dirs,
        ],
        flags=("-ffunction-sections", "-fdata-sections", "-Wl,--gc-sections", *flags),
    )


def run_host(binary: Path, *arguments: str, stdin: bytes = b"", timeout_seconds: float = 600) -> bytes:
    """Run `binary`, return its standard output; a sanitizer report fails the caller."""
    environment = {**os.environ, "ASAN_OPTIONS": "detect_leaks=0", "UBSAN_OPTIONS": "print_stacktrace=1"}
    result = subprocess.run([str(binary), *arguments], input=stdin, capture_output=True, timeout=timeout_seconds, env=environment, check=False)
    assert result.returncode == 0, f"{binary.name} exited with {result.returncode}:\n{result.stderr.decode(errors='replace')}"
    return result.stdout


def _compiler(variable: str, default: str) -> str:
    name = os.environ.get(variable, default)
    found = shutil.which(name)
    assert found, f"the host compiler {name!r} is missing; install g++ or set {variable}"
    return found


def _run(command: list[str]) -> None:
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, f"{' '.join(command)}\n{result.stderr}"
