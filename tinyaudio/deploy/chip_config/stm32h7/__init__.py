"""The STM32H742/743/745/747/750/753/755/757: constants for firmware/ports/stm32h7. Sections are those of RM0433 Rev 8."""

from __future__ import annotations

from tinyaudio.deploy.chip_config.stm32h7.board_config import render_port_files
from tinyaudio.deploy.chip_config.stm32h7.settings import ChipSettings, chip_settings

__all__ = ["ChipSettings", "chip_settings", "render_port_files"]
