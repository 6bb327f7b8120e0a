"""``tinyaudio cross-validate``: every fold tested once, by several seeds."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from tinyaudio.cli.options import JsonOption, ProjectOption, QuietOption, VerboseOption
from tinyaudio.cli.output import Output, speaking

_HERE = Path()


def cross_validate(
    project: ProjectOption = _HERE,
    seeds: Annotated[int, typer.Option("--seeds", min=1, max=100, help="Train each fold so often, from train.seed on.")] = 1,
    tune: Annotated[int, typer.Option("--tune", min=0, help="Search each fold's training clips first, so many networks; 0: no search.")] = 0,
    json: JsonOption = False,
    quiet: QuietOption = False,
    verbose: VerboseOption = False,
) -> None:
    """Train and test on every fold in turn, with intervals over whole groups and the spread over seeds.

    Folds are data.split.folds parts of whole groups, or the values of the manifest's split column. What chooses an epoch, a
    threshold or a temperature is drawn from the training folds; with --tune so are architecture and training, by a search
    within each of them (nested folds). An interrupted run goes on where it stopped.

    Example: tinyaudio cross-validate --project doorbell --seeds 3
    """
    with speaking(as_json=json, quiet=quiet, verbose=verbose) as output:
        from tinyaudio.pipeline import cross_validate, cross_validation_facts, line_with, open_line, tune_line

        line = open_line(project, output)
        first = line.project.train.seed
        prepare = (lambda fold: line_with(fold, tune_line(fold, trials=tune).best)) if tune else None
        facts = cross_validation_facts(cross_validate(line, seeds=range(first, first + seeds), prepare=prepare))
        if not json:
            say_cross_validation(output, facts)
        output.result(facts)


def say_cross_validation(output: Output, facts: dict[str, Any]) -> None:
    """Show folds and figures as tables."""
    models = list(facts["headlines"])
    rows = [(item["fold"], str(item["seed"]), str(item["clips"]), *(f"{item[name]:.1%}" for name in models)) for item in facts["folds"]]
    output.table("folds", ("fold", "seed", "clips", *models), rows)
    output.table(
        "over all of them",
        ("model", "figure", "value", "95 % interval, by groups"),
        [
            (name, figure, f"{item['value']:.1%}", f"{item['lower']:.1%} to {item['upper']:.1%}")
            for name, figures in facts["headlines"].items()
            for figure, item in figures.items()
        ],
    )
    for name, item in facts["seeds"].items():
        if item["standard_deviation"] is not None:
            output.note(f"{name}: mean {item['mean']:.1%} over the seeds, standard deviation {item['standard_deviation']:.1%}")
