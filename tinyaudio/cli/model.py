"""``tinyaudio model``: bring your own ``.tflite``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from tinyaudio.cli.options import JsonOption, OptimizeOption, QuietOption, RequiredBoardOption, VerboseOption
from tinyaudio.cli.output import EXIT_CHECK_FAILED, Output, speaking

app = typer.Typer(no_args_is_help=True, help="Inspect, compile, prove and measure any full-integer INT8 .tflite.")

_HERE = Path()
_UNITS = ("instructions", "cycles", "nanoseconds")
#: What of two runtimes is shown side by side.
_COMPARED = ("mismatches", *(f"{unit}_per_inference" for unit in _UNITS), "instructions_per_mac", "arena_bytes", "code_bytes", "weights_bytes")

FileArgument = Annotated[Path, typer.Argument(metavar="FILE", help="A full-integer INT8 .tflite.", dir_okay=False)]
CompilerOption = Annotated[str | None, typer.Option("--runtime", help="aot (the model compiler), the only one that tells before it runs.")]
RuntimeOption = Annotated[str | None, typer.Option("--runtime", help="aot (the model compiler) or tflm (TFLite Micro). Default: the board's own.")]
ModelKernelsOption = Annotated[
    str | None, typer.Option("--kernels", help="Of the model compiler: optimized (default), ours; or vendor: CMSIS-NN where it serves.")
]
InputsOption = Annotated[int, typer.Option("--inputs", min=1, help="How many inputs to try; of a streaming model, consecutive steps.")]
SeedOption = Annotated[int, typer.Option("--seed", min=0, help="Of the random inputs.")]
PresetOption = Annotated[str | None, typer.Option("--preset", help="Front end of the model, by name, for inputs that are features of sounds.")]
AudioOption = Annotated[
    Path | None, typer.Option("--audio", help="Folder of recordings for these inputs; default: synthetic sounds.", file_okay=False)
]
BoardFilesOption = Annotated[
    Path, typer.Option("--project", help="Folder whose folder boards is looked into, too; it need not be a project.", file_okay=False)
]
OfflineOption = Annotated[bool, typer.Option("--offline", help="Never try the network.")]


@app.command("inspect")
def inspect(
    file: FileArgument,
    board: RequiredBoardOption = "mps2_an500",
    project: BoardFilesOption = _HERE,
    runtime: CompilerOption = None,
    kernels: ModelKernelsOption = None,
    optimize: OptimizeOption = None,
    picture: Annotated[Path | None, typer.Option("--picture", help="Draw the arena over time: a .svg or .png file.", dir_okay=False)] = None,
    json: JsonOption = False,
    quiet: QuietOption = False,
    verbose: VerboseOption = False,
) -> None:
    """Say what a model is and what it will cost on a board, before anything is built.

    Operators with shapes, multiply-accumulates, weights and predicted instructions; arena, flash, and whether the board's
    budget and memories hold them. Exits with 3 if they do not, naming what is over and by how much.

    Example: tinyaudio model inspect kws.tflite --board stm32h7 --picture arena.svg
    """
    with speaking(as_json=json, quiet=quiet, verbose=verbose) as output:
        from tinyaudio.core.board import PROJECT_BOARDS
        from tinyaudio.pipeline import ModelRequest, inspect_model

        request = ModelRequest(path=file, board_id=board, boards=project / PROJECT_BOARDS, runtime=runtime, kernels=kernels, optimize=optimize)
        outcome = inspect_model(request, picture=picture)
        _say_operators(output, outcome.facts)
        _say_sizes(output, outcome.facts)
        verdict = "It fits the board, by the estimates." if outcome.passed else "It does not fit: " + "; ".join(outcome.facts["budget"]["problems"])
        output.result(outcome.facts, text=verdict)
        if not outcome.passed:
            raise typer.Exit(EXIT_CHECK_FAILED)


@app.command("compile")
def compile_(
    file: FileArgument,
    board: RequiredBoardOption = "mps2_an500",
    project: BoardFilesOption = _HERE,
    runtime: CompilerOption = None,
    kernels: ModelKernelsOption = None,
    optimize: OptimizeOption = None,
    out: Annotated[Path, typer.Option("--out", help="Folder for the C++.", file_okay=False)] = Path("compiled_model"),
    json: JsonOption = False,
    quiet: QuietOption = False,
    verbose: VerboseOption = False,
) -> None:
    """Write the model as C++, with the kernels it needs: a folder that compiles by itself (with --kernels vendor, beside the vendor's sources).

    Example: tinyaudio model compile kws.tflite --out kws_cpp
    """
    with speaking(as_json=json, quiet=quiet, verbose=verbose) as output:
        from tinyaudio.core.board import PROJECT_BOARDS
        from tinyaudio.pipeline import ModelRequest, compile_to_folder

        request = ModelRequest(path=file, board_id=board, boards=project / PROJECT_BOARDS, runtime=runtime, kernels=kernels, optimize=optimize)
        outcome = compile_to_folder(request, out)
        output.result(outcome.facts, text=f"{out / 'generated' / 'model.h'} declares input(), invoke(), output(), logits() and reset().")


@app.command("verify")
def verify(
    file: FileArgument,
    board: RequiredBoardOption = "mps2_an500",
    project: BoardFilesOption = _HERE,
    runtime: RuntimeOption = None,
    inputs: InputsOption = 20,
    seed: SeedOption = 1,
    preset: PresetOption = None,
    audio: AudioOption = None,
    kernels: ModelKernelsOption = None,
    optimize: OptimizeOption = None,
    offline: OfflineOption = False,
    json: JsonOption = False,
    quiet: QuietOption = False,
    verbose: VerboseOption = False,
) -> None:
    """Build firmware with this one model, run it on the board's emulator, compare every output with TFLite Micro.

    Inputs are saturating patterns, random values, and features of sounds where the model's front end is known. Of a
    streaming model they are consecutive steps, and it starts afresh with each kind. The tensor in front of a final softmax
    is compared as well. Exits with 3 if anything differs.

    With --runtime tflm the firmware computes with TFLite Micro and its fastest kernels for the board, built from the tree that
    TINYAUDIO_TFLM_ROOT names, or from the authors' repositories.

    Example: tinyaudio model verify kws.tflite --board mps2_an500 --inputs 200 --preset mfcc
    """
    with speaking(as_json=json, quiet=quiet, verbose=verbose) as output:
        from tinyaudio.core.board import PROJECT_BOARDS
        from tinyaudio.pipeline import ModelRequest, verify_model

        request = ModelRequest(
            path=file,
            board_id=board,
            boards=project / PROJECT_BOARDS,
            runtime=runtime,
            kernels=kernels,
            optimize=optimize,
            inputs=inputs,
            seed=seed,
            preset=preset,
            audio=audio,
            offline=offline,
        )
        _end(output, verify_model(request, output))


@app.command("bench")
def bench(
    file: FileArgument,
    board: RequiredBoardOption = "mps2_an500",
    project: BoardFilesOption = _HERE,
    runtime: RuntimeOption = None,
    inputs: InputsOption = 20,
    seed: SeedOption = 1,
    preset: PresetOption = None,
    audio: AudioOption = None,
    kernels: ModelKernelsOption = None,
    optimize: OptimizeOption = None,
    offline: OfflineOption = False,
    json: JsonOption = False,
    quiet: QuietOption = False,
    verbose: VerboseOption = False,
) -> None:
    """Verify a model and measure it on the board, operator by operator.

    With --runtime tflm the model is measured twice, on TFLite Micro and compiled, and both are shown side by side. In the JSON,
    "aot" then holds the figures of the compiled one, which is what --kernels and --optimize are about. With --kernels vendor alone it
    is compiled twice, with the vendor's kernels and with ours, and each operator shows both; "own" then holds the figures of ours.

    Example: tinyaudio model bench kws.tflite --board mps2_an500
    """
    with speaking(as_json=json, quiet=quiet, verbose=verbose) as output:
        from tinyaudio.core.board import PROJECT_BOARDS
        from tinyaudio.pipeline import ModelRequest, compare_kernels, compare_runtimes, verify_model

        request = ModelRequest(
            path=file,
            board_id=board,
            boards=project / PROJECT_BOARDS,
            runtime=runtime,
            kernels=kernels,
            optimize=optimize,
            inputs=inputs,
            seed=seed,
            preset=preset,
            audio=audio,
            offline=offline,
        )
        if kernels == "vendor" and runtime != "tflm":
            outcome = compare_kernels(request, output)
            _say_kernels(output, outcome.facts)
            _say_comparison(output, outcome.facts, outcome.facts["own"])
        else:
            outcome = compare_runtimes(request, output) if runtime == "tflm" else verify_model(request, output, per_operator=True)
            _say_operators(output, outcome.facts)
        if outcome.facts.get("aot") is not None:
            _say_operators(output, outcome.facts["aot"])
            _say_comparison(output, outcome.facts, outcome.facts["aot"])
        _end(output, outcome)


def _end(output: Output, outcome: Any) -> None:
    facts = outcome.facts
    for line in facts["log"]:
        output.warning(line)
    for problem in facts["budget_problems"]:
        output.warning(problem)
    _say_sizes(output, facts)
    if facts["first_mismatches"]:
        rows = [
            (str(item["inference"]), item["case"], item["tensor"], *(f"{item[key]:,}" for key in ("element_index", "expected", "actual", "elements")))
            for item in facts["first_mismatches"]
        ]
        output.table("first differences", ("inference", "input", "tensor", "element", "reference", "board", "in all"), rows)
        for reason in facts["known_differences"]:
            output.warning(f"known: {reason}")
    verdict = f"0 mismatches in {facts['inputs']} inferences: every output is that of TFLite Micro's reference kernels, bit for bit."
    if facts["mismatches"]:
        verdict = (
            f"{facts['mismatches']:,} values of {facts['model_kernels']} differ from TFLite Micro's reference kernels, "
            f"by up to {facts['max_abs_diff']:g}; the table names the first ones."
        )
    elif not outcome.passed:
        verdict = "Nothing differs, but the image is over its budget."
    output.result(facts, text=verdict)
    if not outcome.passed:
        raise typer.Exit(EXIT_CHECK_FAILED)


def _say_comparison(output: Output, facts: dict[str, Any], other: dict[str, Any]) -> None:
    if output.as_json:
        return
    rows = []
    for name in _COMPARED:
        figures = (facts.get(name), other.get(name))
        if None not in figures:
            rows.append((name.replace("_", " "), *(f"{figure:,}" for figure in figures)))
    output.table(facts["model"], ("", facts["model_kernels"], other["model_kernels"]), rows)


def _say_kernels(output: Output, facts: dict[str, Any]) -> None:
    """Show what each operator costs with the vendor's kernels and with ours; operators that only one of both has stand alone."""
    if output.as_json:
        return
    unit = next(name for name in _UNITS if name in facts["ops"][0])
    own = {operation["index"]: operation for operation in facts["own"]["ops"]}
    rows = []
    for operation in facts["ops"]:
        ours = own.get(operation["index"])
        ratio = f"{operation[unit] / ours[unit]:.2f}" if ours and ours[unit] else ""
        refusal = operation["vendor_refusal"]
        whose = f"ours: {refusal}" if refusal else "the vendor's"
        figures = (f"{operation[unit]:,}", f"{ours[unit]:,}" if ours else "", ratio)
        rows.append((*_operator_names(operation), *figures, whose))
    total = f"{unit}_per_inference"
    both = (facts[total], facts["own"][total])
    rows.append(("", "all", f"{both[0]:,}", f"{both[1]:,}", f"{both[0] / both[1]:.2f}", ""))
    columns = ("", "operator", unit, "with ours", "ratio", "kernel")
    output.table(f"{facts['model']} on {facts['board']} ({facts['model_kernels']})", columns, rows)


def _say_operators(output: Output, facts: dict[str, Any]) -> None:
    if output.as_json:
        return
    unit = next((name for name in _UNITS if name in facts["ops"][0]), "predicted_instructions")
    total = sum(operation[unit] for operation in facts["ops"])
    columns = ("", "operator", "output", "MACs", "weights", unit.replace("_", " "), "share", "a MAC")
    rows = [
        (
            *_operator_names(operation),
            "x".join(map(str, operation["output_shape"])),
            f"{operation['macs']:,}",
            f"{operation['weights_bytes']:,}",
            f"{operation[unit]:,}",
            f"{operation[unit] / total:.1%}" if total else "",
            f"{operation[unit] / operation['macs']:.2f}" if operation["macs"] else "",
        )
        for operation in facts["ops"]
    ]
    output.table(f"{facts['model']} on {facts['board']} ({facts['runtime']})", columns, rows)


def _operator_names(operation: dict[str, Any]) -> tuple[str, str]:
    """Return position and kind of an operator; of several that were joined the positions of first and last, and all kinds."""
    parts = operation.get("parts")
    place = f"{parts[0]}-{parts[-1]}" if parts else str(operation["index"])
    return place, operation["kind"].replace(" + ", "\n+ ")


def _say_sizes(output: Output, facts: dict[str, Any]) -> None:
    if output.as_json:
        return
    names = (
        "instructions_per_inference",
        "cycles_per_inference",
        "nanoseconds_per_inference",
        "instructions_per_mac",
        "predicted_instructions",
        "macs",
        "arena_bytes",
        "state_bytes",
        "weights_bytes",
        "code_bytes",
        "predicted_code_bytes",
    )
    rows = [(name.replace("_", " "), f"{facts[name]:,}") for name in names if facts.get(name) is not None]
    output.table("", ("", ""), rows)
