"""``tinyaudio data``: look at the recordings before anything is made from them."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Annotated, Any

import typer

from tinyaudio.cli.options import JsonOption, ProjectOption, QuietOption, VerboseOption
from tinyaudio.cli.output import EXIT_CHECK_FAILED, Output, command_for, speaking

app = typer.Typer(no_args_is_help=True, help="List recordings in the manifest, check them, or mix them.")

#: So many faults of a kind are enough to see what it is; ten thousand bury the others.
SHOWN_OF_A_KIND = 20


@app.command("import")
def import_folder(
    folder: Annotated[Path, typer.Argument(help="Folder with a folder of WAV or FLAC files for each label.", file_okay=False)],
    project: ProjectOption = Path(),
    label: Annotated[str | None, typer.Option("--label", help="Label of all recordings in FOLDER, which then needs no folders of labels.")] = None,
    group_by: Annotated[
        str | None, typer.Option("--group-by", help=r"Regular expression that finds the source in a file's name, such as '^(.*)_\d+$'.")
    ] = None,
    split: Annotated[str | None, typer.Option("--split", help="What goes into the manifest's column split.")] = None,
    json: JsonOption = False,
    quiet: QuietOption = False,
    verbose: VerboseOption = False,
) -> None:
    """List a folder of recordings in the manifest: the folder that a file lies in names its label.

    Recordings in one folder below that of the label are of one source (a group, which is never split between training and test);
    any other recording is a source of its own, unless --group-by finds it in the file's name. What is listed already stays as it is.

    Example: tinyaudio data import recordings --project doorbell

    Example: tinyaudio data import dogs --label dog --group-by '^(.*)_[0-9]+$' --project doorbell
    """
    with speaking(as_json=json, quiet=quiet, verbose=verbose) as output:
        from tinyaudio.pipeline import import_recordings, open_line

        facts = import_recordings(open_line(project, output), folder, label=label, group_by=group_by, split=split)
        for item in facts["problems"]:
            output.warning(f"{item['file']} {item['message']}")
        if facts["groups"] == facts["clips"] > 1:
            output.note("each recording is a source of its own; where several were cut from one, --group-by or the column group should say so")
        counts = ", ".join(f"{name} {count}" for name, count in facts["labels"].items())
        listed = f", {facts['already_listed']} were listed already" if facts["already_listed"] else ""
        added = f"{facts['clips']} clips in {facts['groups']} groups added ({counts})" if facts["clips"] else "nothing added"
        output.result(facts, text=f"{facts['manifest']}: {added}{listed}; next: `{command_for('data check', project)}`")


@app.command("check")
def check(project: ProjectOption = Path(), json: JsonOption = False, quiet: QuietOption = False, verbose: VerboseOption = False) -> None:
    """Find faults in the data: each with its row, its file and what to do. Exits with 3 if one would stop a training.

    Of many alike the first are shown; --verbose and --json have all.

    Example: tinyaudio data check --project doorbell
    """
    with speaking(as_json=json, quiet=quiet, verbose=verbose) as output:
        from tinyaudio.pipeline import check_data, data_facts, open_line

        line = open_line(project, output)
        checked = check_data(line)
        facts = data_facts(checked)
        if not json:
            say_problems(output, facts["problems"], manifest=line.project.manifest_path)
        labels, splits = (", ".join(f"{name} {count}" for name, count in facts[key].items()) for key in ("labels", "splits"))
        told = f"{facts['clips']} clips in {facts['groups']} groups ({labels}; {splits}); {facts['errors']} errors, {facts['warnings']} warnings"
        output.result(facts, text=told + ("" if facts["errors"] else f"; next: `{command_for('run', project)}`"))
        if facts["errors"]:
            raise typer.Exit(EXIT_CHECK_FAILED)


def say_problems(output: Output, problems: list[dict[str, Any]], *, manifest: Path) -> None:
    """Print each fault as compilers do, a line each, so that editors and terminals find the row; of many alike the first."""
    told: Counter[tuple[str, str]] = Counter()
    for item in problems:
        kind = (item["severity"], item["kind"])
        told[kind] += 1
        if told[kind] <= SHOWN_OF_A_KIND or output.verbose:
            row = "" if item["row"] is None else f":{item['row']}"
            file = f"{item['file']}: " if item["file"] else ""
            output.line(f"{manifest}{row}: {item['severity']}: {file}{item['message']} [{item['kind']}]")
    for (severity, name), count in told.items():
        if count > SHOWN_OF_A_KIND and not output.verbose:
            output.line(f"{manifest}: {severity}: and {count - SHOWN_OF_A_KIND} more like this; --verbose lists all, --json as well [{name}]")


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
