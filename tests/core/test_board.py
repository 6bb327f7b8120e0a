from __future__ import annotations

from pathlib import Path

import pytest

from tinyaudio.core.board import board_ids, load_board, parse_board, require_sample_rate
from tinyaudio.core.errors import BoardError, SpecError
from tinyaudio.core.resources import resource_root

GOOD = (resource_root("boards") / "mps2_an500.toml").read_text()


@pytest.mark.parametrize("board_id", board_ids())
def test_every_shipped_board_keeps_the_rules(board_id: str) -> None:
    board = load_board(board_id)
    assert board.id == board_id
    assert (resource_root("firmware") / "ports" / board.family).is_dir()


def test_an_unknown_board_names_those_there_are() -> None:
    with pytest.raises(BoardError, match="no board 'esp33'") as caught:
        load_board("esp33")
    assert "mps2_an500" in caught.value.hint


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ('code = "ssram1"', 'code = "rom"', "memory.code names the region 'rom'"),
        ("origin = 0x2000_0000", "origin = 0x0020_0000", "memory.regions.ssram1 ends behind the start of memory.regions.ssram23"),
        ("origin = 0x2000_0000", "origin = 0xfff0_0000", "ends behind the 32-bit address space"),
        ("ram_bytes = 524_288", "ram_bytes = 8_388_608", "budget.ram_bytes is 8388608, more than its region holds"),
        ('machine = "mps2-an500"\n', "", "emulator.machine is missing"),
        ('id = "mps2_an500"', 'id = "mps3"', "id is 'mps3', but the file is named 'mps2_an500'"),
        ('family = "mps2"', 'family = "avr"', "family: "),
        ('fft_kernel = "cmsis_q31"', 'fft_kernel = "q15"', "fft_kernel: "),
        ("[budget]", "[microphone]\nsample_rates_hz = [16_000, 8_000]\n[budget]", "microphone.sample_rates_hz has 8000 behind 16000"),
        ("[budget]", "[microphone]\nsample_rates_hz = []\n[budget]", "microphone.sample_rates_hz: "),
        ("[budget]", "[budget]\ncolour = 1", "budget.colour: "),
        ("[budget]", "[budget", "not TOML"),
    ],
)
def test_each_rule_speaks(old: str, new: str, sentence: str) -> None:
    assert old in GOOD
    with pytest.raises(BoardError) as caught:
        parse_board(GOOD.replace(old, new, 1), path=Path("mps2_an500.toml"))
    assert sentence in caught.value.message
    assert caught.value.where == "mps2_an500.toml"


def test_a_microphone_gives_only_its_rates() -> None:
    text = GOOD.replace("[budget]", "[microphone]\nsample_rates_hz = [16_000, 48_000]\n[budget]")
    board = parse_board(text, path=Path("mps2_an500.toml"))
    require_sample_rate(board, 48_000)
    with pytest.raises(SpecError, match="microphone of mps2_an500 cannot give 8000 Hz") as caught:
        require_sample_rate(board, 8_000)
    assert caught.value.where == "frontend.sample_rate_hz"
    assert "16000, 48000 Hz" in caught.value.hint
    require_sample_rate(load_board("mps2_an500"), 8_000)  # no microphone: the host's samples have any rate


def test_two_mistakes_give_two_messages() -> None:
    text = GOOD.replace('code = "ssram1"', 'code = "rom"').replace('machine = "mps2-an500"\n', "")
    with pytest.raises(BoardError) as caught:
        parse_board(text, path=Path("mps2_an500.toml"))
    assert "memory.code" in caught.value.message
    assert "emulator.machine" in caught.value.message
