"""Run outside programs: to their end (`run_tool`) or beside this one (`start_tool`)."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from tinyaudio.core.errors import ToolError

_TAIL_LINES = 40
_LAST_WORDS_SECONDS = 5.0  # for what an ended program wrote last to be read; a program that it left behind may hold the pipe open
_LINE_LIMIT_BYTES = 65_536  # a line longer than this is cut in pieces, so that a babbling program cannot fill the memory


@dataclass(frozen=True, slots=True, kw_only=True)
class Completed:
    """A program that ended by itself."""

    argv: tuple[str, ...]
    returncode: int
    stdout: str
    stderr: str
    seconds: float


def run_tool(
    argv: Sequence[str | Path],
    *,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    timeout_seconds: float = 600.0,
    on_line: Callable[[str], None] | None = None,
    check: bool = True,
    hint: str = "",
) -> Completed:
    """Run a program to its end.

    Parameters
    ----------
    argv
        The program and its arguments; no shell is involved.
    cwd
        Working directory; this process's one if not given.
    env
        The whole environment of the program; this process's one if not given.
    timeout_seconds
        After this time the program, and whatever it started, is ended; as it is when this process is killed.
    on_line
        Called with every line of standard output and standard error, without its line end, as it arrives.
        Calls do not overlap, though they come from other threads.
    check
        Whether a return code other than 0 is an error.
    hint
        What the user can do about a failure, for the error's hint.

    Raises
    ------
    ToolError
        If the program cannot be started, does not end in time, or (with `check`) fails; the message ends with the
        last lines it wrote to standard error.
    """
    command = [str(part) for part in argv]
    name = Path(command[0]).name
    started = time.monotonic()
    process = _open(command, cwd=cwd, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, own_session=True)
    guard = _guarded(process, name=name, whole_session=True)
    lock = threading.Lock()
    lines: dict[str, list[str]] = {"stdout": [], "stderr": []}

    def collect(stream: IO[bytes], into: list[str]) -> None:
        for line in _lines(stream):
            with lock:
                into.append(line)
                if on_line is not None:
                    on_line(line)

    readers = [_reader(collect, process.stdout, lines["stdout"]), _reader(collect, process.stderr, lines["stderr"])]
    try:
        process.wait(timeout=timeout_seconds)
    except subprocess.TimeoutExpired:
        raise ToolError(f"did not end within {timeout_seconds:g} s{_quoted(lines['stderr'])}", hint=hint or "run it again", where=name) from None
    finally:
        guard.dismiss()
        _end_session(process)
        for reader in readers:
            reader.join()
        for stream in (process.stdout, process.stderr):
            if stream is not None:
                stream.close()
    seconds = time.monotonic() - started
    if check and process.returncode != 0:
        tail = lines["stderr"] or lines["stdout"]
        raise ToolError(f"{_ending(process.returncode)}{_quoted(tail)}", hint=hint or "the lines above say why", where=name)
    return Completed(
        argv=tuple(command),
        returncode=process.returncode,
        stdout="\n".join(lines["stdout"]),
        stderr="\n".join(lines["stderr"]),
        seconds=seconds,
    )


class ToolProcess:
    """A program that runs beside this one. Made by `start_tool`; a context manager that ends it.

    Attributes
    ----------
    argv
        The program and its arguments.
    name
        What people call it.
    stdin, stdout
        Unbuffered binary pipes to and from the program (`start_tool(pipes=True)`), otherwise ``None``.
    """

    def __init__(self, process: subprocess.Popen[bytes], argv: tuple[str, ...], *, name: str) -> None:
        self.argv = argv
        self.name = name
        self.stdin: IO[bytes] | None = process.stdin
        self.stdout: IO[bytes] | None = process.stdout
        self._process = process
        self._guard = _guarded(process, name=name, whole_session=False)
        self._tail: deque[str] = deque(maxlen=_TAIL_LINES)
        self._reader = _reader(self._keep, process.stderr)

    @property
    def pid(self) -> int:
        """Process id."""
        return self._process.pid

    def poll(self) -> int | None:
        """Return the return code (the negative signal number if a signal ended it), or ``None`` while it runs."""
        return self._noted(self._process.poll())

    def wait(self, timeout_seconds: float) -> int | None:
        """Wait for the end; return the return code, or ``None`` if it still runs after `timeout_seconds`."""
        try:
            return self._noted(self._process.wait(timeout=timeout_seconds))
        except subprocess.TimeoutExpired:
            return None

    def stderr_tail(self) -> str:
        """Return the last lines of standard error; all that it wrote of them, once it has ended."""
        if self.poll() is not None:
            self._reader.join(timeout=_LAST_WORDS_SECONDS)
        return "\n".join(self._tail)

    def cause_of_death(self) -> str:
        """Return one line: how the program ended and the last line it wrote to standard error. Empty while it runs."""
        code = self.poll()
        if code is None:
            return ""
        tail = self.stderr_tail().splitlines()
        return f"{self.name} {_ending(code)}" + (f": {tail[-1]}" if tail else "")

    def terminate(self, grace_seconds: float = 2.0) -> int:
        """End the program (this one only): ask, and after `grace_seconds` force. Return the return code."""
        for stream in (self.stdin, self.stdout):
            if stream is not None:
                with contextlib.suppress(OSError):
                    stream.close()
        self._guard.dismiss()
        if self.poll() is None:
            self._process.terminate()
            if self.wait(grace_seconds) is None:
                self._process.kill()
        code = self._process.wait()
        self._reader.join(timeout=_LAST_WORDS_SECONDS)
        return code

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.terminate()

    def _noted(self, code: int | None) -> int | None:
        if code is not None:  # another program may have its number from now on
            self._guard.dismiss()
        return code

    def _keep(self, stream: IO[bytes]) -> None:
        with stream:
            self._tail.extend(_lines(stream))


def start_tool(
    argv: Sequence[str | Path],
    *,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    pipes: bool = False,
    name: str = "",
) -> ToolProcess:
    """Start a program that runs beside this one; end it with `ToolProcess.terminate` or a ``with`` block. It ends with this process.

    Parameters
    ----------
    argv
        The program and its arguments; no shell is involved.
    cwd
        Working directory; this process's one if not given.
    env
        The whole environment of the program; this process's one if not given.
    pipes
        Whether standard input and output are pipes of the handle; otherwise both are the null device. Standard
        error is always read, and its last lines kept.
    name
        What people call the program, if its file is only an interpreter.

    Raises
    ------
    ToolError
        If the program cannot be started.
    """
    command = [str(part) for part in argv]
    pipe = subprocess.PIPE if pipes else subprocess.DEVNULL
    return ToolProcess(
        _open(command, cwd=cwd, env=env, stdin=pipe, stdout=pipe, own_session=False), tuple(command), name=name or Path(command[0]).name
    )


def _open(
    command: list[str], *, cwd: Path | None, env: Mapping[str, str] | None, stdin: int, stdout: int, own_session: bool
) -> subprocess.Popen[bytes]:
    try:
        return subprocess.Popen(
            command,
            cwd=cwd,
            env=None if env is None else dict(env),
            stdin=stdin,
            stdout=stdout,
            stderr=subprocess.PIPE,
            bufsize=0,
            start_new_session=own_session,
        )
    except OSError as error:
        reason = error.strerror or str(error)
        raise ToolError(f"cannot be started: {reason}", hint="`tinyaudio doctor` says how to get it", where=Path(command[0]).name) from error


class _Guard:
    """Ends a program when this process is no more, however it ended: even killed it cannot leave compilers behind.

    A shell waits at a pipe whose other end only this process holds, and which therefore ends with it.

    Parameters
    ----------
    pid
        Of the program; with `whole_session` of the leader of a session, all of which is ended.
    """

    def __init__(self, pid: int, *, whole_session: bool) -> None:
        self._lock = threading.Lock()
        reader, self._writer = os.pipe()
        try:
            self._shell = subprocess.Popen(
                ["/bin/sh", "-c", 'read -r _; kill -9 "$0"', f"-{pid}" if whole_session else str(pid)],
                stdin=reader,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
        except OSError:
            os.close(self._writer)
            raise
        finally:
            os.close(reader)

    def dismiss(self) -> None:
        """The program has ended, or is about to be; twice is allowed, also at once: its pipe's number may be another file's by then."""
        with self._lock:
            if self._shell.returncode is None:
                self._shell.kill()
                self._shell.wait()
                os.close(self._writer)


def _guarded(process: subprocess.Popen[bytes], *, name: str, whole_session: bool) -> _Guard:
    """Return the guard of `process`; where there can be none, end it."""
    try:
        return _Guard(process.pid, whole_session=whole_session)
    except OSError as error:
        process.kill()
        process.wait()
        for stream in (process.stdin, process.stdout, process.stderr):
            if stream is not None:
                stream.close()
        reason = error.strerror or str(error)
        raise ToolError(f"cannot be watched over: {reason}", hint="close other programs, or raise the limits (`ulimit -a`)", where=name) from error


def _end_session(process: subprocess.Popen[bytes]) -> None:
    """End the session of `process`, a session leader: the program and whatever it left behind."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _reader(target: Callable[..., None], *arguments: object) -> threading.Thread:
    thread = threading.Thread(target=target, args=arguments, daemon=True)
    thread.start()
    return thread


def _lines(stream: IO[bytes]) -> Iterator[str]:
    pending = b""
    while chunk := stream.read(_LINE_LIMIT_BYTES):
        *whole, pending = (pending + chunk).split(b"\n")
        if len(pending) > _LINE_LIMIT_BYTES:
            whole, pending = [*whole, pending], b""
        yield from (line.decode(errors="replace").rstrip("\r") for line in whole)
    if pending:
        yield pending.decode(errors="replace").rstrip("\r")


def _ending(returncode: int) -> str:
    if returncode >= 0:
        return f"ended with code {returncode}"
    try:
        return f"was ended by {signal.Signals(-returncode).name}"
    except ValueError:
        return f"was ended by signal {-returncode}"


def _quoted(lines: Sequence[str]) -> str:
    tail = [line for line in lines if line.strip()][-5:]
    return ": " + " | ".join(tail) if tail else ""
