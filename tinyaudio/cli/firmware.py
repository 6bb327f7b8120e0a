"""From a model to a proven device, as commands: each parses, calls one function of the pipeline, prints."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from tinyaudio.cli.anomaly import found_rows
from tinyaudio.cli.options import (
    BoardOption,
    DepthOption,
    JsonOption,
    KernelsOption,
    OptimizeOption,
    PortOption,
    ProjectOption,
    QuietOption,
    RuntimeOption,
    SelfTestOption,
    SlotOption,
    VerboseOption,
)
from tinyaudio.cli.output import EXIT_CHECK_FAILED, Output, speaking

_HERE = Path()


def render(
    board: BoardOption = None,
    project: ProjectOption = _HERE,
    out: Annotated[Path | None, typer.Option("--out", help="Folder to write to; default: the project's runs folder.", file_okay=False)] = None,
    runtime: RuntimeOption = None,
    kernels: KernelsOption = None,
    optimize: OptimizeOption = None,
    self_test: SelfTestOption = False,
    json: JsonOption = False,
    quiet: QuietOption = False,
    verbose: VerboseOption = False,
) -> None:
    """Write the firmware project as text: tables, model code, glue, PlatformIO configuration.

    Example: tinyaudio render --board mps2_an500 --out firmware_project

    Example: tinyaudio render --board esp32s3 --runtime tflm
    """
    with speaking(as_json=json, quiet=quiet, verbose=verbose) as output:
        from tinyaudio.pipeline import open_line, parse_request, render_stage

        request = parse_request(runtime=runtime, kernels=kernels, optimize=optimize, self_test=self_test)
        line = open_line(project, output)
        rendered, directory = render_stage(line, board or line.project.board, out=out, request=request)
        values = {
            "board": rendered.board,
            "runtime": rendered.runtime,
            "files": sorted(rendered.files),
            "fingerprint": rendered.fingerprint,
            "directory": str(directory),
        }
        output.result(values, text=f"{len(rendered.files)} files in {directory}, fingerprint {rendered.fingerprint[:16]}")


def build(
    board: BoardOption = None,
    project: ProjectOption = _HERE,
    offline: Annotated[bool, typer.Option("--offline", help="Never try the network.")] = False,
    runtime: RuntimeOption = None,
    kernels: KernelsOption = None,
    optimize: OptimizeOption = None,
    self_test: SelfTestOption = False,
    json: JsonOption = False,
    quiet: QuietOption = False,
    verbose: VerboseOption = False,
) -> None:
    """Build the firmware with PlatformIO, read its sizes from the ELF and check the board's budget.

    Example: tinyaudio build --board mps2_an500

    Example: tinyaudio build --board stm32h7 --kernels reference
    """
    with speaking(as_json=json, quiet=quiet, verbose=verbose) as output:
        from tinyaudio.pipeline import build_facts, build_stage, open_line, parse_request

        request = parse_request(runtime=runtime, kernels=kernels, optimize=optimize, self_test=self_test)
        line = open_line(project, output)
        artifact = build_stage(line, board or line.project.board, offline=offline, request=request)
        _say_sizes(output, build_facts(artifact))
        output.result(build_facts(artifact), text=f"image: {artifact.elf}")
        if not artifact.budget_ok:
            for problem in artifact.budget_problems:
                output.warning(problem)
            raise typer.Exit(EXIT_CHECK_FAILED)


def hil(
    board: BoardOption = None,
    project: ProjectOption = _HERE,
    depth: DepthOption = None,
    port: PortOption = None,
    slot: SlotOption = None,
    runtime: RuntimeOption = None,
    kernels: KernelsOption = None,
    optimize: OptimizeOption = None,
    self_test: Annotated[bool, typer.Option("--self-test", help="Run every operator on golden vectors; name the first that is wrong.")] = False,
    mode: Annotated[
        str | None,
        typer.Option("--mode", help="Of the emulated STM32H743: counting (default), or fast, which needs no C compiler and counts nothing."),
    ] = None,
    ab: Annotated[bool, typer.Option("--ab", help="Fast kernels against plain ones, clip by clip. A real board is flashed with both.")] = False,
    json: JsonOption = False,
    quiet: QuietOption = False,
    verbose: VerboseOption = False,
) -> None:
    """Stream the test split through the firmware and compare every stage with the Python twin, bit for bit.

    With --self-test, an image with golden vectors runs every operator of the model on them instead, and the first that
    computes something else is named: operator, index, element, expected and actual value. With --ab, both sets of kernels are
    built and given the same clips, and the first clip for which they differ is named; with --ab --kernels vendor the fast ones are
    the vendor's. Exits with 3 if anything differs.

    Example: tinyaudio hil --board mps2_an500

    Example: tinyaudio hil --board stm32h7 --depth serial --port /dev/ttyACM0

    Example: tinyaudio hil --slot left

    Example: tinyaudio hil --board mps2_an500 --self-test

    Example: tinyaudio hil --board stm32h7 --ab
    """
    with speaking(as_json=json, quiet=quiet, verbose=verbose) as output:
        from tinyaudio.core.errors import InputError
        from tinyaudio.pipeline import ab_stage, hil_stage, open_line, parse_request, self_test_stage, slot_line

        request = parse_request(runtime=runtime, kernels=kernels, optimize=optimize)
        if ab and (self_test or kernels not in (None, "vendor")):
            other = "--self-test" if self_test else "--kernels"
            raise InputError(
                f"--ab builds both sets of kernels and streams clips, {other} asks for something else", hint="leave one out", where=other
            )
        if mode is not None and (ab or self_test):
            raise InputError("--mode is for a run that compares clips with the twin", hint="leave --mode out", where="--mode")
        line = open_line(project, output)
        if slot is not None:
            board, depth, port = slot_line(line, slot, board_id=board, depth=depth, port=port)
        board_id = board or line.project.board
        if self_test:
            _say_self_test(output, self_test_stage(line, board_id, depth=depth, port=port, request=request))
        elif ab:
            say_proof(output, ab_stage(line, board_id, depth=depth, port=port, slot=slot, request=request))
        else:
            say_proof(output, hil_stage(line, board_id, depth=depth, port=port, mode=mode, request=request))


def run(
    board: BoardOption = None,
    project: ProjectOption = _HERE,
    depth: DepthOption = None,
    port: PortOption = None,
    runtime: RuntimeOption = None,
    kernels: KernelsOption = None,
    optimize: OptimizeOption = None,
    json: JsonOption = False,
    quiet: QuietOption = False,
    verbose: VerboseOption = False,
) -> None:
    """Run all stages from the WAV files to the report; stages whose inputs did not change are reused.

    Example: tinyaudio run --board mps2_an500

    Example: tinyaudio run --board mps2_an500 --runtime tflm
    """
    with speaking(as_json=json, quiet=quiet, verbose=verbose) as output:
        from tinyaudio.pipeline import open_line, parse_request, run_line

        request = parse_request(runtime=runtime, kernels=kernels, optimize=optimize)
        line = open_line(project, output)
        say_proof(output, run_line(line, board or line.project.board, depth=depth, port=port, request=request))


FAULT_VERDICT = (
    "The device faulted, in the run before this one or meanwhile; the pc above names the function (addr2line -f -e firmware.elf PC). "
    "It is told until the board is reset: press reset, and run this again to see whether it comes back."
)


def say_proof(output: Output, proof: Any) -> None:
    """Print the outcome of a HIL run; exit with 3 if anything differs or does not fit."""
    facts = proof.facts
    if not output.as_json:
        accuracy, mismatches = facts.get("accuracy", {}), facts["mismatches"]
        shares = [(f"accuracy {' / '.join(accuracy)}", " / ".join(f"{value:.1%}" for value in accuracy.values()))]
        if decided := facts.get("decided"):
            shares = [*_precision_row(facts), *shares, *_decided_rows(decided)]
        rows = [
            ("clips, frames", f"{facts['clips']:,}, {facts['frames']:,}"),
            *(found_rows(facts) if facts.get("task") == "anomaly" else shares),
            ("mismatches front end / model / decisions", " / ".join(f"{mismatches[kind]:,}" for kind in ("frontend", "model", "decisions"))),
        ]
        for unit in {"instructions", "cycles", "nanoseconds"} & set(facts):
            rows.append((f"{unit} per frame / inference", f"{facts[unit]['frontend_per_frame']:,} / {facts[unit]['model_per_inference']:,}"))
        if "flash_bytes" in facts:
            rows.append(("flash / RAM", f"{facts['flash_bytes']:,} / {facts['ram_bytes']:,} bytes"))
        output.table(f"{facts['board']}, runtime {facts['runtime']} ({facts['model_kernels']}), depth {facts['depth']}", ("", ""), rows)
        _say_comparison(output, facts.get("ab"))
    if facts.get("decided") and (usual := _share_of_the_commonest(facts)) >= facts["accuracy"]["int8"]:
        output.warning(f"the model is no better than naming one label always ({usual:.1%}): more clips or epochs? see docs/guide/training.md")
    for line in facts["log"]:
        output.warning(f"the device: {line}")
    verdict = "0 mismatches: what was trained is what runs." if proof.passed else "The check failed; the report names the first differences."
    if facts["faults"]:
        verdict = FAULT_VERDICT
    if first := facts.get("ab", {}).get("first"):
        verdict = "{filename} is the first clip that differs: {stage} of patch {patch_index}, element {element_index}".format(**first)
        verdict += " is {optimized} with the fast kernels and {reference} with the plain ones.".format(**first)
    output.result(facts, text=f"{verdict}\nreport: {facts['report']}")
    if not proof.passed:
        raise typer.Exit(EXIT_CHECK_FAILED)


def _share_of_the_commonest(facts: dict[str, Any]) -> float:
    """Return what always naming the commonest label of the test split would come to; -1 where clips have several labels."""
    if facts["decided"]["rule"] == "every":
        return -1.0
    clips: list[int] = [sum(row) for row in facts["confusion"]["int8"]]
    return max(clips) / max(1, sum(clips))


def _precision_row(facts: dict[str, Any]) -> list[tuple[str, str]]:
    """Return the row that a project with several labels a clip is judged by."""
    precision = facts["mean_average_precision"]
    return (
        [(f"mAP {' / '.join(precision)}", " / ".join(f"{value:.1%}" for value in precision.values()))] if facts["decided"]["rule"] == "every" else []
    )


def _decided_rows(decided: dict[str, Any]) -> list[tuple[str, str]]:
    """Return what becomes of the clips by the thresholds."""
    figures = decided["figures"]
    names = " / ".join(figures)
    return [
        (f"at the thresholds: all labels right, {names}", " / ".join(f"{item['accuracy']:.1%}" for item in figures.values())),
        (f"at the thresholds: macro F1, {names}", " / ".join(f"{item['macro_f1']:.1%}" for item in figures.values())),
    ]


def _say_comparison(output: Output, comparison: dict[str, Any] | None) -> None:
    if comparison is None:
        return
    rows = []
    for name in ("optimized", "reference"):
        side = comparison[name]
        unit = next(unit for unit in ("instructions", "cycles", "nanoseconds") if unit in side)
        cost = f"{side[unit]['model_per_inference']:,} {unit}"
        rows.append((name, side["model_kernels"], cost, f"{side['flash_bytes']:,}", f"{side['mismatches']:,}"))
    clips = f"{len(comparison['differing_clips']):,} of {comparison['clips']:,} clips"
    title = f"fast kernels against plain ones: {clips} differ, {comparison['mismatches']:,} of {comparison['elements']:,} values"
    output.table(title, ("kernels", "as the device says", "an inference", "flash bytes", "differ from the reference interpreter"), rows)


def _say_self_test(output: Output, outcome: Any) -> None:
    """Print the outcome of a self-test; exit with 3 if an operator is wrong or the image does not fit."""
    from tinyaudio.report import describe_difference

    facts, report = outcome.facts, outcome.report
    if not output.as_json:
        rows = [
            (str(operator.index), operator.name, f"{operator.elements:,}", f"{sum(operator.mismatches):,}", f"{operator.cost:,}")
            for operator in report.operators
        ]
        title = f"self-test on {facts['board']}, runtime {facts['runtime']} ({facts['model_kernels']}), {len(report.inputs)} golden inputs"
        output.table(title, ("index", "operator", "values", "differ", report.unit), rows)
    for line in facts["log"]:
        output.warning(f"the device: {line}")
    verdict = f"{len(report.operators)} of {len(report.operators)} operators compute their golden vectors."
    if report.first is not None:
        verdict = f"{describe_difference(report.first)}."
    elif facts["faults"]:
        verdict += f" {FAULT_VERDICT}"
    elif not outcome.passed:
        verdict += " But the image is over the board's budget."
    output.result(facts, text=f"{verdict[0].upper()}{verdict[1:]}\nreport: {facts['report']}")
    if not outcome.passed:
        raise typer.Exit(EXIT_CHECK_FAILED)


def _say_sizes(output: Output, facts: dict[str, Any]) -> None:
    if output.as_json:
        return
    rows = [(name, f"{use['used_bytes']:,}", f"{use['length_bytes']:,}") for name, use in facts["regions"].items()]
    output.table(f"built in {facts['seconds']:.1f} s", ("region", "used bytes", "of"), rows)
    if facts["placement"] is not None:
        items = [(item["name"], item["region"], f"{item['bytes']:,}", item["reason"]) for item in facts["placement"] if item["bytes"]]
        output.table("what lies where", ("content", "region", "bytes", "why there"), items)
    if facts["stack"] is not None:
        output.note("stack: {worst_case_bytes:,} of {reserved_bytes:,} bytes deep at worst, estimated from the call graph".format(**facts["stack"]))
