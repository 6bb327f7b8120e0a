"""Whose software is in an image, and under which licence: told by what the linker really took."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache

import tinyaudio
from tinyaudio.core.artifacts import LinkedComponent
from tinyaudio.core.errors import ToolError
from tinyaudio.core.tools import cmsis_dsp_dir, find_tool, run_tool
from tinyaudio.core.tools.cache import CMSIS_DSP_VERSION
from tinyaudio.deploy.build.map_file import LinkedPart

_UNKNOWN_LICENCE = "NOASSERTION"  # SPDX: nobody looked


@dataclass(frozen=True, slots=True, kw_only=True)
class _Origin:
    """Software that is known by the names of its object files or archives."""

    name: str
    files: re.Pattern[str]
    licence: str  # SPDX expression
    version: Callable[[str], str]  # of a file's path -> "" if it is not told


def linked_components(parts: Iterable[LinkedPart]) -> tuple[LinkedComponent, ...]:
    """Return the software that `parts` are of, by name. A file that no entry knows is a component of its own."""
    bytes_of: dict[tuple[str, str, str], int] = {}
    for part in parts:
        origin = next((origin for origin in _ORIGINS if origin.files.search(part.file)), None)
        if origin is None:
            key = (part.file.partition("(")[0].rpartition("/")[2], "", _UNKNOWN_LICENCE)
        else:
            key = (origin.name, origin.version(part.file), origin.licence)
        bytes_of[key] = bytes_of.get(key, 0) + part.bytes
    return tuple(LinkedComponent(name=key[0], version=key[1], licence=key[2], bytes=bytes_of[key]) for key in sorted(bytes_of))


def _cmsis_dsp_version(_: str) -> str:
    return CMSIS_DSP_VERSION if cmsis_dsp_dir().name.endswith(CMSIS_DSP_VERSION) else ""  # a folder of the user's own does not tell


def _gcc_version(file: str) -> str:
    match = re.search(r"/gcc/[^/]+/(\d+(?:\.\d+)*)/", file)
    return match[1] if match else ""


@cache
def _newlib_version(_: str) -> str:
    try:
        compiler = find_tool("arm-none-eabi-gcc")
        macros = run_tool([compiler.path, "-E", "-dM", "-include", "_newlib_version.h", "-x", "c", "/dev/null"], timeout_seconds=30).stdout
    except ToolError:
        return ""
    match = re.search(r'#define _NEWLIB_VERSION "([^"]+)"', macros)
    return match[1] if match else ""


_GCC_LICENCE = "GPL-3.0-or-later WITH GCC-exception-3.1"

#: The first that matches counts. A path without a leading "/" lies in the firmware project.
_ORIGINS = (
    _Origin(name="CMSIS-DSP", files=re.compile(r"(^|/)cmsis_dsp[/.]|libcmsis_dsp\.a"), licence="Apache-2.0", version=_cmsis_dsp_version),
    _Origin(name="TensorFlow Lite Micro", files=re.compile(r"(^|/)(lib)?tflite_micro[/.]"), licence="Apache-2.0", version=lambda _: ""),
    _Origin(name="CMSIS-NN", files=re.compile(r"(^|/)(lib)?cmsis_nn[/.]"), licence="Apache-2.0", version=lambda _: ""),
    _Origin(name="tinyaudio", files=re.compile(r"^[^/]|^linker stubs$"), licence="Apache-2.0", version=lambda _: tinyaudio.__version__),
    _Origin(name="libgcc", files=re.compile(r"/gcc/.*/(libgcc(_eh)?\.a\(|crt\w*\.o$)"), licence=_GCC_LICENCE, version=_gcc_version),
    _Origin(name="libstdc++", files=re.compile(r"/lib(stdc|supc)\+\+\w*\.a\("), licence=_GCC_LICENCE, version=_gcc_version),
    _Origin(name="glibc", files=re.compile(r"/(S?crt1|crti|crtn)\.o$|/libc_nonshared\.a\("), licence="LGPL-2.1-or-later", version=lambda _: ""),
    # LicenseRef: the permissive licences that newlib collects in COPYING.NEWLIB
    _Origin(
        name="newlib", files=re.compile(r"/arm-none-eabi/.*/lib(c|m|g|nosys)(_nano)?\.a\("), licence="LicenseRef-newlib", version=_newlib_version
    ),
)
