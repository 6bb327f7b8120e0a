from __future__ import annotations

import errno
import os
import select
import shlex
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tinyaudio.core.errors import ToolError
from tinyaudio.core.tools import ToolProcess, cache_dir, cmsis_dsp_dir, describe_tools, find_tool, how_to_get, knowledge, run_tool, start_tool


def python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


# --- run_tool


def test_a_program_gives_its_lines_and_its_return_code() -> None:
    seen: list[str] = []
    completed = run_tool(python("import sys; print('one'); print('two'); print('three', file=sys.stderr)"), on_line=seen.append)
    assert (completed.returncode, completed.stdout, completed.stderr) == (0, "one\ntwo", "three")
    assert sorted(seen) == ["one", "three", "two"]


def test_lines_arrive_while_the_program_runs(tmp_path: Path) -> None:
    # The program waits for a file that only on_line makes: it ends only if the line came before the end.
    flag = tmp_path / "flag"
    code = f"import pathlib, time; print('ready', flush=True)\nwhile not pathlib.Path({str(flag)!r}).exists(): time.sleep(0.01)"
    run_tool(python(code), on_line=lambda line: flag.touch(), timeout_seconds=120)


def test_bytes_that_are_not_utf8_and_a_last_line_without_an_end_survive() -> None:
    completed = run_tool(python(r"import sys; sys.stdout.buffer.write(b'a\xff\r\nlast')"))
    assert completed.stdout == "a�\nlast"


def test_the_environment_and_the_folder_are_the_given_ones(tmp_path: Path) -> None:
    completed = run_tool(python("import os; print(os.environ.get('SOUND'), 'HOME' in os.environ, os.getcwd())"), cwd=tmp_path, env={"SOUND": "loud"})
    assert completed.stdout == f"loud False {tmp_path.resolve()}"


def test_a_failure_quotes_the_last_lines_of_standard_error() -> None:
    with pytest.raises(ToolError, match=r"ended with code 3: .*the disk is on fire") as caught:
        run_tool(python("import sys; print('the disk is on fire', file=sys.stderr); sys.exit(3)"), hint="call the fire brigade")
    assert caught.value.hint == "call the fire brigade"
    assert caught.value.where == Path(sys.executable).name


def test_a_failure_may_be_a_result() -> None:
    assert run_tool(python("raise SystemExit(4)"), check=False).returncode == 4


def test_a_signal_is_named() -> None:
    with pytest.raises(ToolError, match="was ended by SIGKILL"):
        run_tool(python("import os, signal; os.kill(os.getpid(), signal.SIGKILL)"))


def test_a_missing_program_is_one_clear_error() -> None:
    with pytest.raises(ToolError, match="no-such-program: cannot be started") as caught:
        run_tool(["/nowhere/no-such-program"])
    assert "doctor" in caught.value.hint


def test_a_timeout_ends_the_program_and_what_it_started(tmp_path: Path) -> None:
    pid_file = tmp_path / "pid"
    child = f"import os, pathlib, time; pathlib.Path({str(pid_file)!r}).write_text(str(os.getpid())); time.sleep(600)"
    parent = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {child!r}])"
    for seconds in (1, 4, 16, 64):  # on a busy computer the program may need longer than that to start another one
        with pytest.raises(ToolError, match=f"did not end within {seconds} s"):
            run_tool(python(parent), timeout_seconds=seconds)
        if pid_file.exists() and pid_file.read_text():
            break
    deadline = time.monotonic() + 120  # a killed process takes a moment to go
    while _is_running(int(pid_file.read_text())):
        assert time.monotonic() < deadline


# --- start_tool


_RUN = "run_tool(command, timeout_seconds=300, on_line=lambda line: print(line, flush=True))"
_START = "start_tool(command)\nprint('up', flush=True)\nsys.stdin.read()"


@pytest.mark.parametrize(("call", "program"), [(_RUN, "sh -c 'exec sleep 300'; :"), (_START, "exec sleep 300")])
def test_a_killed_parent_leaves_nothing_behind(tmp_path: Path, call: str, program: str) -> None:
    """All that was started holds one end of a FIFO: the other one ends when nothing of it lives."""
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    command = ["sh", "-c", f"exec 3> {shlex.quote(str(fifo))}; echo up; {program}"]
    lines = f"import sys\nfrom tinyaudio.core.tools import run_tool, start_tool\ncommand = {command!r}\nrunning = {call}"
    with (
        subprocess.Popen([sys.executable, "-c", lines], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as parent,
        fifo.open("rb") as alive,
    ):
        assert parent.stdout is not None
        assert parent.stdout.readline() == b"up\n"
        parent.kill()
        readable, _, _ = select.select([alive], [], [], 120.0)
        assert readable, "it lives on"
        assert alive.read() == b""


def test_pipes_carry_bytes_both_ways() -> None:
    code = "import sys\nwhile (data := sys.stdin.buffer.read(4)): sys.stdout.buffer.write(data[::-1]); sys.stdout.flush()"
    with start_tool(python(code), pipes=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(b"abcd")
        assert process.stdout.read(4) == b"dcba"
        assert process.poll() is None
        assert process.cause_of_death() == ""
    assert process.poll() is not None


def test_without_pipes_the_program_reads_nothing() -> None:
    with start_tool(python("import sys; sys.exit(7 if sys.stdin.read() == '' else 1)")) as process:
        assert process.stdin is None
        assert process.wait(120) == 7


def test_the_cause_of_death_is_one_line() -> None:
    with start_tool(python("import sys; print('first', file=sys.stderr); print('no such machine', file=sys.stderr); sys.exit(1)")) as process:
        assert process.wait(120) == 1
        assert process.cause_of_death() == f"{Path(sys.executable).name} ended with code 1: no such machine"
        assert process.stderr_tail() == "first\nno such machine"


def test_waiting_has_an_end() -> None:
    with start_tool(python("import time; time.sleep(600)")) as process:
        assert process.wait(0.05) is None
        assert process.poll() is None


def test_a_stubborn_program_is_forced_and_others_are_left_alone() -> None:
    stubborn = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); time.sleep(600)"
    with start_tool(python("import time; time.sleep(600)")) as bystander:
        process = start_tool(python(stubborn), pipes=True)
        assert process.stdout is not None
        assert process.stdout.readline() == b"deaf\n"
        assert process.terminate(grace_seconds=0.1) == -9
        assert process.terminate() == -9  # again does no harm
        assert bystander.poll() is None


@pytest.mark.parametrize("start", [start_tool, run_tool])
def test_a_program_that_cannot_be_guarded_is_not_left_behind(start: Callable[..., object], monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[subprocess.Popen[bytes]] = []

    def open_one(command: list[str], **options: Any) -> subprocess.Popen[bytes]:
        if opened:
            raise OSError(errno.EAGAIN, "Resource temporarily unavailable")
        opened.append(popen(command, **options))
        return opened[0]

    popen = subprocess.Popen
    monkeypatch.setattr(subprocess, "Popen", open_one)
    with pytest.raises(ToolError, match=r"python.*cannot be watched over: Resource temporarily unavailable"):
        start(python("import time; time.sleep(600)"))
    assert opened[0].returncode == -9


def test_the_end_may_be_noticed_by_several_threads() -> None:
    for _ in range(10):
        with start_tool(["true"]) as process, ThreadPoolExecutor(4) as threads:
            everyone = threading.Barrier(4)

            def notice(process: ToolProcess = process, everyone: threading.Barrier = everyone) -> int | None:
                everyone.wait(120)
                return process.wait(120)

            assert [noticed.result() for noticed in [threads.submit(notice) for _ in range(4)]] == [0] * 4


def _is_running(pid: int) -> bool:
    """Whether the process `pid` still runs; a zombie that its new parent has not yet reaped does not."""
    try:
        os.kill(pid, 0)
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (ProcessLookupError, FileNotFoundError):
        return False


# --- what is known about tools


def test_a_tool_on_the_path_is_found_with_its_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _fake_program(tmp_path / "arm-none-eabi-gcc", "arm-none-eabi-gcc (15:12.2.rel1-1) 12.2.1 20221205")
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    tool = find_tool("arm-none-eabi-gcc")
    assert tool.path == tmp_path / "arm-none-eabi-gcc"
    assert tool.version == "12.2.rel1-1"


@pytest.mark.parametrize(("system", "how"), [("debian", "apt install gcc-arm-none-eabi"), ("linux", "your distribution"), ("macos", "brew install")])
def test_a_missing_tool_says_how_to_get_it_on_this_system(
    system: knowledge.System, how: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(knowledge, "current_system", lambda: system)
    with pytest.raises(ToolError, match="arm-none-eabi-gcc: is not installed") as caught:
        find_tool("arm-none-eabi-gcc")
    assert how in caught.value.hint
    report = next(report for report in describe_tools() if report.name == "arm-none-eabi-gcc")
    assert not report.found
    assert how in report.how


def test_an_unknown_tool_has_a_hint_too() -> None:
    assert "frobnicate" in how_to_get("frobnicate")


def test_doctor_knows_every_tool_the_line_needs() -> None:
    reports = {report.name: report for report in describe_tools()}
    assert {
        "python",
        "git",
        "g++",
        "arm-none-eabi-gcc",
        "newlib for Arm",
        "C++ for Arm",
        "qemu-system-arm",
        "cc",
        "unicorn",
        "platformio",
        "pyocd",
        "openocd",
        "PlatformIO core dir",
        "CMSIS-DSP sources",
        "tensorflow",
        "tflite-micro",
        "ESP-IDF",
        "esptool",
    } == set(reports)
    assert reports["python"].found
    assert reports["platformio"].version == "6.2.0"
    assert all(report.needed_for and report.how for report in reports.values())


def test_doctor_sees_what_is_not_prepared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TINYAUDIO_CACHE_DIR", str(tmp_path))
    monkeypatch.delenv("TINYAUDIO_CMSIS_DSP_ROOT", raising=False)
    found = {report.name: report.found for report in describe_tools()}
    assert not found["PlatformIO core dir"]
    assert not found["CMSIS-DSP sources"]


def _fake_program(path: Path, answer: str) -> None:
    path.write_text(f"#!/bin/sh\necho '{answer}'\n")
    path.chmod(0o755)


# --- the cache


def test_the_cache_is_where_the_user_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TINYAUDIO_CACHE_DIR", str(tmp_path / "mine"))
    monkeypatch.delenv("TINYAUDIO_CMSIS_DSP_ROOT", raising=False)
    assert cache_dir() == tmp_path / "mine"
    assert cmsis_dsp_dir().parent == tmp_path / "mine"


def test_the_cache_follows_the_platform(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TINYAUDIO_CACHE_DIR", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    monkeypatch.setattr(sys, "platform", "linux")
    assert cache_dir() == tmp_path / "xdg" / "tinyaudio"
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert cache_dir() == tmp_path / ".cache" / "tinyaudio"
    monkeypatch.setattr(sys, "platform", "darwin")
    assert cache_dir() == tmp_path / "Library" / "Caches" / "tinyaudio"


def test_a_folder_of_ones_own_replaces_the_fetched_sources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TINYAUDIO_CMSIS_DSP_ROOT", str(tmp_path))
    assert cmsis_dsp_dir() == tmp_path


def test_two_threads_may_see_the_end_of_a_program_at_once() -> None:
    """Whoever is second must not close the guard's pipe again: its number may be another file's."""
    mistakes: list[BaseException] = []

    def look(process: ToolProcess) -> None:
        try:
            process.wait(120)
        except OSError as error:
            mistakes.append(error)

    for _ in range(5):
        with start_tool(python("pass")) as process:
            threads = [threading.Thread(target=look, args=(process,)) for _ in range(4)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
    assert mistakes == []
