"""Which chip is it? Asked before anything is written, and answered by the chip's own registers."""

from __future__ import annotations

from dataclasses import dataclass

from tinyaudio.bench.flash.roles import Connection, ProbeInfo, RungError
from tinyaudio.core.board import Board
from tinyaudio.core.board import Probe as ProbeTable
from tinyaudio.core.errors import WrongChipError

_UNIQUE_ID_BYTES = 12  # RM0433, chapter 61: 96 bits
_DEVICE_ID_MASK = 0xFFF  # RM0433, chapter 60: DBGMCU_IDC holds DEV_ID in bits 11 to 0, REV_ID in bits 31 to 16
_NO_DEVICE_IDS = (0x000, 0xFFF)  # a bus that answers with nothing but zeros or ones


@dataclass(frozen=True, slots=True, kw_only=True)
class ChipIdentity:
    """What the chip says of itself."""

    device_id: int  # 12 bits: the kind of chip
    revision_id: int  # 16 bits
    flash_size_kib: int
    unique_id: str  # hexadecimal, as it lies in memory

    def describe(self) -> str:
        """Return one line for people."""
        return f"device id 0x{self.device_id:03x}, revision 0x{self.revision_id:04x}, {self.flash_size_kib} KiB of flash, unique id {self.unique_id}"


def read_chip(connection: Connection, table: ProbeTable) -> ChipIdentity:
    """Read the identity registers of the chip, where the board's table says they are.

    Raises
    ------
    RungError
        If they cannot be read: the chip sleeps, or it is of another kind and has nothing at these addresses.
    """
    idcode = int.from_bytes(connection.read(table.idcode_address, 4), "little")
    if idcode & _DEVICE_ID_MASK in _NO_DEVICE_IDS:
        raise RungError(f"the identity register at 0x{table.idcode_address:08x} reads 0x{idcode:08x}")
    size = connection.read(table.flash_size_address - table.flash_size_address % 4, 4)
    offset = table.flash_size_address % 4
    return ChipIdentity(
        device_id=idcode & _DEVICE_ID_MASK,
        revision_id=idcode >> 16,
        flash_size_kib=int.from_bytes(size[offset : offset + 2], "little"),
        unique_id=connection.read(table.unique_id_address, _UNIQUE_ID_BYTES).hex(),
    )


def check_chip(chip: ChipIdentity, board: Board, table: ProbeTable, *, unique_id: str | None) -> None:
    """Raise unless `chip` is the one of `board`. There is no way around this check.

    Parameters
    ----------
    chip
        What the chip says.
    board, table
        What it should say.
    unique_id
        Of the one chip that is meant, if it matters which.

    Raises
    ------
    WrongChipError
        Naming everything that differs, expected and actual.
    """
    differences = []
    if chip.device_id != table.device_id:
        differences.append(f"device id 0x{chip.device_id:03x} instead of 0x{table.device_id:03x}")
    if chip.flash_size_kib != table.flash_size_kib:
        differences.append(f"{chip.flash_size_kib} KiB of flash instead of {table.flash_size_kib}")
    if set(chip.unique_id) <= {"0"} or set(chip.unique_id) <= {"f"}:
        differences.append(f"unique id {chip.unique_id}, which no chip has")
    elif unique_id is not None and chip.unique_id != unique_id:
        differences.append(f"unique id {chip.unique_id} instead of {unique_id}")
    if differences:
        raise WrongChipError(
            f"the chip is not that of {board.name} ({board.mcu}): {'; '.join(differences)}; nothing was written",
            hint="choose the right board with --board, or the right probe with --serial-number or --slot; --force does not change this",
            where=f"--board {board.id}",
        )


def check_probe(probe: ProbeInfo, board: Board) -> None:
    """Raise if the probe knows that it sits on a board with another chip.

    Chips of one family may share all that their registers tell: an STM32H743, an H753 and an H747 with 2 MB have the same
    device id. A probe that is part of a board knows that board; a probe on its own knows nothing, and passes.

    Raises
    ------
    WrongChipError
        Naming both boards.
    """
    if probe.board_mcu and not probe.board_mcu.lower().startswith(board.mcu.lower()):
        raise WrongChipError(
            f"the debug probe {probe.serial_number} sits on a {probe.board_name} ({probe.board_mcu}), not on a {board.name} ({board.mcu}); "
            "nothing was written",
            hint="choose the right board with --board; if the probe is wired to another board than its own, say so with a slot in bench.toml",
            where=f"--board {board.id}",
        )
