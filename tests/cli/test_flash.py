"""``tinyaudio flash``: one JSON object, exit codes, errors in two lines."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from tests.bench.flash_desks import LEFT, one_probe, programmer_of
from tests.pipeline.flash_line import build_in, make_project, open_port_on, skip_building
from tinyaudio.bench.flash.fakes import FakeDesk
from tinyaudio.cli.app import app
from tinyaudio.pipeline import flashing

PROMISED = ("board", "chip", "image_sha256", "verified", "elf_sha256", "programmer", "serial_number", "unique_id", "seconds", "hello")


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeDesk:
    """A project in the current folder, its firmware built, and a board plugged in."""
    monkeypatch.chdir(make_project(tmp_path))
    skip_building(monkeypatch, build_in(tmp_path))
    plugged = FakeDesk(probes=[one_probe()])
    monkeypatch.setattr(flashing, "programmers", lambda on_detail: {name: programmer_of(name, plugged) for name in ("pyocd", "openocd")})
    monkeypatch.setattr(flashing, "_open_serial", open_port_on(plugged))
    return plugged


def run(*arguments: str) -> tuple[int, list[str], list[str]]:
    result = CliRunner().invoke(app, ["flash", *arguments])
    return result.exit_code, result.stdout.splitlines(), result.stderr.splitlines()


def the_json(lines: list[str]) -> dict[str, Any]:
    assert len(lines) == 1, lines
    value = json.loads(lines[0])
    assert isinstance(value, dict)
    return value


@pytest.mark.parametrize("programmer", ["pyocd", "openocd"])
def test_the_result_is_one_object_and_progress_goes_to_stderr(desk: FakeDesk, programmer: str) -> None:
    code, stdout, stderr = run("--board", "stm32h7", "--programmer", programmer, "--json")
    assert code == 0, stderr
    facts = the_json(stdout)
    assert set(PROMISED) <= set(facts)
    assert (facts["board"], facts["verified"], facts["serial_number"], facts["programmer"]) == ("stm32h7", True, LEFT, programmer)
    assert any("plain connect" in line for line in stderr)
    assert any(line.startswith("writing ") for line in stderr)


def test_a_person_gets_a_table(desk: FakeDesk) -> None:
    code, stdout, _ = run()
    assert code == 0
    assert "0x450" in "\n".join(stdout)
    assert stdout[-1] == "stm32h7 runs the image: written, read back, and the device says so."


def test_quiet_is_quiet(desk: FakeDesk) -> None:
    code, stdout, stderr = run("--json", "--quiet")
    assert (code, stderr) == (0, [])
    the_json(stdout)


@pytest.mark.parametrize("force", [(), ("--force",)])
def test_a_wrong_chip_is_refused_in_two_lines_and_one_object(desk: FakeDesk, force: tuple[str, ...]) -> None:
    desk.probes[0].chip.device_id = 0x483
    code, stdout, stderr = run("--board", "stm32h7", "--json", "--quiet", *force)
    assert code == 1
    error = the_json(stdout)["error"]
    assert error["type"] == "WrongChipError"
    assert "device id 0x483 instead of 0x450; nothing was written" in error["message"]
    assert stderr == [f"error: --board stm32h7: {error['message']}", f"hint: {error['hint']}"]
    assert set(desk.probes[0].chip.flash) == {0xFF}


def test_no_probe_is_an_error_of_the_device(desk: FakeDesk) -> None:
    desk.probes[0].plugged = False
    code, stdout, stderr = run("--json")
    assert code == 1
    assert the_json(stdout)["error"]["type"] == "ProbeError"
    assert stderr[0] == "error: flash: no debug probe is plugged in"


def test_a_cable_that_is_pulled_ends_with_one_and_the_same_command_mends_it(desk: FakeDesk) -> None:
    probe = desk.probes[0]
    probe.pulled_after_bytes = 20_000
    code, stdout, _ = run("--json")
    assert code == 1
    assert "half an image" in the_json(stdout)["error"]["message"]
    probe.plugged = True
    assert run("--json")[0] == 0


def test_wrong_usage_exits_with_two(desk: FakeDesk) -> None:
    assert run("--bord", "stm32h7")[0] == 2
    assert run("--force", "yes")[0] == 2
