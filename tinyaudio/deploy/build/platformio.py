"""PlatformIO without a network: its core directory prepared so that nothing has to be asked of its registry."""

from __future__ import annotations

import importlib.metadata
import json
import os
from collections.abc import Mapping
from pathlib import Path

from tinyaudio.core.errors import ToolError
from tinyaudio.core.files import write_text_if_changed
from tinyaudio.core.tools import platformio_core_dir

# PlatformIO starts `tool-scons/scons.py` with the interpreter it runs in, which has the PyPI package of the same release.
_SCONS_PY = '"""Start the SCons of this Python environment."""\n\nimport SCons.Script\n\nSCons.Script.main()\n'

# What reaches the compilers through the environment, and what would make PlatformIO build something else.
_UNWANTED_PREFIXES = ("PLATFORMIO_", "SCONS")
_UNWANTED = {"CPATH", "C_INCLUDE_PATH", "CPLUS_INCLUDE_PATH", "LIBRARY_PATH", "GCC_EXEC_PREFIX", "COMPILER_PATH", "PYTHONPATH", "PYTHONHOME"}


def prepare_platformio() -> Path:
    """Put PlatformIO's SCons package into tinyaudio's core directory; return that directory.

    PlatformIO asks its registry for the package ``tool-scons`` unless exactly the version it pins lies in the core
    directory. The package is three small files that start the SCons installed from PyPI.
    Quick, and safe to repeat: files are written only where they differ.

    Raises
    ------
    ToolError
        If PlatformIO or SCons is not installed, or the two do not belong together.
    StorageError
        If the cache cannot be written.
    """
    version = _pinned_scons_version()
    core_dir = platformio_core_dir()
    package = core_dir / "packages" / "tool-scons"
    specification = {"owner": "platformio", "id": None, "name": "tool-scons", "requirements": None, "uri": None}
    manifest = {"name": "tool-scons", "version": version, "description": "SCons of the Python environment", "system": "*"}
    metadata = {"type": "tool", "name": "tool-scons", "version": version, "spec": specification}
    write_text_if_changed(package / "scons.py", _SCONS_PY)
    write_text_if_changed(package / "package.json", json.dumps(manifest, indent=2) + "\n")
    write_text_if_changed(package / ".piopm", json.dumps(metadata) + "\n")
    return core_dir


def platformio_environment(*, core_dir: Path, offline: bool, extra: Mapping[str, str]) -> dict[str, str]:
    """Return the environment for a PlatformIO that reports nothing, asks nothing and builds the same for everyone.

    Parameters
    ----------
    core_dir
        From `prepare_platformio`.
    offline
        Whether it is kept from any network: its connections go to a port that refuses them.
    extra
        Variables for the project's own build scripts.
    """
    environment = {key: value for key, value in os.environ.items() if key not in _UNWANTED and not key.startswith(_UNWANTED_PREFIXES)}
    environment |= {
        "PLATFORMIO_CORE_DIR": str(core_dir),
        "PLATFORMIO_SETTING_ENABLE_TELEMETRY": "no",
        "PLATFORMIO_DISABLE_UPGRADE_CHECK": "true",
        "PLATFORMIO_NO_ANSI": "true",
        "PLATFORMIO_DISABLE_COLOR": "true",
        "LC_ALL": "C",  # so that compilers report errors in the words this package looks for
        "SOURCE_DATE_EPOCH": "0",
    }
    if offline:
        nowhere = "http://127.0.0.1:9"  # the discard port: refuses at once
        environment |= {"http_proxy": nowhere, "https_proxy": nowhere, "HTTP_PROXY": nowhere, "HTTPS_PROXY": nowhere, "NO_PROXY": "", "no_proxy": ""}
    return environment | dict(extra)


def _pinned_scons_version() -> str:
    """Return the version of tool-scons that PlatformIO pins, after a check that the SCons installed here is that one."""
    hint = "install tinyaudio again: pip install --force-reinstall tinyaudio"
    try:
        from platformio.dependencies import get_core_dependencies

        scons = importlib.metadata.version("scons")
    except (ImportError, importlib.metadata.PackageNotFoundError) as error:
        raise ToolError("is not installed", hint=hint, where="platformio" if isinstance(error, ImportError) else "scons") from error
    pinned: str = get_core_dependencies()["tool-scons"].lstrip("~^=")
    if pinned != tool_version_of_scons(scons):
        raise ToolError(f"PlatformIO wants tool-scons {pinned}, but SCons {scons} is installed", hint=hint, where="scons")
    return pinned


def tool_version_of_scons(version: str) -> str:
    """Return PlatformIO's name for an SCons release: "4.11.1" is its package version "4.41101.0"."""
    major, minor, patch = (int(part) for part in version.split("."))
    return f"4.{major}{minor:02d}{patch:02d}.0"
