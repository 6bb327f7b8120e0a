"""What is to be written: the loadable segments of an ELF file, checked against the board before any probe is touched."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from tinyaudio.core.board import Board, MemoryRegion
from tinyaudio.core.canonical import sha256_bytes
from tinyaudio.core.errors import BuildError

ERASED_BYTE = b"\xff"  # what erased flash reads as

_FLASH_WORD_BYTES = 32  # STM32H7: what the ECC covers, so that it is programmed at once and only once (RM0433, chapter 4: error code correction)


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """Bytes that lie together."""

    address: int
    data: bytes

    @property
    def end(self) -> int:
        """First address behind it."""
        return self.address + len(self.data)

    @property
    def sha256(self) -> str:
        """SHA-256 of its bytes, hexadecimal."""
        return sha256_bytes(self.data)


@dataclass(frozen=True, slots=True, kw_only=True)
class FlashImage:
    """A linked image, as it lies in flash."""

    elf_sha256: str  # of the ELF file it was read from
    segments: tuple[Segment, ...]  # by address; none empty, none overlapping

    @property
    def length_bytes(self) -> int:
        """Bytes of all segments."""
        return sum(len(segment.data) for segment in self.segments)

    @property
    def sha256(self) -> str:
        """SHA-256 of the flash from the first to the last byte of the image, gaps as erased flash."""
        whole = bytearray()
        for segment in self.segments:
            whole += ERASED_BYTE * (segment.address - self.segments[0].address - len(whole)) + segment.data
        return sha256_bytes(bytes(whole))

    def blocks(self, unit_bytes: int = _FLASH_WORD_BYTES) -> tuple[Segment, ...]:
        """Return the image in whole programming units: both ends of a block are multiples of `unit_bytes`, fill is erased flash.

        Segments that share a unit come in one block, since a unit that is programmed twice has a wrong ECC.
        """
        blocks: list[tuple[int, bytearray]] = []
        for segment in self.segments:
            start = segment.address - segment.address % unit_bytes
            if not blocks or start > blocks[-1][0] + len(blocks[-1][1]):
                blocks.append((start, bytearray()))
            address, data = blocks[-1]
            offset = segment.address - address
            data += ERASED_BYTE * (offset - len(data))  # nothing, where the segment begins in a unit that is there
            data[offset : offset + len(segment.data)] = segment.data
            data += ERASED_BYTE * (-len(data) % unit_bytes)
        return tuple(Segment(address=address, data=bytes(data)) for address, data in blocks)


def read_flash_image(elf: Path) -> FlashImage:
    """Return what the ELF file `elf` loads, at its load addresses.

    Raises
    ------
    BuildError
        If it cannot be read, is not an ELF file, loads nothing, or loads two things to one address.
    """
    import io

    from elftools.common.exceptions import ELFError
    from elftools.elf.elffile import ELFFile

    try:
        content = elf.read_bytes()
        loads = [segment for segment in ELFFile(io.BytesIO(content)).iter_segments() if segment["p_type"] == "PT_LOAD" and segment["p_filesz"]]
        segments = sorted((Segment(address=load["p_paddr"], data=load.data()) for load in loads), key=lambda segment: segment.address)
    except (OSError, ELFError) as error:
        raise BuildError(f"the image cannot be read: {error}", hint="build it again", where=str(elf)) from error
    if not segments:
        raise BuildError("the image loads nothing", hint="build it again", where=str(elf))
    for segment, following in pairwise(segments):
        if segment.end > following.address:
            raise BuildError(f"two segments of the image lie at 0x{following.address:08x}", hint="mend the linker script", where=str(elf))
    return FlashImage(elf_sha256=sha256_bytes(content), segments=tuple(segments))


def check_image(image: FlashImage, board: Board) -> None:
    """Raise unless all of `image` lies in flash of `board`, and no sector it is written to holds stored settings.

    Raises
    ------
    BuildError
        With every violation: which segment, which region, how many bytes.
    """
    problems = [problem for segment in image.segments for problem in _problems_of(segment, board)]
    if problems:
        raise BuildError(
            f"the image does not belong into the flash of {board.id}: {'; '.join(problems)}",
            hint=f"build it for {board.id}; a smaller model, or another board, if it is too large",
            where=f"--board {board.id}",
        )


def _problems_of(segment: Segment, board: Board) -> Iterator[str]:
    place = f"0x{segment.address:08x} to 0x{segment.end - 1:08x}"
    for name, region in _regions(board, "settings"):
        # What is erased is whole sectors: neither the first nor the last one of the image may hold settings.
        sector_bytes = max(1, region.sector_bytes)
        erased_start = segment.address - segment.address % sector_bytes
        erased_end = segment.end + -segment.end % sector_bytes
        if erased_start < region.origin + region.length_bytes and erased_end > region.origin:
            yield f"{place} would erase the region {name}, which keeps stored settings"
            return
    for name, region in _regions(board, "flash"):
        region_end = region.origin + region.length_bytes
        if region.origin <= segment.address < region_end:
            if segment.end > region_end:
                yield f"{place} is {segment.end - region_end:,} bytes too large for the region {name}"
            return
    yield f"{place} is in no flash region"


def _regions(board: Board, kind: str) -> Iterator[tuple[str, MemoryRegion]]:
    return ((name, region) for name, region in board.memory.regions.items() if region.kind == kind)
