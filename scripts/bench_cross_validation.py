"""Cross-validate recipes over the official folds of ESC-10 on the emulated board; writes docs/esc10_cross_validation.md.

Each of folds 1 to 4 is tested once by a model that was trained on the three others. What a recipe leaves open (patch length,
penalty on the classifier) is chosen for each fold anew, among these three only: each of them is predicted by models of the other
two, and what surprises least is taken (the cross-entropy of whole clips: it tells more than a count of some clips that are wrong).

    ./scripts/bench cross-validation [--recipe scratch_alpha_025] [--folds 1,2] [--depth fake]
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
from inner_folds import Embedded, embed_clips, held_out

from tinyaudio.core.metrics import bootstrap_interval
from tinyaudio.core.project import TransferTable
from tinyaudio.pipeline import evaluate_stage, open_line
from tinyaudio.pipeline.judging import test_groups
from tinyaudio.pipeline.line import Advance

ROOT = Path(__file__).resolve().parents[1]
DATA = Path(os.environ.get("TINYAUDIO_DATA", ROOT.parent / "shared" / "data")).resolve()
PAGE = ROOT / "docs" / "esc10_cross_validation.md"
RUNS = ROOT / "runs" / "cross_validation"
FOLDS = ("1", "2", "3", "4")
PREDICTORS = ("float", "int8", "device")

_DATA_TABLES = """\
[project]
name = "esc10_fold_{fold}"
task = "events"

[data]
manifest = "{manifest}"

[data.columns]
group = "freesound_url"
split = "fold"

[data.split]
train = [{train}]
test = ["{fold}"]
"""

_TRANSFER = """
[frontend]
patch_frames = {frames}
patch_hop_frames = {hop}

[model]
width_multiplier = 1.0
blocks = {blocks}
activation = "relu"
dropout = 0.0

[train]
silence = "uniform"
validation = "include"

[train.transfer]
backbone = "{models}/yamnet_full/yamnet_spectra_in.tflite"
classifier_l2 = {l2}

[train.transfer.frontend]
preset = "yamnet"
"""

_FROM_SCRATCH = """
[model]
width_multiplier = {alpha}

[train]
silence = "uniform"
validation = "include"

[train.augmentation]
mixup = 0.2
"""


@dataclass(frozen=True, slots=True)
class Recipe:
    """A rest of tinyaudio.toml, and what of it is chosen within the training folds."""

    words: str
    tables: str
    choices: tuple[dict[str, Any], ...]  # cheapest first; of equal ones the first is taken
    optimize: str = "size"  # what the model compiler aims at


_USUAL_L2 = TransferTable.model_fields["classifier_l2"].default
_LENGTHS = (96, 128, 192)  # frames: YAMNet's own, a third more, twice as many

RECIPES = {
    "yamnet_6_blocks": Recipe(
        "the stem and the first six blocks of YAMNet, frozen; a fitted classifier; silence taught to say nothing; patches of 72 frames."
        " Depth and patch length were once chosen by results on these four folds, so the mean is somewhat optimistic",
        _TRANSFER,
        ({"blocks": 6, "l2": _USUAL_L2, "frames": 72, "hop": 36},),
    ),
    "transfer_largest": Recipe(
        "the first six blocks of YAMNet, frozen, the most that 400 KB of flash hold, and patches of 192 frames, twice YAMNet's own;"
        " a fitted classifier with the usual penalty; silence taught to say nothing. Nothing is chosen within the folds; but 192 was taken when"
        " results of 78 to 192 frames on these folds were known, so the mean is somewhat optimistic",
        _TRANSFER,
        ({"blocks": 6, "l2": _USUAL_L2, "frames": 192, "hop": 96},),
        optimize="ram",
    ),
    "transfer": Recipe(
        "the first six blocks of YAMNet, frozen, the most that 400 KB of flash hold; a fitted classifier; silence taught to say nothing. Patches"
        " have 96, 128 or 192 frames, the classifier a penalty of 0.001 or 0.01",
        _TRANSFER,
        tuple({"blocks": 6, "l2": l2, "frames": frames, "hop": frames // 2} for frames in _LENGTHS for l2 in (0.001, 0.01)),
        optimize="ram",
    ),
    "scratch_alpha_025": Recipe(
        "MobileNet-v1 of 13 blocks at alpha 0.25 from random weights; the usual settings, mixup, silence taught to say nothing",
        _FROM_SCRATCH,
        ({"alpha": 0.25},),
    ),
    "scratch_alpha_0125": Recipe("the same at alpha 0.125", _FROM_SCRATCH, ({"alpha": 0.125},)),
}


@dataclass(frozen=True, slots=True)
class Fold:
    """What one fold gave."""

    fold: str
    choice: dict[str, Any]
    inner: float | None  # accuracy within the training folds; None: there was nothing to choose
    facts: dict[str, Any]  # of `tinyaudio run --json`
    train_seconds: float
    right: dict[str, list[bool]]  # "float", "int8" -> of each clip
    groups: list[str]  # of each clip


class Quiet:
    """Says nothing but warnings."""

    def note(self, text: str) -> None:
        """Say nothing."""

    detail = note

    def warning(self, text: str) -> None:
        """Say it."""
        print(text, file=sys.stderr)

    @contextmanager
    def task(self, description: str) -> Iterator[Advance]:
        """Say nothing."""
        del description
        yield lambda _done, _total: None


def write_project(folder: Path, recipe: Recipe, choice: dict[str, Any], *, test: str, train: tuple[str, ...]) -> Path:
    """Write the project that trains on `train` and tests `test`."""
    folder.mkdir(parents=True, exist_ok=True)
    listed = ", ".join(f'"{fold}"' for fold in train)
    tables = _DATA_TABLES.format(fold=test, train=listed, manifest=(DATA / "esc10" / "manifest.csv").as_posix())
    (folder / "tinyaudio.toml").write_text(tables + recipe.tables.format(models=(DATA / "models").as_posix(), **choice), encoding="utf-8")
    return folder


def choose(name: str, fold: str) -> tuple[dict[str, Any], float | None]:
    """Return the choice that surprises least within the three folds other than `fold`, in float, and its accuracy there."""
    recipe, others = RECIPES[name], tuple(other for other in FOLDS if other != fold)
    if len(recipe.choices) == 1:
        return recipe.choices[0], None
    losses, accuracies = [], []
    for choice in recipe.choices:
        embedded = embedded_clips(name, choice["frames"], choice["hop"])
        worth = [held_out(embedded, fitted=tuple(other for other in others if other != tested), tested=tested, l2=choice["l2"]) for tested in others]
        losses.append(statistics.fmean(item.loss for item in worth))
        accuracies.append(statistics.fmean(item.accuracy for item in worth))
        print(f"fold {fold}, within the others: {choice} loss {losses[-1]:.4f}, accuracy {accuracies[-1]:.4f}", file=sys.stderr)
    best = int(np.argmin(losses))
    return recipe.choices[best], accuracies[best]


@cache
def embedded_clips(name: str, frames: int, hop: int) -> Embedded:
    """Return what the recipe's frozen backbone makes of every clip, in patches of `frames`."""
    project = write_project(RUNS / name / "inner", RECIPES[name], RECIPES[name].choices[-1], test=FOLDS[0], train=FOLDS[1:])
    return embed_clips(open_line(project, Quiet()), patch_frames=frames, patch_hop_frames=hop)


def run_fold(fold: str, name: str, *, depth: str | None) -> Fold:
    """Choose, train on the other folds and test on `fold`."""
    choice, inner = choose(name, fold)
    others = tuple(other for other in FOLDS if other != fold)
    project = write_project(RUNS / name / f"fold_{fold}", RECIPES[name], choice, test=fold, train=others)
    options = ["--board", "mps2_an500", "--optimize", RECIPES[name].optimize, "--json"]
    command = [sys.executable, "-m", "tinyaudio", "run", "--project", str(project), *options]
    done = subprocess.run([*command, *(["--depth", depth] if depth else [])], stdout=subprocess.PIPE, text=True, cwd=ROOT, check=False)
    if done.returncode not in (0, 3):
        raise SystemExit(f"fold {fold}: {done.stdout}")
    record = json.loads((project / "runs" / f"esc10_fold_{fold}" / "train.json").read_text(encoding="utf-8"))
    line = open_line(project, Quiet())
    evaluations = evaluate_stage(line).value
    right: dict[str, list[bool]] = {
        item.predictor: [bool(value) for value in item.scores.argmax(axis=1) == item.label_indices]
        for item in (evaluations.float, evaluations.int8)
        if item is not None
    }
    return Fold(fold, choice, inner, json.loads(done.stdout.splitlines()[-1]), float(record["seconds"]), right, test_groups(line))


def chapter(name: str, folds: list[Fold]) -> list[str]:
    """Return the results of a recipe as Markdown."""
    rows = [
        "| fold | chosen within the others | clips | float | INT8 | device | mismatches | training | flash | RAM, stack included |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for item in folds:
        facts = item.facts
        chosen = ", ".join(f"{key} {item.choice[key]}" for key in ("frames", "l2") if key in item.choice)
        chosen = "" if item.inner is None else f"{chosen} ({item.inner:.4f})"
        accuracy = " | ".join(f"{facts['accuracy'][predictor]:.4f}" for predictor in PREDICTORS)
        sizes = " | ".join(f"{facts[key]:,} B" if key in facts else "" for key in ("flash_bytes", "ram_bytes"))
        mismatches = sum(facts["mismatches"].values())
        rows.append(f"| {item.fold} | {chosen} | {facts['clips']} | {accuracy} | {mismatches} | {item.train_seconds:.0f} s | {sizes} |")
    means = [sum(item.facts["accuracy"][predictor] for item in folds) / len(folds) for predictor in PREDICTORS]
    rows.append(f"| mean | | | {' | '.join(f'**{value:.4f}**' for value in means)} | | | | |")
    measured = f"Emulated board mps2_an500; {platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    return [f"## {name}", "", f"{RECIPES[name].words}.", "", *rows, "", *_intervals(folds), "", f"{measured}, {time.strftime('%Y-%m-%d')}.", ""]


def _intervals(folds: list[Fold]) -> list[str]:
    """Return intervals over all clips, of float, of INT8, and of what INT8 loses clip by clip."""
    groups = [group for item in folds for group in item.groups]
    right = {name: np.array([value for item in folds for value in item.right[name]], np.float64) for name in ("float", "int8")}
    loss = right["float"] - right["int8"]
    figures = {"float": right["float"], "INT8": right["int8"], "INT8's loss against float": loss}
    sentences = []
    for name, values in figures.items():
        lower, upper = bootstrap_interval(partial(_mean_of, values), groups)
        sentences.append(f"{name} {100 * values.mean():.2f} % ({100 * lower:.2f} to {100 * upper:.2f})")
    return [f"Over all {len(groups)} clips, with 95 % intervals (bootstrap over recordings): {'; '.join(sentences)}."]


def _mean_of(values: np.ndarray, chosen: np.ndarray) -> float:
    return float(values[chosen].mean())


def page(chapters: dict[str, list[str]]) -> str:
    """Return the page of all chapters, in the order of the recipes."""
    return "\n".join(
        [
            "# ESC-10, four-fold cross-validation",
            "",
            "Written by `./scripts/bench cross-validation`; not by hand. Clip accuracy, patch scores averaged, over the official folds 1 to 4;",
            "each model is trained on the three other folds. What a table names as chosen was chosen for each fold anew among the three",
            "others: the lowest cross-entropy of models of two of them on the third's clips (the accuracy there in brackets); sizes follow",
            "from the limits. The kinds of recipe, and what is chosen among, were thought of by people who had seen results on these folds.",
            "Fold 5 was never looked at. Training times are of a computer that did other work, too.",
            "",
            *(line for name in RECIPES if name in chapters for line in chapters[name]),
        ]
    )


def chapters_of(text: str) -> dict[str, list[str]]:
    """Return the chapters of a page by the recipes that they are named after."""
    found: dict[str, list[str]] = {}
    for part in text.split("\n## ")[1:]:
        lines = f"## {part}".rstrip("\n").split("\n")
        found[lines[0].removeprefix("## ")] = [*lines, ""]
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--recipe", choices=RECIPES, action="append", help="default: all")
    parser.add_argument("--folds", default=",".join(FOLDS), help="comma-separated; the page wants all four")
    parser.add_argument("--depth", default=None, help="fake: skip the emulator")
    parser.add_argument("--write", action="store_true", help="write these recipes' chapters into the page, and keep the others")
    options = parser.parse_args()
    results: dict[str, list[Fold]] = {}
    for name in options.recipe or RECIPES:
        results[name] = []
        for fold in options.folds.split(","):
            results[name].append(run_fold(fold, name, depth=options.depth))
            print(f"{name}, fold {fold}: {results[name][-1].facts['accuracy']}", file=sys.stderr)
    written = {name: chapter(name, folds) for name, folds in results.items()}
    print(page(written))
    if (options.write or options.recipe is None) and options.folds == ",".join(FOLDS) and options.depth is None:
        kept = chapters_of(PAGE.read_text(encoding="utf-8")) if options.recipe and PAGE.is_file() else {}
        PAGE.write_text(page(kept | written), encoding="utf-8")


if __name__ == "__main__":
    main()
