"""A board *type*, read from ``boards/<id>.toml`` and checked by named rules, all violations reported at once."""

from __future__ import annotations

from tinyaudio.core.board.loading import PROJECT_BOARDS, board_files, board_ids, load_board, parse_board, require_sample_rate
from tinyaudio.core.board.rules import RULES, Rule
from tinyaudio.core.board.schema import (
    Board,
    Budget,
    Clock,
    CounterScale,
    CounterUnit,
    Depth,
    Emulator,
    EsptoolProbe,
    Link,
    Memory,
    MemoryRegion,
    Microphone,
    Module,
    PlatformIo,
    Probe,
)

__all__ = [
    "PROJECT_BOARDS",
    "RULES",
    "Board",
    "Budget",
    "Clock",
    "CounterScale",
    "CounterUnit",
    "Depth",
    "Emulator",
    "EsptoolProbe",
    "Link",
    "Memory",
    "MemoryRegion",
    "Microphone",
    "Module",
    "PlatformIo",
    "Probe",
    "Rule",
    "board_files",
    "board_ids",
    "load_board",
    "parse_board",
    "require_sample_rate",
]
