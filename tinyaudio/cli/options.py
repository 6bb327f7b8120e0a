"""The options that commands share: one spelling, one help text."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

ProjectOption = Annotated[Path, typer.Option("--project", help="Folder that holds tinyaudio.toml.", file_okay=False)]
JsonOption = Annotated[bool, typer.Option("--json", help="Print exactly one JSON object on stdout; all else goes to stderr.")]
QuietOption = Annotated[bool, typer.Option("--quiet", help="No progress, no notes.")]
VerboseOption = Annotated[bool, typer.Option("--verbose", help="Also what compilers and emulators print.")]
BoardOption = Annotated[str | None, typer.Option("--board", help="Board type, see `tinyaudio boards list`. Default: the board of tinyaudio.toml.")]
RequiredBoardOption = Annotated[str, typer.Option("--board", help="Board type; see `tinyaudio boards list`.")]
DepthOption = Annotated[
    str | None,
    typer.Option("--depth", help="fake (no firmware), virtual (emulated) or serial (a real board). Default: virtual where the board is emulated."),
]
PortOption = Annotated[str | None, typer.Option("--port", help="Serial port of the board, any pyserial URL; used with --depth serial.")]
SlotOption = Annotated[str | None, typer.Option("--slot", help="Slot of bench.toml: it names the board, its probe, and maybe the port.")]
RuntimeOption = Annotated[str | None, typer.Option("--runtime", help="aot (compiled) or tflm (TFLite Micro). Default: the board's.")]
OptimizeOption = Annotated[
    str | None,
    typer.Option("--optimize", help="What the model compiler aims at: size (default); speed, where flash is no matter; or ram, the smallest arena."),
]
KernelsOption = Annotated[
    str | None,
    typer.Option("--kernels", help="optimized (default); reference: plain ones to compare with; vendor: a compiled model calls CMSIS-NN or ESP-NN."),
]
SelfTestOption = Annotated[bool, typer.Option("--self-test", help="With golden vectors of every operator, run on request: `hil --self-test`.")]
