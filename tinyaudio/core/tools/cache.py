"""Where things that were prepared once are kept: PlatformIO's packages, CMSIS-DSP's sources."""

from __future__ import annotations

import os
import sys
from pathlib import Path

#: The release of the ``cmsisdsp`` package whose sources are used; `deploy.build.cmsis_dsp` pins its hash.
CMSIS_DSP_VERSION = "1.10.3"


def cache_dir() -> Path:
    """Return the folder for prepared things; it need not exist yet.

    ``TINYAUDIO_CACHE_DIR`` if set (the scripts of a checkout set it to ``.cache``), otherwise the user's cache
    folder of the platform: ``~/Library/Caches/tinyaudio`` on macOS, ``$XDG_CACHE_HOME/tinyaudio`` or
    ``~/.cache/tinyaudio`` elsewhere.
    """
    chosen = os.environ.get("TINYAUDIO_CACHE_DIR")
    if chosen:
        return Path(chosen).expanduser().resolve()
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "tinyaudio"
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "tinyaudio"


def platformio_core_dir() -> Path:
    """Return PlatformIO's core directory: tinyaudio's own, so that a user's other PlatformIO projects stay as they are."""
    return cache_dir() / "platformio"


def cmsis_dsp_dir() -> Path:
    """Return the CMSIS-DSP root: ``TINYAUDIO_CMSIS_DSP_ROOT`` if set, otherwise its place in the cache."""
    chosen = os.environ.get("TINYAUDIO_CMSIS_DSP_ROOT")
    return Path(chosen).expanduser().resolve() if chosen else cache_dir() / f"cmsisdsp-{CMSIS_DSP_VERSION}"
