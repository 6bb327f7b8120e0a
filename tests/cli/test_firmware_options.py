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
