"""Read the sizes of a linked image from its ELF file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tinyaudio.core.artifacts import RegionUse
from tinyaudio.core.board import Board
from tinyaudio.core.errors import BuildError

_ALLOCATED = 0x2  # SHF_ALLOC
_WRITABLE = 0x1  # SHF_WRITE
_RAM_KINDS = ("dtcm", "sram")
_STACK_SECTION = ".stack"  # by which a linker script reserves the stack


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageSizes:
    """What an image occupies."""

    flash_bytes: int  # vectors, code, constants and the initial values of .data
    ram_bytes: int  # data in all RAM regions, the reserved stack included
    regions: dict[str, RegionUse]  # by the names of board.memory.regions; empty for the host


@dataclass(frozen=True, slots=True, kw_only=True)
class _Section:
    name: str
    address: int  # where it is at run time
    load_address: int  # where its initial content is stored
    size_bytes: int
    has_content: bool  # not .bss
    writable: bool


def read_image_sizes(elf: Path, board: Board) -> ImageSizes:
    """Return the sizes of the image `elf` by the memory map of `board`.

    On an embedded board a section counts in the region of its address, and if its content is stored elsewhere (.data)
    in that region, too; ``flash_bytes`` is the use of the code region, ``ram_bytes`` of all regions of data together. A
    linker script that reserves no section ``.stack`` has ``board.memory.stack_bytes`` added to the data region.
    On the host, flash is everything with content, and RAM everything writable; its stack is the system's affair.

    Raises
    ------
    BuildError
        If the file is not ELF, or a section lies outside of all regions.
    """
    try:
        sections = _read_sections(elf)
    except BuildError:
        if board.core != "host" or not elf.is_file():
            raise
        return ImageSizes(flash_bytes=elf.stat().st_size, ram_bytes=0, regions={})  # macOS: a Mach-O file, measured as a whole
    if board.core == "host":
        return ImageSizes(
            flash_bytes=sum(section.size_bytes for section in sections if section.has_content),
            ram_bytes=sum(section.size_bytes for section in sections if section.writable),
            regions={},
        )
    used = dict.fromkeys(board.memory.regions, 0)
    for section in sections:
        places = {section.address, section.load_address} if section.has_content else {section.address}
        for address in places:
            used[_region_of(address, section, board)] += section.size_bytes
    if not any(section.name == _STACK_SECTION for section in sections):
        used[board.memory.data] += board.memory.stack_bytes
    regions = {
        name: RegionUse(used_bytes=size_bytes, length_bytes=board.memory.regions[name].length_bytes) for name, size_bytes in sorted(used.items())
    }
    ram_bytes = sum(used[name] for name, region in board.memory.regions.items() if region.kind in _RAM_KINDS)
    return ImageSizes(flash_bytes=used[board.memory.code], ram_bytes=ram_bytes, regions=regions)


def read_section_sizes(elf: Path) -> dict[str, int]:
    """Return {section: bytes} of everything that the image `elf` occupies.

    Raises
    ------
    BuildError
        If the file is not ELF.
    """
    return {section.name: section.size_bytes for section in _read_sections(elf)}


def budget_problems(sizes: ImageSizes, board: Board) -> tuple[str, ...]:
    """Return one sentence for each limit of the board that the image breaks: its budget, and its memory regions."""
    problems = []
    for what, used_bytes, limit_bytes in (
        ("flash", sizes.flash_bytes, board.budget.flash_bytes),
        ("RAM", sizes.ram_bytes, board.budget.ram_bytes),
    ):
        if used_bytes > limit_bytes:
            problems.append(f"{what}: {used_bytes} bytes used, {used_bytes - limit_bytes} more than the budget of {board.id} ({limit_bytes})")
    for name, use in sizes.regions.items():
        if use.used_bytes > use.length_bytes:
            excess = use.used_bytes - use.length_bytes
            problems.append(f"region {name}: {use.used_bytes} bytes used, {excess} more than it holds ({use.length_bytes})")
    return tuple(problems)


def _region_of(address: int, section: _Section, board: Board) -> str:
    for name, region in board.memory.regions.items():
        if region.origin <= address < region.origin + region.length_bytes:
            return name
    raise BuildError(
        f"section {section.name} lies at 0x{address:08x}, outside of all memory regions of {board.id}",
        hint=f"compare linker.ld with [memory] in boards/{board.id}.toml",
        where="linker.ld",
    )


def _read_sections(elf: Path) -> tuple[_Section, ...]:
    from elftools.common.exceptions import ELFError
    from elftools.elf.elffile import ELFFile

    try:
        with elf.open("rb") as stream:
            file = ELFFile(stream)
            segments = [segment for segment in file.iter_segments() if segment["p_type"] == "PT_LOAD"]
            return tuple(_section(section, segments) for section in file.iter_sections() if section["sh_flags"] & _ALLOCATED and section["sh_size"])
    except (OSError, ELFError) as error:
        raise BuildError(f"the image cannot be read: {error}", hint="build it again", where=str(elf)) from error


def _section(section: Any, segments: list[Any]) -> _Section:
    address = section["sh_addr"]
    has_content = section["sh_type"] != "SHT_NOBITS"
    load_address = address
    for segment in segments:
        if has_content and segment["p_vaddr"] <= address < segment["p_vaddr"] + segment["p_filesz"]:
            load_address = address - segment["p_vaddr"] + segment["p_paddr"]
    return _Section(
        name=section.name,
        address=address,
        load_address=load_address,
        size_bytes=section["sh_size"],
        has_content=has_content,
        writable=bool(section["sh_flags"] & _WRITABLE),
    )
