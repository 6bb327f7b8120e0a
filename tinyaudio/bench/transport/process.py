"""The standard input and output of a child process: how firmware built for the host is talked to."""

from __future__ import annotations

import os
from pathlib import Path

from tinyaudio.bench.transport.descriptors import DescriptorTransport
from tinyaudio.core.errors import TransportError
from tinyaudio.core.tools import ToolProcess


class ProcessTransport(DescriptorTransport):
    """A line to `process`, which was started with pipes; whoever started it ends it.

    Raises
    ------
    TransportError
        If the process has no pipes.
    """

    def __init__(self, process: ToolProcess) -> None:
        if process.stdin is None or process.stdout is None:
            raise TransportError("was started without pipes", hint="start it with start_tool(pipes=True)", where=process.argv[0])
        super().__init__(
            read_descriptor=os.dup(process.stdout.fileno()),
            write_descriptor=os.dup(process.stdin.fileno()),
            name=Path(process.argv[0]).name,
            cause_of_death=process.cause_of_death,
        )
