"""The ESP32-S3: constants for firmware/ports/esp32s3. ESP-IDF computes dividers itself, so this is numbers of pins and peripherals."""

from __future__ import annotations

from typing import Any

from tinyaudio.core.board import Board, Link, MemoryRegion, Microphone
from tinyaudio.core.errors import BoardError
from tinyaudio.core.templating import render_template

#: The partition that the region of kind ``settings`` becomes.
SETTINGS_LABEL = "settings"

_APPLICATION_CORE = 1  # tasks of ESP-IDF itself run on core 0
_NONE = -1


def render_port_files(board: Board) -> dict[str, str]:
    """Return {path in the firmware project: text} for a board of family esp32s3.

    Raises
    ------
    BoardError
        If the board has no link or no settings region, which the rules of board files do not let pass.
    """
    context = {
        "task": {"stack_bytes": board.memory.stack_bytes, "core": _APPLICATION_CORE},
        "link": _link(board),
        "microphone": _microphone(board.microphone),
        "storage": _storage(settings_region(board)),
    }
    return {"src/generated/board_config.h": render_template("ports/esp32s3/board_config.h.j2", context)}


def settings_region(board: Board) -> MemoryRegion:
    """Return the region that becomes the partition for settings.

    Raises
    ------
    BoardError
        If there is none.
    """
    for region in board.memory.regions.values():
        if region.kind == "settings":
            return region
    raise BoardError("memory.regions has none of kind settings", hint="boards of family esp32s3 need one", where=f"{board.id}.toml")


def _link(board: Board) -> dict[str, Any]:
    link = board.link
    if link is None:
        raise BoardError("has no [link]", hint="boards of family esp32s3 need one", where=f"{board.id}.toml")
    return {
        "uart": _uart(link),
        "baud": link.baud,
        "tx_pin": _pin(link.tx),
        "rx_pin": _pin(link.rx),
        "uses_usb": link.peripheral == "usb_serial_jtag" or link.also_usb,
    }


def _uart(link: Link) -> int:
    return int(link.peripheral.removeprefix("uart")) if link.peripheral.startswith("uart") else _NONE


def _microphone(microphone: Microphone | None) -> dict[str, Any]:
    if microphone is None:
        return {"controller": _NONE, "sck_pin": _NONE, "fs_pin": _NONE, "sd_pin": _NONE, "rates_hz": []}
    pins = {f"{signal}_pin": _pin(pin) for signal, pin in microphone.pins.items()}
    return {"controller": int(microphone.peripheral.removeprefix("i2s")), **pins, "rates_hz": list(microphone.sample_rates_hz)}


def _storage(region: MemoryRegion) -> dict[str, Any]:
    return {
        "label": SETTINGS_LABEL,
        "sector_bytes": region.sector_bytes,
        "sectors": region.length_bytes // region.sector_bytes,
        "program_bytes": region.program_bytes,
    }


def _pin(name: str) -> int:
    return int(name.removeprefix("GPIO")) if name else _NONE
