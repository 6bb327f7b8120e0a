"""Board files, checked as far as any stage would."""

from __future__ import annotations

from pathlib import Path

from tinyaudio.core.board import Board, load_board
from tinyaudio.deploy.chip_config import check_chip


def check_board(board_id: str, *, folder: Path) -> Board:
    """Return the board, shipped or from the board files in `folder`.

    Raises
    ------
    BoardError
        If there is no such board, or its file breaks a rule: of the file itself, or of the chip's clocks and pins.
    """
    board = load_board(board_id, folder=folder)
    check_chip(board)
    return board
