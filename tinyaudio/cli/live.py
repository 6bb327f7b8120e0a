"""``tinyaudio live``: from the microphone to results."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from tinyaudio.cli.options import BoardOption, JsonOption, PortOption, ProjectOption, QuietOption, SlotOption, VerboseOption
from tinyaudio.cli.output import EXIT_CHECK_FAILED, Output, speaking


def live(
    board: BoardOption = None,
    project: ProjectOption = Path(),
    depth: Annotated[
        str | None, typer.Option("--depth", help="virtual (emulated) or serial (a real board). Default: virtual where the board is emulated.")
    ] = None,
    port: PortOption = None,
    slot: SlotOption = None,
    microphone: Annotated[
        Path | None, typer.Option("--microphone", help="WAV or FLAC that an emulated board's microphone hears.", dir_okay=False)
    ] = None,
    seconds: Annotated[
        float | None, typer.Option("--seconds", help="How long to listen. Default: as long as the file; on a real board until Ctrl-C.")
    ] = None,
    json: JsonOption = False,
    quiet: QuietOption = False,
    verbose: VerboseOption = False,
) -> None:
    """Let the board listen, hop by hop, and print its decisions. Samples that get lost are counted, never hidden.

    An emulated board hears a file at the sample rate of its own clocks; all that it tells is compared with the twin,
    bit for bit. A real board hears the room.

    Example: tinyaudio live --board stm32h7 --microphone street.wav

    Example: tinyaudio live --slot left --seconds 60
    """
    with speaking(as_json=json, quiet=quiet, verbose=verbose) as output:
        from tinyaudio.pipeline import LiveRequest, live_stage, open_line, slot_line

        line = open_line(project, output)
        if slot is not None:
            board, depth, port = slot_line(line, slot, board_id=board, depth=depth, port=port)
        request = LiveRequest(board_id=board or line.project.board, depth=depth, port=port, microphone=microphone, seconds=seconds)
        proof = live_stage(line, request, on_detection=lambda text: print(text, file=sys.stderr if json else sys.stdout, flush=True))
        _say(output, proof)
        if not proof.passed:
            raise typer.Exit(EXIT_CHECK_FAILED)


def _say(output: Output, proof: Any) -> None:
    facts = proof.facts
    for text in facts["log"]:
        output.warning(f"the device: {text}")
    heard = f"{facts['seconds']:.1f} s heard, {facts['frames']:,} hops, {facts['patches']:,} inferences, {facts['overruns']:,} samples lost"
    if "mismatches" in facts:
        differing = {stage: count for stage, count in facts["mismatches"].items() if count}
        compared = f"differing: {differing}" if differing else "everything as the twin computes it, bit for bit"
        heard += f", {facts['missing_hops']:,} hops missing; {compared}"
    output.result(facts, text=heard)
