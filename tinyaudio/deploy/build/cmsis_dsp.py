"""CMSIS-DSP's sources: fetched once, through pip, from the source package of ``cmsisdsp``; never vendored.

The package carries the whole of CMSIS-DSP in C. CMSIS-Core is not in it: `firmware/lib/cmsis_dsp` has the few lines of
``cmsis_compiler.h`` that the fixed-point transforms need, and compiles the sources below from the root found here.
"""

from __future__ import annotations

import os
import shutil
import sys
import tarfile
import tempfile
from pathlib import Path, PurePosixPath

from tinyaudio.core.canonical import sha256_bytes
from tinyaudio.core.errors import ToolError
from tinyaudio.core.files import storage_error
from tinyaudio.core.resources import resource_root
from tinyaudio.core.tools import cmsis_dsp_dir, run_tool
from tinyaudio.core.tools.cache import CMSIS_DSP_VERSION

#: SHA-256 of ``cmsisdsp-<CMSIS_DSP_VERSION>.tar.gz``.
CMSIS_DSP_SDIST_SHA256 = "307d32298faa7c58db912851027fce35f886fec7eb1a27c4b309ce1a97f47519"

#: What ``arm_rfft_q31`` and ``arm_cfft_q31`` need, relative to the root. `firmware/lib/cmsis_dsp/src` includes the same
#: files; a test compares them.
CMSIS_DSP_RFFT_Q31_SOURCES = (
    "Source/BasicMathFunctions/arm_shift_q31.c",
    "Source/CommonTables/arm_common_tables.c",
    "Source/CommonTables/arm_const_structs.c",
    "Source/TransformFunctions/arm_bitreversal.c",
    "Source/TransformFunctions/arm_bitreversal2.c",
    "Source/TransformFunctions/arm_cfft_init_q31.c",
    "Source/TransformFunctions/arm_cfft_q31.c",
    "Source/TransformFunctions/arm_cfft_radix4_q31.c",
    "Source/TransformFunctions/arm_rfft_init_q31.c",
    "Source/TransformFunctions/arm_rfft_q31.c",
)

_OFFLINE_HINT = (
    "connect to a package index once, or set TINYAUDIO_CMSIS_DSP_ROOT to a folder with CMSIS-DSP's Include/, PrivateInclude/ and Source/ "
    f"(they are in cmsisdsp-{CMSIS_DSP_VERSION}.tar.gz)"
)


def cmsis_dsp_include_dirs(root: Path) -> tuple[Path, ...]:
    """Return the include directories for CMSIS-DSP's sources and for code that calls them: ours with ``cmsis_compiler.h`` first."""
    return (resource_root("firmware") / "lib" / "cmsis_dsp" / "include", root / "Include", root / "PrivateInclude")


def ensure_cmsis_dsp() -> Path:
    """Return the CMSIS-DSP root (the folder with ``Include/`` and ``Source/``); fetch the sources if they are not here yet.

    ``TINYAUDIO_CMSIS_DSP_ROOT`` names a folder of your own, which is never written to. Otherwise it is the folder of
    the pinned release in the cache: whole or not there, also after a fetch that was cut short.

    Raises
    ------
    ToolError
        If the sources cannot be had, are not the pinned ones, or the folder of your own lacks some.
    StorageError
        If the cache cannot be written.
    """
    root = cmsis_dsp_dir()
    missing = _missing_sources(root)
    if not missing:
        return root
    if os.environ.get("TINYAUDIO_CMSIS_DSP_ROOT"):
        raise ToolError(f"has no {missing[0]}", hint=_OFFLINE_HINT, where=f"TINYAUDIO_CMSIS_DSP_ROOT={root}")
    try:
        root.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=root.parent, prefix=".cmsisdsp-") as scratch:
            unpacked = _unpack(_download(Path(scratch)), Path(scratch))
            if root.exists():
                shutil.rmtree(root)
            unpacked.rename(root)
    except OSError as error:
        raise storage_error(root, error) from error
    return root


def _missing_sources(root: Path) -> tuple[str, ...]:
    needed = ("Include/dsp/transform_functions.h", "PrivateInclude/arm_compiler_specific.h", *CMSIS_DSP_RFFT_Q31_SOURCES)
    return tuple(name for name in needed if not (root / name).is_file())


def _download(scratch: Path) -> Path:
    """Let pip fetch the source package, from wherever the user's pip gets its packages, and check its hash."""
    requirements = scratch / "requirements.txt"
    requirements.write_text(f"cmsisdsp=={CMSIS_DSP_VERSION} --hash=sha256:{CMSIS_DSP_SDIST_SHA256}\n", encoding="utf-8")
    arguments = ["download", "--quiet", "--disable-pip-version-check", "--no-input", "--no-deps", "--require-hashes", "--no-binary", "cmsisdsp"]
    try:
        run_tool(
            [sys.executable, "-m", "pip", *arguments, "--dest", scratch, "--requirement", requirements],
            env=_pip_environment(),
            timeout_seconds=300,
        )
    except ToolError as error:
        raise ToolError(f"the sources of CMSIS-DSP could not be fetched: pip {error.message}", hint=_OFFLINE_HINT, where="CMSIS-DSP") from error
    archive = scratch / f"cmsisdsp-{CMSIS_DSP_VERSION}.tar.gz"
    actual = sha256_bytes(archive.read_bytes()) if archive.is_file() else "missing"
    if actual != CMSIS_DSP_SDIST_SHA256:
        raise ToolError(f"the SHA-256 is {actual}, expected {CMSIS_DSP_SDIST_SHA256}", hint=_OFFLINE_HINT, where=archive.name)
    return archive


def _pip_environment() -> dict[str, str]:
    # PIP_TARGET, PIP_USER and the like would send pip elsewhere; PIP_REQUIRE_VIRTUALENV would stop it outside of one.
    unwanted = {"PIP_REQUIRE_VIRTUALENV", "PIP_USER", "PIP_TARGET", "PIP_NO_BINARY", "PIP_ONLY_BINARY", "PIP_CONSTRAINT"}
    return {key: value for key, value in os.environ.items() if key not in unwanted}


def _unpack(archive: Path, scratch: Path) -> Path:
    """Unpack the C sources of `archive` into `scratch`: regular files only, none outside of it."""
    top = f"cmsisdsp-{CMSIS_DSP_VERSION}"
    wanted = tuple(f"{top}/{name}" for name in ("Include/", "PrivateInclude/", "Source/", "LICENSE"))
    with tarfile.open(archive) as source:
        # Not extractall(filter="data"): Python 3.11 has it only from 3.11.4 on.
        for member in source:
            stream = source.extractfile(member) if member.isfile() and member.name.startswith(wanted) else None
            if stream is None or ".." in PurePosixPath(member.name).parts:
                continue
            target = scratch / member.name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(stream.read())
    missing = _missing_sources(scratch / top)
    if missing:
        raise ToolError(f"has no {missing[0]}", hint=_OFFLINE_HINT, where=archive.name)
    return scratch / top
