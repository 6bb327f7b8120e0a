"""The emulated flash: times, words that are programmed once, unreadable words, and power that goes at any step."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.bench.h743 import ask_words, compile_case
from tinyaudio.bench.emulation import VirtualBoard, start_virtual
from tinyaudio.bench.emulation.stm32h743.flash_store import FlashStore
from tinyaudio.core.board import load_board
from tinyaudio.core.errors import StorageError, TransportError

CYCLES_PER_MICROSECOND = 64  # of the cases: the HSI, as after a reset
SECTOR_BYTES = 1_024  # of the stores made here
WORD = bytes(range(100, 132))


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return compile_case(tmp_path_factory.mktemp("h743") / "cases.elf", "cases.c")


@pytest.fixture
def board(image: Path, tmp_path: Path) -> Iterator[VirtualBoard]:
    with start_virtual(load_board("stm32h7"), image, work_dir=tmp_path, settings=tmp_path / "settings") as running:
        yield running


def test_erasing_and_programming_take_the_times_of_the_datasheet(board: VirtualBoard) -> None:
    erase, program, *content = ask_words(board, "p", 10)
    assert erase / CYCLES_PER_MICROSECOND == pytest.approx(1_000_000, rel=0.001)
    assert program / CYCLES_PER_MICROSECOND == pytest.approx(100, rel=0.05)
    assert content == list(range(0x1000, 0x1008))


def test_what_was_programmed_outlives_the_process(image: Path, tmp_path: Path) -> None:
    settings = tmp_path / "settings"
    with start_virtual(load_board("stm32h7"), image, work_dir=tmp_path, settings=settings) as board:
        ask_words(board, "p", 10)
    stored = settings.read_bytes()
    assert stored[64:96] == b"".join(value.to_bytes(4, "little") for value in range(0x1000, 0x1008))
    assert stored[:64] == b"\xff" * 64
    assert stored[262_144:262_147] == b"\0\0\1"


def test_a_word_programmed_twice_is_a_bus_fault_with_an_ecc_error(board: VirtualBoard) -> None:
    exception, cfsr, _, address, status, last = ask_words(board, "P", 6)
    assert (exception, cfsr, address) == (5, 0x8200, 0x081C0064)
    assert status & 1 << 26  # DBECCERR
    assert last == 0  # and with BFHFNMIGN and FAULTMASK reading goes on


@pytest.mark.parametrize(("step", "what"), [(1, "erasing the sector at 0x081c0000"), (2, "programming 0x081c0040")])
def test_power_goes_at_the_step_that_was_asked_for(image: Path, tmp_path: Path, step: int, what: str) -> None:
    settings = tmp_path / "settings"
    with (
        start_virtual(load_board("stm32h7"), image, work_dir=tmp_path, settings=settings, power_loss_at=step) as board,
        pytest.raises(TransportError, match=f"ended with code 75: tinyaudio: power lost at flash step {step}: {what}"),
    ):
        ask_words(board, "p", 10)
    assert b"\2" in settings.read_bytes()[262_144:]  # something is unreadable


def test_a_settings_file_of_another_size_is_refused(image: Path, tmp_path: Path) -> None:
    (tmp_path / "settings").write_bytes(b"short")
    with (
        start_virtual(load_board("stm32h7"), image, work_dir=tmp_path, settings=tmp_path / "settings") as board,
        pytest.raises(TransportError, match=r"ended with code 1: .*holds 5 bytes"),
    ):
        ask_words(board, "p", 10)


def new_store(path: Path | None = None) -> tuple[FlashStore, np.ndarray]:
    content = np.full(2 * SECTOR_BYTES, 0xFF, np.uint8)
    return FlashStore(content, sector_bytes=SECTOR_BYTES, path=path), content


def test_a_store_programs_erases_and_keeps(tmp_path: Path) -> None:
    store, content = new_store(tmp_path / "store")
    store.program(32, WORD)
    store.program(SECTOR_BYTES, WORD)
    store.erase(0)
    again, loaded = new_store(tmp_path / "store")
    assert bytes(loaded[SECTOR_BYTES : SECTOR_BYTES + 32]) == WORD
    assert (loaded[:SECTOR_BYTES] == 0xFF).all()
    assert np.array_equal(content, loaded)
    assert not again.has_broken_words


def test_a_word_is_programmed_once_even_with_ones() -> None:
    store, _ = new_store()
    store.program(0, b"\xff" * 32)
    assert not store.is_broken(0)
    store.program(0, WORD)
    assert store.is_broken(31)
    assert not store.is_broken(32)
    store.erase(0)
    assert not store.has_broken_words


def test_a_cut_leaves_something_unreadable_and_no_bit_that_was_not_wanted() -> None:
    store, content = new_store()
    store.cut_program(64, WORD)
    assert store.is_broken(64)
    assert bytes(content[64:96]) not in (WORD, b"\xff" * 32)
    assert (content[64:96] & np.frombuffer(WORD, np.uint8) == np.frombuffer(WORD, np.uint8)).all()
    for offset in range(SECTOR_BYTES, 2 * SECTOR_BYTES, 32):
        store.program(offset, WORD)
    store.cut_erase(1)
    states = [store.is_broken(offset) for offset in range(SECTOR_BYTES, 2 * SECTOR_BYTES, 32)]
    assert states[0] is False and states[-1] is False and any(states)
    assert bytes(content[-32:]) == WORD


def test_a_store_of_another_size_is_refused(tmp_path: Path) -> None:
    (tmp_path / "store").write_bytes(b"\0" * 100)
    with pytest.raises(StorageError, match="holds 100 bytes, not the 2112"):
        new_store(tmp_path / "store")
