"""All that the port is configured with, and the rules that a board file must keep for it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from tinyaudio.core.board import Board, Clock, Link, MemoryRegion, Microphone
from tinyaudio.core.errors import BoardError
from tinyaudio.deploy.chip_config.stm32h7.clock_tree import CLOCK_RULES, ClockTree, plan_clock_tree, plan_spare_plls
from tinyaudio.deploy.chip_config.stm32h7.kernel_clocks import (
    MicrophoneClock,
    UartClock,
    pdm_oversampling,
    plan_microphone_clock,
    plan_uart_clock,
)
from tinyaudio.deploy.chip_config.stm32h7.peripherals import DFSDM_CHANNELS, SAI_BLOCKS, UARTS
from tinyaudio.deploy.chip_config.stm32h7.pins import pins_of
from tinyaudio.deploy.chip_config.stm32h7.pll import Pll

FLASH_START = 0x0800_0000
BANK_BYTES = 0x10_0000
SECTOR_BYTES = 0x2_0000  # RM0433 4.3: sectors of 128 KB
FLASH_WORD_BYTES = 32  # 256 bits and their ECC
#: Interface -> signals of [microphone] pins, with the peripheral that carries each ("" for that of the microphone).
MICROPHONE_SIGNALS = {"i2s": {"sck": "", "fs": "", "sd": ""}, "pdm": {"ckout": "dfsdm1", "datin": ""}}


@dataclass(frozen=True, slots=True, kw_only=True)
class StorageArea:
    """The flash sectors of the settings."""

    origin: int
    bank: int  # 0 or 1, for bank 1 and bank 2 of the manual
    first_sector: int  # within the bank
    sectors: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ChipSettings:
    """What `render_port_files` turns into constants."""

    board: Board
    clock: Clock
    link: Link
    tree: ClockTree
    uart_clock: UartClock
    microphone_clock: MicrophoneClock | None  # None: there is no microphone
    storage: StorageArea | None  # None: there are no sectors for settings

    @property
    def plls(self) -> tuple[Pll | None, ...]:
        """PLL1 to PLL3; None: not used."""
        microphone = self.microphone_clock
        return (self.tree.pll1, None if microphone is None else microphone.pll2, self.uart_clock.pll3)

    @property
    def spare_plls(self) -> tuple[Pll | None, ...]:
        """PLL1 to PLL3 for the same clocks from the internal oscillator."""
        return plan_spare_plls(self.clock, self.plls)


def chip_settings(board: Board) -> ChipSettings:
    """Return the settings of `board`'s chip.

    Raises
    ------
    BoardError
        With every violated rule in one message.
    """
    clock, link = board.clock, board.link
    if clock is None or link is None:
        raise BoardError("has no [clock] or no [link]", hint="boards of family stm32h7 need both", where=f"{board.id}.toml")
    problems = [f"{sentence} (rule {rule.__name__})" for rule in CLOCK_RULES for sentence in rule(clock)]
    tree = plan_clock_tree(clock)
    uart_clock = None if tree is None else plan_uart_clock(clock, tree, link)
    if tree is not None and uart_clock is None:
        problems.append(f"no divider makes link.baud = {link.baud} of an APB clock of {tree.peripheral_hz} Hz or of PLL3 (rule baud_can_be_had)")
    problems += [f"{sentence} (rule {rule.__name__})" for rule in BOARD_RULES for sentence in rule(board)]
    if problems or tree is None or uart_clock is None:
        raise BoardError("; ".join(problems), hint="mend the board file; `tinyaudio boards show stm32h7` prints a good one", where=f"{board.id}.toml")
    settings = ChipSettings(
        board=board,
        clock=clock,
        link=link,
        tree=tree,
        uart_clock=uart_clock,
        microphone_clock=None if board.microphone is None else plan_microphone_clock(board, board.microphone),
        storage=_storage(board),
    )
    if [pll is None for pll in settings.spare_plls] != [pll is None for pll in settings.plls]:
        raise BoardError(
            "no setting of the PLLs makes these clocks of the internal oscillator, which stands in for an external one that does not run",
            hint="choose another clock.core_hz or link.baud",
            where=f"{board.id}.toml",
        )
    return settings


def link_pins_carry_their_signals(board: Board) -> Iterator[str]:
    """The UART reaches the pins of the link as these alternate functions (DS12110, alternate functions)."""
    if board.link is None:
        return
    if board.link.peripheral not in UARTS:
        yield f"link.peripheral is {board.link.peripheral!r}; there are {', '.join(UARTS)}"
        return
    for signal, pin in (("tx", board.link.tx), ("rx", board.link.rx)):
        yield from _pin_problems(f"link.{signal}", pin, board.link.peripheral, signal)


def microphone_is_one_the_chip_has(board: Board) -> Iterator[str]:
    """I2S comes through a block of a SAI, PDM through a channel of the DFSDM."""
    microphone = board.microphone
    if microphone is not None and microphone.peripheral not in microphone_peripherals(microphone):
        possible = ", ".join(microphone_peripherals(microphone))
        yield f"microphone.peripheral is {microphone.peripheral!r}; for {microphone.interface} there are {possible}"


def microphone_pins_carry_their_signals(board: Board) -> Iterator[str]:
    """Every signal of the microphone has a pin that can carry it (DS12110, alternate functions)."""
    microphone = board.microphone
    if microphone is None or microphone.peripheral not in microphone_peripherals(microphone):
        return
    signals = MICROPHONE_SIGNALS[microphone.interface]
    if set(microphone.pins) != set(signals):
        yield f"microphone.pins has {', '.join(microphone.pins) or 'nothing'}; {microphone.interface} needs {', '.join(signals)}"
        return
    for signal, carrier in signals.items():
        yield from _pin_problems(f"microphone.pins.{signal}", microphone.pins[signal], carrier or microphone.peripheral, signal)


def no_pin_has_two_signals(board: Board) -> Iterator[str]:
    """A pin carries one signal."""
    pins = [] if board.link is None else [board.link.tx, board.link.rx]
    pins += [] if board.microphone is None else board.microphone.pins.values()
    names = [pin.partition(":")[0] for pin in pins]
    for name in sorted({name for name in names if names.count(name) > 1}):
        yield f"{name} is given two signals"


def sample_rates_can_be_had(board: Board) -> Iterator[str]:
    """PLL2 gives all rates of the microphone within 5 ppm, through one kernel clock (RM0433 8.5, 51.4, 30.4)."""
    microphone = board.microphone
    if microphone is None or board.clock is None or plan_microphone_clock(board, microphone) is not None:
        return
    rates = ", ".join(map(str, microphone.sample_rates_hz))
    impossible = [str(rate) for rate in microphone.sample_rates_hz if microphone.interface == "pdm" and not pdm_oversampling(rate)]
    if impossible:
        yield f"microphone.sample_rates_hz: no clock that PDM microphones take makes {', '.join(impossible)} Hz"
    else:
        yield f"microphone.sample_rates_hz: no setting of PLL2 makes {rates} Hz of clock.source_hz = {board.clock.source_hz}"


def settings_are_sectors_of_one_bank(board: Board) -> Iterator[str]:
    """The settings are whole sectors of one flash bank, programmed in flash words (RM0433 4.3)."""
    for name, region in _settings_regions(board):
        offset = region.origin - FLASH_START
        if (region.sector_bytes, region.program_bytes) != (SECTOR_BYTES, FLASH_WORD_BYTES):
            yield f"memory.regions.{name}: this flash has sector_bytes = {SECTOR_BYTES} and program_bytes = {FLASH_WORD_BYTES}"
        elif not 0 <= offset < 2 * BANK_BYTES or offset % SECTOR_BYTES or offset % BANK_BYTES + region.length_bytes > BANK_BYTES:
            yield f"memory.regions.{name} is not whole sectors of one flash bank of {BANK_BYTES} bytes"
    if len(_settings_regions(board)) > 1:
        yield "memory.regions has two regions of kind settings; the port knows one"


BOARD_RULES = (
    link_pins_carry_their_signals,
    microphone_is_one_the_chip_has,
    microphone_pins_carry_their_signals,
    no_pin_has_two_signals,
    sample_rates_can_be_had,
    settings_are_sectors_of_one_bank,
)


def microphone_peripherals(microphone: Microphone) -> tuple[str, ...]:
    """Return the peripherals that can take samples over the interface of `microphone`."""
    return tuple(SAI_BLOCKS if microphone.interface == "i2s" else DFSDM_CHANNELS)


def _pin_problems(field: str, pin: str, peripheral: str, signal: str) -> Iterator[str]:
    possible = pins_of(peripheral, signal)
    if pin not in possible:
        yield f"{field} is {pin!r}, which does not carry {signal} of {peripheral}; {', '.join(possible)} do"


def _settings_regions(board: Board) -> list[tuple[str, MemoryRegion]]:
    return [(name, region) for name, region in board.memory.regions.items() if region.kind == "settings"]


def _storage(board: Board) -> StorageArea | None:
    for _, region in _settings_regions(board):
        bank, offset = divmod(region.origin - FLASH_START, BANK_BYTES)
        return StorageArea(origin=region.origin, bank=bank, first_sector=offset // SECTOR_BYTES, sectors=region.length_bytes // SECTOR_BYTES)
    return None
