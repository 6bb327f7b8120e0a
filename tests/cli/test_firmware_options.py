"""--runtime, --kernels and --self-test: the same words, the same errors, on every command that makes a firmware."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tinyaudio.cli.app import app

COMMANDS = ("render", "build", "flash", "hil", "run", "demo")


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize(
    ("option", "message", "hint"),
    [
        ("--runtime", "there is no runtime 'fast'", "runtimes: aot, tflm"),
        ("--kernels", "there are no kernels 'fast'", "kernels: optimized, reference, vendor"),
    ],
)
def test_a_word_that_does_not_exist_is_one_clear_error(tmp_path: Path, command: str, option: str, message: str, hint: str) -> None:
    place = ("--directory" if command == "demo" else "--project", str(tmp_path))
    result = CliRunner().invoke(app, [command, option, "fast", *place, "--json"])
    assert result.exit_code == 1
    assert json.loads(result.stdout) == {"error": {"type": "InputError", "message": message, "hint": hint, "where": option}}
    assert result.stderr.splitlines() == [f"error: {option}: {message}", f"hint: {hint}"]
    assert not list(tmp_path.iterdir())  # nothing was begun


@pytest.mark.parametrize("command", COMMANDS)
def test_help_names_the_options(command: str) -> None:
    text = CliRunner().invoke(app, [command, "--help"], env={"COLUMNS": "200"}).stdout
    assert "--runtime" in text
    assert "--kernels" in text
    assert ("--self-test" in text) == (command in ("render", "build", "flash", "hil"))
    assert ("--ab" in text) == (command == "hil")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--board", "stm32h7", "--mode", "quick"), "there is no mode 'quick'"),
        (("--board", "mps2_an500", "--mode", "fast"), "mps2_an500 at depth virtual has no choice of modes"),
        (("--board", "stm32h7", "--mode", "fast", "--depth", "fake"), "stm32h7 at depth fake has no choice of modes"),
        (("--board", "stm32h7", "--mode", "fast", "--ab"), "--mode is for a run that compares clips with the twin"),
    ],
)
def test_a_mode_is_of_the_emulated_stm32h743(tmp_path: Path, arguments: tuple[str, ...], message: str) -> None:
    (tmp_path / "tinyaudio.toml").write_text('[project]\nname = "doorbell"\nboard = "stm32h7"\n', encoding="utf-8")
    result = CliRunner().invoke(app, ["hil", *arguments, "--project", str(tmp_path), "--json"])
    assert result.exit_code == 1
    error = json.loads(result.stdout)["error"]
    assert (error["type"], error["message"], error["where"]) == ("InputError", message, "--mode")
