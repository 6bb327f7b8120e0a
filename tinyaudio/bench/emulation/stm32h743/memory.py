"""The memories of the chip: shared between the core and this program, so that DMA needs no copy through the engine."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import reduce
from itertools import pairwise
from operator import or_

import numpy as np
from numpy.typing import NDArray
from unicorn import Uc, unicorn_const

from tinyaudio.core.board import Board, MemoryRegion

_ALL = unicorn_const.UC_PROT_ALL
_READ_EXECUTE = unicorn_const.UC_PROT_READ | unicorn_const.UC_PROT_EXEC
_PAGE_BYTES = 1_024
_NOT_FLASH_SEED = 0x743  # what RAM holds at power-on is the same every time, and not zero

#: Regions of every chip of the family that a board file does not list: RM0433, 2.3.2 (backup SRAM), 61.1 (unique id, flash size).
BACKUP_SRAM = (0x3880_0000, 4_096)
SYSTEM_FLASH = (0x1FF1_E800, 1_024)


@dataclass(slots=True, kw_only=True)
class Region:
    """A memory and what guards it."""

    name: str
    origin: int
    content: NDArray[np.uint8]
    kind: str
    dma: tuple[str, ...]
    rights: int  # Unicorn's, where nothing forbids more
    pieces: list[tuple[int, int, int]]  # first address, bytes and rights, as the engine has them now

    @property
    def end(self) -> int:
        """First address behind it."""
        return self.origin + len(self.content)


class Memories:
    """All memories, mapped into the engine."""

    def __init__(self, uc: Uc, board: Board) -> None:
        self._uc = uc
        self.regions: list[Region] = [self._region(name, region) for name, region in board.memory.regions.items()]
        self.regions.append(_plain("backup_sram", *BACKUP_SRAM, rights=_ALL))
        self.regions.append(_plain("system_flash", *SYSTEM_FLASH, rights=_READ_EXECUTE))
        random = np.random.default_rng(_NOT_FLASH_SEED)
        for region in self.regions:
            if region.kind not in ("flash", "settings"):
                region.content[:] = random.integers(0, 256, len(region.content), dtype=np.uint8)
            self.map(region)

    def _region(self, name: str, region: MemoryRegion) -> Region:
        is_flash = region.kind in ("flash", "settings")
        return Region(
            name=name,
            origin=region.origin,
            content=np.full(region.length_bytes, 0xFF, np.uint8),
            kind=region.kind,
            dma=region.dma,
            rights=_READ_EXECUTE if is_flash else _ALL,
            pieces=[],
        )

    def map(self, region: Region) -> None:
        """Give `region` to the engine as plain memory."""
        self._uc.mem_map_ptr(region.origin, len(region.content), region.rights, region.content.ctypes.data)
        region.pieces = [(region.origin, len(region.content), region.rights)]

    def protect(self, region: Region, *, cuts: list[int], rights_at: Callable[[int], int]) -> None:
        """Set the rights of `region`: `rights_at` an address, the same between two `cuts`.

        The engine knows pages of 1,024 bytes. One that a cut divides gets the rights of both sides.
        """
        inner = [cut for cut in cuts if region.origin < cut < region.end]
        pages = sorted(
            {
                region.origin,
                region.end,
                *(cut // _PAGE_BYTES * _PAGE_BYTES for cut in inner),
                *(-(-cut // _PAGE_BYTES) * _PAGE_BYTES for cut in inner),
            }
        )
        pieces = []
        for first, end in pairwise(pages):
            rights = region.rights & reduce(or_, (rights_at(address) for address in (first, *(cut for cut in inner if first < cut < end))))
            pieces.append((first, end - first, rights))
        if pieces != region.pieces:
            for first, length_bytes, rights in pieces:
                self._uc.mem_protect(first, length_bytes, rights)
            region.pieces = pieces

    def named(self, name: str) -> Region:
        """Return the region `name`."""
        return next(region for region in self.regions if region.name == name)

    def of_kind(self, kind: str) -> Region | None:
        """Return the first region of `kind`."""
        return next((region for region in self.regions if region.kind == kind), None)

    def at(self, address: int) -> Region | None:
        """Return the region that holds `address`."""
        return next((region for region in self.regions if region.origin <= address < region.end), None)

    def view(self, address: int, count: int) -> NDArray[np.uint8] | None:
        """Return `count` bytes from `address` on, to be read and written; ``None`` if they are not in one memory."""
        region = self.at(address)
        if region is None or address + count > region.end:
            return None
        return region.content[address - region.origin : address - region.origin + count]

    def read_word(self, address: int) -> int | None:
        """Return the 32-bit word at `address`; ``None`` if no memory is there."""
        view = self.view(address, 4)
        return None if view is None else int.from_bytes(view.tobytes(), "little")


def _plain(name: str, origin: int, length_bytes: int, *, rights: int) -> Region:
    return Region(name=name, origin=origin, content=np.full(length_bytes, 0xFF, np.uint8), kind=name, dma=(), rights=rights, pieces=[])
