"""PlatformIO runs this for the library tinyaudio_cmsis_nn: build the part of CMSIS-NN that its adapters call.

The sources are those of the first of these that is there:

* `TINYAUDIO_CMSIS_NN_ROOT`, a checkout;
* `TINYAUDIO_CMSIS_NN_PACKAGES`, a folder for packages, or one in PlatformIO's own folder of the project: the repository is fetched,
  as ``custom_cmsis_nn`` in platformio.ini names it.

`TINYAUDIO_CMSIS_NN_OBJECTS` names a folder of objects that earlier projects compiled, see `library_archive.py`.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

Import("env")

_here = Path.cwd()
sys.path.insert(0, str(_here))
from choose_cmsis_nn import SourcesError, choose_sources, find_cmsis_nn  # noqa: E402
from fetch_packages import FetchError, fetch_packages, folder_of_pins  # noqa: E402
from library_archive import library_archive  # noqa: E402


def _source_folder():
    given = os.environ.get("TINYAUDIO_CMSIS_NN_ROOT")
    if given:
        return Path(given)
    pins = env.GetProjectOption("custom_cmsis_nn").split()
    given = os.environ.get("TINYAUDIO_CMSIS_NN_PACKAGES")
    folder = Path(given) if given else folder_of_pins(Path(env.subst("$PROJECT_WORKSPACE_DIR/cmsis_nn")), pins)
    fetch_packages(folder, pins)
    return folder


try:
    _root = find_cmsis_nn(_source_folder())
    _files = choose_sources(_root, sorted((_here / "src").glob("*.cc")))
except (SourcesError, FetchError) as error:
    sys.stderr.write(f"error: {error}; set TINYAUDIO_TFLM_ROOT to a folder with a checkout of CMSIS-NN, or a tree of TFLite Micro that has it\n")
    env.Exit(1)

env.Append(CPPPATH=[str(_root), str(_root / "Include")])
_library = library_archive(env, "cmsis_nn", _root, _files, defines=(), kept=os.environ.get("TINYAUDIO_CMSIS_NN_OBJECTS"))
_version = os.environ.get("TINYAUDIO_CMSIS_NN_VERSION", "CMSIS-NN")  # of the adapters alone: kept objects are for all versions of the text
env.Append(CPPDEFINES=[("TINYAUDIO_VENDOR_VERSION", env.StringifyMacro(_version))], LIBS=_library)
