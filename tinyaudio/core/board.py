"""A board *type*, read from ``boards/<id>.toml`` and checked by named rules, all violations reported at once."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from tinyaudio.core.errors import BoardError, SpecError
from tinyaudio.core.resources import resource_root
from tinyaudio.core.spec import KernelId

Depth = Literal["fake", "virtual", "serial"]


class _Table(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class MemoryRegion(_Table):
    """One region of the memory map."""

    origin: int = Field(ge=0, lt=2**32)  # first address
    length_bytes: int = Field(gt=0)
    attributes: str = Field(pattern="^r?w?x?$")  # as in a linker script


class Memory(_Table):
    """The memory map, and which region holds what."""

    regions: dict[str, MemoryRegion] = Field(default_factory=dict)
    code: str = ""  # region of vectors, code and constants
    data: str = ""  # region of .data, .bss, arena and stack
    stack_bytes: int = Field(default=8_192, ge=1_024)


class Budget(_Table):
    """What an image may use."""

    flash_bytes: int = Field(gt=0)
    ram_bytes: int = Field(gt=0)


class Emulator(_Table):
    """How the board is emulated."""

    kind: Literal["qemu", "process"]
    machine: str = ""  # QEMU's -M
    counter: Literal["instructions", "cycles", "nanoseconds"] = "instructions"  # unit of the firmware's counter


class Microphone(_Table):
    """The board's microphone."""

    sample_rates_hz: tuple[int, ...] = Field(min_length=1)  # that it can give, rising


class PlatformIo(_Table):
    """The environment of platformio.ini."""

    platform: str  # "tinyaudio" is the local platform
    board: str  # a boards/*.json of that platform
    build_flags: tuple[str, ...] = ()


class Board(_Table):
    """A board type. Field names are the keys of the TOML file."""

    id: str = Field(pattern="^[a-z][a-z0-9_]*$")
    name: str
    family: Literal["mps2", "native"]  # the folder of firmware/ports/
    mcu: str
    description: str
    core: Literal["cortex-m7", "host"]
    default_runtime: Literal["aot"]
    fft_kernel: KernelId
    counter_frequency_hz: int = Field(gt=0)
    memory: Memory = Memory()
    budget: Budget
    microphone: Microphone | None = None  # None: samples come from the host alone, at any rate
    emulator: Emulator | None = None
    platformio: PlatformIo

    @property
    def default_depth(self) -> Depth:
        """``virtual`` for a board that is emulated, ``serial`` for one that has to be plugged in."""
        return "virtual" if self.emulator is not None else "serial"


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


def regions_do_not_overlap(board: Board) -> Iterator[str]:
    """No address belongs to two regions."""
    ordered = sorted(board.memory.regions.items(), key=lambda item: item[1].origin)
    for (name, region), (next_name, next_region) in pairwise(ordered):
        if region.origin + region.length_bytes > next_region.origin:
            yield f"memory.regions.{name} ends behind the start of memory.regions.{next_name} (0x{next_region.origin:08x})"


def regions_end_within_the_address_space(board: Board) -> Iterator[str]:
    """A region ends at or below 4 GiB."""
    for name, region in board.memory.regions.items():
        if region.origin + region.length_bytes > 2**32:
            yield f"memory.regions.{name} ends behind the 32-bit address space"


def budget_fits_the_memory(board: Board) -> Iterator[str]:
    """The budget is not larger than the regions that hold it."""
    for budget_field, region_field in (("flash_bytes", "code"), ("ram_bytes", "data")):
        region = board.memory.regions.get(getattr(board.memory, region_field))
        wanted = getattr(board.budget, budget_field)
        if region is not None and wanted > region.length_bytes:
            yield f"budget.{budget_field} is {wanted}, more than its region holds ({region.length_bytes})"


def qemu_boards_name_a_machine(board: Board) -> Iterator[str]:
    """QEMU needs a machine name."""
    if board.emulator is not None and board.emulator.kind == "qemu" and not board.emulator.machine:
        yield "emulator.machine is missing; it is QEMU's -M"


def microphone_rates_rise(board: Board) -> Iterator[str]:
    """The sample rates of a microphone are positive, each listed once, in order."""
    rates = () if board.microphone is None else board.microphone.sample_rates_hz
    for rate, following in pairwise((0, *rates)):
        if following <= rate:
            yield f"microphone.sample_rates_hz has {following} behind {rate}; rates rise, from above 0"


RULES = tuple(
    Rule(check.__name__, check)
    for check in (
        code_and_data_name_regions,
        regions_do_not_overlap,
        regions_end_within_the_address_space,
        budget_fits_the_memory,
        qemu_boards_name_a_machine,
        microphone_rates_rise,
    )
)


def board_ids() -> tuple[str, ...]:
    """Return the ids of all shipped boards, sorted."""
    return tuple(sorted(path.stem for path in resource_root("boards").glob("*.toml")))


def load_board(board_id: str) -> Board:
    """Return the shipped board `board_id`.

    Raises
    ------
    BoardError
        If there is no such board (the hint lists those there are), or its file breaks a rule.
    """
    if board_id not in board_ids():
        raise BoardError(f"there is no board {board_id!r}", hint=f"boards: {', '.join(board_ids())}", where="--board")
    path = resource_root("boards") / f"{board_id}.toml"
    return parse_board(path.read_text(encoding="utf-8"), path=path)


def parse_board(text: str, *, path: Path) -> Board:
    """Return the board that the TOML `text` of the file `path` describes.

    Raises
    ------
    BoardError
        With every violation of the schema, or of the rules, in one message.
    """
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise BoardError(f"not TOML: {error}", hint="mend the line it names", where=path.name) from error
    try:
        board = Board.model_validate(table)
    except ValidationError as error:
        raise _violations([_sentence(item) for item in error.errors()], path) from error
    problems = [f"{sentence} (rule {rule.name})" for rule in RULES for sentence in rule.check(board)]
    if board.id != path.stem:
        problems.append(f"id is {board.id!r}, but the file is named {path.stem!r}")
    if problems:
        raise _violations(problems, path)
    return board


def require_sample_rate(board: Board, sample_rate_hz: int) -> None:
    """Raise unless `board` can listen at `sample_rate_hz`.

    Raises
    ------
    SpecError
        If the board has a microphone that cannot give this rate; the hint lists those it can.
    """
    rates_hz = (sample_rate_hz,) if board.microphone is None else board.microphone.sample_rates_hz
    if sample_rate_hz not in rates_hz:
        raise SpecError(
            f"the microphone of {board.id} cannot give {sample_rate_hz} Hz",
            hint=f"it gives {', '.join(map(str, rates_hz))} Hz; features trained at another rate do not fit it",
            where="frontend.sample_rate_hz",
        )


def _sentence(item: Any) -> str:
    location = ".".join(str(part) for part in item["loc"])
    return f"{location}: {item['msg']}"


def _violations(problems: list[str], path: Path) -> BoardError:
    return BoardError("; ".join(problems), hint="mend the board file; `tinyaudio boards show mps2_an500` prints a good one", where=path.name)
