"""What TensorFlow's C++ code says on the process's standard error although nothing is wrong."""

from __future__ import annotations

import contextlib
import os
import re
import sys
import tempfile
from collections.abc import Iterator

_STDERR = 2  # a C++ library writes to the descriptor, past sys.stderr
_CHATTER = re.compile(rb"fully_quantize: \d+, inference_type: [^\n]*\n?")  # the quantizer's settings, whatever the log level


@contextlib.contextmanager
def without_chatter() -> Iterator[None]:
    """Keep the quantizer's account of its settings off the standard error; whatever else is written there appears at the end.

    Only for a few seconds: meanwhile the descriptor is a file, and a bar that is drawn by itself stands still. With
    ``TF_CPP_MIN_LOG_LEVEL`` below 2 the user wants to see everything as it comes, so nothing is held back.
    """
    if os.environ.get("TF_CPP_MIN_LOG_LEVEL", "2") in ("0", "1"):
        yield
        return
    sys.stderr.flush()
    with tempfile.TemporaryFile() as held_back:
        terminal = os.dup(_STDERR)
        os.dup2(held_back.fileno(), _STDERR)
        try:
            yield
        finally:
            sys.stderr.flush()
            os.dup2(terminal, _STDERR)
            os.close(terminal)
            held_back.seek(0)
            _write_all(_CHATTER.sub(b"", held_back.read()))  # a bar is drawn without a line's end, so it may stand in front


def _write_all(data: bytes) -> None:
    while data:
        data = data[os.write(_STDERR, data) :]
