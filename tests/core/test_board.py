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
        ("ram_bytes = 524_288", "ram_bytes = 8_388_608", "budget.ram_bytes is 8388608, more than its regions hold (4194304)"),
        ('data = "ssram23"', 'data = "ssram1"', "memory.data names ssram1, a region of kind flash; it needs dtcm or sram"),
        ('kind = "sram"', 'kind = "sram"\nsector_bytes = 4_096', "memory.regions.ssram23 has sectors"),
        ('machine = "mps2-an500"\n', "", "emulator.machine is missing"),
        ('id = "mps2_an500"', 'id = "mps3"', "id is 'mps3', but the file is named 'mps2_an500'"),
        ('family = "mps2"', 'family = "avr"', "family: "),
        ('fft_kernel = "cmsis_q31"', 'fft_kernel = "q15"', "fft_kernel: "),
        (
            "[budget]",
            "[microphone]\ninterface = 'i2s'\nperipheral = 'sai1_a'\nsample_rates_hz = [16_000, 8_000]\n[budget]",
            "microphone.sample_rates_hz has 8000 behind 16000",
        ),
        ("[budget]", "[microphone]\ninterface = 'i2s'\nperipheral = 'sai1_a'\nsample_rates_hz = []\n[budget]", "microphone.sample_rates_hz: "),
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


STM32H7 = (resource_root("boards") / "stm32h7.toml").read_text()


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("origin = 0x3002_0000", "origin = 0x3001_0000", "memory.regions.sram1 ends behind the start of memory.regions.sram2 (0x30010000)"),
        ('data = "dtcm"', 'data = "dtcm"\ndma_buffers = "dtcm"', "memory.dma_buffers names dtcm, a region of kind dtcm that no DMA controller"),
        ('data = "dtcm"', 'data = "dtcm"\ndma_buffers = "sram9"', "memory.dma_buffers names the region 'sram9'"),
        ('kind = "dtcm"', 'kind = "dtcm"\ndma = ["dma1"]', "memory.regions.dtcm lists dma1 under dma, which cannot reach tightly coupled memory"),
        ("program_bytes = 32", "", "memory.regions.settings lacks sector_bytes or program_bytes"),
        ("sector_bytes = 131_072", "sector_bytes = 262_144", "memory.regions.settings must be two or more sectors"),
        ("counter_frequency_hz = 480_000_000", "counter_frequency_hz = 400_000_000", "cycles are counted at clock.core_hz (480000000)"),
        ('tx = "PD8:AF7"', 'tx = "PZ8:AF7"', "link.tx: "),
        ("device_id = 0x450", "device_id = 0x10000", "probe.device_id: "),
        ('machine = "stm32h743"\n', "", "emulator.machine is missing"),
    ],
)
def test_each_rule_for_a_real_chip_speaks(old: str, new: str, sentence: str) -> None:
    assert old in STM32H7
    with pytest.raises(BoardError) as caught:
        parse_board(STM32H7.replace(old, new, 1), path=Path("stm32h7.toml"))
    assert sentence in caught.value.message


@pytest.mark.parametrize("table", ["clock", "link"])
def test_a_chip_whose_clocks_are_set_up_needs_the_tables_for_it(table: str) -> None:
    head, _, rest = STM32H7.partition(f"[{table}]")
    with pytest.raises(BoardError, match=rf"\[{table}\] is missing"):
        parse_board(head + "[" + rest.partition("\n[")[2], path=Path("stm32h7.toml"))


def test_an_emulator_counts_instructions_with_what_counts_cycles_on_the_chip() -> None:
    board = load_board("stm32h7")
    assert (board.counter_scale("virtual").unit, board.counter_scale("virtual").units(480)) == ("instructions", 480)
    assert (board.counter_scale("serial").unit, board.counter_scale("serial").units(480)) == ("cycles", 480)
    assert load_board("mps2_an500").counter_scale("virtual").units(25) == 1_000  # a tick of 25 MHz is 40 instructions of 1 ns
    native = load_board("native").counter_scale("virtual")
    assert (native.unit, native.units(3)) == ("nanoseconds", 3)


def test_a_microphone_gives_only_its_rates() -> None:
    text = GOOD.replace("[budget]", "[microphone]\ninterface = 'i2s'\nperipheral = 'sai1_a'\nsample_rates_hz = [16_000, 48_000]\n[budget]")
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
