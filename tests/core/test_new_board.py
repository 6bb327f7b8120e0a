from __future__ import annotations

from pathlib import Path

import pytest

from tinyaudio.core.board import board_files, board_ids, load_board
from tinyaudio.core.errors import BoardError
from tinyaudio.core.new_board import new_board_text, write_new_board
from tinyaudio.core.resources import resource_root


@pytest.mark.parametrize("like", board_ids())
def test_a_new_board_differs_from_its_model_in_id_and_name_alone(like: str, tmp_path: Path) -> None:
    path = write_new_board("my_board", like=like, folder=tmp_path)
    board, model = load_board("my_board", folder=tmp_path), load_board(like)
    assert path == tmp_path / "my_board.toml"
    assert board.name == f"My board like {model.name}"
    same = {"id": model.id, "name": model.name, "platformio": model.platformio}
    assert board.model_copy(update=same) == model
    assert "my_board" in board_ids(tmp_path)
    assert "my_board" not in board_ids()


def test_an_id_that_is_taken_or_malformed_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BoardError, match="there is a board stm32h7 already"):
        new_board_text("stm32h7", like="stm32h7")
    with pytest.raises(BoardError, match="'My-Board' is no board id"):
        new_board_text("My-Board", like="stm32h7")
    with pytest.raises(BoardError, match="no board 'stm32h8'") as caught:
        new_board_text("mine", like="stm32h8")
    assert "stm32h7" in caught.value.hint
    assert caught.value.where == "--like"
    write_new_board("mine", like="stm32h7", folder=tmp_path)
    with pytest.raises(BoardError, match="there is a board mine already"):
        write_new_board("mine", like="native", folder=tmp_path)


def test_no_project_is_made_on_the_way(tmp_path: Path) -> None:
    with pytest.raises(BoardError, match="there is no such folder"):
        write_new_board("mine", like="stm32h7", folder=tmp_path / "misspelt" / "boards")
    assert list(tmp_path.iterdir()) == []


def test_a_projects_board_may_not_take_a_shipped_name(tmp_path: Path) -> None:
    (tmp_path / "native.toml").write_text("")
    with pytest.raises(BoardError, match="is named as the shipped board native"):
        board_files(tmp_path)


def test_the_folder_of_the_shipped_boards_adds_nothing() -> None:
    assert board_ids(resource_root("boards")) == board_ids()


def test_a_file_that_is_no_text_is_one_error(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(BoardError, match="cannot be read"):
        load_board("mine", folder=tmp_path)
