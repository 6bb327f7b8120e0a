"""What esptool has to say goes to whoever shows progress, and never to the terminal."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tinyaudio.bench.flash.roles import Advance, Progress


@contextmanager
def esptool_speaks_to(progress: Progress, advance: Advance | None = None) -> Iterator[None]:
    """Send esptool's log to `progress`, and how far it is to `advance`, for as long as the context lasts.

    esptool has one log for a process; the one before is put back.
    """
    from esp_pylib.logger import EspLog, EspLogBase, Verbosity

    class Log(EspLogBase):
        def print(self, *args: Any, **_: Any) -> None:
            if text := " ".join(map(str, args)).strip():
                progress.detail(text)

        def note(self, *args: Any) -> None:
            self.print(*args)

        def hint(self, *args: Any) -> None:
            self.print(*args)

        def debug(self, *args: Any) -> None:
            self.print(*args)

        def warn(self, *args: Any, **_: Any) -> None:
            self.print("warning:", *args)

        def err(self, *args: Any, **_: Any) -> None:
            self.print("error:", *args)

        def progress_bar(self, cur_iter: int, total_iters: int, *_: Any, **__: Any) -> None:
            if advance is not None:
                advance(cur_iter, total_iters)

        def set_verbosity(self, mode: int | str) -> None:
            """Whoever shows progress decides."""

    before = EspLog.instance
    if before is not None:
        before.set_verbosity(Verbosity.SILENT)  # parts of esptool keep the log they found when they were imported
    EspLog.instance = Log()
    try:
        yield
    finally:
        EspLog.instance = before
        if before is not None:
            before.set_verbosity(Verbosity.NORMAL)
