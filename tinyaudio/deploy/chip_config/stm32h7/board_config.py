"""`ChipSettings` -> ``src/generated/board_config.h``."""

from __future__ import annotations

from typing import Any

from tinyaudio.core.board import Board, Microphone
from tinyaudio.core.templating import render_template
from tinyaudio.deploy.chip_config.stm32h7.clock_tree import HPRE_CODES, PPRE_CODES
from tinyaudio.deploy.chip_config.stm32h7.peripherals import DFSDM_CHANNELS, NO_INTERRUPT, SAI_BLOCKS, UARTS
from tinyaudio.deploy.chip_config.stm32h7.pll import Pll
from tinyaudio.deploy.chip_config.stm32h7.settings import SECTOR_BYTES, ChipSettings, chip_settings

_PLL_SOURCE_CODES = {"hsi": 0, "hse_crystal": 2, "hse_bypass": 2}  # RM0433 8.7, RCC_PLLCKSELR.PLLSRC
_SUPPLY_CODES = {"ldo": 0b010, "smps": 0b100}  # RM0433 6.8, RM0399 7.8: PWR_CR3.LDOEN, SDEN
_VOLTAGE_SCALE_CODES = {0: 3, 1: 3, 2: 2, 3: 1}  # RM0433 6.8, PWR_D3CR.VOS; scale 0 is scale 1 with the overdrive on
_UART_FROM_BUS, _UART_FROM_PLL3 = 0, 2  # RM0433 8.7, RCC_D2CCIP2R: rcc_pclk, pll3_q_ck
_INTERFACE_CONSTANTS = {"i2s": "kI2s", "pdm": "kPdm"}


def render_port_files(board: Board) -> dict[str, str]:
    """Return {path in the firmware project: text} for a board of family stm32h7.

    Raises
    ------
    BoardError
        With every violated rule in one message.
    """
    context = template_context_board(chip_settings(board))
    return {"src/generated/board_config.h": render_template("ports/stm32h7/board_config.h.j2", context)}


def template_context_board(settings: ChipSettings) -> dict[str, Any]:
    """Return the context of ``templates/ports/stm32h7/board_config.h.j2``."""
    clock, tree = settings.clock, settings.tree
    return {
        "core_hz": tree.core_hz,
        "bus_hz": tree.bus_hz,
        "peripheral_hz": tree.peripheral_hz,
        "uses_hse": clock.source != "hsi",
        "hse_is_bypassed": clock.source == "hse_bypass",
        "supply": _SUPPLY_CODES[clock.power_supply],
        "power_supply": clock.power_supply,
        "voltage_scale": clock.voltage_scale,
        "voltage_scale_code": _VOLTAGE_SCALE_CODES[clock.voltage_scale],
        "bus_prescaler": HPRE_CODES[tree.bus_divider],
        "peripheral_prescaler": PPRE_CODES[tree.peripheral_divider],
        "flash_latency": tree.flash_latency,
        "flash_write_delay": tree.flash_write_delay,
        "sources": [_source("source", clock.source, settings.plls), _source("spare", "hsi", settings.spare_plls)],
        "link": _link(settings),
        "microphone": _microphone(settings),
        "storage": _storage(settings),
    }


def _source(field: str, oscillator: str, plls: tuple[Pll | None, ...]) -> dict[str, Any]:
    return {
        "field": field,
        "selection": _PLL_SOURCE_CODES[oscillator],
        "hz": next(pll.source_hz for pll in plls if pll is not None),
        "plls": [_pll(pll) for pll in plls],
    }


def _pll(pll: Pll | None) -> dict[str, Any]:
    if pll is None:
        return {"divm": 0, "divn": 0, "fraction": 0, "output_divider": 0, "reference_range": 0, "vco_is_medium": False, "comment": "not used"}
    return {
        "divm": pll.divm,
        "divn": pll.divn,
        "fraction": pll.fraction,
        "output_divider": pll.output_divider,
        "reference_range": pll.reference_range,
        "vco_is_medium": pll.vco_is_medium,
        "comment": f"VCO {float(pll.vco_hz / 1_000_000):.6g} MHz, output {float(pll.output_hz):.10g} Hz",
    }


def _link(settings: ChipSettings) -> dict[str, Any]:
    link, clock = settings.link, settings.uart_clock
    uart = UARTS[link.peripheral]
    return {
        "name": link.peripheral.upper(),
        "base": f"0x{uart.base:08x}",
        "gate_offset": f"0x{uart.gate_offset:x}",
        "gate_bit": uart.gate_bit,
        "kernel_clock_shift": uart.kernel_clock_shift,
        "kernel_clock": _UART_FROM_BUS if clock.pll3 is None else _UART_FROM_PLL3,
        "interrupt": uart.interrupt,
        "receive_request": uart.receive_request,
        "transmit_request": uart.transmit_request,
        "divider": clock.divider,
        "baud": link.baud,
        "error_ppm": f"{float(clock.baud_error * 1_000_000):+.0f}",
        "tx": _pin(link.tx),
        "rx": _pin(link.rx),
    }


def _microphone(settings: ChipSettings) -> dict[str, Any]:
    microphone, clock = settings.board.microphone, settings.microphone_clock
    if microphone is None or clock is None:
        return {
            "interface": "kNone",
            "name": "there is none",
            "base": "0",
            "channel": 0,
            "gate_offset": "0",
            "gate_bit": 0,
            "kernel_clock_shift": 0,
            "interrupt": f"0x{NO_INTERRUPT:x}",
            "request": 0,
            "pins": [],
            "rates": [],
            "error_ppm": "",
        }
    peripheral = (SAI_BLOCKS if microphone.interface == "i2s" else DFSDM_CHANNELS)[microphone.peripheral]
    return {
        "interface": _INTERFACE_CONSTANTS[microphone.interface],
        "name": microphone.peripheral.upper(),
        "base": f"0x{peripheral.base:08x}",
        "channel": peripheral.channel,
        "gate_offset": f"0x{peripheral.gate_offset:x}",
        "gate_bit": peripheral.gate_bit,
        "kernel_clock_shift": peripheral.kernel_clock_shift,
        "interrupt": peripheral.interrupt,
        "request": peripheral.request,
        "pins": _microphone_pins(microphone),
        "error_ppm": f"{float(clock.rate_error * 1_000_000):+.2f}",
        "rates": [
            {"hz": rate.sample_rate_hz, "divider": rate.divider, "oversampling": rate.oversampling, "right_shift": rate.right_shift}
            for rate in clock.rates
        ],
    }


def _microphone_pins(microphone: Microphone) -> list[dict[str, Any]]:
    return [{**_pin(pin), "signal": signal} for signal, pin in microphone.pins.items()]


def _storage(settings: ChipSettings) -> dict[str, Any]:
    area = settings.storage
    if area is None:
        return {"origin": "0", "bank": 0, "first_sector": 0, "sectors": 0, "sector_bytes": 0}
    return {
        "origin": f"0x{area.origin:08x}",
        "bank": area.bank,
        "first_sector": area.first_sector,
        "sectors": area.sectors,
        "sector_bytes": SECTOR_BYTES,
    }


def _pin(pin: str) -> dict[str, Any]:
    """Return port number (A is 0), pin and alternate function of, for example, "PD8:AF7"."""
    place, _, function = pin.partition(":AF")
    return {"name": place, "port": ord(place[1]) - ord("A"), "pin": int(place[2:]), "function": int(function)}
