"""Measure what must stay quick: prints a table, or with --json one object; ends with 3 if a bound is broken."""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import sys
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

from tinyaudio.core.tools import run_tool

ROOT = Path(__file__).resolve().parents[1]
TINYAUDIO = Path(sys.executable).with_name("tinyaudio")


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """One figure and its bound."""

    name: str
    seconds: float
    bound_seconds: float

    @property
    def ok(self) -> bool:
        return self.seconds < self.bound_seconds


def measure_help() -> tuple[Measurement]:
    """`tinyaudio --help`, median of five, the first (cold) run left out."""
    times = [run_tool([TINYAUDIO, "--help"]).seconds for _ in range(6)][1:]
    return (Measurement(name="tinyaudio --help", seconds=statistics.median(times), bound_seconds=0.3),)


def measure_setup() -> tuple[Measurement]:
    """`scripts/setup` where there is nothing to do."""
    run_tool([ROOT / "scripts" / "setup"], timeout_seconds=1200)
    return (Measurement(name="second run of scripts/setup", seconds=run_tool([ROOT / "scripts" / "setup"]).seconds, bound_seconds=10),)


def measure_builds(project: Path, board: str) -> tuple[Measurement, Measurement]:
    """Cold and warm `tinyaudio build` of the trained project `project`; cold is without any compiled file."""
    command: list[str | Path] = [TINYAUDIO, "build", "--board", board, "--project", project, "--json"]
    elf = Path(json.loads(run_tool(command).stdout.splitlines()[-1])["elf"])
    shutil.rmtree(next(parent for parent in elf.parents if parent.name == ".pio"))
    cold = Measurement(name=f"cold build, {board}", seconds=run_tool(command).seconds, bound_seconds=90)
    warm = Measurement(name=f"warm build, {board}", seconds=run_tool(command).seconds, bound_seconds=5)
    return cold, warm


def measure_demo() -> tuple[Measurement]:
    """The whole line on the built-in set, set-up done."""
    with tempfile.TemporaryDirectory() as folder:
        completed = run_tool([ROOT / "scripts" / "demo", "--json"], cwd=Path(folder), timeout_seconds=1800)
    return (Measurement(name="scripts/demo --json", seconds=completed.seconds, bound_seconds=240),)


def main() -> int:
    """Run the measurements that the arguments ask for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--project", type=Path, help="a project with a quantized model: measures its builds, too")
    parser.add_argument("--board", action="append", help="board to build for (default: mps2_an500 and native)")
    parser.add_argument("--demo", action="store_true", help="run the whole demo, too (minutes)")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    arguments = parser.parse_args()

    steps: list[Callable[[], tuple[Measurement, ...]]] = [measure_setup, measure_help]
    if arguments.project is not None:
        for board in arguments.board or ("mps2_an500", "native"):
            steps.append(partial(measure_builds, arguments.project.resolve(), board))
    if arguments.demo:
        steps.append(measure_demo)

    results: list[Measurement] = []
    for step in steps:
        for measurement in step():
            results.append(measurement)
            verdict = "ok" if measurement.ok else "TOO SLOW"
            print(f"{measurement.name:32} {measurement.seconds:8.2f} s   bound {measurement.bound_seconds:6.1f} s   {verdict}", file=sys.stderr)
    if arguments.json:
        print(json.dumps({"measurements": [{**asdict(result), "ok": result.ok} for result in results]}))
    return 0 if all(result.ok for result in results) else 3


if __name__ == "__main__":
    sys.exit(main())
