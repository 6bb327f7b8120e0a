"""``tinyaudio new`` and ``tinyaudio demo``: where a newcomer starts."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tinyaudio.cli.options import JsonOption, QuietOption, VerboseOption
from tinyaudio.cli.output import speaking
from tinyaudio.cli.stages import say_proof

TaskOption = Annotated[str, typer.Option("--task", help="events (what is heard) or anomaly (does a machine sound as usual).")]


def new(
    directory: Annotated[Path, typer.Argument(help="Folder to make.", file_okay=False)],
    task: TaskOption = "events",
    json: JsonOption = False,
    quiet: QuietOption = False,
    verbose: VerboseOption = False,
) -> None:
    """Make a project: tinyaudio.toml with every setting explained, a manifest to fill in, a README.

    Example: tinyaudio new doorbell --task events
    """
    with speaking(as_json=json, quiet=quiet, verbose=verbose) as output:
        from tinyaudio.pipeline import new_project

        files = new_project(directory, task=task)
        output.result(
            {"project": str(directory), "files": files},
            text=f"made {directory}: list your recordings in {directory / 'manifest.csv'}, then `tinyaudio data check --project {directory}`",
        )


def demo(
    board: Annotated[str, typer.Option("--board", help="Board type; see `tinyaudio boards list`.")] = "mps2_an500",
    task: TaskOption = "events",
    directory: Annotated[Path, typer.Option("--directory", help="Where the demo's project is kept.", file_okay=False)] = Path("demo_project"),
    json: JsonOption = False,
    quiet: QuietOption = False,
    verbose: VerboseOption = False,
) -> None:
    """Go the whole way on built-in synthetic sounds: train, quantize, build, run on the board, compare, report.

    Example: tinyaudio demo --board mps2_an500
    """
    with speaking(as_json=json, quiet=quiet, verbose=verbose) as output:
        from tinyaudio.pipeline import run_demo

        say_proof(output, run_demo(directory, board=board, task=task, progress=output))
