"""``tinyaudio tune``: search for a network that is right and cheap."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from tinyaudio.cli.options import JsonOption, ProjectOption, QuietOption, VerboseOption
from tinyaudio.cli.output import Output, speaking

_HERE = Path()

TrialsOption = Annotated[
    int | None, typer.Option("--trials", min=1, help="Networks to try in all, those of earlier runs included. Default: tune.trials.")
]


def tune(
    project: ProjectOption = _HERE,
    trials: TrialsOption = None,
    storage: Annotated[str | None, typer.Option("--storage", help="Database for several computers, as Optuna names it. Default: a file.")] = None,
    json: JsonOption = False,
    quiet: QuietOption = False,
    verbose: VerboseOption = False,
) -> None:
    """Search architecture and training for what is right and cheap, within the limits of [tune].

    RAM, flash and instructions are predicted before a network is trained; one that breaks a limit is not. Quality is INT8's on the
    validation split; the test split is not looked at. An interrupted search goes on, and the same command in a second terminal helps.

    Example: tinyaudio tune --project doorbell --trials 40
    """
    with speaking(as_json=json, quiet=quiet, verbose=verbose) as output:
        from tinyaudio.pipeline import open_line, tune_line, tuned_facts

        line = open_line(project, output)
        facts = tuned_facts(line, tune_line(line, trials=trials, storage=storage))
        if not json:
            _say_front(output, facts)
        output.result(facts, text=f"the best, for tinyaudio.toml:\n{facts['settings']}\npicture: {facts['picture']}")


def _say_front(output: Output, facts: dict[str, Any]) -> None:
    by_number = {trial["number"]: trial for trial in facts["trials"]}
    rows = [
        (
            str(trial["number"]),
            str(trial["changes"]["model.architecture"]),
            str(trial["changes"]["model.width_multiplier"]),
            str(trial["changes"]["model.blocks"]),
            f"{trial['quality']:.1%}",
            f"{trial['cost']['instructions']:,}",
            f"{trial['cost']['ram_bytes']:,}",
            f"{trial['cost']['flash_bytes']:,}",
        )
        for trial in (by_number[number] for number in facts["front"])
    ]
    columns = ("trial", "architecture", "width", "blocks", facts["judged_by"], "instructions", "RAM bytes", "flash bytes")
    left_out = sum(bool(trial["problem"]) for trial in facts["trials"])
    output.table(f"not beaten, of {len(by_number)} trials ({left_out} break a limit); costs are predicted", columns, rows)
