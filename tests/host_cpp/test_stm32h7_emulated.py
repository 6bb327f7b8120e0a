"""The whole STM32H7 port, function by function, on the emulated chip, which refuses what the reference manual forbids."""

from __future__ import annotations

import shutil
import struct
import subprocess
import time
import wave
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.deploy.test_render import inputs
from tests.host_cpp.toolchain import FIRMWARE_LIB
from tinyaudio.bench.emulation import VirtualBoard, start_virtual
from tinyaudio.core.board import Board, load_board
from tinyaudio.core.errors import TransportError
from tinyaudio.deploy.render import render_project

HERE = Path(__file__).resolve().parent
FLAGS = "-mcpu=cortex-m7 -mthumb -mfpu=fpv5-d16 -mfloat-abi=hard -O2 -std=gnu++17 -fno-exceptions -fno-rtti -fno-threadsafe-statics"
CORE_HZ = 480_000_000
RAMP = np.arange(1, 32_001, dtype=np.int16)
SECTOR_BYTES, UNIT_BYTES = 131_072, 32


def pdm_board() -> Board:
    board = load_board("stm32h7")
    assert board.microphone is not None
    pins = {"ckout": "PC2:AF6", "datin": "PC1:AF3"}
    microphone = board.microphone.model_copy(update={"interface": "pdm", "peripheral": "dfsdm1_channel0", "pins": pins})
    return board.model_copy(update={"microphone": microphone})


def compile_cases(board: Board, folder: Path) -> Path:
    """Compile the cases with the port and the constants and the linker script of `board`."""
    compiler = shutil.which("arm-none-eabi-gcc")
    if compiler is None:
        pytest.skip("needs arm-none-eabi-gcc")
    project = render_project(replace(inputs("stm32h7"), board=board))
    port = [path for path in project.files if path.startswith("src/port/")]
    for path in ("linker.ld", "src/generated/board_config.h", *port):
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(project.files[path], encoding="utf-8")
    sources = [HERE / "stm32h7_port_cases.cc", *sorted((folder / "src" / "port").rglob("*.cc"))]
    includes = [f"-I{path}" for path in (folder / "src", *sorted(FIRMWARE_LIB.glob("tinyaudio_*/include")))]
    warnings = "-Wall -Wextra -Wshadow -Werror -Wno-infinite-recursion -Wno-implicit-fallthrough"
    linking = f"-nostartfiles --specs=nano.specs --specs=nosys.specs -T {folder / 'linker.ld'} -Wl,--gc-sections -Wl,--enable-non-contiguous-regions"
    elf = folder / "cases.elf"
    command = [compiler, *FLAGS.split(), *warnings.split(), *includes, *map(str, sources), *linking.split(), "-o", str(elf)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    return elf


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return compile_cases(load_board("stm32h7"), tmp_path_factory.mktemp("cases"))


@pytest.fixture(scope="module")
def ramp_wav(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_wav(tmp_path_factory.mktemp("wav") / "ramp.wav", RAMP, 16_000)


def write_wav(path: Path, samples: NDArray[np.int16], sample_rate_hz: int) -> Path:
    with wave.open(str(path), "wb") as stream:
        stream.setnchannels(1)
        stream.setsampwidth(2)
        stream.setframerate(sample_rate_hz)
        stream.writeframes(samples.astype("<i2").tobytes())
    return path


class Cases:
    """The program on the emulated chip."""

    def __init__(self, board: VirtualBoard) -> None:
        self.board = board
        self.await_boot()

    def await_boot(self) -> None:
        """Wait until the program has begun; what is sent to a chip in reset would be lost."""
        assert self.receive() == b"ready"

    def send(self, command: str, argument: int = 0, payload: bytes = b"") -> None:
        self.board.transport.write(command.encode() + struct.pack("<I", argument) + payload)

    def receive(self) -> bytes:
        return self._take(struct.unpack("<I", self._take(4))[0])

    def ask(self, command: str, argument: int = 0, payload: bytes = b"") -> bytes:
        self.send(command, argument, payload)
        return self.receive()

    def word(self, command: str, argument: int = 0, payload: bytes = b"") -> int:
        return int.from_bytes(self.ask(command, argument, payload), "little")

    def _take(self, count: int) -> bytes:
        taken = b""
        deadline = time.monotonic() + 120
        while len(taken) < count:
            assert time.monotonic() < deadline, f"{len(taken)} of {count} bytes are all that came"
            taken += self.board.transport.read(count - len(taken), timeout_seconds=1.0)
        return taken


@contextmanager
def running(image: Path, work_dir: Path, *, board: Board | None = None, **options: object) -> Iterator[Cases]:
    with start_virtual(board or load_board("stm32h7"), image, work_dir=work_dir, **options) as virtual:  # type: ignore[arg-type]
        yield Cases(virtual)


@pytest.fixture
def cases(image: Path, tmp_path: Path) -> Iterator[Cases]:
    with running(image, tmp_path) as started:
        yield started


def test_the_chip_says_who_it_is(cases: Cases) -> None:
    assert len(cases.ask("i")) == 12
    assert cases.ask("i") == cases.ask("i")


def test_boots_differ(cases: Cases) -> None:
    first = cases.word("b")
    assert cases.word("b") == first != 0
    cases.send("R")
    cases.await_boot()
    assert cases.word("b") not in (0, first)
    assert cases.ask("w") == b""  # a reset that was asked for is no fault


@pytest.mark.parametrize("count", [1, 31, 4_096, 8_192, 16_384, 50_000])
def test_bytes_of_any_number_come_back(cases: Cases, count: int) -> None:
    """Beyond the rings of both directions; the host sends no more than half the receive ring ahead, as its credit has it."""
    sent = np.random.default_rng(count).integers(0, 256, count, dtype=np.uint8).tobytes()
    cases.send("e", count)
    returned = cases.board.transport.read(0, timeout_seconds=0.0)
    for start in range(0, count, 8_000):
        piece = sent[start : start + 8_000]
        cases.board.transport.write(piece)
        returned += cases._take(len(piece) + (4 if start == 0 else 0))
    assert returned[4:] == sent
    assert cases.ask("E") == bytes(20)  # no overrun, no framing error, nothing lost


def test_cycles_are_counted_while_it_works(cases: Cases) -> None:
    first, second = cases.word("c"), cases.word("c")
    assert 0 < second - first < CORE_HZ


def test_i2s_comes_through_bit_for_bit(image: Path, ramp_wav: Path, tmp_path: Path) -> None:
    with running(image, tmp_path, microphone=ramp_wav) as cases:
        assert struct.unpack("<II", cases.ask("m", 16_000)) == (1, 0)
        heard = np.frombuffer(cases.receive(), "<i2")
        np.testing.assert_array_equal(heard, RAMP[: len(heard)])
        assert len(heard) == 24_000
        assert struct.unpack("<II", cases.ask("m", 44_100)) == (0, 0)
        assert cases.receive() == b""


def test_a_new_recording_begins_at_its_start(image: Path, ramp_wav: Path, tmp_path: Path) -> None:
    with running(image, tmp_path, microphone=ramp_wav) as cases:
        recordings = []
        for _ in range(2):
            cases.ask("m", 16_000)
            recordings.append(cases.receive())
        assert recordings[0] == recordings[1]


def test_pdm_comes_through_bit_for_bit(ramp_wav: Path, tmp_path: Path) -> None:
    board = pdm_board()
    with running(compile_cases(board, tmp_path / "image"), tmp_path, board=board, microphone=ramp_wav) as cases:
        assert struct.unpack("<II", cases.ask("m", 16_000)) == (1, 0)
        heard = np.frombuffer(cases.receive(), "<i2")
        np.testing.assert_array_equal(heard, RAMP[: len(heard)])


def test_samples_that_nobody_reads_are_counted(image: Path, tmp_path: Path) -> None:
    """0.25 s are 12,000 samples; 8,192 of them fit. The gap is told behind the samples in front of it, and is as long as it was."""
    wav = write_wav(tmp_path / "ramp.wav", RAMP, 48_000)
    with running(image, tmp_path, microphone=wav) as cases:
        told_early, before, lost, behind = struct.unpack("<IIII", cases.ask("l", CORE_HZ // 4 // 2))
        heard = np.frombuffer(cases.receive(), "<i2")
    assert (told_early, before, behind) == (0, 8_192, 1_000)
    assert 12_000 - 8_192 - 128 <= lost <= 12_000 - 8_192 + 128
    np.testing.assert_array_equal(heard, [*RAMP[:before], *RAMP[before + lost : before + lost + behind]])


def test_settings_are_erased_written_and_read(cases: Cases) -> None:
    assert struct.unpack("<III", cases.ask("s")) == (SECTOR_BYTES, 2, UNIT_BYTES)
    unit = bytes(range(UNIT_BYTES))
    other = unit[::-1]
    for sector in (0, 1):
        start = sector * SECTOR_BYTES
        assert cases.word("d", sector) == 1
        assert cases.word("p", start + 64, unit) == 1
        assert cases.word("p", start + 96, other) == 1
        assert cases.ask("r", start + 64) == unit
        assert cases.ask("r", start + 32) == b"\xff" * UNIT_BYTES
        assert cases.ask("a", start + 32) == b"\xff" * 16 + unit + other[:16]
        assert cases.word("d", sector) == 1
        assert cases.ask("r", start + 64) == b"\xff" * UNIT_BYTES


def test_settings_refuse_what_is_not_theirs(cases: Cases) -> None:
    assert cases.word("d", 2) == 0
    assert cases.word("p", 2 * SECTOR_BYTES, bytes(UNIT_BYTES)) == 0
    assert cases.word("p", 16, bytes(UNIT_BYTES)) == 0
    assert cases.ask("r", 2 * SECTOR_BYTES - 16) == b""
    assert cases.ask("r", 0xFFFF_FFF0) == b""


def test_a_unit_half_written_is_unreadable_and_no_fault(image: Path, tmp_path: Path) -> None:
    """Power is lost in mid-write: the error correction code does not fit what is there. The read says so, and the chip lives on."""
    settings = tmp_path / "settings.bin"
    unit = bytes(range(100, 100 + UNIT_BYTES))
    with running(image, tmp_path, settings=settings, power_loss_at=2) as cases:
        assert cases.word("p", 0, unit) == 1
        with pytest.raises(TransportError):
            cases.ask("p", 32, unit)
    with running(image, tmp_path, settings=settings) as cases:
        assert cases.ask("r", 32) == b""
        assert cases.ask("r", 0) == unit
        assert cases.ask("a", 0) == b""
        assert cases.ask("w") == b""
        assert cases.word("d", 0) == 1
        assert cases.word("p", 32, unit) == 1
        assert cases.ask("r", 32) == unit


@pytest.mark.parametrize(
    ("command", "argument", "words"),
    [("f", 0, b"fault at pc=0x0"), ("f", 0x0800_0000, b"fault at pc=0x08"), ("o", 0, b"fault, the stack overflowed")],
)
def test_a_fault_is_told_by_the_next_boot(cases: Cases, command: str, argument: int, words: bytes) -> None:
    """A null pointer and flash that are written to, and a stack without end."""
    first = cases.word("b")
    cases.send(command, argument)
    cases.await_boot()
    assert cases.word("b") != first
    assert cases.ask("w").startswith(words)
    cases.send("R")
    cases.await_boot()
    assert cases.ask("w") == b""


def fault(cases: Cases) -> None:
    cases.send("f", 0x0800_0000)
    cases.await_boot()


def test_the_third_fault_in_a_row_leaves_a_board_that_only_talks(cases: Cases) -> None:
    """As does every one that follows, until a reset is asked for."""
    for only_talks in (0, 0, 1, 1):
        fault(cases)
        assert cases.word("t") == only_talks
        assert cases.ask("w").startswith(b"fault at pc=0x08")
    cases.send("R")
    cases.await_boot()
    assert (cases.word("t"), cases.ask("w")) == (0, b"")
    fault(cases)
    assert cases.word("t") == 0


def test_a_fault_that_a_host_has_been_told_of_begins_a_new_row(cases: Cases) -> None:
    for _ in range(4):
        fault(cases)
        assert cases.word("t") == 0
        cases.send("h")


def test_interrupts_are_not_measured(cases: Cases) -> None:
    """None, one, two one behind the other: to the instruction."""
    alone, one, two = struct.unpack("<III", cases.ask("k", 5_000))
    assert alone == one == two >= 20_000


def test_without_its_external_clock_it_works_and_says_so(image: Path, ramp_wav: Path, tmp_path: Path) -> None:
    """On the internal one: the same clocks, so link, microphone and Stop mode go on."""
    with running(image, tmp_path, external_clock=False, microphone=ramp_wav) as cases:
        assert b"external clock (HSE) does not run" in cases.ask("n")
        sent = bytes(range(256)) * 16
        cases.send("e", len(sent), sent)
        assert cases.receive() == sent
        assert struct.unpack("<II", cases.ask("m", 16_000)) == (1, 0)
        heard = np.frombuffer(cases.receive(), "<i2")
        np.testing.assert_array_equal(heard, RAMP[: len(heard)])
        is_over, _, _ = struct.unpack("<III", cases.ask("z", 50))
        assert is_over == 1
        assert b"external clock (HSE) does not run" in cases.ask("n")


def test_with_its_external_clock_there_is_nothing_to_say(cases: Cases) -> None:
    assert cases.ask("n") == b""


@pytest.mark.parametrize("milliseconds", [1, 50, 2_000, 65_536, 70_000])
def test_it_stops_and_comes_back(cases: Cases, milliseconds: int) -> None:
    """A second timer on the same oscillator says how long it was; then clocks, link and counter are as before."""
    is_over, passed_ms, _ = struct.unpack("<III", cases.ask("z", milliseconds))
    assert is_over == 1
    assert milliseconds % 65_536 <= passed_ms <= milliseconds % 65_536 + 10
    sent = bytes(range(256))
    cases.send("e", len(sent), sent)
    assert cases.receive() == sent
    first, second = cases.word("c"), cases.word("c")
    assert first != second


def test_it_ends_when_asked_to(cases: Cases) -> None:
    with pytest.raises(TransportError):
        cases.ask("x", 3)
