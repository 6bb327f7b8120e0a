"""The emulated STM32H743: exceptions, time, counts, faults, and what it refuses."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.bench.h743 import ask, ask_words, compile_case
from tinyaudio.bench.emulation import Link, Mode, VirtualBoard, start_virtual
from tinyaudio.core.board import load_board
from tinyaudio.core.errors import BoardError, BuildError, TransportError
from tinyaudio.core.tools import find_tool

CORE_HZ = 64_000_000  # of the cases: the HSI, as after a reset


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return compile_case(tmp_path_factory.mktemp("h743") / "cases.elf", "cases.c")


@pytest.fixture
def board(image: Path, tmp_path: Path) -> Iterator[VirtualBoard]:
    with start_virtual(load_board("stm32h7"), image, work_dir=tmp_path) as running:
        yield running


@pytest.mark.parametrize("link", ["fifo", "uart"])
@pytest.mark.parametrize("mode", ["counting", "fast"])
def test_bytes_pass_both_ways_over_both_links_in_both_modes(image: Path, tmp_path: Path, link: Link, mode: Mode) -> None:
    with start_virtual(load_board("stm32h7"), image, link=link, mode=mode, work_dir=tmp_path) as board:
        for _ in range(20):
            assert ask(board, "?", 1) == b"?"
        assert board.describe()
    assert list(tmp_path.iterdir()) == []


def test_interrupts_nest_by_priority_and_wait_behind_the_masks(board: VirtualBoard) -> None:
    count = ask_words(board, "n", 1)[0]
    story = b""
    while len(story) < count:
        story += board.transport.read(count - len(story), timeout_seconds=5)
    # Behind PRIMASK: one interrupts the other, which comes again as it was pended meanwhile; PendSV is last. Then behind BASEPRI.
    assert story == b"-lhHLlhHLp=#lhHLps"


def test_an_exception_preserves_the_floating_point_registers(board: VirtualBoard) -> None:
    assert ask_words(board, "f", 4) == (0x40400000, 0x40A00000, 0x03000000, 1)


def test_a_tick_of_systick_is_exact(board: VirtualBoard) -> None:
    assert abs(ask_words(board, "t", 1)[0] - 64_000) <= 20  # taken between blocks


def test_every_instruction_counts_once(board: VirtualBoard) -> None:
    assert ask_words(board, "e", 1) == (3_000 * 4 + 1,)
    assert ask_words(board, "e", 1) == (3_000 * 4 + 1,)


def test_the_count_is_that_of_qemu(board: VirtualBoard, tmp_path: Path) -> None:
    cycles, result = ask_words(board, "k", 2)
    image = compile_case(tmp_path / "workload.elf", "workload_mps2.c")
    qemu = str(find_tool("qemu-system-arm").path)
    command = [qemu, "-M", "mps2-an500", "-display", "none", "-monitor", "none", "-serial", "none", "-icount", "shift=0,sleep=off"]
    command += ["-semihosting-config", "enable=on,target=native", "-kernel", str(image)]
    said = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    found = re.search(r"([0-9a-f]{8})([0-9a-f]{8})", said.stdout + said.stderr)
    assert found, said
    assert int(found.group(2), 16) == result
    assert cycles > 1_000_000
    assert abs(cycles - 40 * int(found.group(1), 16)) <= 80  # QEMU's timer counts 40 instructions a tick


def test_dma_sends_from_memory_with_half_and_end(board: VirtualBoard) -> None:
    answer = ask(board, "d", 64 + 16)
    assert answer[:64] == bytes(index ^ 0x5A for index in range(64))
    half, whole, left, cycles = (int.from_bytes(answer[64 + 4 * index : 68 + 4 * index], "little") for index in range(4))
    assert (half, whole, left) == (1 << 4, 1 << 5, 0)
    assert abs(cycles - 62 * 10 * 21) < 4 * 210  # 62 bytes have left when the last one is given to the transmitter


def test_the_low_power_timer_wakes_from_sleep_and_from_stop(board: VirtualBoard) -> None:
    cycles = ask_words(board, "l", 1)[0]
    assert abs(cycles - CORE_HZ // 1_000) < 200  # 32 ticks of 32 kHz
    assert ask_words(board, "S", 1) == (ord("w"),)
    assert ask(board, "?", 1) == b"?"


def test_a_reset_restarts_the_core_and_says_what_it_was(board: VirtualBoard) -> None:
    first = ask_words(board, "r", 1)[0]
    assert not first & 1 << 24
    again = b""
    while not again:  # what is on its way during a reset is lost
        board.transport.write(b"r")
        again = board.transport.read(4, timeout_seconds=0.2)
    while len(again) < 4:
        again += board.transport.read(4 - len(again), timeout_seconds=1.0)
    assert again[3] & 1  # SFTRSTF


@pytest.mark.parametrize(
    ("case", "exception", "cfsr", "address"),
    [
        ("U", 6, 1 << 16, None),  # UsageFault, UNDEFINSTR
        ("m", 4, 0x82, 0x24000010),  # MemManage, DACCVIOL with MMFAR
        ("B", 5, 0x8200, 0x1FFF0000),  # BusFault, PRECISERR with BFAR
    ],
)
def test_a_fault_is_the_firmwares_to_handle(board: VirtualBoard, case: str, exception: int, cfsr: int, address: int | None) -> None:
    told = ask_words(board, case, 4)
    assert told[:3] == (exception, cfsr, 0)
    assert address is None or told[3] == address


@pytest.mark.parametrize(
    ("case", "code", "text"),
    [
        ("u", 71, "0x40000000 is read: nothing that is modelled is there, at pc=0x0800"),
        ("a", 71, "0x60000000 is written: nothing that is modelled is there"),
        ("z", 72, r"SAI1 is touched, but its clock is off \(RCC_APB2ENR, bit 22\)"),
        ("F", 72, "the FPU is used before CPACR gives access to it"),
        ("D", 72, "DMA1 buffer 0x2000.* <unreachable>, 64 bytes lies in dtcm, which DMA1 cannot reach"),
        ("C", 72, "DMA1 buffer 0x2400.* <cached>, 64 bytes lies in axi_sram behind the data cache"),
        ("w", 72, "0x081c0000 in settings is written, but the flash controller is not set to program"),
        ("K", 70, "the core locks up: UsageFault at pc=0x0800"),
        ("h", 70, "the firmware hangs"),
        ("o", 70, "the core locks up: "),
    ],
)
def test_what_the_chip_does_not_forgive_ends_with_its_place(board: VirtualBoard, case: str, code: int, text: str) -> None:
    with pytest.raises(TransportError, match=text) as caught:
        ask(board, case, 1_000)
    assert f"stm32h743 ended with code {code}: tinyaudio: " in str(caught.value)
    assert " <" in board.exit_reason(), "the symbol is missing"


def test_what_cannot_be_started_is_refused(image: Path, tmp_path: Path) -> None:
    with pytest.raises(BoardError, match="has neither microphone nor settings"):
        start_virtual(load_board("mps2_an500"), image, work_dir=tmp_path, settings=tmp_path / "settings")
    with pytest.raises(BoardError, match="has no power to lose"):
        start_virtual(load_board("native"), image, work_dir=tmp_path, power_loss_at=1)
    with pytest.raises(BuildError, match="there is no image"):
        start_virtual(load_board("stm32h7"), tmp_path / "none.elf", work_dir=tmp_path)


@pytest.mark.parametrize("content", [b"", b"no ELF at all", b"\x7fELF"])
def test_a_file_that_is_no_image_is_told(tmp_path: Path, content: bytes) -> None:
    spoiled = tmp_path / "firmware.elf"
    spoiled.write_bytes(content)
    with (
        start_virtual(load_board("stm32h7"), spoiled, work_dir=tmp_path) as board,
        pytest.raises(TransportError, match=r"ended with code 1: .*cannot be read"),
    ):
        ask(board, "?", 1)


def test_an_image_of_another_board_is_told(tmp_path: Path) -> None:
    other = compile_case(tmp_path / "other.elf", "workload_mps2.c")
    with start_virtual(load_board("stm32h7"), other, work_dir=tmp_path) as board, pytest.raises(TransportError, match="has no flash for an image"):
        ask(board, "?", 1)


@pytest.mark.parametrize("line", ["pipes", "--pty"])
def test_it_ends_with_its_host_however_that_ended(image: Path, line: str) -> None:
    """A host that is killed closes nothing in order; its end of standard output is gone all the same."""
    command = [sys.executable, "-m", "tinyaudio.bench.emulation.stm32h743", "--board", "stm32h7", *([line] if line == "--pty" else []), str(image)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        if line == "--pty":
            assert process.stdout.readline().startswith(b"/dev/")
        else:
            process.stdin.write(b"n")
            assert process.stdout.read(1)
        process.stdout.close()
        try:
            assert process.wait(timeout=120) == 0
        finally:
            process.kill()
