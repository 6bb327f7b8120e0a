"""``tinyaudio data``: look at the recordings before anything is made from them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tinyaudio.cli.options import JsonOption, ProjectOption, QuietOption, VerboseOption
from tinyaudio.cli.output import EXIT_CHECK_FAILED, speaking

app = typer.Typer(no_args_is_help=True, help="Check the recordings and their manifest, or mix them.")


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


@app.command("mix")
def mix(
    directory: Annotated[Path, typer.Argument(help="Folder for the new clips and their manifest.", file_okay=False)],
    project: ProjectOption = Path(),
    pairs: Annotated[float, typer.Option("--pairs", help="Clips with two labels, for each clip there is.")] = 1.0,
    empty: Annotated[float, typer.Option("--empty", help="Clips without a label (synthetic background), for each clip there is.")] = 0.1,
    snr_db: Annotated[float, typer.Option("--snr-db", help="One of two is at most this much louder or softer than the other.")] = 6.0,
    pool: Annotated[int, typer.Option("--pool", help="Recordings that may be mixed with each other; they become one group.")] = 8,
    seed: Annotated[int, typer.Option("--seed", help="Draws who is mixed with whom, and how loud.", min=0)] = 1,
    json: JsonOption = False,
    quiet: QuietOption = False,
    verbose: VerboseOption = False,
) -> None:
    """Make clips with two labels, one and none from a project whose clips have one: for detectors of several sounds at once.

    Clips are only mixed within a split value, and within small pools of recordings, which are the groups of the new manifest.

    Example: tinyaudio data mix street_mixed --project street
    """
    with speaking(as_json=json, quiet=quiet, verbose=verbose) as output:
        from tinyaudio.pipeline import MixSettings, mix_data, open_line

        settings = MixSettings(pairs=pairs, empty=empty, snr_db=snr_db, pool_recordings=pool, seed=seed)
        facts = mix_data(open_line(project, output), directory, settings)
        counts = ", ".join(f"{count} with {number}" for number, count in facts["labels"].items())
        advice = 'set data.label_separator = "|" and model.head = "sigmoid"'
        output.result(facts, text=f"{facts['manifest']}: {facts['clips']} clips ({counts} labels) in {facts['groups']} groups; {advice}")
