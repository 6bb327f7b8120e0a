"""The microphone's DMA writes eight blocks in turn: what a late interrupt means, and what is lost."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.host_cpp.toolchain import compile_host, run_host
from tinyaudio.core.resources import resource_root

PORT = resource_root("firmware") / "ports" / "esp32s3"
BLOCK_US = 16_000  # 256 samples at 16 kHz
SAMPLES = 256


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("block_order")
    sources = [Path(__file__).with_name("block_order_cases.cc"), PORT / "block_order.cc"]
    return compile_host(folder / "cases", sources, include_dirs=[PORT])


def news(program: Path, interrupts: list[tuple[int, int]]) -> list[tuple[int, list[int]]]:
    """Return (lost samples, blocks to take) for each (number of the block since the start, microseconds late)."""
    lines = [f"{number % 8 if number >= 0 else 8} {(max(number, 0) + 1) * BLOCK_US + late_us}" for number, late_us in interrupts]
    output = run_host(program, stdin="\n".join(lines).encode()).decode().splitlines()
    return [(int(line.split()[0]), [int(word) for word in line.split()[1:]]) for line in output]


def in_order(count: int) -> list[tuple[int, int]]:
    return [(number, 40) for number in range(count)]


def test_every_block_is_taken_once(program: Path) -> None:
    assert news(program, in_order(40)) == [(0, [number % 8]) for number in range(40)]


@pytest.mark.parametrize("held_off", range(1, 7))
@pytest.mark.parametrize("first", [8, 13, 16])
def test_blocks_whose_interrupt_was_held_off_come_with_the_next_one(program: Path, first: int, held_off: int) -> None:
    numbers = [number for number in range(40) if not first <= number < first + held_off]
    taken = news(program, [(number, 40) for number in numbers])
    assert [lost for lost, _ in taken] == [0] * len(numbers)
    assert [block for _, blocks in taken for block in blocks] == [number % 8 for number in range(40)]


@pytest.mark.parametrize("held_off", [7, 8, 9, 30])
def test_what_the_dma_wrote_over_is_lost_and_counted(program: Path, held_off: int) -> None:
    numbers = [*range(16), *range(16 + held_off, 40 + held_off)]
    taken = news(program, [(number, 40) for number in numbers])
    assert [lost for lost, _ in taken] == [0] * 16 + [held_off * SAMPLES] + [0] * 23
    assert [blocks for _, blocks in taken] == [[number % 8] for number in numbers]


def test_late_and_early_interrupts_are_no_gap(program: Path) -> None:
    late = [(number, 7_000 if number % 3 == 0 else 0) for number in range(40)]
    assert news(program, late) == [(0, [number % 8]) for number in range(40)]


@pytest.mark.parametrize("missed", [2, 5, 7])
def test_a_gap_in_the_first_round_is_lost_because_nobody_knows_where_it_lies(program: Path, missed: int) -> None:
    numbers = [number for number in range(40) if number != missed]
    taken = news(program, [(number, 40) for number in numbers])
    assert sum(lost for lost, _ in taken) == SAMPLES
    assert [blocks for _, blocks in taken] == [[number % 8] for number in numbers]


def test_a_block_of_another_recording_is_dropped(program: Path) -> None:
    assert news(program, [*in_order(10), (-1, 10 * BLOCK_US)])[-1] == (0, [])
