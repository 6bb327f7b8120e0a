"""Cross-validate a recipe over the official folds of ESC-10 on the emulated board; writes docs/esc10_cross_validation.md.

Each of folds 1 to 4 is tested once by a model that was trained on the three others, with every setting fixed beforehand.

    ./scripts/bench cross-validation [--folds 1,2] [--depth fake]
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
DATA = Path(os.environ.get("TINYAUDIO_DATA", ROOT.parent / "shared" / "data")).resolve()
FOLDS = ("1", "2", "3", "4")

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

#: Name -> (one sentence, the rest of tinyaudio.toml).
RECIPES = {
    "yamnet_6_blocks": (
        "the first six blocks of YAMNet, frozen; a fitted classifier; silence taught to say nothing; patches of 72 frames keep the arena small",
        """
[frontend]
patch_frames = 72
patch_hop_frames = 36

[model]
width_multiplier = 1.0
blocks = 6
activation = "relu"
dropout = 0.0

[train]
silence = "uniform"
validation = "include"

[train.transfer]
backbone = "{models}/yamnet_full/yamnet_spectra_in.tflite"

[train.transfer.frontend]
preset = "yamnet"
""",
    ),
}


@dataclass(frozen=True, slots=True)
class Fold:
    """What one fold gave."""

    fold: str
    facts: dict[str, Any]  # of `tinyaudio run --json`
    train_seconds: float


def run_fold(fold: str, recipe: str, *, depth: str | None) -> Fold:
    """Train on the other folds and test on `fold`."""
    project = ROOT / "runs" / "cross_validation" / recipe / f"fold_{fold}"
    project.mkdir(parents=True, exist_ok=True)
    train = ", ".join(f'"{other}"' for other in FOLDS if other != fold)
    tables = _DATA_TABLES.format(fold=fold, train=train, manifest=(DATA / "esc10" / "manifest.csv").as_posix())
    (project / "tinyaudio.toml").write_text(tables + RECIPES[recipe][1].format(models=(DATA / "models").as_posix()), encoding="utf-8")
    command = [sys.executable, "-m", "tinyaudio", "run", "--project", str(project), "--board", "mps2_an500", "--json"]
    done = subprocess.run([*command, *(["--depth", depth] if depth else [])], stdout=subprocess.PIPE, text=True, cwd=ROOT, check=False)
    if done.returncode not in (0, 3):
        raise SystemExit(f"fold {fold}: {done.stdout}")
    record = json.loads((project / "runs" / f"esc10_fold_{fold}" / "train.json").read_text(encoding="utf-8"))
    return Fold(fold, json.loads(done.stdout.splitlines()[-1]), float(record["seconds"]))


def page(recipe: str, folds: list[Fold], *, date: str) -> str:
    """Return the results as Markdown."""
    rows = ["| fold | clips | float | INT8 | device | mismatches | training | flash | RAM, stack included |", "|---|---|---|---|---|---|---|---|---|"]
    for item in folds:
        facts = item.facts
        accuracy = " | ".join(f"{facts['accuracy'][name]:.4f}" for name in ("float", "int8", "device"))
        sizes = " | ".join(f"{facts[name]:,} B" if name in facts else "" for name in ("flash_bytes", "ram_bytes"))
        rows.append(f"| {item.fold} | {facts['clips']} | {accuracy} | {sum(facts['mismatches'].values())} | {item.train_seconds:.0f} s | {sizes} |")
    means = {name: sum(item.facts["accuracy"][name] for item in folds) / len(folds) for name in ("float", "int8", "device")}
    rows.append(f"| mean | | {' | '.join(f'**{value:.4f}**' for value in means.values())} | | | | |")
    return "\n".join(
        [
            "# ESC-10, four-fold cross-validation",
            "",
            "Written by `./scripts/bench cross-validation`; not by hand. Clip accuracy, patch scores averaged, over the official folds 1 to 4;",
            "each model is trained on the three other folds with settings fixed beforehand. Fold 5 was never looked at.",
            "",
            f"Recipe `{recipe}`: {RECIPES[recipe][0]}.",
            "",
            *rows,
            "",
            f"Emulated board mps2_an500; {platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, {date}.",
            "",
        ]
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--recipe", choices=RECIPES, default="yamnet_6_blocks")
    parser.add_argument("--folds", default=",".join(FOLDS), help="comma-separated; only all four write the page")
    parser.add_argument("--depth", default=None, help="fake: skip the emulator")
    options = parser.parse_args()
    folds = []
    for fold in options.folds.split(","):
        folds.append(run_fold(fold, options.recipe, depth=options.depth))
        print(f"fold {fold}: {folds[-1].facts['accuracy']}", file=sys.stderr)
    text = page(options.recipe, folds, date=time.strftime("%Y-%m-%d"))
    print(text)
    if len(folds) == len(FOLDS) and options.depth is None:
        (ROOT / "docs" / "esc10_cross_validation.md").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
