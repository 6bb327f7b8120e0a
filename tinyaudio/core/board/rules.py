"""What a board file must keep beyond the types of its fields: each rule a named function that yields its violations."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise

from tinyaudio.core.board.schema import Board, MemoryRegion

_RAM_KINDS = ("dtcm", "sram")
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
    ram_bytes = sum(region.length_bytes for region in memory.regions.values() if region.kind in _RAM_KINDS)
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
    )
)


def _end(region: MemoryRegion) -> int:
    return region.origin + region.length_bytes
