"""What tinyaudio knows about its tools: where they are, which version, what needs them, how to get them."""

from __future__ import annotations

import functools
import importlib.metadata
import importlib.util
import json
import platform
import re
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tinyaudio.core.errors import ToolError
from tinyaudio.core.tools.cache import CMSIS_DSP_VERSION, cmsis_dsp_dir, platformio_core_dir
from tinyaudio.core.tools.processes import run_tool

System = Literal["debian", "linux", "macos"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tool:
    """A program that was found."""

    path: Path
    version: str  # as the program says it; empty if it does not


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolReport:
    """One line of ``tinyaudio doctor``."""

    name: str
    found: bool
    version: str  # empty if not found or not told
    needed_for: str
    how: str  # how to get it on this system


@dataclass(frozen=True, slots=True, kw_only=True)
class _Need:
    """A tool tinyaudio uses. `probe` returns its version, or ``None`` if it is not here."""

    name: str
    needed_for: str
    debian: str
    linux: str
    macos: str
    probe: Callable[[], str | None]

    def how(self, system: System) -> str:
        return {"debian": self.debian, "linux": self.linux, "macos": self.macos}[system]


def find_tool(name: str) -> Tool:
    """Find the program `name` on PATH and ask its version.

    Raises
    ------
    ToolError
        If it is not there; the hint says how to get it on this system.
    """
    found = shutil.which(name)
    if found is None:
        raise ToolError("is not installed", hint=how_to_get(name), where=name)
    return Tool(path=Path(found), version=_program_version(name) or "")


def how_to_get(name: str) -> str:
    """Return how to get the tool `name` on this system, in one line."""
    need = next((need for need in _needs() if need.name == name), None)
    return need.how(current_system()) if need is not None else f"install {name} and put it on PATH"


def describe_tools() -> tuple[ToolReport, ...]:
    """Look for every tool tinyaudio uses; runs each program once for its version."""
    system = current_system()
    reports = []
    for need in _needs():
        version = need.probe()
        reports.append(ToolReport(name=need.name, found=version is not None, version=version or "", needed_for=need.needed_for, how=need.how(system)))
    return tuple(reports)


def current_system() -> System:
    """Return which kind of instructions fit this computer."""
    if sys.platform == "darwin":
        return "macos"
    try:
        release = platform.freedesktop_os_release()
    except OSError:
        return "linux"
    return "debian" if "debian" in (release.get("ID", ""), *release.get("ID_LIKE", "").split()) else "linux"


def _program_version(name: str) -> str | None:
    found = shutil.which(name)
    if found is None:
        return None
    completed = run_tool([found, "--version"], timeout_seconds=30, check=False)
    match = re.search(r"\d+(?:\.\d+)+\S*", completed.stdout or completed.stderr)
    return match.group().rstrip(").,") if match else ""


def _package_version(*names: str) -> str | None:
    for name in names:
        try:
            return importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return None


def _module_program_version(package: str, module: str) -> str | None:
    return _package_version(package) if importlib.util.find_spec(module) is not None else None


def _arm_file(name: str) -> str | None:
    """Return where the Arm compiler keeps `name` (empty version), or ``None``."""
    compiler = shutil.which("arm-none-eabi-gcc")
    if compiler is None:
        return None
    answer = run_tool([compiler, "-mcpu=cortex-m7", "-mthumb", f"-print-file-name={name}"], timeout_seconds=30, check=False).stdout.strip()
    return "" if Path(answer).is_absolute() and Path(answer).exists() else None


def _arm_cxx_headers() -> str | None:
    compiler = shutil.which("arm-none-eabi-g++")
    if compiler is None:
        return None
    completed = run_tool([compiler, "-E", "-x", "c++", "-include", "stdint.h", "/dev/null"], timeout_seconds=30, check=False)
    return "" if completed.returncode == 0 else None


def _prepared_platformio() -> str | None:
    marker = platformio_core_dir() / "packages" / "tool-scons" / "package.json"
    return _package_version("scons") if marker.is_file() else None


def _cmsis_dsp_sources() -> str | None:
    root = cmsis_dsp_dir()
    if not (root / "Include" / "arm_math_types.h").is_file():
        return None
    return CMSIS_DSP_VERSION if root.name.endswith(CMSIS_DSP_VERSION) else ""


def _esp_idf() -> str | None:
    """Return the version of PlatformIO's platform that brings ESP-IDF, ``None`` if it was not fetched yet."""
    for manifest in sorted((platformio_core_dir() / "platforms").glob("espressif32*/platform.json")):
        try:
            return str(json.loads(manifest.read_text(encoding="utf-8"))["version"])
        except (OSError, ValueError, KeyError):
            continue
    return None


def _python_version() -> str:
    return platform.python_version()


@functools.cache
def _needs() -> tuple[_Need, ...]:
    arm = "the gcc-arm-none-eabi package of your distribution, or Arm's GNU Toolchain, with its bin folder on PATH"
    arm_macos = "brew install --cask gcc-arm-embedded"
    train = 'pip install "tinyaudio[train]"'
    base = "pip install --force-reinstall tinyaudio"
    prepare = "nothing to do: the first build prepares it; ./scripts/setup does it ahead"
    sources = "the first build fetches it through pip; offline, set TINYAUDIO_CMSIS_DSP_ROOT to a folder with Include/ and Source/"
    xcode = "xcode-select --install"

    def program(name: str, needed_for: str, debian: str, linux: str, macos: str) -> _Need:
        probe = functools.partial(_program_version, name)
        return _Need(name=name, needed_for=needed_for, debian=f"apt install {debian}", linux=linux, macos=macos, probe=probe)

    def anywhere(name: str, needed_for: str, how: str, probe: Callable[[], str | None]) -> _Need:
        return _Need(name=name, needed_for=needed_for, debian=how, linux=how, macos=how, probe=probe)

    return (
        anywhere("python", "everything", "Python 3.11, 3.12 or 3.13", _python_version),
        program("git", "a checkout of tinyaudio", "git", "the git package of your distribution", xcode),
        program("g++", "board native, host tests of the C++", "g++", "the g++ (gcc-c++) package of your distribution", xcode),
        program("arm-none-eabi-gcc", "Cortex-M boards", "gcc-arm-none-eabi", arm, arm_macos),
        _Need(
            name="newlib for Arm",
            needed_for="Cortex-M boards (the C library)",
            debian="apt install libnewlib-arm-none-eabi",
            linux="the arm-none-eabi-newlib package of your distribution",
            macos=arm_macos,
            probe=functools.partial(_arm_file, "libc_nano.a"),
        ),
        _Need(
            name="C++ for Arm",
            needed_for="Cortex-M boards (the C++ compiler and its headers)",
            debian="apt install libstdc++-arm-none-eabi-newlib",
            linux="the arm-none-eabi-gcc-c++ package of your distribution",
            macos=arm_macos,
            probe=_arm_cxx_headers,
        ),
        program(
            "qemu-system-arm",
            "emulated Cortex-M boards",
            "qemu-system-arm",
            "the qemu-system-arm package of your distribution",
            "brew install qemu",
        ),
        program("cc", "exact instruction counts of the emulated STM32H743", "gcc", "the gcc package of your distribution", xcode),
        anywhere("unicorn", "the emulated STM32H743", base, functools.partial(_package_version, "unicorn")),
        anywhere("platformio", "building firmware", base, functools.partial(_module_program_version, "platformio", "platformio")),
        anywhere("PlatformIO core dir", "building firmware without a network", prepare, _prepared_platformio),
        anywhere("CMSIS-DSP sources", "FFT kernel cmsis_q31", sources, _cmsis_dsp_sources),
        anywhere("tensorflow", "train, quantize", train, functools.partial(_package_version, "tensorflow", "tensorflow-cpu")),
        anywhere(
            "tflite-micro",
            "the oracle: expected outputs of a model",
            f"{train}; it has packages for Linux on x86-64",
            functools.partial(_package_version, "tflite-micro"),
        ),
        anywhere("pyocd", "flashing boards with an ST-LINK", base, functools.partial(_package_version, "pyocd")),
        program(
            "openocd",
            "flashing boards with an ST-LINK where pyOCD cannot be used",
            "openocd",
            "the openocd package of your distribution, 0.12 or newer",
            "brew install open-ocd",
        ),
        anywhere(
            "ESP-IDF",
            "building for ESP32 boards (as PlatformIO's platform espressif32)",
            "the first build fetches it, about 2 GB; for a computer without a network, copy the cache's folder platformio from one where it ran",
            _esp_idf,
        ),
        anywhere("esptool", "flashing ESP32 boards", base, functools.partial(_package_version, "esptool")),
    )
