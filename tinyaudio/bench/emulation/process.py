"""A firmware image that is a program of the host, talked to over its standard input and output."""

from __future__ import annotations

import wave
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

from tinyaudio.bench.emulation.virtual_board import VirtualBoard
from tinyaudio.bench.transport import ProcessTransport
from tinyaudio.core.errors import AudioError
from tinyaudio.core.tools import start_tool


def start_process(program: Path, *, work_dir: Path, microphone: Path | None = None, settings: Path | None = None) -> VirtualBoard:
    """Start `program` as a child process; it hears `microphone` and keeps its settings in `settings`.

    Raises
    ------
    AudioError
        If `microphone` is not a WAV of one channel and 16 bits.
    """
    with ExitStack() as resources:
        command: list[str | Path] = [program]
        if microphone is not None:
            work_dir.mkdir(parents=True, exist_ok=True)
            samples = Path(resources.enter_context(TemporaryDirectory(dir=work_dir, prefix="microphone-"))) / "samples.pcm"
            samples.write_bytes(_samples(microphone))
            command += ["--microphone", samples]
        if settings is not None:
            command += ["--settings", settings]
        process = resources.enter_context(start_tool(command, pipes=True))
        transport = ProcessTransport(process)
        resources.callback(transport.close)
        return VirtualBoard(process, transport, description="child process", resources=resources.pop_all())


def _samples(path: Path) -> bytes:
    """Return the samples of a WAV, int16 in this computer's order."""
    try:
        with wave.open(str(path), "rb") as stream:
            if stream.getnchannels() == 1 and stream.getsampwidth() == 2:
                return stream.readframes(stream.getnframes())
    except (OSError, EOFError, wave.Error) as error:
        raise AudioError(f"cannot be read: {error}", hint="give a WAV file of one channel and 16 bits", where=str(path)) from error
    raise AudioError("the microphone hears one channel of 16 bits", hint="convert it to mono, 16 bits", where=str(path))
