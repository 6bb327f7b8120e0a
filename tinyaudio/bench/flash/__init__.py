"""Write an image to a chip, and never to the wrong one.

Public face
-----------
`read_flash_image` (from an ELF file), `programmers` (pyOCD first, OpenOCD second), `choose_programmer`, `choose_probe`,
and `flash`, which checks the chip, writes, reads back and lets it run. Errors are those of `tinyaudio.core.errors`.
The fakes of both programmers are in `tinyaudio.bench.flash.fakes`.

Where another kind of probe fits in: `board.probe.kind` chooses what `programmers` returns, and each of those is a
`Programmer` of `roles`. An ESP32 is flashed over its serial port; its programmer lists serial ports as probes.
"""

from __future__ import annotations

from tinyaudio.bench.flash.chip import ChipIdentity, check_probe
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
    "check_image",
    "check_probe",
    "choose_probe",
    "choose_programmer",
    "flash",
    "programmers",
    "read_flash_image",
    "require_probe_table",
]
