"""The tree of commands. Nothing heavy is imported here: ``tinyaudio --help`` must be quick."""

from __future__ import annotations

from typing import Annotated

import typer

from tinyaudio import __version__
from tinyaudio.cli import boards, data, firmware, frontend, learning, model, start
from tinyaudio.cli.doctor import doctor
from tinyaudio.cli.flash import flash
from tinyaudio.cli.live import live
from tinyaudio.cli.tuning import tune
from tinyaudio.cli.validation import cross_validate

app = typer.Typer(
    name="tinyaudio",
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,  # a bug shows its plain traceback
    context_settings={"help_option_names": ["-h", "--help"]},
    help="From labelled WAV files to proven audio firmware on microcontrollers. Start with `tinyaudio demo`, then `tinyaudio new`.",
)

_START, _STAGES, _DEVICE, _LOOK = "Start here", "From recordings to a model", "From a model to a proven device", "Look around"

app.command(rich_help_panel=_START)(start.demo)
app.command(rich_help_panel=_START)(start.new)
app.command(rich_help_panel=_START)(firmware.run)
app.add_typer(data.app, name="data", rich_help_panel=_STAGES)
app.command(rich_help_panel=_STAGES)(learning.train)
app.command(rich_help_panel=_STAGES)(learning.quantize)
app.command(rich_help_panel=_STAGES)(learning.calibrate)
app.command(rich_help_panel=_STAGES)(learning.evaluate)
app.command(rich_help_panel=_STAGES)(cross_validate)
app.command(rich_help_panel=_STAGES)(tune)
app.command(rich_help_panel=_DEVICE)(firmware.render)
app.command(rich_help_panel=_DEVICE)(firmware.build)
app.command(rich_help_panel=_DEVICE)(flash)
app.command(rich_help_panel=_DEVICE)(firmware.hil)
app.command(rich_help_panel=_DEVICE)(live)
app.add_typer(model.app, name="model", rich_help_panel=_LOOK)
app.add_typer(frontend.app, name="frontend", rich_help_panel=_LOOK)
app.add_typer(boards.app, name="boards", rich_help_panel=_LOOK)
app.command(rich_help_panel=_LOOK)(doctor)


def _version(wanted: bool) -> None:
    if wanted:
        print(f"tinyaudio {__version__}")
        raise typer.Exit


@app.callback()
def _tinyaudio(
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")] = False,
) -> None:
    """Take the options that come before a command."""


def main() -> None:
    """Run the command line; the entry point of the ``tinyaudio`` script."""
    app()
