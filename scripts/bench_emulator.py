"""How fast the emulated STM32H743 is: stream sound through a built image in both modes and read the machine's own account."""

from __future__ import annotations

import argparse
import json
import re
import sys
from pathlib import Path

import numpy as np

from tinyaudio.bench.device import Device
from tinyaudio.bench.transport import ProcessTransport
from tinyaudio.core.tools import start_tool

AUDIO_SECONDS = 20
MODES = ("counting", "fast")
_ACCOUNT = re.compile(r"([\d.]+) MIPS")


def million_instructions_a_second(elf: Path, mode: str) -> float:
    """Return how many million instructions the machine executes a second of processor time, all of the machine included."""
    command: list[str | Path] = [
        sys.executable,
        "-m",
        "tinyaudio.bench.emulation.stm32h743",
        "--board",
        "stm32h7",
        "--mode",
        mode,
        "--statistics",
        elf,
    ]
    with start_tool(command, pipes=True) as process:
        with Device(ProcessTransport(process), name="stm32h7") as device:
            rate = device.connect().sample_rate_hz
            pcm = np.random.default_rng(1).normal(0, 3_000, AUDIO_SECONDS * rate).astype(np.int16)
            device.stream_clip(0, pcm)
        assert process.stdin is not None
        process.stdin.close()  # the end of the line ends the machine
        process.wait(30)
        account = process.stderr_tail()
    found = _ACCOUNT.search(account)
    if found is None:
        raise SystemExit(f"the machine gave no account of itself: {account}")
    return float(found.group(1))


def main() -> None:
    """Measure the image that the arguments name."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("elf", type=Path, help="firmware.elf of `tinyaudio build --board stm32h7`")
    arguments = parser.parse_args()
    print(json.dumps({mode: million_instructions_a_second(arguments.elf, mode) for mode in MODES}))


if __name__ == "__main__":
    main()
