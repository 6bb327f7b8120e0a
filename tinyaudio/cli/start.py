"""``tinyaudio new`` and ``tinyaudio demo``: where a newcomer starts."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tinyaudio.cli.firmware import say_proof
from tinyaudio.cli.options import JsonOption, KernelsOption, OptimizeOption, QuietOption, RuntimeOption, VerboseOption
from tinyaudio.cli.output import command_for, speaking

TaskOption = Annotated[str, typer.Option("--task", help="events (what is heard) or anomaly (does a machine sound as usual).")]


def new(
    directory: Annotated[Path, typer.Argument(help="Folder to make.", file_okay=False)],
    task: TaskOption = "events",
    from_manifest: Annotated[Path | None, typer.Option("--from-manifest", help="List of recordings, a CSV file.", dir_okay=False)] = None,
    from_model: Annotated[Path | None, typer.Option("--from-model", help="A finished .tflite in place of training.", dir_okay=False)] = None,
    preset: Annotated[str | None, typer.Option("--preset", help="Front end of that model, by name.")] = None,
    labels: Annotated[
        Path | None, typer.Option("--labels", help="Labels of that model: a text file, one a line, in the order of its outputs.", dir_okay=False)
    ] = None,
    json: JsonOption = False,
    quiet: QuietOption = False,
    verbose: VerboseOption = False,
) -> None:
    """Make a project: tinyaudio.toml with every setting explained, a manifest to fill in, a README.

    With --from-model the project is around a finished INT8 model: a classifier, held against its front end and labels, or with
    --task anomaly an autoencoder, whose residual is the score. evaluate, calibrate, render, build, hil and run work without training.

    Example: tinyaudio new doorbell --task events

    Example: tinyaudio new keywords --from-model kws.tflite --preset mfcc --labels kws_labels.txt

    Example: tinyaudio new pump --task anomaly --from-model ad01_int8.tflite --preset ad01
    """
    with speaking(as_json=json, quiet=quiet, verbose=verbose) as output:
        from tinyaudio.core.errors import InputError
        from tinyaudio.pipeline import ModelSource, new_project

        if from_model is None and (preset is not None or labels is not None):
            raise InputError(
                "is about a finished model",
                hint="add --from-model FILE; a network that you train gets its front end in tinyaudio.toml: [frontend] preset",
                where="--preset" if preset is not None else "--labels",
            )
        model = None if from_model is None else ModelSource(path=from_model, preset=preset, labels=labels)
        files = new_project(directory, task=task, manifest=from_manifest, model=model)
        recordings = "WAV or FLAC files, a folder for each label" if from_manifest is None else ""
        steps = [(command_for("data import FOLDER", directory), recordings)] if from_manifest is None else []
        steps += [(command_for("data check", directory), "names every fault"), (command_for("run", directory), "trains, builds, compares, reports")]
        width = max(len(command) for command, _ in steps)
        shown = "".join(f"\n  {command:<{width}}  # {what}" for command, what in steps)
        output.result({"project": str(directory), "files": files}, text=f"made {directory}; next:{shown}")


def demo(
    board: Annotated[str, typer.Option("--board", help="Board type; see `tinyaudio boards list`.")] = "mps2_an500",
    task: TaskOption = "events",
    directory: Annotated[Path | None, typer.Option("--directory", help="Where the demo's project is kept.", file_okay=False)] = None,
    runtime: RuntimeOption = None,
    kernels: KernelsOption = None,
    optimize: OptimizeOption = None,
    json: JsonOption = False,
    quiet: QuietOption = False,
    verbose: VerboseOption = False,
) -> None:
    """Go the whole way on built-in synthetic sounds: train, quantize, build, run on the board, compare, report.

    The project is kept in demo_project, with --task anomaly in demo_anomaly.

    Example: tinyaudio demo --board mps2_an500
    """
    with speaking(as_json=json, quiet=quiet, verbose=verbose) as output:
        from tinyaudio.pipeline import parse_request, run_demo

        request = parse_request(runtime=runtime, kernels=kernels, optimize=optimize)
        kept = directory or Path("demo_anomaly" if task == "anomaly" else "demo_project")
        say_proof(output, run_demo(kept, board=board, task=task, progress=output, request=request))
