"""Measure what must stay quick or small, print it, and write docs/performance.md; ends with 3 if a bound is broken."""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tinyaudio.core.files import write_text_atomically
from tinyaudio.core.tools import run_tool
from tinyaudio.dsp.audio import read_pcm, write_wav

ROOT = Path(__file__).resolve().parents[1]
TINYAUDIO = Path(sys.executable).with_name("tinyaudio")
BOARDS = ("mps2_an500", "native", "stm32h7")
LIVE_SECONDS = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """One figure, its bound, and how it compares with what others report."""

    name: str
    value: float
    unit: str
    command: str
    at_most: float | None = None
    at_least: float | None = None
    reference: str = ""

    @property
    def ok(self) -> bool:
        return (self.at_most is None or self.value <= self.at_most) and (self.at_least is None or self.value >= self.at_least)

    @property
    def bound(self) -> str:
        if self.at_most is not None:
            return f"at most {number(self.at_most)}"
        return f"at least {number(self.at_least)}" if self.at_least is not None else ""


def number(value: float) -> str:
    """Return `value` as people write it."""
    return f"{value:,.0f}" if float(value).is_integer() else f"{value:,.3g}" if value >= 1 else f"{value:.4f}"


def measure_help() -> Iterator[Measurement]:
    """`tinyaudio --help`, median of five, the first (cold) run left out."""
    times = [run_tool([TINYAUDIO, "--help"]).seconds for _ in range(6)][1:]
    yield Measurement(name="help", value=statistics.median(times), unit="s", at_most=0.3, command="tinyaudio --help")


def measure_setup() -> Iterator[Measurement]:
    """`scripts/setup` where there is nothing to do."""
    run_tool([ROOT / "scripts" / "setup"], timeout_seconds=1200)
    seconds = run_tool([ROOT / "scripts" / "setup"]).seconds
    yield Measurement(name="second set-up", value=seconds, unit="s", at_most=10, command="./scripts/setup")


def measure_fresh_checkout() -> Iterator[Measurement]:
    """Set-up, demo and all tests in a clone that has no .venv; system packages and pip's download cache are as they are."""
    with tempfile.TemporaryDirectory() as folder:
        clone = Path(folder) / "tinyaudio"
        run_tool(["git", "clone", "--quiet", ROOT, clone])
        environment = {name: value for name, value in os.environ.items() if name not in ("TINYAUDIO_CACHE_DIR", "PYTHONPATH", "VIRTUAL_ENV")}
        environment["TINYAUDIO_DATA"] = str(data_folder())
        for name, command, bound_seconds in (("fresh demo", ["scripts/demo", "--json"], 720), ("all tests, set-up done", ["scripts/test"], 900)):
            seconds = run_tool([clone / command[0], *command[1:]], cwd=clone, env=environment, timeout_seconds=3600).seconds
            yield Measurement(name=name, value=seconds, unit="s", at_most=bound_seconds, command=f"./{' '.join(command)}")


def measure_demo(project: Path) -> Iterator[Measurement]:
    """The whole line on the built-in set from nothing, set-up done, and what it finds."""
    command: list[str | Path] = [TINYAUDIO, "demo", "--directory", project, "--json", "--quiet"]
    first = run_tool(command, timeout_seconds=1800)
    yield Measurement(name="demo, set-up done", value=first.seconds, unit="s", at_most=240, command="./scripts/demo")
    again = run_tool(command, timeout_seconds=1800)
    yield Measurement(name="demo again, every stage reused", value=again.seconds, unit="s", at_most=240, command="./scripts/demo")
    yield from measure_facts("demo", json.loads(first.stdout), "./scripts/demo --json", at_least_int8=0.90)


def measure_chip(project: Path) -> Iterator[Measurement]:
    """The same project on the emulated STM32H743: the image that is flashed, streamed and listening; how fast the machine is."""
    done = run_tool([TINYAUDIO, "demo", "--board", "stm32h7", "--directory", project, "--json", "--quiet"], timeout_seconds=1800)
    yield Measurement(name="demo on stm32h7, models made", value=done.seconds, unit="s", at_most=240, command="tinyaudio demo --board stm32h7")
    facts = json.loads(done.stdout)
    yield from measure_facts("stm32h7", facts, "tinyaudio demo --board stm32h7 --json", at_least_int8=0.90)
    recording = project / "live.wav"
    write_recording(project, recording)
    command = f"tinyaudio live --board stm32h7 --microphone live.wav  # {LIVE_SECONDS} s of test clips"
    live = json.loads(
        run_tool(
            [TINYAUDIO, "live", "--board", "stm32h7", "--project", project, "--microphone", recording, "--json", "--quiet"], timeout_seconds=600
        ).stdout
    )
    for name, value in (("hops missing", live["missing_hops"]), ("samples lost", live["overruns"]), ("mismatches", sum(live["mismatches"].values()))):
        yield Measurement(name=f"stm32h7 live: {name}", value=value, unit="", at_most=0, command=command)
    yield Measurement(name="stm32h7 live: hops", value=live["frames"], unit="", command=command)
    elf = project / "runs" / "demo" / "stm32h7" / "firmware" / ".pio" / "build" / "stm32h7" / "firmware.elf"
    speeds = json.loads(run_tool([sys.executable, ROOT / "scripts" / "bench_emulator.py", elf], timeout_seconds=600).stdout)
    for mode, speed in speeds.items():
        yield Measurement(
            name=f"emulated STM32H743, {mode} mode",
            value=speed,
            unit="MIPS",
            at_least=60,
            reference="9.5 with a hook in Python",
            command="scripts/bench_emulator.py firmware.elf",
        )


def write_recording(project: Path, path: Path) -> None:
    """Put test clips one behind the other, for as long as a minute."""
    clips = [read_pcm(file, sample_rate_hz=16_000) for file in sorted((project / "audio").glob("*.wav"))]
    pcm = np.concatenate(clips)[: LIVE_SECONDS * 16_000]
    write_wav(path, pcm, sample_rate_hz=16_000)


def measure_esc10() -> Iterator[Measurement]:
    """ESC-10, folds 1 to 3 against fold 4, from nothing; the image of the STM32H7 with the same model."""
    if not (data_folder() / "esc10" / "manifest.csv").is_file():
        print("ESC-10 is not in TINYAUDIO_DATA: left out", file=sys.stderr)
        return
    shutil.rmtree(ROOT / "runs" / "esc10", ignore_errors=True)
    done = run_tool([ROOT / "scripts" / "esc10", "--json", "--quiet"], timeout_seconds=3600)
    yield Measurement(name="ESC-10, from recordings to report", value=done.seconds, unit="s", command="./scripts/esc10")
    yield from measure_facts("ESC-10", json.loads(done.stdout), "./scripts/esc10 --json", at_least_int8=None)
    chip = run_tool([ROOT / "scripts" / "esc10", "--board", "stm32h7", "--json", "--quiet"], timeout_seconds=3600)
    yield from measure_facts("ESC-10 on stm32h7", json.loads(chip.stdout), "./scripts/esc10 --board stm32h7 --json", at_least_int8=None)


def measure_facts(name: str, facts: dict[str, Any], command: str, *, at_least_int8: float | None) -> Iterator[Measurement]:
    """What a run printed."""
    for kind in ("float", "int8", "device"):
        bound = {"int8": at_least_int8, "device": facts["accuracy"]["int8"]}.get(kind)
        yield Measurement(name=f"{name}: clip accuracy, {kind}", value=facts["accuracy"][kind], unit="", at_least=bound, command=command)
    for kind, count in facts["mismatches"].items():
        yield Measurement(name=f"{name}: mismatches, {kind}", value=count, unit="", at_most=0, command=command)
    references = {
        "frontend_per_frame": "54,700 CMSIS q31, power spectrum; 88,700 TFLM microfrontend",
        "model_per_inference": "15,900,000 TFLM + CMSIS-NN for this network",
    }
    for kind, count in facts["instructions"].items():
        yield Measurement(name=f"{name}: {kind}", value=count, unit="instructions", command=command, reference=references[kind])
    yield Measurement(
        name=f"{name}: arena", value=facts["arena_bytes"], unit="bytes", command=command, reference="63,828 TFLM + CMSIS-NN for this network"
    )
    yield Measurement(name=f"{name}: flash", value=facts["flash_bytes"], unit="bytes", command=command)
    yield Measurement(name=f"{name}: RAM, stack included", value=facts["ram_bytes"], unit="bytes", command=command)


def measure_builds(project: Path) -> Iterator[Measurement]:
    """Cold and warm `tinyaudio build`; cold is without any compiled file."""
    for board in BOARDS:
        shutil.rmtree(project / "runs" / "demo" / board / "firmware", ignore_errors=True)
        command: list[str | Path] = [TINYAUDIO, "build", "--board", board, "--project", project, "--json"]
        for name, bound_seconds in (("cold", 90), ("warm", 5)):
            seconds = run_tool(command).seconds
            yield Measurement(
                name=f"{name} build, {board}", value=seconds, unit="s", at_most=bound_seconds, command=f"tinyaudio build --board {board}"
            )


def data_folder() -> Path:
    """Where recordings for tests lie."""
    return Path(os.environ.get("TINYAUDIO_DATA", ROOT.parent / "shared" / "data")).resolve()


def page(results: list[Measurement]) -> str:
    """Return docs/performance.md."""
    rows = [
        f"| {item.name} | {number(item.value)} {item.unit} | {item.bound} | {'' if item.ok else 'BROKEN'} | {item.reference} | `{item.command}` |"
        for item in results
    ]
    return "\n".join(
        (
            "# Measured figures",
            "",
            "Written by `./scripts/bench --all`; not by hand. Seconds are wall-clock on the machine named below, and include the start of Python.",
            "Instructions are medians counted by the emulator (QEMU `mps2-an500`, `-icount shift=0`; for `stm32h7` the emulated STM32H743 in its",
            "counting mode): they are not cycles. Reference figures are for QEMU and the same compiler (gcc 12.2 -O2).",
            "",
            f"Machine: {os.cpu_count()} cores, {platform.machine()}, {platform.system()}, Python {platform.python_version()}.",
            f"Date: {time.strftime('%Y-%m-%d')}.",
            "",
            "| what | measured | bound | | reference | command |",
            "|---|---|---|---|---|---|",
            *rows,
            "",
        )
    )


@contextmanager
def demo_folder() -> Iterator[Path]:
    """A folder that goes again."""
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder) / "demo_project"


def main() -> int:
    """Run the measurements that the arguments ask for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--all", action="store_true", help="everything, a fresh checkout and ESC-10 included, and write docs/performance.md (about 20 min)"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    arguments = parser.parse_args()
    with demo_folder() as project:
        steps: list[Callable[[], Iterator[Measurement]]] = [
            measure_setup,
            measure_help,
            lambda: measure_demo(project),
            lambda: measure_chip(project),
            lambda: measure_builds(project),
        ]
        if arguments.all:
            steps += [measure_esc10, measure_fresh_checkout]
        results: list[Measurement] = []
        for step in steps:
            for item in step():
                results.append(item)
                print(f"{item.name:36} {number(item.value):>12} {item.unit:12} {item.bound:20} {'' if item.ok else 'BROKEN'}", file=sys.stderr)
    models_ok = True
    if arguments.all:
        write_text_atomically(ROOT / "docs" / "performance.md", page(results))
        models = run_tool([sys.executable, ROOT / "scripts" / "bench_models.py"], timeout_seconds=3600, check=False)
        print(models.stderr, file=sys.stderr, end="")
        models_ok = models.returncode == 0
    if arguments.json:
        print(json.dumps({"measurements": [{**asdict(item), "ok": item.ok} for item in results]}))
    return 0 if models_ok and all(item.ok for item in results) else 3


if __name__ == "__main__":
    sys.exit(main())
