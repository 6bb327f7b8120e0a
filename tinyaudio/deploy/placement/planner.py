"""The planner: items in order of importance, each with its wishes, each taking the first wish that has room.

An item's wish names the regions that would do by their properties (kind, DMA, cache), never by a board. Where several
would do, the one with the most room left is taken, except for DMA buffers: these take a whole region, so the smallest.
What is compiled has no size yet. It gets a place all the same, and where that overflows the linker goes on in flash
(`hot_code` in the template of the linker script).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tinyaudio.core.artifacts import PlacedItem, Placement
from tinyaudio.core.board import Board, MemoryRegion
from tinyaudio.core.errors import BuildError, ModelError
from tinyaudio.deploy.placement.demand import Demand, Part

#: Set aside for .data and .bss: state of the application, the link and the port (its microphone's ring), and the C library.
VARIABLES_BYTES = 28_672

_CONTROLLERS_OF_PERIPHERALS = frozenset({"dma1", "dma2"})  # those that serve UARTs and audio interfaces
_NAMED_PARTS = 4  # in an error


@dataclass(frozen=True, slots=True, kw_only=True)
class _Wish:
    """Regions that would do, and why they would. ``{region}`` in the reason is the one that was taken."""

    suits: Callable[[str, MemoryRegion], bool]
    reason: str
    whole: bool = False  # takes all of an empty region


@dataclass(frozen=True, slots=True, kw_only=True)
class _Item:
    name: str
    sections: tuple[str, ...]
    bytes: int
    wishes: tuple[_Wish, ...]  # the best first
    of_model: bool = False
    parts: tuple[Part, ...] = ()


def plan_placement(board: Board, demand: Demand) -> Placement:
    """Return where everything of an image goes on `board`.

    Parameters
    ----------
    board
        An embedded board: its memory map has at least the regions of code and data.
    demand
        What there is to place.

    Raises
    ------
    ModelError
        If the model's arena or weights fit no region: names region and missing bytes, and the largest tensors.
    BuildError
        If something else fits no region.
    """
    free_bytes = {name: region.length_bytes for name, region in board.memory.regions.items() if region.kind != "settings"}
    placed = []
    for item in _items(board, demand):
        name, wish, reason = _choose(item, board, free_bytes)
        free_bytes[name] = 0 if wish.whole else free_bytes[name] - item.bytes
        placed.append(PlacedItem(name=item.name, sections=item.sections, region=name, bytes=item.bytes, reason=reason))
    return Placement(items=tuple(placed))


def _items(board: Board, demand: Demand) -> tuple[_Item, ...]:
    memory = board.memory
    stack = _named(memory.data, "{region} begins with it, so that an overflow leaves the memory and faults instead of changing data")
    variables = _named(memory.data, "the board file names {region} for data")
    code = _named(memory.code, "the board file names {region} for code and constants")
    constants = _named(memory.code, "{region} keeps constants without power, and nothing has to be copied at reset")
    tight = _Wish(suits=lambda _, region: region.kind == "dtcm", reason="{region} has no wait states and needs no cache")
    sram = _Wish(suits=lambda _, region: region.kind == "sram", reason="{region} has the most room of the memories that are left")
    instruction = _Wish(
        suits=lambda _, region: region.kind == "itcm", reason="it runs for every frame, and {region} has no wait states; as far as it fits"
    )
    items = [_Item(name="stack", sections=(".stack",), bytes=memory.stack_bytes, wishes=(stack,))]
    if _has_dma(board):
        items.append(_Item(name="DMA buffers", sections=(".dma",), bytes=demand.dma_bytes, wishes=(_dma_wish(board),)))
    items += [
        _Item(name="variables", sections=(".data", ".bss"), bytes=VARIABLES_BYTES, wishes=(variables,)),
        _Item(name="buffers of the application", sections=(".fast",), bytes=demand.buffer_bytes, wishes=(tight, sram)),
        _Item(name="tables of the front end", sections=(".tables",), bytes=demand.table_bytes, wishes=(tight, constants)),
        _Item(
            name="arena of the model",
            sections=(".arena",),
            bytes=demand.arena_bytes,
            wishes=(tight, sram),
            of_model=True,
            parts=demand.arena_parts,
        ),
        _Item(name="code of front end and model", sections=(".hot",), bytes=0, wishes=(instruction, code)),
        _Item(
            name="weights of the model",
            sections=(".weights",),
            bytes=demand.weights_bytes,
            wishes=(constants,),
            of_model=True,
            parts=demand.weights_parts,
        ),
        _Item(name="other code and constants", sections=(".vectors", ".text", ".ARM.exidx"), bytes=0, wishes=(code,)),
    ]
    return tuple(items)


def _named(name: str, reason: str) -> _Wish:
    return _Wish(suits=lambda candidate, _: candidate == name, reason=reason)


def _has_dma(board: Board) -> bool:
    return any(region.kind == "sram" and _CONTROLLERS_OF_PERIPHERALS & set(region.dma) for region in board.memory.regions.values())


def _dma_wish(board: Board) -> _Wish:
    """Return the wish for a whole region of the size and alignment that a region of the MPU can have (Armv7-M: a power of two)."""
    forced = board.memory.dma_buffers

    def suits(name: str, region: MemoryRegion) -> bool:
        is_power_of_two = region.length_bytes & (region.length_bytes - 1) == 0 and region.origin % region.length_bytes == 0
        reaches = region.kind == "sram" and bool(_CONTROLLERS_OF_PERIPHERALS & set(region.dma))
        return reaches and is_power_of_two and forced in ("", name) and name not in (board.memory.code, board.memory.data)

    reason = "DMA reaches {region}, and all of it is kept out of the data cache, so that neither side reads stale samples"
    return _Wish(suits=suits, reason=reason, whole=True)


def _choose(item: _Item, board: Board, free_bytes: dict[str, int]) -> tuple[str, _Wish, str]:
    """Return the region of `item`, the wish that it meets, and the reason."""
    tried: dict[str, int] = {}
    for wish in item.wishes:
        suitable = [name for name in free_bytes if wish.suits(name, board.memory.regions[name])]
        if wish.whole:
            suitable = [name for name in suitable if free_bytes[name] == board.memory.regions[name].length_bytes]
        fitting = sorted((name for name in suitable if free_bytes[name] >= item.bytes), key=lambda name: -free_bytes[name])
        if fitting:
            name = fitting[-1 if wish.whole else 0]
            full = f"; {' and '.join(tried)} {'has' if len(tried) == 1 else 'have'} no room for it" if tried else ""
            return name, wish, wish.reason.format(region=name) + full
        tried |= {name: free_bytes[name] for name in suitable}
    raise _misfit(item, board, tried)


def _misfit(item: _Item, board: Board, tried: dict[str, int]) -> BuildError | ModelError:
    """Return the error that says what does not fit, where, by how many bytes, and what makes it so large."""
    largest_first = sorted(tried.items(), key=lambda pair: -pair[1])
    places = ", ".join(f"{name} has {free} left ({item.bytes - free} too few)" for name, free in largest_first if free)
    message = f"no memory has room for the {item.name}, {item.bytes} bytes: {places or 'no region has the properties it needs'}"
    where = f"board {board.id}"
    if not item.of_model:
        return BuildError(message, hint="a board with more memory, or a front end with smaller windows and patches", where=where)
    named = ", ".join(f"{part.name} {part.bytes}" for part in item.parts[:_NAMED_PARTS])
    if named:
        message += f"; the largest of it: {named}"
    hint = "a narrower model (fewer channels), a smaller patch, or a board with more memory; tinyaudio boards list"
    return ModelError(message, hint=hint, where=where)
