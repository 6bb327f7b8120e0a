"""Results about many labels come in pieces, one behind the other; here they become whole again."""

from __future__ import annotations

import dataclasses
from functools import reduce
from operator import add
from typing import Generic, TypeVar

from tinyaudio.core.errors import ProtocolError
from tinyaudio.wire.messages import ClipResult, PatchResult

_Piece = TypeVar("_Piece", PatchResult, ClipResult)


class Pieces(Generic[_Piece]):
    """Puts the pieces of one kind of result together.

    Parameters
    ----------
    arrays
        Fields that hold an element a label, or a bit; all others are the same in each piece.
    labels_a_piece
        Labels of each piece but the last.
    where
        For error messages.
    """

    def __init__(self, *arrays: str, labels_a_piece: int, where: str) -> None:
        self._arrays = arrays
        self._labels_a_piece = labels_a_piece
        self._where = where
        self._pieces: list[_Piece] = []

    def take(self, piece: _Piece) -> _Piece | None:
        """Take the next piece; return the whole result if it is the last.

        Raises
        ------
        ProtocolError
            If it does not continue those before.
        """
        due = len(self._pieces) * self._labels_a_piece
        if piece.first_label != due:
            raise self._broken(f"label {piece.first_label} came where label {due} was due")
        if self._pieces and self._common(piece) != self._common(self._pieces[0]):
            raise self._broken("pieces of one result contradict each other")
        self._pieces.append(piece)
        if not piece.is_last:
            return None
        pieces, self._pieces = self._pieces, []
        if len(pieces) == 1:
            return piece
        whole = {name: reduce(add, (getattr(item, name) for item in pieces)) for name in self._arrays}
        return dataclasses.replace(piece, first_label=0, **whole)

    def _common(self, piece: _Piece) -> _Piece:
        """Return the piece without what is its own."""
        empty = {name: getattr(piece, name)[:0] for name in self._arrays}
        return dataclasses.replace(piece, first_label=0, is_last=0, **empty)

    def _broken(self, what: str) -> ProtocolError:
        return ProtocolError(what, hint="run `tinyaudio build` and flash again; if it stays, report it", where=self._where)
