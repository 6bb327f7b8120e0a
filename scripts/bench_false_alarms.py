"""Ask for a rate of false alarms on one hour of background, and count what other hours give; writes docs/false_alarms.md.

Thresholds are chosen by each hour in turn and tested on all the others: hours of synthetic scenes, each by a seed of its own.

    ./scripts/bench false-alarms --project runs/demo [--hours 6]
"""

from __future__ import annotations

import argparse
import platform
import statistics
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from tinyaudio.core.artifacts import ExpectedOutputs
from tinyaudio.core.errors import ProjectError
from tinyaudio.learn.calibrate import background_outputs, calibrate_for_alarms, decision_figures
from tinyaudio.learn.dataset import patch_features, quantized_patches
from tinyaudio.learn.oracle import oracle_version
from tinyaudio.pipeline import features_stage, open_line, quantize_stage
from tinyaudio.pipeline.background import scene_runner
from tinyaudio.pipeline.data import project_frontend
from tinyaudio.pipeline.line import Advance, Line, reuse_or_make
from tinyaudio.pipeline.native_model import NativePredictor

ROOT = Path(__file__).resolve().parents[1]
WANTED_PER_HOUR = (1.0, 2.0, 6.0, 20.0)
RULES = ("one threshold", "a threshold each")


@dataclass(frozen=True, slots=True)
class Row:
    """What became of one wish."""

    per_hour: float
    rule: str
    rates: tuple[float, ...]  # alarms an hour on the other hours, of the thresholds chosen by each
    found: float  # mean share of the test split's labels that are still detected


class Quiet:
    """Says what runs."""

    def note(self, text: str) -> None:
        """Say it."""
        print(text, file=sys.stderr)

    warning = detail = note

    @contextmanager
    def task(self, description: str) -> Iterator[Advance]:
        """Say that it begins."""
        print(description, file=sys.stderr)
        yield lambda _done, _total: None


def heard_in(line: Line, seed: int) -> ExpectedOutputs:
    """Return what the project's model makes of an hour; kept beside the project's stages, so that an interrupted run goes on."""
    quantized, tables = quantize_stage(line).value, project_frontend(line.project)
    table = line.project.background.model_copy(update={"hours": 1.0, "folder": "", "seed": seed})

    def make(advance: Advance) -> ExpectedOutputs:
        run = scene_runner(line, quantized)
        return background_outputs(quantized, tables, table, purpose="calibrate", directory=line.project.directory, run=run, on_progress=advance)

    made_from = {"model": quantized.sha256, "frontend": tables.fingerprint, "background": table.model_dump(), "oracle": oracle_version()}
    description = f"listening to hour {seed} of background"
    return reuse_or_make(line, f"bench_hour_{seed}", ExpectedOutputs, inputs=made_from, description=description, make=make).value


def heard_in_test(line: Line) -> ExpectedOutputs:
    """Return what the model makes of the test split."""
    quantized, patch_set = quantize_stage(line).value, patch_features(features_stage(line).value, "test")
    outputs = NativePredictor(quantized, line.store.directory / "native").run(quantized_patches(quantized, patch_set)).outputs
    names = tuple(clip.filename for clip in patch_set.clips)
    return ExpectedOutputs(
        model_sha256=quantized.sha256, oracle="", filenames=names, logits=outputs, outputs=outputs, patch_offsets=patch_set.patch_offsets
    )


def joined(hours: list[ExpectedOutputs]) -> ExpectedOutputs:
    """Return several hours as one."""
    first, counts = hours[0], np.concatenate([np.diff(hour.patch_offsets) for hour in hours])
    outputs = np.concatenate([hour.outputs for hour in hours])
    names = tuple(name for hour in hours for name in hour.filenames)
    offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    return ExpectedOutputs(
        model_sha256=first.model_sha256, oracle=first.oracle, filenames=names, logits=outputs, outputs=outputs, patch_offsets=offsets
    )


def measure(line: Line, hours: list[ExpectedOutputs]) -> list[Row]:
    """Return a row for each wish and rule."""
    dataset, tested = features_stage(line).value.dataset, heard_in_test(line)
    truth = dataset.truth_of(dataset.of_split("test"))
    rows = []
    for per_hour in WANTED_PER_HOUR:
        rates: dict[str, list[float]] = {rule: [] for rule in RULES}
        found: dict[str, list[float]] = {rule: [] for rule in RULES}
        for turn, hour in enumerate(hours):
            others = joined(hours[:turn] + hours[turn + 1 :])
            try:
                chosen = calibrate_for_alarms(
                    hour,
                    hours=1.0,
                    per_hour=per_hour,
                    smoothing_patches=line.project.firmware.smoothing_patches,
                    is_exclusive=not dataset.is_multi_label,
                )
            except ProjectError:
                continue
            chosen = replace(chosen, is_exclusive=not dataset.is_multi_label)
            for item in decision_figures(chosen, tested, truth, labels=dataset.labels, background=others, hours=len(hours) - 1.0):
                rates[item.rule].append(item.per_hour(item.alarms_by_scene)[0])
                found[item.rule].append(sum(label.found for label in item.labels) / max(1, sum(label.clips for label in item.labels)))
        rows += [Row(per_hour, rule, tuple(rates[rule]), statistics.fmean(found[rule])) for rule in RULES if rates[rule]]
    return rows


def page(project: str, labels: int, hours: int, rows: list[Row]) -> str:
    """Return the results as Markdown."""
    table = ["| asked an hour | rule | got: mean | median | most | hours within what was asked | clips found |", "|---|---|---|---|---|---|---|"]
    for row in rows:
        kept = sum(rate <= row.per_hour for rate in row.rates)
        figures = " | ".join(f"{value:.1f}" for value in (statistics.fmean(row.rates), statistics.median(row.rates), max(row.rates)))
        table.append(f"| {row.per_hour:g} | {row.rule} | {figures} | {kept} of {len(row.rates)} | {row.found:.0%} |")
    return "\n".join(
        [
            "# False alarms: asked for and got",
            "",
            "Written by `./scripts/bench false-alarms`; not by hand. Thresholds are chosen by one hour of synthetic background and alarms",
            f"counted on the others; each of {hours} hours, each of a seed of its own, has its turn. Model: `{project}`, {labels} labels, INT8.",
            "Clips found: of the test split.",
            "",
            *table,
            "",
            f"{platform.machine()}, Python {platform.python_version()}, {time.strftime('%Y-%m-%d')}.",
            "",
        ]
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--project", type=Path, required=True, help="folder of a trained project")
    parser.add_argument("--hours", type=int, default=6)
    options = parser.parse_args()
    line = open_line(options.project, Quiet())
    hours = [heard_in(line, seed) for seed in range(1, options.hours + 1)]
    text = page(line.project.name, len(quantize_stage(line).value.labels), options.hours, measure(line, hours))
    print(text)
    (ROOT / "docs" / "false_alarms.md").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
