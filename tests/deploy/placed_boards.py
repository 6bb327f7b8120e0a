"""Boards with several memories that the emulator of the MPS2 can run: its two large memories, cut into pieces."""

from __future__ import annotations

from typing import Any

from tinyaudio.core.board import Board, MemoryRegion, load_board

KIB = 1024


def region(origin: int, length_bytes: int, kind: Any, attributes: str = "rw", **properties: Any) -> MemoryRegion:
    return MemoryRegion(origin=origin, length_bytes=length_bytes, kind=kind, attributes=attributes, **properties)


def cut_board(*, itcm_bytes: int = 64 * KIB, dtcm_bytes: int = 128 * KIB, flash_bytes: int = 4096 * KIB, stack_bytes: int = 16 * KIB) -> Board:
    """Return a board with flash, instruction and data memory, and two SRAMs of which DMA1 reaches one."""
    board = load_board("mps2_an500")
    regions = {
        "flash": region(0x0000_0000, flash_bytes, "flash", "rx"),
        "dtcm": region(0x2000_0000, dtcm_bytes, "dtcm"),
        "sram": region(0x2010_0000, 512 * KIB, "sram", cached=True, dma=("mdma",)),
        "dma_sram": region(0x2020_0000, 32 * KIB, "sram", cached=True, dma=("dma1", "mdma")),
        "itcm": region(0x2030_0000, itcm_bytes, "itcm", "rwx"),
    }
    return with_memory(board, regions=regions, code="flash", data="dtcm", stack_bytes=stack_bytes)


def with_memory(board: Board, **changes: Any) -> Board:
    return board.model_copy(update={"memory": board.memory.model_copy(update=changes)})
