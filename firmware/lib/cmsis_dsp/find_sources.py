"""PlatformIO runs this for the library cmsis_dsp: put the sources of CMSIS-DSP on its include path."""

from __future__ import annotations

import os
import sys
from pathlib import Path

Import("env")

_root = Path(os.environ.get("TINYAUDIO_CMSIS_DSP_ROOT", ""))
if not (_root / "Include" / "arm_math_types.h").is_file():
    sys.stderr.write(
        "error: the sources of CMSIS-DSP are not here; `tinyaudio build` fetches them, "
        "or set TINYAUDIO_CMSIS_DSP_ROOT to the folder with its Include/ and Source/\n"
    )
    env.Exit(1)

env.Append(
    CPPPATH=[str(_root / "Include"), str(_root / "PrivateInclude"), str(_root)],
    CCFLAGS=[f"-ffile-prefix-map={_root}=cmsis_dsp"],
)
