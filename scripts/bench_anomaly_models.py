"""What the kinds of anomaly detectors are worth and cost: runs the whole line of each on emulated boards, writes docs/anomaly_models.md.

The synthetic machine needs nothing but a backbone. With a folder of recordings (`--machines`: MIMII's fan 00 and a brushless
motor, as its manifest.csv lists them), the same for these.
"""

from __future__ import annotations

import argparse
import contextlib
import csv
import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tinyaudio.core.files import write_text_atomically
from tinyaudio.core.project import ONE_CLASS_KINDS, PROJECT_FILE
from tinyaudio.dsp.audio import MachineSet, synthesize_machine_set
from tinyaudio.pipeline import open_line, run_line
from tinyaudio.pipeline.learning import quantize_stage
from tinyaudio.pipeline.line import Line

ROOT = Path(__file__).resolve().parents[1]
BOARD = "mps2_an500"
SLOWER_BOARD = "stm32h7"  # the synthetic machine runs there as well
FAULT_DB = -12.0  # faint enough that kinds differ
MACHINE = MachineSet(train_sessions=24, validation_sessions=12, test_sessions=8, fault_sessions=4, takes=1, fault_db=FAULT_DB)
_AUTOENCODER = """
[frontend]
window_samples = 1024
hop_samples = 512
fft_samples = 1024
mel_low_hz = 60.0
patch_frames = 32
patch_hop_frames = 16
level_normalization = "{level}"
"""
_BACKBONE = """
[frontend]
preset = "yamnet"
level_normalization = "{level}"

[model]
width_multiplier = 1.0
blocks = 5
activation = "relu"

[train.transfer]
backbone = "{backbone}"

[train.transfer.frontend]
preset = "yamnet"
level_normalization = "{level}"
"""
_COMMON = """
[project]
name = "bench"
task = "anomaly"

[data]
manifest = "../manifest.csv"

[anomaly]
architecture = "{kind}"
minimum_seconds = 20.0
maximum_auc_loss = 1.0

[firmware]
smoothing_patches = 4
"""

#: Name, folder and machine in the manifest, its fault, level_normalization, and the split of each normal clip in turn.
_RECORDED = (
    ("fan (MIMII, id 00), level-normalized", "mimii_fan_id00/ch0/", "fan_id_00", "abnormal", "running", "ttttttttvvveeee"),
    ("brushless motor M1 against a damaged propeller", "bldc_motor/", "M1", "propeller", "none", "tvetevet"),
)
_COLUMNS = (
    "kind",
    "AUC of patches: float / INT8 / device",
    "by loudness",
    "AUC of clips, INT8 (95 %)",
    "partial",
    "instructions a patch",
    "table bytes",
    "flash",
    "scores equal",
    "on the emulated STM32H743",
)
_SPLIT_NAMES = {"t": "train", "v": "validation", "e": "test"}


class _Quiet:
    """Tells nothing of the stages but their warnings."""

    def note(self, text: str) -> None:
        """Say nothing."""

    def detail(self, text: str) -> None:
        """Say nothing."""

    def warning(self, text: str) -> None:
        """Tell."""
        print(f"warning: {text}", file=sys.stderr)

    def task(self, description: str) -> Any:  # noqa: ARG002 - the protocol's
        """Announce nothing."""
        return contextlib.nullcontext(lambda _done, _of: None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """A set of recordings."""

    name: str
    directory: Path  # with a manifest.csv
    level: str  # level_normalization
    boards: tuple[str, ...] = (BOARD,)


def synthetic(work: Path) -> Machine:
    """Return the synthetic machine with faint faults."""
    directory = work / "synthetic"
    if not (directory / "manifest.csv").exists():
        synthesize_machine_set(directory, MACHINE)
    return Machine(name=f"synthetic, faults {-FAULT_DB:g} dB below the hum", directory=directory, level="none", boards=(BOARD, SLOWER_BOARD))


def recorded(work: Path, machines: Path) -> list[Machine]:
    """Return the fan and motor M1, each clip a group of its own."""
    with (machines / "manifest.csv").open(encoding="utf-8") as stream:
        records = list(csv.DictReader(stream))
    found = []
    for name, folder, machine, faulty, level, splits in _RECORDED:
        rows = [row for row in records if row["filename"].startswith(folder) and row["machine"] == machine]
        usual = [row["filename"] for row in rows if row["label"] == "0"]
        lines = ["filename,label,group,split"]
        for row in rows:
            path = (machines / row["filename"]).resolve()
            if row["filename"] in usual:
                lines.append(f"{path},normal,{path.stem},{_SPLIT_NAMES[splits[usual.index(row['filename'])]]}")
            elif row["condition"] == faulty:
                lines.append(f"{path},{faulty},{path.stem},test")
        directory = work / folder.partition("/")[0]
        write_text_atomically(directory / "manifest.csv", "\n".join(lines) + "\n")
        found.append(Machine(name=name, directory=directory, level=level))
    return found


def measure(machine: Machine, kind: str, backbone: Path) -> dict[str, Any]:
    """Run the line of one kind on one machine, unless its report is there; return what the table tells."""
    frontend = (_BACKBONE if kind in ONE_CLASS_KINDS else _AUTOENCODER).format(level=machine.level, backbone=backbone.resolve())
    directory = machine.directory / kind
    write_text_atomically(directory / PROJECT_FILE, _COMMON.format(kind=kind) + frontend)
    line = open_line(directory, _Quiet())
    facts, *slower = (_facts(line, board) for board in machine.boards)
    tables = quantize_stage(line).value.one_class
    patches = {predictor: found["all"]["patch_auc"] for predictor, found in facts["figures"].items()}
    return {
        "clips": facts["figures"]["int8"]["all"],
        "patches": patches,
        "instructions": facts["instructions"]["model_per_inference"],
        "frame": facts["instructions"]["frontend_per_frame"],
        "flash": facts["flash_bytes"],
        "tables": None if tables is None else tables.table_bytes,
        "compared": _compared(facts),
        "slower": [_compared(found) + f", {found['instructions']['model_per_inference']:,} instructions" for found in slower],
    }


def _facts(line: Line, board: str) -> dict[str, Any]:
    """Return the report of a run, which is made unless it is there."""
    report = line.store.directory / board / "report.json"
    facts: dict[str, Any] = json.loads(report.read_text(encoding="utf-8")) if report.exists() else run_line(line, board).facts
    return facts


def _compared(facts: dict[str, Any]) -> str:
    """Return how many scores a device computed as the twin does."""
    mismatches = sum(facts["mismatches"].values())
    return f"{facts['patches'] - mismatches} of {facts['patches']}" if mismatches else f"all {facts['patches']}"


def section(machine: Machine, figures: dict[str, dict[str, Any]]) -> list[str]:
    """Return the lines of one machine's table."""
    some = next(iter(figures.values()))["clips"]
    rows = []
    for kind, found in figures.items():
        clips, patches = found["clips"], found["patches"]
        interval = "{:.2f} to {:.2f}".format(*clips["auc_interval"])
        tables = "" if found["tables"] is None else f"{found['tables']:,}"
        rows.append(
            f"| `{kind}` | {patches['float']:.3f} / {patches['int8']:.3f} / {patches['device']:.3f} | {patches['level']:.3f} "
            f"| {clips['auc']:.3f} ({interval}) | {clips['partial_auc']:.3f} | {found['instructions']:,} | {tables} | {found['flash']:,} "
            f"| {found['compared']} | {', '.join(found['slower'])} |"
        )
    return [
        f"## {machine.name}",
        "",
        f"{some['normal_clips']} normal and {some['faulty_clips']} faulty clips to test with.",
        "",
        f"| {' | '.join(_COLUMNS)} |",
        f"|{'---|' * len(_COLUMNS)}",
        *rows,
        "",
    ]


def page(sections: list[list[str]], backbone: Path) -> str:
    """Return the page."""
    head = [
        "# What the kinds of anomaly detectors are worth",
        "",
        f"Whole lines on the emulated Cortex-M7 (`{BOARD}`), and of the synthetic machine on the emulated STM32H743 (`{SLOWER_BOARD}`, the image",
        "that would be flashed), each kind with its defaults. One-class models score the averages of the first",
        f"five blocks of YAMNet (`{backbone.name}`, 256 channels, patches of 96 frames of 10 ms); the autoencoder hears patches of 32 frames",
        "of 32 ms. Written by `python scripts/bench_anomaly_models.py`; what the figures mean is told in [the guide](guide/anomaly.md).",
        "",
    ]
    return "\n".join(head + [line for lines in sections for line in lines]).rstrip("\n") + "\n"


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--backbone", type=Path, required=True, help="YAMNet's file")
    parser.add_argument("--machines", type=Path, help="folder of recordings of machines")
    parser.add_argument("--kinds", nargs="+", default=["conv_ae", *ONE_CLASS_KINDS])
    parser.add_argument("--only", default="", help="only machines whose folder's name has this in it")
    parser.add_argument(
        "--work", type=Path, default=ROOT / "runs" / "bench_anomaly_models", help="lines are kept there; a report that is there is taken as it is"
    )
    parser.add_argument("--output", type=Path, default=ROOT / "docs" / "anomaly_models.md")
    arguments = parser.parse_args()
    machines = [synthetic(arguments.work), *([] if arguments.machines is None else recorded(arguments.work, arguments.machines))]
    sections = []
    for machine in (machine for machine in machines if arguments.only in machine.directory.name):
        figures = {}
        for kind in arguments.kinds:
            figures[kind] = measure(machine, kind, arguments.backbone)
            print(machine.name, kind, figures[kind], file=sys.stderr, flush=True)
        sections.append(section(machine, figures))
    text = page(sections, arguments.backbone)
    write_text_atomically(arguments.output, text)
    print(text)


if __name__ == "__main__":
    main()
