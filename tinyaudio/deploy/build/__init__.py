"""Build a rendered firmware project with PlatformIO, without a network, and say how large it is.

Public face
-----------
`build_project`, and what it prepares on its way: `prepare_platformio`, `ensure_cmsis_dsp`.
"""

from __future__ import annotations

from tinyaudio.deploy.build.cmsis_dsp import ensure_cmsis_dsp
from tinyaudio.deploy.build.platformio import prepare_platformio
from tinyaudio.deploy.build.project import build_project

__all__ = ["build_project", "ensure_cmsis_dsp", "prepare_platformio"]
