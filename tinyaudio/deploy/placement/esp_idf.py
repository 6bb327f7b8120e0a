"""Where things lie on a chip that ESP-IDF links: its linker scripts place all but the arena, for which there is a choice.

SRAM comes first. PSRAM is many times slower behind its cache, so the arena goes there only where SRAM has no room for it; that is
said in the plan, in the report, and by the firmware at every start.
"""

from __future__ import annotations

from tinyaudio.core.artifacts import PlacedItem, Placement
from tinyaudio.core.board import Board
from tinyaudio.core.errors import BuildError, ModelError
from tinyaudio.deploy.placement.demand import Demand

#: Of SRAM, for ESP-IDF: code that has to run while the flash is busy, data, and what drivers allocate beyond the memory that is
#: free once the chip has started. Estimated; a build measures it.
ESP_IDF_BYTES = 98_304
#: Of the port: two lines of the link with their readers, and a second of the microphone.
PORT_BYTES = 65_536

#: Name of the item in the plan.
ARENA = "arena of the model"

_NAMED_PARTS = 4  # in an error
_ARENA_ALIGNMENT_BYTES = 16


def plan_esp_idf(board: Board, demand: Demand) -> Placement:
    """Return where everything of an image goes on `board`.

    Raises
    ------
    ModelError
        If the arena fits neither SRAM nor PSRAM, or the weights not the flash: names the missing bytes and the largest tensors.
    BuildError
        If SRAM is too small even without the model.
    """
    fixed = _fixed(board, demand)
    free_bytes = _free_bytes(board, fixed)
    if free_bytes < 0:
        raise BuildError(
            f"{board.memory.data} lacks {-free_bytes} bytes for everything but the model",
            hint="a front end with smaller windows and patches, or a smaller memory.stack_bytes",
            where=f"board {board.id}",
        )
    return Placement(items=(*fixed, _arena(board, demand, free_bytes), _weights(board, demand), _code(board.memory.code)))


def unmeasured_arena_bytes(board: Board, demand: Demand, *, least_bytes: int, likely_bytes: int, generous_bytes: int) -> int:
    """Return how large the arena of a model is made that no target has measured yet.

    Where the model probably fits SRAM: generous, at most all that is free there. Otherwise a generous one goes to PSRAM;
    once a device has told what it needs, the next build may find room in SRAM. Without PSRAM it gets all that is free of
    SRAM, and the interpreter says at its start what is missing.

    Parameters
    ----------
    board
        Of family esp32s3.
    demand
        Its arena is of no interest.
    least_bytes
        What the model needs for sure. Where not even that is free, the result is that, which `plan_esp_idf` refuses.
    likely_bytes
        What it probably needs.
    generous_bytes
        What is enough for sure.
    """
    free_bytes = _free_bytes(board, _fixed(board, demand)) // _ARENA_ALIGNMENT_BYTES * _ARENA_ALIGNMENT_BYTES
    has_psram = any(region.kind == "psram" for region in board.memory.regions.values())
    if has_psram and likely_bytes > free_bytes:
        return generous_bytes
    return min(generous_bytes, max(least_bytes, free_bytes))


def _fixed(board: Board, demand: Demand) -> tuple[PlacedItem, ...]:
    """Return what is in SRAM whatever the model is."""
    sram = board.memory.data
    return (
        PlacedItem(name="ESP-IDF", sections=(), region=sram, bytes=ESP_IDF_BYTES, reason="code in IRAM, data and drivers' buffers; an estimate"),
        PlacedItem(name="stack", sections=(), region=sram, bytes=board.memory.stack_bytes, reason="of the application's task"),
        PlacedItem(name="port", sections=(), region=sram, bytes=PORT_BYTES, reason="buffers of the links and the microphone"),
        PlacedItem(
            name="buffers and tables of the application",
            sections=(".dram0.bss", ".dram0.data"),
            region=sram,
            bytes=demand.buffer_bytes + demand.table_bytes,
            reason=f"{sram} is the memory without a cache in front of it",
        ),
    )


def _free_bytes(board: Board, fixed: tuple[PlacedItem, ...]) -> int:
    """Return what `fixed` leaves of SRAM; negative: what it lacks."""
    return board.memory.regions[board.memory.data].length_bytes - sum(item.bytes for item in fixed)


def arena_is_in_psram(board: Board, placement: Placement) -> bool:
    """Return whether the plan puts the arena into PSRAM."""
    arena = next((item for item in placement.items if item.name == ARENA), None)
    return arena is not None and board.memory.regions[arena.region].kind == "psram"


def psram_warnings(board: Board, placement: Placement | None) -> list[str]:
    """Return what the user must not overlook: a sentence for everything that lies in PSRAM."""
    items = placement.items if placement is not None else ()
    in_psram = [item for item in items if board.memory.regions[item.region].kind == "psram"]
    return [f"{item.name}, {item.bytes:,} bytes, lies in {item.region}: {item.reason}" for item in in_psram]


def _arena(board: Board, demand: Demand, free_bytes: int) -> PlacedItem:
    sram = board.memory.data
    if demand.arena_bytes <= free_bytes:
        return PlacedItem(name=ARENA, sections=(), region=sram, bytes=demand.arena_bytes, reason=f"{sram} is the fastest memory that has room for it")
    missing = f"{sram} lacks {demand.arena_bytes - free_bytes} bytes for it"
    for name, region in board.memory.regions.items():
        if region.kind == "psram" and demand.arena_bytes <= region.length_bytes:
            reason = f"{missing}; {name} is slower, so inference takes longer than in {sram}"
            return PlacedItem(name=ARENA, sections=(".ext_ram.bss",), region=name, bytes=demand.arena_bytes, reason=reason)
    parts = ", ".join(f"{part.name} {part.bytes}" for part in demand.arena_parts[:_NAMED_PARTS])
    raise ModelError(
        f"the {ARENA} of {demand.arena_bytes} bytes fits no memory: {missing}, and there is no PSRAM for it"
        + (f"; the largest of it: {parts}" if parts else ""),
        hint="a narrower model (fewer channels), a smaller patch, or a board with PSRAM; tinyaudio boards list",
        where=f"board {board.id}",
    )


def _weights(board: Board, demand: Demand) -> PlacedItem:
    flash = board.memory.code
    missing_bytes = demand.weights_bytes - board.memory.regions[flash].length_bytes
    if missing_bytes > 0:
        raise ModelError(
            f"the weights of the model of {demand.weights_bytes} bytes are {missing_bytes} bytes too many for {flash}",
            hint="a narrower model, or a larger partition in the board file",
            where=f"board {board.id}",
        )
    reason = f"{flash} keeps constants without power and is read through the data cache"
    return PlacedItem(name="weights of the model", sections=(".flash.rodata",), region=flash, bytes=demand.weights_bytes, reason=reason)


def _code(flash: str) -> PlacedItem:
    reason = f"{flash} is run through the instruction cache; ESP-IDF keeps what may not wait in IRAM"
    return PlacedItem(name="code", sections=(".flash.text",), region=flash, bytes=0, reason=reason)
