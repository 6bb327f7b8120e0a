"""bench.toml: what is read, and that every mistake is named by its path, all at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from tinyaudio.core.bench_file import Bench, load_bench, parse_bench
from tinyaudio.core.errors import BenchFileError

BOARDS = ("mps2_an500", "native", "stm32h7")
GOOD = """\
[slots.left]
board = "stm32h7"
serial_number = "003A00353133510F37363734"

[slots.right]
board = "stm32h7"
serial_number = "0668FF555185754867213456"
port = "/dev/ttyACM1"
unique_id = "313033003251083736333038"
"""


def problems_of(text: str) -> list[str]:
    with pytest.raises(BenchFileError) as caught:
        parse_bench(text, path=Path("bench.toml"), boards=BOARDS)
    assert caught.value.hint
    assert caught.value.where == "bench.toml"
    return caught.value.message.split("; ")


def test_slots_are_read(tmp_path: Path) -> None:
    (tmp_path / "bench.toml").write_text(GOOD, encoding="utf-8")
    bench = load_bench((tmp_path / "elsewhere", tmp_path), boards=BOARDS)
    assert bench.path == tmp_path / "bench.toml"
    left, right = bench.slot("left"), bench.slot("right")
    assert (left.board, left.serial_number, left.port, left.unique_id) == ("stm32h7", "003A00353133510F37363734", None, None)
    assert (right.port, right.unique_id) == ("/dev/ttyACM1", "313033003251083736333038")
    assert bench.slots_of("003a00353133510f37363734") == ("left",)
    assert bench.slots_of("1") == ()


def test_the_first_folder_that_has_one_counts(tmp_path: Path) -> None:
    (tmp_path / "project").mkdir()
    (tmp_path / "bench.toml").write_text(GOOD, encoding="utf-8")
    (tmp_path / "project" / "bench.toml").write_text("", encoding="utf-8")
    assert load_bench((tmp_path / "project", tmp_path), boards=BOARDS).slots == {}
    assert load_bench((tmp_path / "nowhere",), boards=BOARDS) == Bench(slots={})


def test_a_slot_that_is_not_there_is_told_with_those_that_are() -> None:
    bench = parse_bench(GOOD, path=Path("bench.toml"), boards=BOARDS)
    with pytest.raises(BenchFileError, match="there is no slot 'middle'") as caught:
        bench.slot("middle")
    assert caught.value.hint == "slots of bench.toml: left, right"
    with pytest.raises(BenchFileError, match=r"there is no bench\.toml") as caught:
        Bench(slots={}).slot("left")
    assert "[slots.left]" in caught.value.hint


def test_all_mistakes_are_reported_at_once_each_with_its_path() -> None:
    problems = problems_of(
        "[desk]\nx = 1\n"
        '[slots.a]\nboard = "stm32h77"\nserial_number = "1"\n'
        '[slots.b]\nboard = "stm32h7"\nserial_number = "1"\nports = "x"\n'
        "[slots.c]\nserial_number = 12\n"
        '[slots.d]\nboard = "native"\nserial_number = "1 shutdown"\nunique_id = "XYZ"\n'
        '[slots.e]\nboard = "native"\nserial_number = "1"\n'
    )
    text = "\n".join(problems)
    assert "desk: unknown table" in text
    assert "slots.a.board: there is no board 'stm32h77' (did you mean 'stm32h7'?)" in text
    assert "slots.b.ports: unknown key" in text
    assert "slots.c.board: is missing" in text
    assert "slots.c.serial_number: input should be a valid string (it is 12)" in text
    assert "slots.d.serial_number: string should match pattern" in text
    assert "slots.d.unique_id: string should match pattern" in text
    assert "slots.e.serial_number: is that of slots.a, too" in text
    assert len(problems) == 8


@pytest.mark.parametrize(
    ("text", "said"), [("slots = 3", "slots: must be a table"), ("[slots]\na = 1", "slots.a: input should be"), ("a = ", "not TOML")]
)
def test_what_is_no_bench_is_refused(text: str, said: str) -> None:
    assert problems_of(text)[0].startswith(said)


def test_a_file_that_is_not_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "bench.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(BenchFileError, match="not UTF-8: byte 0"):
        load_bench((tmp_path,), boards=BOARDS)
    (tmp_path / "bench.toml").unlink()
    (tmp_path / "bench.toml").mkdir()
    with pytest.raises(BenchFileError, match="cannot read"):
        load_bench((tmp_path,), boards=BOARDS)
