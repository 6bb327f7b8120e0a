"""A new board file, made from one of a board that is like it."""

from __future__ import annotations

import re
from pathlib import Path

from tinyaudio.core.board import board_files, load_board, parse_board
from tinyaudio.core.errors import BoardError
from tinyaudio.core.files import write_text_atomically

_HEAD = """\
# {board_id}, begun as a copy of {like}. What is most often different: name and mcu; the regions of the memory and the
# budget; [clock], [link] and [microphone] with their pins; [probe], by which `tinyaudio flash` tells the chip from others.
# `tinyaudio boards show {board_id}` checks the file: every rule that it breaks is named, all at once.

"""
_ID = "^[a-z][a-z0-9_]*$"


def new_board_text(board_id: str, *, like: str, folder: Path | None = None) -> str:
    """Return the text of a board file for `board_id` that differs from that of the board `like` in its id and name alone.

    Raises
    ------
    BoardError
        If the id is taken or malformed, or there is no board `like`.
    """
    if not re.match(_ID, board_id):
        raise BoardError(f"{board_id!r} is no board id", hint="lower-case letters, digits and underscores, a letter first", where="ID")
    files = board_files(folder)
    if board_id in files:
        raise BoardError(f"there is a board {board_id} already", hint="choose another id", where=str(files[board_id]))
    if like not in files:
        raise BoardError(f"there is no board {like!r}", hint=f"boards: {', '.join(sorted(files))}", where="--like")
    model = load_board(like, folder=folder)
    text = files[like].read_text(encoding="utf-8")
    changes = (("id", model.id, board_id), ("name", model.name, f"My board like {model.name}"), ("board", model.platformio.board, board_id))
    for key, old, new in changes:
        text = re.sub(rf'^{key} = "{re.escape(old)}"', f'{key} = "{new}"', text, count=1, flags=re.MULTILINE)
    text = _HEAD.format(board_id=board_id, like=like) + text
    parse_board(text, path=Path(f"{board_id}.toml"))
    return text


def write_new_board(board_id: str, *, like: str, folder: Path) -> Path:
    """Write the file for `board_id` into `folder`; return its path.

    Raises
    ------
    BoardError
        As `new_board_text`, or if the project that the folder would lie in is not there.
    StorageError
        If the disk refuses.
    """
    if not folder.parent.is_dir():
        raise BoardError("there is no such folder", hint="name the folder of a project", where=str(folder.parent))
    path = folder / f"{board_id}.toml"
    write_text_atomically(path, new_board_text(board_id, like=like, folder=folder))
    return path
