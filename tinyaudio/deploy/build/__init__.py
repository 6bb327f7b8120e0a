"""Build a rendered firmware project with PlatformIO, without a network, and say what came of it.

How large it is, what lies where, how deep the stack gets, whose software is linked: `facts` gathers it from the ELF
(`image`), the linker's map (`map_file`, `components`) and the compiler's call graphs (`call_graph`, `stack`).

Public face
-----------
`build_project`, whether it can be (`require_build_tools`), and what it prepares on its way: `prepare_platformio`,
`ensure_cmsis_dsp`; `model_code_bytes` of what it built; `tflite_micro_version` that a build would take. `build_host_program` makes
a model a program of this computer, without any firmware.
"""

from __future__ import annotations

from tinyaudio.deploy.build.cmsis_dsp import ensure_cmsis_dsp
from tinyaudio.deploy.build.host_program import HostProgram, build_host_program
from tinyaudio.deploy.build.model_code import model_code_bytes
from tinyaudio.deploy.build.platformio import prepare_platformio
from tinyaudio.deploy.build.project import build_project, require_build_tools
from tinyaudio.deploy.build.tflite_micro import tflite_micro_version

__all__ = [
    "HostProgram",
    "build_host_program",
    "build_project",
    "ensure_cmsis_dsp",
    "model_code_bytes",
    "prepare_platformio",
    "require_build_tools",
    "tflite_micro_version",
]
