"""What a board file must keep beyond the types of its fields: each rule a named function that yields its violations."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise

from tinyaudio.core.board.schema import Board, MemoryRegion

_RAM_KINDS = ("dtcm", "sram")
_ALL_RAM_KINDS = (*_RAM_KINDS, "psram")  # a budget counts memory that code and data may not begin in as well
_UART_PINS = ("tx", "rx")
_ESP32S3_CORE_HZ = (80_000_000, 160_000_000, 240_000_000)  # what its clock tree offers without a table
_FLASH_PINS = frozenset(range(26, 33))  # ESP32-S3 datasheet 2.3: GPIO26 to 32 are the flash's
_OCTAL_PINS = frozenset(range(33, 38))  # and GPIO33 to 37 an octal memory's
_ADDRESS_SPACE = 2**32


@dataclass(frozen=True, slots=True)
class Rule:
    """A named rule over a board: yields one sentence for each violation."""

    name: str
    check: Callable[[Board], Iterator[str]]


def code_and_data_name_regions(board: Board) -> Iterator[str]:
    """An embedded board says where code and data go."""
    if board.core == "host":
        return
    for field in ("code", "data"):
        region = getattr(board.memory, field)
        if region not in board.memory.regions:
            yield f"memory.{field} names the region {region!r}; the regions are {', '.join(board.memory.regions) or 'none'}"


def code_lies_in_flash_and_data_in_ram(board: Board) -> Iterator[str]:
    """Code and data are in regions of a kind that can hold them."""
    for field, kinds in (("code", ("flash",)), ("data", _RAM_KINDS)):
        name = getattr(board.memory, field)
        region = board.memory.regions.get(name)
        if region is not None and region.kind not in kinds:
            yield f"memory.{field} names {name}, a region of kind {region.kind}; it needs {' or '.join(kinds)}"


def regions_do_not_overlap(board: Board) -> Iterator[str]:
    """No address belongs to two regions."""
    ordered = sorted(board.memory.regions.items(), key=lambda item: item[1].origin)
    for (name, region), (next_name, next_region) in pairwise(ordered):
        if _end(region) > next_region.origin:
            yield f"memory.regions.{name} ends behind the start of memory.regions.{next_name} (0x{next_region.origin:08x})"


def regions_end_within_the_address_space(board: Board) -> Iterator[str]:
    """A region ends at or below 4 GiB."""
    for name, region in board.memory.regions.items():
        if _end(region) > _ADDRESS_SPACE:
            yield f"memory.regions.{name} ends behind the 32-bit address space"


def tightly_coupled_memory_has_no_dma(board: Board) -> Iterator[str]:
    """The DMA controllers of peripherals do not reach ITCM and DTCM (RM0433 2.1.2: only the MDMA has the AHBS port)."""
    for name, region in board.memory.regions.items():
        reaching = [controller for controller in region.dma if controller != "mdma"]
        if region.kind in ("itcm", "dtcm") and reaching:
            yield f"memory.regions.{name} lists {', '.join(reaching)} under dma, which cannot reach tightly coupled memory"


def dma_buffers_lie_where_dma_reaches(board: Board) -> Iterator[str]:
    """A region named for DMA buffers is RAM that some controller reaches."""
    name = board.memory.dma_buffers
    region = board.memory.regions.get(name)
    if name and region is None:
        yield f"memory.dma_buffers names the region {name!r}; the regions are {', '.join(board.memory.regions) or 'none'}"
    elif region is not None and (region.kind != "sram" or not region.dma):
        yield f"memory.dma_buffers names {name}, a region of kind {region.kind} that no DMA controller of a peripheral reaches"


def settings_have_sectors(board: Board) -> Iterator[str]:
    """Stored settings need two whole sectors, to write the new before the old is erased; other regions have none."""
    for name, region in board.memory.regions.items():
        if region.kind != "settings":
            if region.sector_bytes or region.program_bytes:
                yield f"memory.regions.{name} has sectors, which only a region of kind settings has"
        elif not region.sector_bytes or not region.program_bytes:
            yield f"memory.regions.{name} lacks sector_bytes or program_bytes"
        elif region.length_bytes % region.sector_bytes or region.length_bytes < 2 * region.sector_bytes or region.sector_bytes % region.program_bytes:
            yield f"memory.regions.{name} must be two or more sectors of sector_bytes, each a multiple of program_bytes"


def budget_fits_the_memory(board: Board) -> Iterator[str]:
    """The budget is not larger than the regions that hold it: flash the code region, RAM all of RAM."""
    memory = board.memory
    if board.core == "host" or memory.code not in memory.regions:
        return
    ram_bytes = sum(region.length_bytes for region in memory.regions.values() if region.kind in _ALL_RAM_KINDS)
    for field, wanted, held in (
        ("flash_bytes", board.budget.flash_bytes, memory.regions[memory.code].length_bytes),
        ("ram_bytes", board.budget.ram_bytes, ram_bytes),
    ):
        if wanted > held:
            yield f"budget.{field} is {wanted}, more than its regions hold ({held})"


def emulators_name_a_machine(board: Board) -> Iterator[str]:
    """QEMU and Unicorn need a machine name."""
    if board.emulator is not None and board.emulator.kind != "process" and not board.emulator.machine:
        yield "emulator.machine is missing; it says which machine to emulate, such as mps2-an500 or stm32h743"


def microphone_rates_rise(board: Board) -> Iterator[str]:
    """The sample rates of a microphone are positive, each listed once, in order."""
    rates = () if board.microphone is None else board.microphone.sample_rates_hz
    for rate, following in pairwise((0, *rates)):
        if following <= rate:
            yield f"microphone.sample_rates_hz has {following} behind {rate}; rates rise, from above 0"


def chips_with_a_clock_tree_have_all_they_need(board: Board) -> Iterator[str]:
    """A family whose port sets the clocks up needs the tables that its configuration is made from."""
    if board.family != "stm32h7":
        return
    for table in ("clock", "link"):
        if getattr(board, table) is None:
            yield f"[{table}] is missing; boards of family {board.family} need it"


def cycles_are_counted_at_the_core_clock(board: Board) -> Iterator[str]:
    """A counter of cycles runs at the core's clock."""
    if board.clock is not None and board.counter_unit == "cycles" and board.counter_frequency_hz != board.clock.core_hz:
        yield f"counter_frequency_hz is {board.counter_frequency_hz}, but cycles are counted at clock.core_hz ({board.clock.core_hz})"


def a_uart_has_pins(board: Board) -> Iterator[str]:
    """A UART needs a pin for either direction; the USB serial port of a chip has its own."""
    if board.link is None:
        return
    is_usb = board.link.peripheral == "usb_serial_jtag"
    for field in _UART_PINS:
        if bool(getattr(board.link, field)) == is_usb:
            yield f"link.{field} {'belongs to a UART, not to USB' if is_usb else 'is missing'}"


def psram_is_listed_where_the_module_has_it(board: Board) -> Iterator[str]:
    """A region of kind psram and the module's psram_mode say the same."""
    named = [name for name, region in board.memory.regions.items() if region.kind == "psram"]
    has_psram = board.module is not None and board.module.psram_mode != "none"
    if has_psram and not named:
        yield "module.psram_mode says that there is PSRAM, but no region is of kind psram"
    elif named and not has_psram:
        yield f"memory.regions.{named[0]} is of kind psram, but module.psram_mode names none"


def esp32s3_boards_are_complete(board: Board) -> Iterator[str]:
    """ESP-IDF is configured from the module, the link and the settings region; the core runs at one of three clocks."""
    if board.family != "esp32s3":
        return
    for table in ("module", "link"):
        if getattr(board, table) is None:
            yield f"[{table}] is missing; boards of family esp32s3 need it"
    if not any(region.kind == "settings" for region in board.memory.regions.values()):
        yield "memory.regions has none of kind settings; it becomes a partition"
    if board.counter_frequency_hz not in _ESP32S3_CORE_HZ:
        yield f"counter_frequency_hz is {board.counter_frequency_hz}, but the core runs at {', '.join(map(str, _ESP32S3_CORE_HZ))} Hz"


def esp32s3_pins_are_free(board: Board) -> Iterator[str]:
    """No pin is used twice, none belongs to the memories, and none has another family's form."""
    if board.family != "esp32s3":
        return
    pins = dict(board.microphone.pins) if board.microphone is not None else {}
    named = {f"microphone.pins.{signal}": pin for signal, pin in pins.items()}
    if board.link is not None:
        named |= {f"link.{field}": pin for field in _UART_PINS if (pin := getattr(board.link, field))}
    taken = _FLASH_PINS | (_OCTAL_PINS if board.module is not None and board.module.psram_mode == "octal" else frozenset())
    owners: dict[str, str] = {}
    for field, pin in named.items():
        number = pin.removeprefix("GPIO")
        if not number.isdigit() or number == pin:
            yield f"{field} is {pin!r}; a pin of an ESP32-S3 is named as GPIO4"
        elif int(number) in taken:
            yield f"{field} is {pin}, which belongs to the module's memories"
        elif pin in owners:
            yield f"{field} is {pin}, which {owners[pin]} has already"
        owners.setdefault(pin, field)


def esp32s3_microphones_are_i2s(board: Board) -> Iterator[str]:
    """The port records through an I2S controller, with three signals."""
    microphone = board.microphone
    if board.family != "esp32s3" or microphone is None:
        return
    if microphone.interface != "i2s" or microphone.peripheral not in ("i2s0", "i2s1"):
        yield f"microphone is {microphone.interface} at {microphone.peripheral}; boards of family esp32s3 record with i2s0 or i2s1"
    if set(microphone.pins) != {"sck", "fs", "sd"}:
        yield f"microphone.pins has {', '.join(microphone.pins) or 'none'}; it needs sck, fs and sd"


RULES = tuple(
    Rule(check.__name__, check)
    for check in (
        code_and_data_name_regions,
        code_lies_in_flash_and_data_in_ram,
        regions_do_not_overlap,
        regions_end_within_the_address_space,
        tightly_coupled_memory_has_no_dma,
        dma_buffers_lie_where_dma_reaches,
        settings_have_sectors,
        budget_fits_the_memory,
        emulators_name_a_machine,
        microphone_rates_rise,
        chips_with_a_clock_tree_have_all_they_need,
        cycles_are_counted_at_the_core_clock,
        a_uart_has_pins,
        psram_is_listed_where_the_module_has_it,
        esp32s3_boards_are_complete,
        esp32s3_pins_are_free,
        esp32s3_microphones_are_i2s,
    )
)


def _end(region: MemoryRegion) -> int:
    return region.origin + region.length_bytes
