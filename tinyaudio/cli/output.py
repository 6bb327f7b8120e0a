"""What a command says: people read stderr, machines read one JSON object on stdout."""

from __future__ import annotations

import contextlib
import json
import math
import os
import re
import shlex
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import typer

from tinyaudio.core.errors import StorageError, TinyaudioError
from tinyaudio.core.files import storage_error

EXIT_ERROR = 1
EXIT_CHECK_FAILED = 3
EXIT_INTERRUPTED = 130

#: Columns of a table in a file or a pipe, where nobody has a terminal of some width.
PIPED_COLUMNS = 160

#: In a log, a stage says at most so often how far it is.
LOG_PROGRESS_SECONDS = 60.0

#: Longer ones may be broken: they are paths, mostly.
LONGEST_NAME = 24
_FIGURE = re.compile(r"[-+<]?[0-9][0-9,.]*(e[-+]?[0-9]+)?( ?(%|B|s|dB|[kM]?))?")


class Output:
    """One command's voice.

    Parameters
    ----------
    as_json
        Print exactly one JSON object on stdout; everything else goes to stderr.
    quiet
        No progress and no notes; results and errors only.
    verbose
        Also what outside programs print.
    """

    def __init__(self, *, as_json: bool, quiet: bool, verbose: bool) -> None:
        self.as_json = as_json
        self.quiet = quiet
        self.verbose = verbose

    def note(self, text: str) -> None:
        """Say something in passing."""
        if not self.quiet:
            print(text, file=sys.stderr, flush=True)

    def detail(self, text: str) -> None:
        """Say what only a reader of ``--verbose`` wants."""
        if self.verbose:
            print(text, file=sys.stderr, flush=True)

    def line(self, text: str) -> None:
        """Show a line of a list to a person: on stdout, or on stderr beside a JSON object."""
        print(text, file=sys.stderr if self.as_json else sys.stdout, flush=True)

    def warning(self, text: str) -> None:
        """Warn."""
        print(f"warning: {text}", file=sys.stderr, flush=True)

    @contextlib.contextmanager
    def task(self, description: str) -> Iterator[Callable[[int, int], None]]:
        """Show a progress bar on stderr; the yielded function takes how much is done, and how much there is in all.

        In a file or a pipe there is no bar: the log of a long stage gets a line now and then, so that it does not seem to hang.
        """
        if self.quiet or not sys.stderr.isatty():
            self.note(f"{description} ...")
            yield self._log_progress(description)
            return
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TimeRemainingColumn())
        with Progress(*columns, console=Console(stderr=True)) as progress:
            identifier = progress.add_task(description, total=None)
            yield lambda done, total: progress.update(identifier, completed=done, total=total)

    def _log_progress(self, description: str) -> Callable[[int, int], None]:
        told = time.monotonic()

        def advance(done: int, total: int) -> None:
            nonlocal told
            if time.monotonic() - told >= LOG_PROGRESS_SECONDS and done < total:
                told = time.monotonic()
                self.note(f"{description}: {done:,} of {total:,}")

        return advance

    def table(self, title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """Show a table to a person: on stdout, or on stderr beside a JSON object.

        Columns of figures are set to the right, so that magnitudes are seen; names are not broken, running text is. A table
        whose columns have no titles is a list of facts and gets no head.
        """
        from rich.box import SIMPLE_HEAD
        from rich.console import Console
        from rich.table import Table

        if self.as_json and self.quiet:
            return
        table = Table(
            title=title or None,
            title_justify="left",
            title_style="bold",
            header_style="bold",
            box=SIMPLE_HEAD,
            show_header=any(columns),
            collapse_padding=True,
            pad_edge=False,
        )
        for index, column in enumerate(columns):
            cells = [row[index] for row in rows]
            is_figures = any(map(_is_figure, cells)) and all(not cell or _is_figure(cell) for cell in cells)
            is_name = all(len(cell) <= LONGEST_NAME for cell in cells)
            # A title wider than its column would cost the width that running text needs.
            head = column.replace(" ", "\n") if is_figures and len(column) > max(map(len, cells)) else column
            table.add_column(head, justify="right" if is_figures else "left", no_wrap=is_figures or is_name, overflow="fold")
        for row in rows:
            table.add_row(*row)
        stream = sys.stderr if self.as_json else sys.stdout
        is_measured = stream.isatty() or "COLUMNS" in os.environ
        Console(stderr=self.as_json, markup=False, width=None if is_measured else PIPED_COLUMNS).print(table)

    def result(self, values: Mapping[str, Any], *, text: str = "") -> None:
        """End with the result: the JSON object, or `text` for a person."""
        if self.as_json:
            print(json.dumps(_finite(values), allow_nan=False), flush=True)
        elif text:
            print(text, flush=True)


@contextlib.contextmanager
def speaking(*, as_json: bool, quiet: bool = False, verbose: bool = False) -> Iterator[Output]:
    """Give a command its `Output`, and turn errors that a user can mend into two lines and exit code 1."""
    output = Output(as_json=as_json, quiet=quiet, verbose=verbose)
    try:
        yield output
    except TinyaudioError as error:
        _report_error(error, as_json=as_json)
        raise typer.Exit(EXIT_ERROR) from error
    except KeyboardInterrupt as error:
        print("interrupted; finished stages are kept, the same command goes on from there", file=sys.stderr)
        raise typer.Exit(EXIT_INTERRUPTED) from error
    except BrokenPipeError as error:
        raise typer.Exit(EXIT_ERROR) from error
    except OSError as error:
        refused = _disk_refusal(error)
        if refused is None:
            raise
        _report_error(refused, as_json=as_json)
        raise typer.Exit(EXIT_ERROR) from error


def command_for(command: str, project: Path) -> str:
    """Return ``tinyaudio COMMAND`` for a project, as one can paste it into a shell."""
    return shlex.join(["tinyaudio", *command.split(), *([] if project == Path() else ["--project", str(project)])])


def _finite(value: Any) -> Any:
    """Return `value` with None for what is no number: JSON has no word for it, and strict readers refuse Python's."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return value


def _is_figure(cell: str) -> bool:
    return _FIGURE.fullmatch(cell) is not None


def _disk_refusal(error: OSError) -> StorageError | None:
    """Return the clear form of a disk that is full or read-only; None for what is a bug."""
    import errno

    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EROFS):
        return storage_error(Path(str(error.filename or "disk")), error)
    return None


def _report_error(error: TinyaudioError, *, as_json: bool) -> None:
    print(f"error: {error}", file=sys.stderr)
    if error.hint:
        print(f"hint: {error.hint}", file=sys.stderr)
    if as_json:
        fields = {"type": type(error).__name__, "message": error.message, "hint": error.hint, "where": error.where}
        print(json.dumps({"error": fields}), flush=True)
