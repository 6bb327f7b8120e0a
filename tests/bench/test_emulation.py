"""Virtual boards and the ports: start-up, links, timing, faults, and that nothing is left behind."""

from __future__ import annotations

import math
import os
import shutil
import struct
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import numpy as np
import pytest

from tests.golden_fixture import golden_vectors
from tests.host_cpp.toolchain import FIRMWARE_LIB, REPOSITORY, compile_host
from tinyaudio.bench.emulation import VirtualBoard, start_virtual
from tinyaudio.core.artifacts import Calibration
from tinyaudio.core.board import Board, load_board
from tinyaudio.core.errors import BoardError, BuildError, ToolError, TransportError
from tinyaudio.deploy.render import RenderInputs, render_project
from tinyaudio.dsp.frontend import design_frontend

CASES = Path(__file__).parent / "emulated_cases.cc"
PORTS = REPOSITORY / "firmware" / "ports"
INCLUDE_DIRS = tuple(REPOSITORY / "firmware" / "lib" / name / "include" for name in ("tinyaudio_app", "tinyaudio_placement"))
FLAGS = ("-mcpu=cortex-m7", "-mthumb", "-mfpu=fpv5-d16", "-mfloat-abi=hard", "-O2", "-std=c++17", "-fno-exceptions", "-fno-rtti")
WARNINGS = ("-Wall", "-Wextra", "-Wshadow", "-Werror", "-Wno-infinite-recursion", "-Wno-implicit-fallthrough")

LinkName = Literal["fifo", "uart"]


def compile_for_mps2(folder: Path) -> Path:
    model = golden_vectors().model
    board = load_board("mps2_an500")
    inputs = RenderInputs(
        board=board,
        tables=design_frontend(model.spec, kernel=board.fft_kernel),
        quantized=model,
        calibration=Calibration(smoothing_patches=1, detection_threshold=0),
    )
    script = folder / "linker.ld"
    script.write_text(render_project(inputs).files["linker.ld"], encoding="utf-8")
    compiler = shutil.which("arm-none-eabi-g++")
    assert compiler, "arm-none-eabi-g++ is missing; `tinyaudio doctor` says how to get it"
    sources = [CASES, *sorted((PORTS / "mps2").glob("*.cc")), *sorted((PORTS / "cortex_m").glob("*.cc"))]
    include = [f"-I{path}" for path in (*INCLUDE_DIRS, PORTS)]
    link = ["-nostartfiles", "--specs=nano.specs", "--specs=nosys.specs", "-Wl,--gc-sections", "-T", str(script)]
    elf = folder / "cases.elf"
    command = [compiler, *FLAGS, *WARNINGS, *include, *map(str, sources), *link, "-fno-use-cxa-atexit", "-fno-threadsafe-statics", "-o", str(elf)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    return elf


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("images")
    native = compile_host(
        folder / "cases",
        [CASES, *sorted((PORTS / "native").glob("*.cc")), FIRMWARE_LIB / "tinyaudio_app" / "src" / "microphone_ring.cc"],
        include_dirs=list(INCLUDE_DIRS),
        flags=("-Wno-infinite-recursion", "-Wno-implicit-fallthrough"),
        sanitize=False,
    )
    return {"mps2_an500": compile_for_mps2(folder), "native": native}


@contextmanager
def started(images: dict[str, Path], board_id: str, work_dir: Path, link: LinkName = "fifo") -> Iterator[VirtualBoard]:
    with start_virtual(load_board(board_id), images[board_id], link=link, work_dir=work_dir) as board:
        yield board


def ask(board: VirtualBoard, command: bytes, count: int) -> bytes:
    """Send `command` and return the `count` bytes it is answered with."""
    board.transport.write(command)
    answer = b""
    deadline = time.monotonic() + 120
    while len(answer) < count:
        assert time.monotonic() < deadline, f"{answer!r} is all that came"
        answer += board.transport.read(count - len(answer), timeout_seconds=1.0)
    return answer


def ask_after_reset(board: VirtualBoard, command: bytes, count: int) -> bytes:
    """Reset the board, then repeat `command` until it is heard; return the `count` bytes of the first answer."""
    board.transport.write(b"r")
    answer = b""
    deadline = time.monotonic() + 120
    while len(answer) < count:
        assert time.monotonic() < deadline, f"{answer!r} is all that came"
        if not answer:  # what is on its way during a reset is lost
            board.transport.write(command)
        answer += board.transport.read(count - len(answer), timeout_seconds=0.1)
    return answer


def die(board: VirtualBoard, command: bytes) -> str:
    """Send `command`, which ends the emulator; return the error's text."""
    with pytest.raises(TransportError) as caught:
        ask(board, command, 1_000)
    return str(caught.value)


RIGS: list[tuple[str, LinkName]] = [("mps2_an500", "fifo"), ("mps2_an500", "uart"), ("native", "fifo")]


@pytest.mark.parametrize(("board_id", "link"), RIGS)
def test_every_byte_passes_both_ways(images: dict[str, Path], tmp_path: Path, board_id: str, link: LinkName) -> None:
    passive = bytes(set(range(256)) - set(b"mdtfnsrxev")) * 20
    with started(images, board_id, tmp_path, link) as board:
        assert ask(board, passive, len(passive)) == passive


@pytest.mark.parametrize("board_id", ["mps2_an500", "native"])
def test_memory_is_set_up_at_start_and_again_after_a_reset(images: dict[str, Path], tmp_path: Path, board_id: str) -> None:
    with started(images, board_id, tmp_path) as board:
        fresh = struct.pack("<3I", 0x1234ABCD, 0, 0x1234ABCE)
        assert ask(board, b"m", 12) == fresh
        assert ask(board, b"m", 12) == struct.pack("<3I", 7, 7, 0x1234ABCE)
        assert ask_after_reset(board, b"m", 12) == fresh


def test_ram_for_settings_is_left_alone_by_a_reset(images: dict[str, Path], tmp_path: Path) -> None:
    geometry, unit = struct.pack("<3I", 4_096, 2, 32), bytes(range(1, 33)) + bytes(32)
    with started(images, "mps2_an500", tmp_path) as board:
        fresh = ask(board, b"v", 76)
        assert fresh[:12] == geometry
        assert fresh[12:] != unit
        assert ask(board, b"e", 76) == geometry + unit
        assert ask_after_reset(board, b"v", 76) == geometry + unit


def test_the_fpu_is_enabled(images: dict[str, Path], tmp_path: Path) -> None:
    with started(images, "mps2_an500", tmp_path) as board:
        assert struct.unpack("<d", ask(board, b"d", 8)) == (1 / 3,)


def test_the_same_work_takes_the_same_ticks(images: dict[str, Path], tmp_path: Path) -> None:
    with started(images, "mps2_an500", tmp_path) as board:
        ticks = np.frombuffer(ask(board, b"t", 72), "<u4").reshape(9, 2)
    assert set(ticks[:, 0]) == {0}, "measuring nothing took a tick"
    assert len(set(ticks[:, 1])) == 1
    assert math.isclose(ticks[0, 1] * 40, 4_000, abs_tol=40)  # an instruction is 1 ns, a tick 40 ns


@pytest.mark.parametrize("link", ["fifo", "uart"])
def test_a_fault_names_its_place(images: dict[str, Path], tmp_path: Path, link: LinkName) -> None:
    with started(images, "mps2_an500", tmp_path, link) as board:
        text = die(board, b"f")
        assert "qemu-system-arm ended with code 70: tinyaudio: fault at pc=0x0000" in text
        assert "cfsr=0x00010000" in text  # UNDEFINSTR
        assert board.exit_reason() in text


def test_a_stack_overflow_is_a_fault_and_not_a_wrong_result(images: dict[str, Path], tmp_path: Path) -> None:
    with started(images, "mps2_an500", tmp_path) as board:
        assert "tinyaudio: fault, the stack overflowed, exception=0x00000004 cfsr=" in die(board, b"s")


def test_a_write_through_a_null_pointer_is_a_fault(images: dict[str, Path], tmp_path: Path) -> None:
    with started(images, "mps2_an500", tmp_path) as board:
        text = die(board, b"n")
    assert "tinyaudio: fault at pc=0x0000" in text
    assert "cfsr=0x00000082" in text  # DACCVIOL, MMARVALID


@pytest.mark.parametrize(("board_id", "program"), [("mps2_an500", "qemu-system-arm"), ("native", "cases")])
def test_a_program_that_ends_is_noticed_with_its_code(images: dict[str, Path], tmp_path: Path, board_id: str, program: str) -> None:
    with started(images, board_id, tmp_path) as board:
        assert f"{program} ended with code 42" in die(board, b"x")
        with pytest.raises(TransportError):
            board.transport.write(b"?" * 100_000)


@pytest.mark.parametrize(("board_id", "link"), RIGS)
def test_nothing_is_left_behind(images: dict[str, Path], tmp_path: Path, board_id: str, link: LinkName) -> None:
    with started(images, board_id, tmp_path, link) as board:
        assert ask(board, b"?", 1) == b"?"
        pid = board.pid
        assert board.exit_reason() == ""
        assert board.describe()
    assert board.exit_reason()
    board.close()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    assert list(tmp_path.iterdir()) == []


def test_the_image_ends_by_itself_behind_fifos(images: dict[str, Path], tmp_path: Path) -> None:
    with started(images, "mps2_an500", tmp_path) as board:
        assert ask(board, b"?", 1) == b"?"
    assert board.exit_reason() == "qemu-system-arm ended with code 0"


def test_a_folder_with_spaces_and_commas_serves(images: dict[str, Path], tmp_path: Path) -> None:
    folder = tmp_path / "my runs, all of them"
    folder.mkdir()
    image = folder / "an, image.elf"
    shutil.copy(images["mps2_an500"], image)
    with start_virtual(load_board("mps2_an500"), image, work_dir=folder / "new") as board:
        assert ask(board, b"?", 1) == b"?"


def spoiled_machine() -> Board:
    board = load_board("mps2_an500")
    assert board.emulator is not None
    return board.model_copy(update={"emulator": board.emulator.model_copy(update={"machine": "no-such-machine"})})


@pytest.mark.parametrize("link", ["fifo", "uart"])
def test_an_emulator_that_does_not_start_says_why(images: dict[str, Path], tmp_path: Path, link: LinkName) -> None:
    with (
        pytest.raises(TransportError, match="qemu-system-arm ended with code 1"),
        start_virtual(spoiled_machine(), images["mps2_an500"], link=link, work_dir=tmp_path) as board,
    ):
        ask(board, b"?", 1)
    assert list(tmp_path.iterdir()) == []


def test_what_cannot_be_started_is_refused(images: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    board = load_board("mps2_an500")
    with pytest.raises(BuildError, match="there is no image") as caught:
        start_virtual(board, tmp_path / "firmware.elf", work_dir=tmp_path)
    assert "tinyaudio build --board mps2_an500" in caught.value.hint
    with pytest.raises(BoardError, match="has no emulator"):
        start_virtual(board.model_copy(update={"emulator": None}), images["mps2_an500"], work_dir=tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ToolError, match="qemu-system-arm"):
        start_virtual(board, images["mps2_an500"], work_dir=tmp_path)
