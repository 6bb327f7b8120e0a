"""The command line's contract: one JSON object, exit codes, errors in two lines, help with an example."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tinyaudio.core.board import board_ids
from tinyaudio.dsp.audio import write_wav

COMMANDS = (
    ("demo",),
    ("new",),
    ("run",),
    ("data", "import"),
    ("data", "check"),
    ("data", "mix"),
    ("train",),
    ("quantize",),
    ("calibrate",),
    ("evaluate",),
    ("cross-validate",),
    ("tune",),
    ("render",),
    ("build",),
    ("flash",),
    ("hil",),
    ("live",),
    ("model", "inspect"),
    ("model", "compile"),
    ("model", "verify"),
    ("model", "bench"),
    ("frontend", "bench"),
    ("frontend", "show"),
    ("boards", "list"),
    ("boards", "show"),
    ("boards", "new"),
    ("doctor",),
)


def tinyaudio(*arguments: str, directory: Path | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "tinyaudio", *arguments], capture_output=True, text=True, check=False, cwd=directory, timeout=300)


def the_json(result: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    lines = result.stdout.splitlines()
    assert len(lines) == 1, f"stdout must hold one object:\n{result.stdout}\n{result.stderr}"
    value = json.loads(lines[0])
    assert isinstance(value, dict)
    return value


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_every_command_helps_with_an_example(command: tuple[str, ...]) -> None:
    result = tinyaudio(*command, "--help")
    assert result.returncode == 0
    assert f"tinyaudio {' '.join(command)}" in result.stdout.replace("\n", " ")
    assert "Example" in result.stdout


def test_the_whole_tree_is_listed() -> None:
    result = tinyaudio("--help")
    assert result.returncode == 0
    for command in COMMANDS:
        assert f" {command[0]} " in result.stdout


@pytest.mark.parametrize("library", ["tensorflow", "numpy", "pydantic", "matplotlib", "platformio"])
def test_help_loads_nothing_heavy(library: str) -> None:
    code = f"import sys, tinyaudio.cli; sys.exit({library!r} in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_boards_as_json() -> None:
    boards = the_json(tinyaudio("boards", "list", "--json"))["boards"]
    assert {"mps2_an500", "native"} <= {board["id"] for board in boards}
    shown = the_json(tinyaudio("boards", "show", "mps2_an500", "--json"))["boards"][0]
    assert shown["memory"]["regions"]["ssram1"]["length_bytes"] == 4_194_304


def test_an_error_is_two_lines_and_one_object() -> None:
    result = tinyaudio("boards", "show", "esp33", "--json")
    assert result.returncode == 1
    message, hint = "there is no board 'esp33'", f"boards: {', '.join(board_ids())}; `tinyaudio boards new` makes a file for another one"
    assert result.stderr.splitlines() == [f"error: --board: {message}", f"hint: {hint}"]
    assert the_json(result) == {"error": {"type": "BoardError", "message": message, "hint": hint, "where": "--board"}}


def test_a_project_gets_a_board_of_its_own(tmp_path: Path) -> None:
    made = tinyaudio("boards", "new", "my_h7", "--like", "stm32h7", "--project", str(tmp_path), "--json")
    assert the_json(made) == {"board": "my_h7", "file": str(tmp_path / "boards" / "my_h7.toml")}
    listed = the_json(tinyaudio("boards", "list", "--project", str(tmp_path), "--json"))["boards"]
    assert "my_h7" in {board["id"] for board in listed}
    again = tinyaudio("boards", "new", "my_h7", "--project", str(tmp_path))
    assert again.returncode == 1
    assert "there is a board my_h7 already" in again.stderr


def test_a_board_file_with_a_mistake_is_named_and_the_others_are_listed(tmp_path: Path) -> None:
    tinyaudio("boards", "new", "good", "--project", str(tmp_path))
    (tmp_path / "boards" / "bad.toml").write_text("id = [")
    result = tinyaudio("boards", "list", "--project", str(tmp_path), "--json")
    listed = the_json(result)
    assert "good" in {board["id"] for board in listed["boards"]}
    assert len(listed["problems"]) == 1
    assert "bad.toml" in listed["problems"][0]
    assert "warning: bad.toml" in result.stderr


def test_showing_a_board_checks_its_clocks_too(tmp_path: Path) -> None:
    tinyaudio("boards", "new", "fast", "--project", str(tmp_path))
    path = tmp_path / "boards" / "fast.toml"
    path.write_text(path.read_text().replace("480_000_000", "900_000_000"))
    result = tinyaudio("boards", "show", "fast", "--project", str(tmp_path))
    assert result.returncode == 1
    assert "fast.toml" in result.stderr
    assert "900000000" in result.stderr


def test_wrong_usage_exits_with_two() -> None:
    assert tinyaudio("build", "--bord", "native").returncode == 2
    assert tinyaudio("boards", "show").returncode == 2
    assert tinyaudio("paint").returncode == 2


def test_brackets_in_a_help_are_text_and_paragraphs_fill_the_line() -> None:
    shown = [line.strip() for line in tinyaudio("tune", "--help").stdout.splitlines()]
    assert any(line.endswith("limits of [tune].") for line in shown)
    prose = shown[shown.index("") + 1 :]
    assert not any(line in ("Quality is INT8's on the", "second terminal helps.") for line in prose)


def test_a_board_that_is_not_there_stops_a_project_before_anything_is_read(tmp_path: Path) -> None:
    (tmp_path / "tinyaudio.toml").write_text('[project]\nname = "x"\nboard = "stm32h8"\n')
    result = tinyaudio("data", "check", "--project", str(tmp_path), "--json")
    assert result.returncode == 1
    error = the_json(result)["error"]
    assert (error["type"], error["message"], error["where"]) == (
        "BoardError",
        "project.board: there is no board 'stm32h8'",
        str(tmp_path / "tinyaudio.toml"),
    )


def test_a_demo_for_a_board_that_is_not_there_leaves_nothing(tmp_path: Path) -> None:
    assert tinyaudio("demo", "--board", "stm32h8", "--directory", str(tmp_path / "demo")).returncode == 1
    assert not (tmp_path / "demo").exists()


def test_a_port_that_is_not_there_stops_a_run_before_it_trains(tmp_path: Path) -> None:
    (tmp_path / "tinyaudio.toml").write_text('[project]\nname = "x"\nboard = "stm32h7"\n')
    for command in ("hil", "run"):
        result = tinyaudio(command, "--project", str(tmp_path), "--port", "/dev/tty-nowhere")
        assert (result.returncode, result.stderr.splitlines()[0]) == (1, "error: --port: there is no /dev/tty-nowhere")


def test_a_file_that_is_no_model_is_named(tmp_path: Path) -> None:
    (tmp_path / "kws.tflite").write_text("hello, this is no model")
    error = the_json(tinyaudio("model", "inspect", str(tmp_path / "kws.tflite"), "--json"))["error"]
    assert error["where"] == str(tmp_path / "kws.tflite")


def test_a_folder_without_a_project_says_how_to_make_one(tmp_path: Path) -> None:
    result = tinyaudio("train", "--project", str(tmp_path))
    assert result.returncode == 1
    assert result.stderr.startswith("error: ")
    assert "tinyaudio.toml" in result.stderr
    assert "tinyaudio new" in result.stderr


def test_a_front_end_is_measured_and_drawn(tmp_path: Path) -> None:
    measured = tinyaudio("frontend", "bench", "--board", "native", "--preset", "yamnet_power", "--frames", "20", "--json")
    assert measured.returncode == 0, measured.stderr
    facts = the_json(measured)
    assert (facts["board"], facts["preset"], facts["mismatches"]) == ("native", "yamnet_power", 0)
    assert facts["nanoseconds_per_frame"] > 0
    drawn = the_json(tinyaudio("frontend", "show", "--out", str(tmp_path / "pictures"), "--json"))
    assert [Path(picture).name for picture in drawn["pictures"]] == ["window.png", "mel_filters.png", "stages.png"]
    assert all(Path(picture).stat().st_size > 10_000 for picture in drawn["pictures"])


def test_a_front_end_that_is_not_there_is_refused(tmp_path: Path) -> None:
    assert tinyaudio("frontend", "bench").returncode == 2
    for arguments in (
        ("bench", "--board", "native", "--kernel", "q7"),
        ("bench", "--board", "native", "--preset", "yam"),
        ("show", "--kernel", "q7"),
    ):
        result = tinyaudio("frontend", *arguments, "--json", directory=tmp_path)
        assert result.returncode == 1
        assert the_json(result)["error"]["type"] == "SpecError"
    short = tmp_path / "short.wav"
    write_wav(short, np.zeros(100, np.int16), sample_rate_hz=16_000)
    result = tinyaudio("frontend", "show", "--clip", str(short), directory=tmp_path)
    assert result.returncode == 1
    assert "has 100 samples, less than a window of 400" in result.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["short.wav"]


def test_doctor_knows_every_tool() -> None:
    tools = {tool["name"]: tool for tool in the_json(tinyaudio("doctor", "--json"))["tools"]}
    assert all(set(tool) >= {"name", "found", "version", "needed_for", "how"} for tool in tools.values())
    assert all(tool["how"] for tool in tools.values() if not tool["found"])


def test_a_new_project_is_whole_and_never_overwrites(tmp_path: Path) -> None:
    project = tmp_path / "doorbell"
    made = the_json(tinyaudio("new", str(project), "--task", "events", "--json"))
    assert sorted(made["files"]) == sorted(path.name for path in project.iterdir())
    assert "tinyaudio.toml" in made["files"]
    before = (project / "tinyaudio.toml").read_bytes()
    again = tinyaudio("new", str(project), "--task", "events")
    assert again.returncode == 1
    assert (project / "tinyaudio.toml").read_bytes() == before


def test_an_anomaly_project_is_made(tmp_path: Path) -> None:
    made = the_json(tinyaudio("new", str(tmp_path / "fan"), "--task", "anomaly", "--json"))
    assert "tinyaudio.toml" in made["files"]
    assert 'task = "anomaly"' in (tmp_path / "fan" / "tinyaudio.toml").read_text()
