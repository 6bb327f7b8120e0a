"""What of the STM32H7 port can be tried without the chip; the rest runs on the emulated one."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.host_cpp.toolchain import REPOSITORY, compile_host, run_host

PORTS = REPOSITORY / "firmware" / "ports"
PORT = PORTS / "stm32h7"

#: From the memory map and the register maps of RM0433 (and of Arm DDI0403), not from our headers.
ADDRESSES = {
    "rcc().CR": 0x5802_4400,
    "rcc().PLLCFGR": 0x5802_442C,
    "rcc().PLLxR[4]": 0x5802_4440,  # PLL3DIVR
    "rcc().D2CCIP2R": 0x5802_4454,
    "rcc().CSR": 0x5802_4474,
    "rcc().AHB4ENR": 0x5802_44E0,
    "rcc().APB4ENR": 0x5802_44F4,
    "pwr().CPUCR": 0x5802_4810,
    "pwr().D3CR": 0x5802_4818,
    "syscfg().PWRCR": 0x5800_042C,
    "flash_bank(0).ACR": 0x5200_2000,
    "flash_bank(0).SR": 0x5200_2010,
    "flash_bank(1).KEYR": 0x5200_2104,
    "flash_bank(1).CR": 0x5200_210C,
    "flash_bank(1).SR": 0x5200_2110,
    "flash_bank(1).CCR": 0x5200_2114,
    "gpio(3).MODER": 0x5802_0C00,
    "gpio(4).AFR[1]": 0x5802_1024,
    "block_at<Usart>(0x40004800).ISR": 0x4000_481C,
    "dma1().LIFCR": 0x4002_0008,
    "dma1().stream[2].M0AR": 0x4002_004C,
    "dmamux1().CCR[2]": 0x4002_0808,
    "block_at<SaiBlock>(0x40015804).DR": 0x4001_5820,
    "dfsdm1_channel(7).CHCFGR2": 0x4001_70E4,
    "dfsdm1_filter0().FLTRDATAR": 0x4001_711C,
    "lptim1().ARR": 0x4000_2418,
    "exti().CPUIMR2": 0x5800_0090,
    "rng().DR": 0x4802_1808,
    "dbgmcu().IDC": 0x5C00_1000,
    "scb().VTOR": 0xE000_ED08,
    "scb().BFAR": 0xE000_ED38,
    "scb().CPACR": 0xE000_ED88,
    "cache_maintenance().ICIALLU": 0xE000_EF50,
    "cache_maintenance().DCISW": 0xE000_EF60,
    "mpu().RASR": 0xE000_EDA0,
    "nvic().ISER[2]": 0xE000_E108,
    "dwt().CYCCNT": 0xE000_1004,
    "dwt().LAR": 0xE000_1FB0,
    "core_debug().DEMCR": 0xE000_EDFC,
}


@pytest.fixture(scope="module")
def lines(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    sources = [Path(__file__).with_name("stm32h7_cases.cc"), PORTS / "cortex_m" / "fault_record.cc", PORT / "recording.cc"]
    binary = compile_host(tmp_path_factory.mktemp("stm32h7") / "cases", sources, include_dirs=[PORT, PORTS])
    return run_host(binary).decode().splitlines()


def told(lines: list[str], kind: str) -> list[str]:
    return [line.partition(" ")[2] for line in lines if line.startswith(f"{kind} ")]


def test_registers_are_where_the_manual_says(lines: list[str]) -> None:
    printed = dict(line.rsplit(" ", 1) for line in lines[: len(ADDRESSES)])
    assert {name: int(address, 16) for name, address in printed.items()} == ADDRESSES


def test_a_fault_is_told_in_one_line(lines: list[str]) -> None:
    with_frame, overflow = told(lines, "fault")
    assert with_frame == (
        "fault at pc=0x08001234 lr=0x08005679 exception=0x00000005 cfsr=0x00008200 hfsr=0x40000000 mmfar=0x0000000c bfar=0x3ffffff0"
    )
    assert overflow.startswith("fault, the stack overflowed, exception=0x00000005 cfsr=")


def test_a_damaged_record_is_none(lines: list[str]) -> None:
    """Whole: yes; with a flipped bit, of zeros, of ones: no."""
    assert told(lines, "records") == ["1 0 0 0"]


def test_faults_in_a_row_are_counted_until_they_are_forgotten(lines: list[str]) -> None:
    """News: the third; told: still, and no news any more; forgotten, or memory of ones: none."""
    assert told(lines, "row") == ["3 3 0 0 0"]


def test_received_bytes_are_counted_beyond_the_ring(lines: list[str]) -> None:
    """With an interrupt that comes at once, one byte late, seven of eight bytes late: exact. Later than a half: not."""
    assert told(lines, "receive") == ["1 1 1 0"]


def test_a_gap_is_told_between_the_samples_around_it(lines: list[str]) -> None:
    empty, full, gap, negative = told(lines, "recording")
    assert empty == "0"
    assert full == "1 0 1 1 107 0"  # news, no gap yet, in order, still news (of the gap), 100 + 7 lost, told once
    assert gap == "3 500 502 9"
    assert negative == "-32767"  # 0x8001
