"""PlatformIO runs this for the library tinyaudio_tflm: build the part of TFLite Micro that the model uses.

``model_operators.json`` beside this file says what the model uses. The sources are those of the first of these that is there:

* `TINYAUDIO_TFLM_ROOT`, a tree of them;
* `TINYAUDIO_TFLM_PACKAGES`, a folder for packages, or one in PlatformIO's own folder of the project: they are fetched, as
  ``custom_tflite_micro`` in platformio.ini names them.

`TINYAUDIO_TFLM_OBJECTS` names a folder of objects that earlier projects compiled, see `library_archive.py`.
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
from fetch_packages import FetchError, fetch_packages, folder_of_pins  # noqa: E402
from library_archive import library_archive  # noqa: E402


def _source_folder():
    given = os.environ.get("TINYAUDIO_TFLM_ROOT")
    if given:
        return Path(given)
    pins = env.GetProjectOption("custom_tflite_micro").split()
    given = os.environ.get("TINYAUDIO_TFLM_PACKAGES")
    folder = Path(given) if given else folder_of_pins(Path(env.subst("$PROJECT_WORKSPACE_DIR/tflite_micro")), pins)
    fetch_packages(folder, pins)
    return folder


_wanted = json.loads((_here / "model_operators.json").read_text(encoding="utf-8"))
try:
    _sources = choose_sources(_source_folder(), operators=_wanted["operators"], kernel_library=_wanted["kernel_library"])
except (SourcesError, FetchError) as error:
    sys.stderr.write(f"error: {error}; set TINYAUDIO_TFLM_ROOT to a tree that TFLite Micro's create_tflm_tree.py made\n")
    env.Exit(1)

env.Append(
    CPPPATH=[str(path) for path in _sources.include_dirs],
    CPPDEFINES=[("TINYAUDIO_TFLM_VERSION", env.StringifyMacro(os.environ.get("TINYAUDIO_TFLM_VERSION", "unknown")))],
)


def _archive(name, root, files):
    return library_archive(env, name, root, files, defines=_sources.defines, kept=os.environ.get("TINYAUDIO_TFLM_OBJECTS"))


_libraries = _archive("tflite_micro", _sources.root, _sources.runtime)
if _sources.kernel_library:
    _library_root = _sources.kernel_library[0].parents[2]
    _names = [path.relative_to(_library_root).as_posix() for path in _sources.kernel_library]
    _libraries = [*_libraries, *_archive(_wanted["kernel_library"], _library_root, _names)]
env.Append(LIBS=_libraries)
