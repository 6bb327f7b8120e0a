"""A firmware image that is a program of the host, talked to over its standard input and output."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

from tinyaudio.bench.emulation.virtual_board import VirtualBoard
from tinyaudio.bench.transport import ProcessTransport
from tinyaudio.core.tools import start_tool


def start_process(program: Path) -> VirtualBoard:
    """Start `program` as a child process."""
    with ExitStack() as resources:
        process = resources.enter_context(start_tool([program], pipes=True))
        transport = ProcessTransport(process)
        resources.callback(transport.close)
        return VirtualBoard(process, transport, description="child process", resources=resources.pop_all())
