"""``tinyaudio data``: look at the recordings before anything is made from them."""

from __future__ import annotations

from pathlib import Path

import typer

from tinyaudio.cli.options import JsonOption, ProjectOption, QuietOption, VerboseOption
from tinyaudio.cli.output import EXIT_CHECK_FAILED, speaking

app = typer.Typer(no_args_is_help=True, help="Check the recordings and their manifest.")


@app.callback()
def _data() -> None:
    """Check the recordings and their manifest."""


@app.command("check")
def check(project: ProjectOption = Path(), json: JsonOption = False, quiet: QuietOption = False, verbose: VerboseOption = False) -> None:
    """Find faults in the data: each with its row, its file and what to do. Exits with 3 if one would stop a training.

    Example: tinyaudio data check --project doorbell
    """
    with speaking(as_json=json, quiet=quiet, verbose=verbose) as output:
        from tinyaudio.pipeline import check_data, data_facts, open_line

        checked = check_data(open_line(project, output))
        facts = data_facts(checked)
        if not json:
            rows = [(str(item["row"] or "-"), item["file"] or "-", item["severity"], item["kind"], item["message"]) for item in facts["problems"]]
            if rows:
                output.table("", ("row", "file", "severity", "kind", "what"), rows)
            counts = ", ".join(f"{label} {count}" for label, count in facts["labels"].items())
            output.result(
                {}, text=f"{facts['clips']} clips in {facts['groups']} groups ({counts}); {facts['errors']} errors, {facts['warnings']} warnings"
            )
        output.result(facts)
        if facts["errors"]:
            raise typer.Exit(EXIT_CHECK_FAILED)
