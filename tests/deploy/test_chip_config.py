"""Constants of a chip from a board's file: every setting is checked against the manual's formulas, every rule by a file that breaks it."""

from __future__ import annotations

import re
import shutil
import subprocess
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from tinyaudio.core.board import Board, board_ids, load_board
from tinyaudio.core.errors import BoardError
from tinyaudio.core.resources import resource_root
from tinyaudio.deploy.chip_config import check_chip, port_files
from tinyaudio.deploy.chip_config.stm32h7 import chip_settings
from tinyaudio.deploy.chip_config.stm32h7.kernel_clocks import pdm_oversampling
from tinyaudio.deploy.chip_config.stm32h7.pll import Pll, plan_pll
from tinyaudio.deploy.render.sources import port_sources

CONFIG = "src/generated/board_config.h"
LISTENING_BOARDS = [board.id for board in map(load_board, board_ids()) if board.family == "stm32h7" and board.microphone is not None]
WIDE_VCO_HZ = (192_000_000, 836_000_000)


def changed(table: str = "", **fields: Any) -> Board:
    """Return the stm32h7 board with fields of one of its tables, or of its top level, replaced."""
    board = load_board("stm32h7")
    if not table:
        return board.model_copy(update=fields)
    return board.model_copy(update={table: getattr(board, table).model_copy(update=fields)})


def pdm_board(**fields: Any) -> Board:
    pins = {"ckout": "PC2:AF6", "datin": "PC1:AF3"}
    return changed("microphone", **{"interface": "pdm", "peripheral": "dfsdm1_channel0", "pins": pins, **fields})


def smps_board() -> Board:
    """As on ST's Discovery boards: 25 MHz crystal, step-down converter, and USART1."""
    board = changed("clock", source="hse_crystal", source_hz=25_000_000, core_hz=400_000_000, power_supply="smps", voltage_scale=1)
    link = board.link
    assert link is not None
    return board.model_copy(update={"link": link.model_copy(update={"peripheral": "usart1", "tx": "PA9:AF7", "rx": "PA10:AF7"})})


def problem_of(board: Board) -> str:
    with pytest.raises(BoardError) as caught:
        check_chip(board)
    assert caught.value.hint
    assert caught.value.where == f"{board.id}.toml"
    return caught.value.message


@pytest.mark.parametrize("board_id", board_ids())
def test_every_shipped_board_can_be_configured(board_id: str) -> None:
    board = load_board(board_id)
    check_chip(board)
    assert set(port_files(board)) == ({CONFIG} if board.family in ("esp32s3", "stm32h7") else set())


def test_the_nucleo_runs_at_480_megahertz() -> None:
    """The figures of ST's own examples for this board: VCO at 960 MHz, buses at 240 and 120 MHz, 4 wait states."""
    tree = chip_settings(load_board("stm32h7")).tree
    assert (tree.pll1.divm, tree.pll1.divn, tree.pll1.output_divider) == (1, 120, 2)
    assert (tree.core_hz, tree.bus_hz, tree.peripheral_hz) == (480_000_000, 240_000_000, 120_000_000)
    assert (tree.flash_latency, tree.flash_write_delay) == (4, 2)


@pytest.mark.parametrize(
    ("core_hz", "voltage_scale", "dividers", "timing"),
    [
        (400_000_000, 1, (2, 2), (2, 2)),  # AXI at 200 MHz
        (300_000_000, 2, (2, 2), (2, 1)),  # AXI at 150 MHz
        (200_000_000, 3, (2, 2), (2, 1)),  # AXI at 100 MHz
        (100_000_000, 1, (1, 1), (1, 1)),
        (64_000_000, 1, (1, 1), (0, 0)),
    ],
)
def test_slower_cores_have_fewer_wait_states(core_hz: int, voltage_scale: int, dividers: tuple[int, int], timing: tuple[int, int]) -> None:
    board = changed("clock", core_hz=core_hz, voltage_scale=voltage_scale)
    tree = chip_settings(board).tree
    assert tree.core_hz == core_hz
    assert (tree.bus_divider, tree.peripheral_divider) == dividers
    assert (tree.flash_latency, tree.flash_write_delay) == timing


@pytest.mark.parametrize("source_hz", [8_000_000, 12_000_000, 16_000_000, 24_000_000, 25_000_000, 26_000_000])
@pytest.mark.parametrize("core_hz", [64_000_000, 200_000_000, 300_000_000, 400_000_000, 480_000_000])
def test_plls_stay_within_the_ranges_of_the_manual(source_hz: int, core_hz: int) -> None:
    pll = plan_pll(source_hz, [Fraction(core_hz)], wide_vco_hz=(192_000_000, 960_000_000), even_divider=True)
    assert pll is not None
    assert Fraction(source_hz * pll.divn, pll.divm * pll.output_divider) == core_hz
    assert 1 <= pll.divm <= 63
    assert 4 <= pll.divn <= 512
    assert pll.output_divider % 2 == 0
    assert 1_000_000 <= source_hz / pll.divm <= 16_000_000
    low_hz, high_hz = (150_000_000, 420_000_000) if pll.vco_is_medium else (192_000_000, 960_000_000)
    assert low_hz <= source_hz / pll.divm * pll.divn <= high_hz
    assert pll.vco_is_medium == (source_hz / pll.divm < 2_000_000)


def test_reference_ranges_have_the_codes_of_the_manual() -> None:
    codes = [Pll(source_hz=hz, divm=1, divn=8, output_divider=2).reference_range for hz in (1_500_000, 2_000_000, 5_000_000, 8_000_000, 16_000_000)]
    assert codes == [0, 1, 2, 3, 3]


def test_the_first_clock_that_can_be_had_is_taken() -> None:
    wanted = [Fraction(7_777_777), Fraction(12_288_000), Fraction(24_576_000)]
    pll = plan_pll(8_000_000, wanted, wide_vco_hz=WIDE_VCO_HZ)
    assert pll is not None
    assert pll.output_hz in wanted[1:]
    assert plan_pll(8_000_000, wanted[:1], wide_vco_hz=WIDE_VCO_HZ) is None


def test_the_link_is_exact() -> None:
    clock = chip_settings(load_board("stm32h7")).uart_clock
    assert clock.pll3 is None
    assert (clock.divider, clock.baud_error) == (40, Fraction(0))


def test_a_bus_clock_that_does_not_divide_gets_a_pll() -> None:
    """100 MHz / 3 MBd is 33.3: 1 % off. PLL3 gives a multiple of the baud rate."""
    clock = chip_settings(smps_board()).uart_clock
    assert clock.pll3 is not None
    assert clock.baud_error == 0
    assert clock.pll3.output_hz == 3_000_000 * clock.divider
    assert clock.divider >= 16


def test_slow_links_need_no_pll() -> None:
    clock = chip_settings(changed("link", baud=115_200)).uart_clock
    assert clock.pll3 is None
    assert clock.divider == 1042
    assert abs(clock.baud_error) < Fraction(1, 1000)


@pytest.mark.parametrize("board_id", LISTENING_BOARDS)
def test_sample_rates_are_as_good_as_exact(board_id: str) -> None:
    clock = chip_settings(load_board(board_id)).microphone_clock
    microphone = load_board(board_id).microphone
    assert clock is not None
    assert microphone is not None
    assert [rate.sample_rate_hz for rate in clock.rates] == list(microphone.sample_rates_hz)
    for rate in clock.rates:
        assert clock.wanted_hz == rate.sample_rate_hz * rate.divider * (rate.oversampling or 64)
    assert abs(clock.rate_error) <= Fraction(5, 1_000_000)


def test_i2s_clocks() -> None:
    """6.144 MHz: 16 kHz and 48 kHz in frames of 64 bits, with even dividers."""
    clock = chip_settings(load_board("stm32h7")).microphone_clock
    assert clock is not None
    assert clock.pll2.output_hz == 6_144_000
    assert [(rate.sample_rate_hz, rate.divider) for rate in clock.rates] == [(16_000, 6), (48_000, 2)]


def test_a_crystal_that_does_not_fit_gets_a_fraction() -> None:
    """25 MHz: 6.144 MHz times a small whole number is none of its multiples."""
    clock = chip_settings(smps_board()).microphone_clock
    assert clock is not None
    pll, wanted_hz = clock.pll2, 16_000 * 64 * clock.rates[0].divider
    assert pll.fraction > 0
    output_hz = 25e6 / pll.divm * (pll.divn + pll.fraction / 8192) / pll.output_divider
    assert abs(output_hz / wanted_hz - 1) < 5e-6
    assert clock.rate_error == pytest.approx(output_hz / wanted_hz - 1, abs=1e-12)
    assert [rate.divider % 2 for rate in clock.rates] == [0, 0]


def test_pdm_clocks() -> None:
    """Sinc^4 gains 128^4 = 2^28 and 64^4 = 2^24; of 24 bits 23 are for the magnitude, and one is spared."""
    clock = chip_settings(pdm_board()).microphone_clock
    assert clock is not None
    assert [(rate.oversampling, rate.right_shift) for rate in clock.rates] == [(128, 6), (64, 2)]
    for rate in clock.rates:
        assert 1_000_000 <= clock.pll2.output_hz / rate.divider <= 3_250_000
        assert rate.oversampling**4 >> rate.right_shift == 2**22


@pytest.mark.parametrize(
    ("rate_hz", "oversampling"), [(8_000, 128), (16_000, 128), (32_000, 64), (48_000, 64), (96_000, 32), (4_000, 0), (192_000, 0)]
)
def test_oversampling_keeps_the_microphone_in_its_range(rate_hz: int, oversampling: int) -> None:
    assert pdm_oversampling(rate_hz) == oversampling


def settings_region(**fields: Any) -> Board:
    board = load_board("stm32h7")
    regions = {**board.memory.regions, "settings": board.memory.regions["settings"].model_copy(update=fields)}
    return board.model_copy(update={"memory": board.memory.model_copy(update={"regions": regions})})


@pytest.mark.parametrize(
    ("board", "message"),
    [
        (changed("clock", core_hz=479_999_999), "no setting of PLL1 makes clock.core_hz = 479999999"),
        (changed("clock", core_hz=550_000_000), "voltage scale 0 allows 480000000 Hz"),
        (changed("clock", core_hz=480_000_000, voltage_scale=1), "voltage scale 1 allows 400000000 Hz"),
        (changed("clock", power_supply="smps"), "the step-down converter gives voltage scale 1 at most"),
        (changed("clock", source_hz=1_000_000), "clock.source_hz is 1000000; hse_bypass takes 4000000 to 50000000 Hz"),
        (changed("clock", source="hsi"), "the internal oscillator (hsi) has 64000000 Hz"),
        (changed("link", baud=120_000_001), "no divider makes link.baud = 120000001"),
        (changed("link", tx="PD8:AF8"), "link.tx is 'PD8:AF8', which does not carry tx of usart3; PB10:AF7, PC10:AF7, PD8:AF7 do"),
        (changed("link", rx="PA1:AF7"), "link.rx is 'PA1:AF7', which does not carry rx of usart3"),
        (changed("link", peripheral="usart8"), "link.peripheral is 'usart8'; there are usart1"),
        (changed("microphone", sample_rates_hz=(16_000, 44_100)), "no setting of PLL2 makes 16000, 44100 Hz of clock.source_hz = 8000000"),
        (pdm_board(sample_rates_hz=(4_000, 16_000)), "no clock that PDM microphones take makes 4000 Hz"),
        (changed("microphone", peripheral="dfsdm1_channel0"), "microphone.peripheral is 'dfsdm1_channel0'; for i2s there are sai1_a"),
        (pdm_board(peripheral="sai1_a"), "microphone.peripheral is 'sai1_a'; for pdm there are dfsdm1_channel0"),
        (changed("microphone", pins={"sck": "PE5:AF6", "fs": "PE4:AF6"}), "microphone.pins has sck, fs; i2s needs sck, fs, sd"),
        (changed("microphone", pins={"sck": "PE4:AF6", "fs": "PE4:AF6", "sd": "PE6:AF6"}), "PE4 is given two signals"),
        (pdm_board(pins={"ckout": "PC2:AF3", "datin": "PC1:AF3"}), "microphone.pins.ckout is 'PC2:AF3', which does not carry ckout of dfsdm1"),
        (settings_region(origin=0x080E_0000), "memory.regions.settings is not whole sectors of one flash bank"),
        (settings_region(origin=0x081C_8000), "memory.regions.settings is not whole sectors of one flash bank"),
        (settings_region(sector_bytes=65_536), "this flash has sector_bytes = 131072 and program_bytes = 32"),
        (changed(clock=None), "has no [clock] or no [link]"),
    ],
    ids=lambda value: "" if isinstance(value, Board) else re.sub(r"\W+", "-", value)[:60],
)
def test_a_board_that_breaks_a_rule_is_told(board: Board, message: str) -> None:
    assert message in problem_of(board)


def test_two_mistakes_give_two_messages() -> None:
    board = changed("link", tx="PA9:AF7")
    assert board.clock is not None
    message = problem_of(board.model_copy(update={"clock": board.clock.model_copy(update={"core_hz": 550_000_000})}))
    assert "(rule core_clock_fits_the_voltage_scale)" in message
    assert "(rule link_pins_carry_their_signals)" in message


def without_settings() -> Board:
    board = load_board("stm32h7")
    regions = {name: region for name, region in board.memory.regions.items() if region.kind != "settings"}
    return board.model_copy(update={"memory": board.memory.model_copy(update={"regions": regions})})


VARIANTS = {
    "i2s": load_board("stm32h7"),
    "pdm": pdm_board(),
    "smps": smps_board(),
    "no microphone": changed(microphone=None),
    "no settings": without_settings(),
}


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_internal_oscillator_makes_the_same_clocks(variant: str) -> None:
    """Every divider behind the PLLs, the UART's too, then stays as it is."""
    settings = chip_settings(VARIANTS[variant])
    for pll, spare in zip(settings.plls, settings.spare_plls, strict=True):
        assert (pll is None) == (spare is None)
        if pll is not None and spare is not None:
            assert spare.source_hz == 64_000_000
            assert abs(spare.output_hz / pll.output_hz - 1) < Fraction(1, 10_000)
    assert settings.spare_plls[0] is not None
    assert settings.spare_plls[0].output_divider % 2 == 0


def test_the_constants_are_those_of_the_board() -> None:
    text = port_files(load_board("stm32h7"))[CONFIG]
    for line in (
        "{1, 120, 0, 2, 3, false},  // PLL1: VCO 960 MHz, output 480000000 Hz",
        "// USART3 at 3000000 Bd; the clock is +0 ppm off.",
        "0x40004800,  // base",
        "{3, 9, 7},  // rx: PD9",
        "{16000, 6, 0, 0},",
        "0x40015804,  // base",
        "0x081c0000,  // origin",
        "6,  // first_sector",
    ):
        assert line in text
    assert "MicrophoneInterface::kPdm" in port_files(pdm_board())[CONFIG]
    assert "MicrophoneInterface::kNone" in port_files(changed(microphone=None))[CONFIG]


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_port_compiles_for_every_kind_of_board(variant: str, tmp_path: Path) -> None:
    compiler = shutil.which("arm-none-eabi-g++")
    if compiler is None:
        pytest.skip("needs arm-none-eabi-g++")
    firmware = resource_root("firmware")
    header = tmp_path / CONFIG
    header.parent.mkdir(parents=True)
    header.write_text(port_files(VARIANTS[variant])[CONFIG], encoding="utf-8")
    for path, text in port_sources(VARIANTS[variant]).items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text, encoding="utf-8")
    flags = (
        "-mcpu=cortex-m7 -mthumb -mfpu=fpv5-d16 -mfloat-abi=hard -std=gnu++17 -fno-exceptions -fno-rtti -Wall -Wextra -Wshadow -Werror -fsyntax-only"
    )
    includes = [f"-I{path}" for path in (tmp_path / "src", *sorted(firmware.glob("lib/tinyaudio_*/include")))]
    sources = sorted(str(path) for path in (tmp_path / "src" / "port").rglob("*.cc"))
    result = subprocess.run([compiler, *flags.split(), *includes, *sources], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
