"""Debian's compiler for an Xtensa core, and QEMU's simulator of one: the nearest thing to an ESP32-S3 without its vendor's toolchain."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
COMPILER = "xtensa-lx106-elf-g++"
SIMULATOR = "qemu-system-xtensa"
MACHINE = ("-M", "sim", "-cpu", "lx106", "-m", "128M", "-nographic", "-monitor", "none", "-serial", "null", "-semihosting")

_LANGUAGE = ("-std=c++17", "-fno-exceptions", "-fno-rtti", "-fno-threadsafe-statics", "-ffreestanding")
_CODE = ("-mlongcalls", "-mtext-section-literals", "-ffunction-sections", "-fdata-sections")
_WARNINGS = ("-Wall", "-Wextra", "-Wshadow", "-Werror")


def require(*programs: str) -> None:
    """Skip the test unless all of `programs` are installed."""
    for program in programs:
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not installed; apt install gcc-xtensa-lx106 qemu-system-misc")


def compile_xtensa(source: Path, target: Path | None, *, include_dirs: Sequence[Path], flags: Sequence[str] = ()) -> str:
    """Compile `source` to the object file `target`, None: check it only; return what the compiler has to say."""
    output = ("-fsyntax-only",) if target is None else ("-O2", "-c", "-o", str(target))
    includes = [f"-I{folder}" for folder in (*include_dirs, HERE / "include")]
    command = [COMPILER, *_LANGUAGE, *_CODE, *_WARNINGS, *includes, *flags, *output, str(source)]
    return subprocess.run(command, capture_output=True, text=True, check=False).stderr


def link_simulator(objects: Sequence[Path], image: Path) -> None:
    """Link `objects` for QEMU's machine ``sim``."""
    script = ["-nostdlib", "-nostartfiles", "-Wl,--gc-sections", "-Wl,--no-warn-rwx-segments", f"-Wl,-T,{HERE / 'simulator.ld'}"]
    result = subprocess.run([COMPILER, *script, *map(str, objects), "-lgcc", "-o", str(image)], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr


def build_simulator_image(project: Path, folder: Path) -> Path:
    """Compile a rendered project of family esp32s3, its port replaced by the simulator's; return the image.

    ESP-DSP's table is made with floating point, which the compiler has no library for: `esp_dsp_table.cc` takes its place.
    """
    sources = [path for root in ("src", "lib") for path in sorted((project / root).rglob("*.cc")) if (project / "src" / "port") not in path.parents]
    include_dirs = [project / "src", project / "src" / "generated", project / "lib" / "tinyaudio_esp_sc16" / "src"]
    include_dirs += sorted((project / "lib").glob("*/include"))

    def build(source: Path) -> Path:
        target = folder / f"{source.parent.parent.name}_{source.stem}.o"
        flags = ["-Ddsps_fft2r_init_sc16=unused_init"] if source.stem == "dsps_fft2r_sc16_ansi" else []
        messages = compile_xtensa(source, target, include_dirs=include_dirs, flags=flags)
        assert not messages, messages
        return target

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        objects = list(pool.map(build, [*sources, *sorted(HERE.glob("*.cc"))]))
    link_simulator(objects, folder / "firmware.elf")
    return folder / "firmware.elf"
