"""Board files, checked as far as any stage would."""

from __future__ import annotations

from pathlib import Path

from tinyaudio.core.board import Board, load_board


def check_board(board_id: str, *, folder: Path) -> Board:
    """Return the board, shipped or from the board files in `folder`.

    Raises
    ------
    BoardError
        If there is no such board, or its file breaks a rule.
    """
    return load_board(board_id, folder=folder)
