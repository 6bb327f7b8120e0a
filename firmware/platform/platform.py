"""The PlatformIO platform "tinyaudio": Cortex-M with the system's GCC, or with PlatformIO's where there is none."""

from __future__ import annotations

import shutil

from platformio.platform.base import PlatformBase


class TinyaudioPlatform(PlatformBase):
    def is_embedded(self):
        return True

    def configure_default_packages(self, variables, targets):
        """Ask PlatformIO for its toolchain only if the board needs one and PATH has none."""
        board = variables.get("board")
        embedded = bool(board) and self.board_config(board).get("build.core") != "host"
        self.packages["toolchain-gccarmnoneeabi"]["optional"] = not embedded or shutil.which("arm-none-eabi-gcc") is not None
        return super().configure_default_packages(variables, targets)
