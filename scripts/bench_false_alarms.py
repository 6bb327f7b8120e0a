"""Ask for a rate of false alarms on one hour of background, and count what other hours give; writes docs/false_alarms.md.

Thresholds are chosen by each hour in turn, and by half of all hours, and tested on all the others: hours of synthetic scenes, each by a
seed of its own.

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

from tinyaudio.core.alarms import DecisionFigures, hours_to_show
from tinyaudio.core.artifacts import Calibration, Dataset, ExpectedOutputs
from tinyaudio.core.decisions import decide_clips
from tinyaudio.learn.calibrate import alarm_counts, background_outputs, calibrate_for_alarms, decision_figures
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

_TEXT = """\
# False alarms: asked for and got

Written by `./scripts/bench false-alarms`; not by hand. Model: `{project}`, {labels} labels, INT8; {hours} hours of synthetic
background, each of a seed of its own. Thresholds are chosen by one hour, or by half of them, and alarms counted on the others; each
hour has its turn. Clips found: of the test split. Interval holds: the 95 % interval that `tinyaudio evaluate` would give by one of
the other hours has the rate of all the rest in it.

@TABLE@

* **What is asked for is a mean, not a bound.** With a threshold each, other hours give about what was asked for, some of them more.
  To be sure of 1 an hour takes {needed:.1f} hours without a single alarm; `tinyaudio calibrate` warns where there are fewer. The
  interval holds in {held} of {turns} turns; where it does not, the hour it was counted on had no scene like one of the others.
* **One threshold for all labels cannot be quiet here**, whatever is asked for. It ends at 127, the highest that a score reaches, and
  even so background raises alarms (an hour, at 127: {highest}). Such a label needs 128, never, which would silence all of them. So
  the firmware decides by a threshold each where false alarms are limited; the one threshold is there to compare with.
* A label that background is taken for is never told, and its clips are not found: only training with such background helps it.
"""


@dataclass(frozen=True, slots=True)
class Row:
    """What became of one wish."""

    chosen_by: int  # hours
    per_hour: float
    rule: str
    rates: tuple[float, ...]  # alarms an hour on the other hours, of the thresholds of each turn
    found: float  # mean share of the test split's labels that are still detected
    covered: tuple[bool, ...]  # whether the interval by one of the other hours holds what the rest of them gave, a turn each


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
    """Return a row for each number of hours to choose by, wish and rule."""
    dataset, tested = features_stage(line).value.dataset, heard_in_test(line)
    return [
        Row(chosen_by, per_hour, rule, *_turns(line, hours, tested, dataset, chosen_by=chosen_by, per_hour=per_hour, rule=rule))
        for chosen_by in sorted({1, len(hours) // 2})
        for per_hour in WANTED_PER_HOUR
        for rule in RULES
    ]


def _turns(
    line: Line, hours: list[ExpectedOutputs], tested: ExpectedOutputs, dataset: Dataset, *, chosen_by: int, per_hour: float, rule: str
) -> tuple[tuple[float, ...], float, tuple[bool, ...]]:
    """Let each hour, and those behind it, choose in turn."""
    truth, is_exclusive = dataset.truth_of(dataset.of_split("test")), not dataset.is_multi_label
    rates, found, covered = [], [], []
    for turn in range(len(hours)):
        rolled = hours[turn:] + hours[:turn]
        chosen = calibrate_for_alarms(
            joined(rolled[:chosen_by]),
            hours=float(chosen_by),
            per_hour=per_hour,
            smoothing_patches=line.project.firmware.smoothing_patches,
            is_exclusive=is_exclusive,
        )
        chosen = replace(chosen, is_exclusive=is_exclusive)

        def figures(others: list[ExpectedOutputs], chosen: Calibration = chosen) -> DecisionFigures:
            made = decision_figures(chosen, tested, truth, labels=dataset.labels, background=joined(others), hours=float(len(others)))
            return next(item for item in made if item.rule == rule)

        others, one, rest = (figures(part) for part in (rolled[chosen_by:], rolled[chosen_by : chosen_by + 1], rolled[chosen_by + 1 :]))
        rates.append(others.per_hour(others.alarms_by_scene)[0])
        found.append(sum(label.found for label in others.labels) / max(1, sum(label.clips for label in others.labels)))
        _, lower, upper = one.per_hour(one.alarms_by_scene)
        covered.append(lower <= rest.per_hour(rest.alarms_by_scene)[0] <= upper)
    return tuple(rates), statistics.fmean(found), tuple(covered)


def at_the_highest(line: Line, hours: list[ExpectedOutputs]) -> str:
    """Return which labels background raises however high their threshold is, with their alarms an hour at 127, the highest one."""
    dataset = features_stage(line).value.dataset
    highest = Calibration(smoothing_patches=line.project.firmware.smoothing_patches, detection_threshold=127, is_exclusive=not dataset.is_multi_label)
    every = joined(hours)
    counts = alarm_counts(decide_clips(every, highest).detected, every.patch_offsets) / len(hours)
    return ", ".join(f"{label} {rate:.1f}" for label, rate in zip(dataset.labels, counts, strict=True) if rate > 0.0) or "none"


def page(project: str, labels: int, hours: int, rows: list[Row], highest: str) -> str:
    """Return the results as Markdown."""
    table = [
        "| asked an hour | rule | chosen by | got: mean | least to most | turns within what was asked | interval holds | clips found |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        turns = len(row.rates)
        kept, held = (f"{sum(values)} of {turns}" for values in ([rate <= row.per_hour for rate in row.rates], row.covered))
        got = f"{statistics.fmean(row.rates):.1f} | {min(row.rates):.1f} to {max(row.rates):.1f}"
        table.append(f"| {row.per_hour:g} | {row.rule} | {row.chosen_by} h | {got} | {kept} | {held} | {row.found:.0%} |")
    each = [held for row in rows if row.rule == RULES[1] for held in row.covered]
    text = _TEXT.format(project=project, labels=labels, hours=hours, needed=hours_to_show(1.0), held=sum(each), turns=len(each), highest=highest)
    before, _, behind = text.partition("@TABLE@")
    ending = f"{platform.machine()}, Python {platform.python_version()}, {time.strftime('%Y-%m-%d')}."
    return "\n".join([before + "\n".join(table) + behind, ending, ""])


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--project", type=Path, required=True, help="folder of a trained project")
    parser.add_argument("--hours", type=int, default=6)
    options = parser.parse_args()
    line = open_line(options.project, Quiet())
    hours = [heard_in(line, seed) for seed in range(1, options.hours + 1)]
    text = page(line.project.name, len(quantize_stage(line).value.labels), options.hours, measure(line, hours), at_the_highest(line, hours))
    print(text)
    (ROOT / "docs" / "false_alarms.md").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
