"""``tinyaudio frontend``: look at a front end, and measure it on a board."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from tinyaudio.cli.options import JsonOption, QuietOption, RequiredBoardOption, VerboseOption
from tinyaudio.cli.output import EXIT_CHECK_FAILED, Output, speaking

app = typer.Typer(no_args_is_help=True, help="Measure a front end on a board, or draw it.")

KernelOption = Annotated[str | None, typer.Option("--kernel", help="FFT kernel; default: the board's own.")]
PresetOption = Annotated[str | None, typer.Option("--preset", help="Front end by name, such as yamnet or yamnet_power; default: yamnet.")]
SpecProjectOption = Annotated[
    Path | None, typer.Option("--project", help="Take the front end of this project, a folder with tinyaudio.toml.", file_okay=False)
]


@app.command("bench")
def bench(
    board: RequiredBoardOption,
    kernel: KernelOption = None,
    preset: PresetOption = None,
    project: SpecProjectOption = None,
    frames: Annotated[int, typer.Option("--frames", min=1, help="Frames to stream, over all signals together.")] = 1_000,
    against: Annotated[str | None, typer.Option("--against", help="Also compare the int8 features with those of this kernel.")] = None,
    offline: Annotated[bool, typer.Option("--offline", help="Never try the network.")] = False,
    json: JsonOption = False,
    quiet: QuietOption = False,
    verbose: VerboseOption = False,
) -> None:
    """Run a front end on an emulated board: what a frame costs, and how exact it is.

    Builds firmware with the front end alone, streams test signals through it (and ESC-10 clips, where TINYAUDIO_DATA
    names a folder with esc10/) and compares every stage of every frame with the Python twin, bit for bit. The twin is
    compared with the float64 reference: log-mel SNR by signal (null: no difference above the -80 dBFS floor), and
    int8 steps for a nominal model input. Exits with 3 if anything differs between board and twin.

    Example: tinyaudio frontend bench --board mps2_an500 --preset yamnet_power --json
    """
    with speaking(as_json=json, quiet=quiet, verbose=verbose) as output:
        from tinyaudio.core.board import PROJECT_BOARDS
        from tinyaudio.pipeline import FrontendBenchRequest, bench_frontend, choose_spec

        name, spec = choose_spec(preset=preset, project=project)
        request = FrontendBenchRequest(
            board_id=board,
            boards=(project or Path()) / PROJECT_BOARDS,
            spec=spec,
            spec_name=name,
            kernel=kernel,
            against=against,
            frames=frames,
            offline=offline,
        )
        outcome = bench_frontend(request, output)
        _say_bench(output, outcome.facts)
        for line in outcome.run.log:
            output.warning(line)
        verdict = "0 mismatches: every stage of every frame is the twin's, bit for bit."
        if not outcome.passed:
            verdict = f"{outcome.facts['mismatches']:,} values differ from the twin's; the table names the first ones."
        output.result(outcome.facts, text=verdict)
        if not outcome.passed:
            raise typer.Exit(EXIT_CHECK_FAILED)


@app.command("show")
def show(
    clip: Annotated[Path | None, typer.Option("--clip", help="A recording to draw; default: a synthetic voice.", dir_okay=False)] = None,
    kernel: Annotated[str, typer.Option("--kernel", help="FFT kernel.")] = "cmsis_q31",
    preset: PresetOption = None,
    project: SpecProjectOption = None,
    out: Annotated[Path, typer.Option("--out", help="Folder for the pictures.", file_okay=False)] = Path("frontend_pictures"),
    json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Draw a front end as PNG: its window, its mel filters, and a clip at every stage beside the float64 reference.

    Example: tinyaudio frontend show --clip bark.wav --out pictures
    """
    with speaking(as_json=json, quiet=quiet) as output:
        from tinyaudio.pipeline import choose_spec, show_frontend

        name, spec = choose_spec(preset=preset, project=project)
        with output.task("drawing"):
            pictures = show_frontend(spec, kernel=kernel, clip=clip, directory=out)
        values = {"preset": name, "kernel": kernel, "pictures": [str(picture) for picture in pictures]}
        output.result(values, text="\n".join(str(picture) for picture in pictures))


def _say_bench(output: Output, facts: dict[str, Any]) -> None:
    if output.as_json:
        return
    rows = [(name.replace("_", " "), f"{facts[name]:,}") for name in facts if name.endswith(("_per_frame", "_bytes", "_factor"))]
    rows += [("frames compared", f"{facts['frames']:,}"), ("mismatches", f"{facts['mismatches']:,}")]
    output.table(f"{facts['preset']} with {facts['kernel']} on {facts['board']}", ("", ""), rows)
    snr_rows = [(name, "exact" if snr_db is None else f"{snr_db:.1f}") for name, snr_db in facts["log_mel_snr_db"].items()]
    output.table("against float64", ("signal", "log-mel SNR in dB"), snr_rows)
    _say_steps(output, "int8 features against float64", facts)
    if "against" in facts:
        _say_steps(output, f"int8 features against {facts['against']['kernel']}", facts["against"])
    if facts["first_mismatches"]:
        differences = [
            (item["filename"], item["stage"], *(f"{item[key]:,}" for key in ("frame_index", "element_index", "expected", "actual", "elements")))
            for item in facts["first_mismatches"]
        ]
        output.table("first differences", ("signal", "stage", "frame", "element", "twin", "board", "in all"), differences)


def _say_steps(output: Output, title: str, facts: dict[str, Any]) -> None:
    histogram = facts["int8_step_histogram"]
    total = sum(histogram.values())
    rows = [(step, f"{count:,}", f"{count / total:.4%}") for step, count in histogram.items()]
    output.table(title, ("steps apart", "features", "share"), rows)
