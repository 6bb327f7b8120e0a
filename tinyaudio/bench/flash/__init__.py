"""Write an image to a chip, and never to the wrong one.

Public face
-----------
`read_flash_image` (from an ELF file), `programmers` (pyOCD first, OpenOCD second), `choose_programmer`, `choose_probe`,
and `flash`, which checks the chip, writes, reads back and lets it run. Errors are those of `tinyaudio.core.errors`.
The fakes of both programmers are in `tinyaudio.bench.flash.fakes`.

A chip of Espressif has no debug probe in between: `choose_loader_port`, `read_merged_image` and `flash_through_loader` do the same
through the loader in its ROM, with esptool as a library. `await_port` waits for a USB port that goes away with every reset.
`tinyaudio.bench.flash.fakes.esp_port` is such a chip on a pseudo terminal.
"""

from __future__ import annotations

from tinyaudio.bench.flash.chip import ChipIdentity, check_probe
from tinyaudio.bench.flash.esptool_flashing import flash_through_loader
from tinyaudio.bench.flash.esptool_image import read_merged_image
from tinyaudio.bench.flash.esptool_ports import await_port, choose_loader_port
from tinyaudio.bench.flash.flashing import FlashResult, flash, require_probe_table
from tinyaudio.bench.flash.image import FlashImage, Segment, check_image, read_flash_image
from tinyaudio.bench.flash.programmers import programmers
from tinyaudio.bench.flash.roles import ProbeInfo, Programmer
from tinyaudio.bench.flash.selection import choose_probe, choose_programmer

__all__ = [
    "ChipIdentity",
    "FlashImage",
    "FlashResult",
    "ProbeInfo",
    "Programmer",
    "Segment",
    "await_port",
    "check_image",
    "check_probe",
    "choose_loader_port",
    "choose_probe",
    "choose_programmer",
    "flash",
    "flash_through_loader",
    "programmers",
    "read_flash_image",
    "read_merged_image",
    "require_probe_table",
]
