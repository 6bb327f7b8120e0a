"""The cases for the emulated STM32H743 (h743_cases/), compiled and asked."""

from __future__ import annotations

import shutil
import struct
import subprocess
import time
from pathlib import Path

from tinyaudio.bench.emulation import VirtualBoard

CASES = Path(__file__).parent / "h743_cases"
FLAGS = ("-mcpu=cortex-m7", "-mthumb", "-mfpu=fpv5-d16", "-mfloat-abi=hard", "-O2", "-ffreestanding")
WARNINGS = ("-Wall", "-Wextra", "-Werror", "-Wno-infinite-recursion")


def compile_case(output: Path, source: str) -> Path:
    """Compile one of the C files and the workload, with the linker script of its name."""
    compiler = shutil.which("arm-none-eabi-gcc")
    assert compiler, "arm-none-eabi-gcc is missing; `tinyaudio doctor` says how to get it"
    path = CASES / source
    command = [
        compiler,
        *FLAGS,
        *WARNINGS,
        "-nostdlib",
        "-T",
        str(path.with_suffix(".ld")),
        str(path),
        str(CASES / "workload.c"),
        "-lgcc",
        "-o",
        str(output),
    ]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    return output


def ask(board: VirtualBoard, case: str, count: int) -> bytes:
    """Send the letter `case` and return the `count` bytes of its answer."""
    board.transport.write(case.encode())
    answer = b""
    deadline = time.monotonic() + 120
    while len(answer) < count:
        assert time.monotonic() < deadline, f"{answer!r} is all that came"
        answer += board.transport.read(count - len(answer), timeout_seconds=1.0)
    return answer


def ask_words(board: VirtualBoard, case: str, count: int) -> tuple[int, ...]:
    """Send the letter `case` and return its answer, `count` words of 32 bits."""
    return struct.unpack(f"<{count}I", ask(board, case, 4 * count))
