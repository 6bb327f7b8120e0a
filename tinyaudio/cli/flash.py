"""``tinyaudio flash``: write the firmware to a board, and never to another one."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from tinyaudio.cli.options import (
    BoardOption,
    JsonOption,
    KernelsOption,
    OptimizeOption,
    ProjectOption,
    QuietOption,
    RuntimeOption,
    SelfTestOption,
    SlotOption,
    VerboseOption,
)
from tinyaudio.cli.output import Output, speaking

SerialNumberOption = Annotated[str | None, typer.Option("--serial-number", help="Serial number of the debug probe, if several are plugged in.")]


def flash(
    board: BoardOption = None,
    slot: SlotOption = None,
    serial_number: SerialNumberOption = None,
    port: Annotated[str | None, typer.Option("--port", help="Serial port of the board, any pyserial URL. Default: that of the probe.")] = None,
    programmer: Annotated[str | None, typer.Option("--programmer", help="pyocd or openocd. Default: the first that can be used.")] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Allow a mass erase as the last resort; stored settings are lost. A wrong chip is refused all the same.")
    ] = False,
    runtime: RuntimeOption = None,
    kernels: KernelsOption = None,
    optimize: OptimizeOption = None,
    self_test: SelfTestOption = False,
    project: ProjectOption = Path(),
    offline: Annotated[bool, typer.Option("--offline", help="Never try the network.")] = False,
    json: JsonOption = False,
    quiet: QuietOption = False,
    verbose: VerboseOption = False,
) -> None:
    """Build the firmware, check the chip, write, read back, and ask the device what it runs.

    The chip says of which kind it is before anything is written; one of another kind is refused. Stored settings survive.

    Example: tinyaudio flash --board stm32h7

    Example: tinyaudio flash --board stm32h7 --slot left
    """
    with speaking(as_json=json, quiet=quiet, verbose=verbose) as output:
        from tinyaudio.pipeline import FlashRequest, flash_stage, open_line, parse_request

        request = FlashRequest(
            board_id=board,
            slot=slot,
            serial_number=serial_number,
            port=port,
            programmer=programmer,
            force=force,
            offline=offline,
            firmware=parse_request(runtime=runtime, kernels=kernels, optimize=optimize, self_test=self_test),
        )
        facts = flash_stage(open_line(project, output), request).facts
        _say_flashed(output, facts)
        output.result(facts, text=f"{facts['board']} runs the image: written, read back, and the device says so.")


def _say_flashed(output: Output, facts: dict[str, Any]) -> None:
    if output.as_json:
        return
    chip = facts["chip"]
    rows = [
        ("chip", f"{chip['device_id']}, revision {chip['revision_id']}, {chip['flash_size_kib']} KiB, unique id {chip['unique_id']}"),
        ("probe, programmer", f"{facts['serial_number']}, {facts['programmer']} ({facts['rung']})"),
        ("image (ELF)", facts["elf_sha256"]),
        ("bytes written", f"{sum(segment['length_bytes'] for segment in facts['segments']):,} in {facts['seconds']:.1f} s"),
        ("answers at", facts["port"]),
        ("firmware, as it says", facts["hello"]["firmware_fingerprint"]),
    ]
    output.table(f"flashed {facts['board']}", ("", ""), rows)
