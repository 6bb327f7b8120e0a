"""``tinyaudio boards``: what boards there are and what a board is."""

from __future__ import annotations

from typing import Annotated

import typer

from tinyaudio.cli.options import JsonOption, QuietOption, VerboseOption
from tinyaudio.cli.output import speaking

app = typer.Typer(no_args_is_help=True, help="List and show board types.")


@app.command("list")
def list_boards(json: JsonOption = False, quiet: QuietOption = False, verbose: VerboseOption = False) -> None:
    """List the board types.

    Example: tinyaudio boards list
    """
    with speaking(as_json=json, quiet=quiet, verbose=verbose) as output:
        from tinyaudio.core.board import board_ids, load_board

        boards = [load_board(board_id) for board_id in board_ids()]
        if json:
            output.result({"boards": [{"id": board.id, "name": board.name, "mcu": board.mcu, "depth": board.default_depth} for board in boards]})
        else:
            output.table("", ("id", "board", "runs by default", "about"), [(b.id, b.name, b.default_depth, b.description) for b in boards])


@app.command("show")
def show_board(
    board: Annotated[str, typer.Argument(help="Board id.")], json: JsonOption = False, quiet: QuietOption = False, verbose: VerboseOption = False
) -> None:
    """Show one board type: memory map, budget, kernel, runtime.

    Example: tinyaudio boards show mps2_an500
    """
    with speaking(as_json=json, quiet=quiet, verbose=verbose) as output:
        from tinyaudio.core.board import load_board
        from tinyaudio.core.resources import resource_root

        shown = load_board(board)
        if json:
            output.result({"boards": [shown.model_dump(mode="json")]})
        else:
            output.result({}, text=(resource_root("boards") / f"{shown.id}.toml").read_text(encoding="utf-8").rstrip())
