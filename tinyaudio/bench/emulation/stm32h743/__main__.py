"""Run an image on the emulated STM32H743: ``python -m tinyaudio.bench.emulation.stm32h743 --board stm32h7 firmware.elf``.

The host's end of the UART is standard input and output, or with ``--pty`` a pseudo terminal whose name comes on standard
output. Standard error tells of faults; its last line says why the machine ended, and the exit code is one of `problems`.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path

from tinyaudio.bench.emulation.stm32h743.chip import Chip, ChipOptions
from tinyaudio.bench.emulation.stm32h743.host_line import HostLine, pseudo_terminal
from tinyaudio.bench.emulation.stm32h743.image import read_image
from tinyaudio.bench.emulation.stm32h743.machine import Machine
from tinyaudio.bench.emulation.stm32h743.problems import MachineEndError
from tinyaudio.core.board import Board, load_board
from tinyaudio.core.errors import TinyaudioError


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tinyaudio.bench.emulation.stm32h743", description="An emulated STM32H743.")
    parser.add_argument("elf", type=Path)
    parser.add_argument("--board", required=True, help="id of a shipped board, or a whole board as JSON")
    parser.add_argument("--mode", choices=("counting", "fast"), default="counting")
    parser.add_argument("--pty", action="store_true", help="the line is a pseudo terminal; its name is the first line on standard output")
    parser.add_argument("--microphone", type=Path, help="WAV that the microphone hears")
    parser.add_argument("--settings", type=Path, help="file that keeps the settings sectors")
    parser.add_argument("--power-loss-at", type=int, help="lose power during this flash step, counted from 1")
    parser.add_argument("--seed", type=int, default=None, help="of the random number generator; otherwise by chance")
    parser.add_argument("--no-external-clock", action="store_true", help="nothing comes from the board's crystal or clock: HSERDY stays 0")
    parser.add_argument("--statistics", action="store_true", help="say at the end how much was executed")
    return parser.parse_args()


def _say(line: str) -> None:
    sys.stderr.write(f"tinyaudio: {line}\n")
    sys.stderr.flush()


def _open_line(*, pty: bool) -> HostLine:
    if not pty:
        return HostLine(sys.stdin.fileno(), sys.stdout.fileno(), lifeline=sys.stdout.fileno())
    descriptor, name = pseudo_terminal()
    os.write(sys.stdout.fileno(), f"{name}\n".encode())
    return HostLine(descriptor, descriptor, lifeline=sys.stdout.fileno())


def _run(arguments: argparse.Namespace) -> int:
    board = Board.model_validate_json(arguments.board) if arguments.board.startswith("{") else load_board(arguments.board)
    options = ChipOptions(
        exact=arguments.mode == "counting",
        microphone=arguments.microphone,
        settings=arguments.settings,
        power_loss_at=arguments.power_loss_at,
        seed=int.from_bytes(os.urandom(4), "little") if arguments.seed is None else arguments.seed,
        external_clock=not arguments.no_external_clock,
    )
    chip = Chip(board, read_image(arguments.elf), options)
    machine = Machine(chip, _open_line(pty=arguments.pty), _say)
    begun = time.process_time()
    try:
        machine.run()
    except MachineEndError as end:
        if arguments.statistics:
            counter, seconds = chip.engine.counter, time.process_time() - begun
            executed = counter.cycles - counter.slept
            _say(f"{executed} instructions in {seconds:.2f} s of the processor, {executed / seconds / 1e6:.1f} MIPS; {counter.slept} cycles slept")
        if end.exit_code:
            _say(str(end))
        return end.exit_code


def main() -> int:
    """Run the machine; return its exit code."""
    try:
        return _run(_arguments())
    except TinyaudioError as error:
        _say(f"{error} ({error.hint})")
        return 1


if __name__ == "__main__":
    sys.exit(main())
