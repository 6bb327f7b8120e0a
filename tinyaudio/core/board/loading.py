"""Board files: finding, reading and checking them, all violations at once."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from tinyaudio.core.board.rules import RULES
from tinyaudio.core.board.schema import Board
from tinyaudio.core.errors import BoardError, SpecError
from tinyaudio.core.resources import resource_root

_PROBE_KINDS = ("stlink", "esptool")  # by which pydantic names the variant of [probe] in the path of a field

#: Folder beside a project's tinyaudio.toml that holds board files of its own.
PROJECT_BOARDS = "boards"


def board_ids(folder: Path | None = None) -> tuple[str, ...]:
    """Return the ids of all shipped boards and of those in `folder`, sorted."""
    return tuple(sorted(board_files(folder)))


def board_files(folder: Path | None = None) -> dict[str, Path]:
    """Return {id: file} of all shipped boards and of those in `folder`.

    Raises
    ------
    BoardError
        If a file in `folder` is named as a shipped board: which one was meant would be a guess.
    """
    shipped = {path.stem: path for path in resource_root("boards").glob("*.toml")}
    if folder is None or folder.resolve() == resource_root("boards").resolve():
        return shipped
    own = {path.stem: path for path in folder.glob("*.toml")}
    for board_id in sorted(shipped.keys() & own.keys()):
        raise BoardError(f"is named as the shipped board {board_id}", hint="give the file and its id another name", where=str(own[board_id]))
    return shipped | own


def load_board(board_id: str, *, folder: Path | None = None) -> Board:
    """Return the board `board_id`, shipped or from the board files in `folder`.

    Raises
    ------
    BoardError
        If there is no such board (the hint lists those there are), or its file breaks a rule.
    """
    files = board_files(folder)
    if board_id not in files:
        hint = f"boards: {', '.join(sorted(files))}; `tinyaudio boards new` makes a file for another one"
        raise BoardError(f"there is no board {board_id!r}", hint=hint, where="--board")
    path = files[board_id]
    try:
        return parse_board(path.read_text(encoding="utf-8"), path=path)
    except (OSError, UnicodeDecodeError) as error:
        raise BoardError(f"cannot be read: {error}", hint="make it a text file that you may read", where=str(path)) from error


def parse_board(text: str, *, path: Path) -> Board:
    """Return the board that the TOML `text` of the file `path` describes.

    Raises
    ------
    BoardError
        With every violation of the schema, or of the rules, in one message.
    """
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise BoardError(f"not TOML: {error}", hint="mend the line it names", where=path.name) from error
    try:
        board = Board.model_validate(table)
    except ValidationError as error:
        raise _violations([_sentence(item) for item in error.errors()], path) from error
    problems = [f"{sentence} (rule {rule.name})" for rule in RULES for sentence in rule.check(board)]
    if board.id != path.stem:
        problems.append(f"id is {board.id!r}, but the file is named {path.stem!r}")
    if problems:
        raise _violations(problems, path)
    return board


def require_sample_rate(board: Board, sample_rate_hz: int) -> None:
    """Raise unless `board` can listen at `sample_rate_hz`.

    Raises
    ------
    SpecError
        If the board has a microphone that cannot give this rate; the hint lists those it can.
    """
    rates_hz = (sample_rate_hz,) if board.microphone is None else board.microphone.sample_rates_hz
    if sample_rate_hz not in rates_hz:
        raise SpecError(
            f"the microphone of {board.id} cannot give {sample_rate_hz} Hz",
            hint=f"it gives {', '.join(map(str, rates_hz))} Hz; features trained at another rate do not fit it",
            where="frontend.sample_rate_hz",
        )


def _sentence(item: Any) -> str:
    location = ".".join(str(part) for part in item["loc"] if part not in _PROBE_KINDS)
    return f"{location}: {item['msg']}"


def _violations(problems: list[str], path: Path) -> BoardError:
    return BoardError("; ".join(problems), hint="mend the board file; `tinyaudio boards show stm32h7` prints a good one", where=path.name)
