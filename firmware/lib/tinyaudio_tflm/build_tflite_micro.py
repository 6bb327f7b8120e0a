"""PlatformIO runs this for the library tinyaudio_tflm: build the part of TFLite Micro that the model uses.

`TINYAUDIO_TFLM_ROOT` names a tree of its sources; without it they are packages that PlatformIO has fetched, because
platformio.ini names them. ``model_operators.json`` beside this file says what the model uses.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

Import("env")

_here = Path.cwd()
sys.path.insert(0, str(_here))
from choose_sources import SourcesError, choose_sources  # noqa: E402

_wanted = json.loads((_here / "model_operators.json").read_text(encoding="utf-8"))
_given = os.environ.get("TINYAUDIO_TFLM_ROOT")
_folder = Path(_given) if _given else Path(env.subst("$PROJECT_LIBDEPS_DIR")) / env.subst("$PIOENV")

try:
    _sources = choose_sources(_folder, operators=_wanted["operators"], kernel_library=_wanted["kernel_library"])
except SourcesError as error:
    sys.stderr.write(f"error: {error}; set TINYAUDIO_TFLM_ROOT to a tree that TFLite Micro's create_tflm_tree.py made\n")
    env.Exit(1)

env.Append(
    CPPPATH=[str(path) for path in _sources.include_dirs],
    CPPDEFINES=[("TINYAUDIO_TFLM_VERSION", env.StringifyMacro(os.environ.get("TINYAUDIO_TFLM_VERSION", "unknown")))],
)


def _archive(name, root, files):
    """Return the archive of `files` below `root`, compiled as its authors do: without our warnings."""
    theirs = env.Clone()
    theirs.Append(CCFLAGS=["-w", f"-ffile-prefix-map={root}={name}"], CPPDEFINES=list(_sources.defines))
    build_dir = Path(env.subst("$BUILD_DIR")) / name
    nodes = [theirs.Object(str(build_dir / f"{file}.o"), str(root / file)) for file in files]
    return theirs.StaticLibrary(str(build_dir / name), nodes)


_libraries = _archive("tflite_micro", _sources.root, _sources.runtime)
if _sources.kernel_library:
    _library_root = _sources.kernel_library[0].parents[2]
    _names = [path.relative_to(_library_root).as_posix() for path in _sources.kernel_library]
    _libraries = [*_libraries, *_archive(_wanted["kernel_library"], _library_root, _names)]
env.Append(LIBS=_libraries)
