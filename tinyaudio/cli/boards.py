"""``tinyaudio boards``: what boards there are, what a board is, and a file for another one."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tinyaudio.cli.options import JsonOption, ProjectOption, QuietOption, VerboseOption
from tinyaudio.cli.output import speaking

app = typer.Typer(no_args_is_help=True, help="List and show board types; add one.")

_HERE = Path()


@app.command("list")
def list_boards(project: ProjectOption = _HERE, json: JsonOption = False, quiet: QuietOption = False, verbose: VerboseOption = False) -> None:
    """List the board types: those that are shipped, and those of the project's folder boards.

    A board file that breaks a rule is named, and the other boards are listed all the same.

    Example: tinyaudio boards list
    """
    with speaking(as_json=json, quiet=quiet, verbose=verbose) as output:
        from tinyaudio.core.board import PROJECT_BOARDS, board_ids, load_board
        from tinyaudio.core.errors import BoardError

        folder = project / PROJECT_BOARDS
        boards, problems = [], []
        for board_id in board_ids(folder):
            try:
                boards.append(load_board(board_id, folder=folder))
            except BoardError as error:
                problems.append(str(error))
        for problem in problems:
            output.warning(problem)
        if json:
            listed = [{"id": board.id, "name": board.name, "mcu": board.mcu, "depth": board.default_depth} for board in boards]
            output.result({"boards": listed, "problems": problems})
        else:
            output.table("", ("id", "board", "chip", "depth"), [(b.id, b.name, b.mcu, b.default_depth) for b in boards])


@app.command("show")
def show_board(
    board: Annotated[str, typer.Argument(help="Board id.")],
    project: ProjectOption = _HERE,
    json: JsonOption = False,
    quiet: QuietOption = False,
    verbose: VerboseOption = False,
) -> None:
    """Check and show one board type: memory map, budget, clock, link, microphone, probe, kernel, runtime.

    Example: tinyaudio boards show stm32h7
    """
    with speaking(as_json=json, quiet=quiet, verbose=verbose) as output:
        from tinyaudio.core.board import PROJECT_BOARDS, board_files
        from tinyaudio.pipeline import check_board

        folder = project / PROJECT_BOARDS
        shown = check_board(board, folder=folder)
        if json:
            output.result({"boards": [shown.model_dump(mode="json")]})
        else:
            output.result({}, text=board_files(folder)[shown.id].read_text(encoding="utf-8").rstrip())


@app.command("new")
def new_board(
    board: Annotated[str, typer.Argument(metavar="ID", help="Id of the new board: lower-case letters, digits, underscores.")],
    like: Annotated[str, typer.Option("--like", help="The board it is most like.")] = "stm32h7",
    project: ProjectOption = _HERE,
    json: JsonOption = False,
    quiet: QuietOption = False,
    verbose: VerboseOption = False,
) -> None:
    """Make a file for another board of a known family in the project's folder boards; it needs no code.

    Example: tinyaudio boards new my_h7 --like stm32h7
    """
    with speaking(as_json=json, quiet=quiet, verbose=verbose) as output:
        from tinyaudio.core.board import PROJECT_BOARDS
        from tinyaudio.core.new_board import write_new_board

        path = write_new_board(board, like=like, folder=project / PROJECT_BOARDS)
        output.result({"board": board, "file": str(path)}, text=f"made {path}: change what differs, check it with `tinyaudio boards show {board}`")
