"""The command line's way to a flashed ESP32-S3: the image, the chip behind a pseudo terminal, and its Hello."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from tests.bench.hop_device import HELLO, HopComputer
from tests.pipeline.flash_line import FINGERPRINT, make_project, skip_building
from tinyaudio.bench.fake_device import FakeDevice
from tinyaudio.bench.flash.fakes.esp_port import FakeEspPort
from tinyaudio.bench.flash.fakes.esp_rom import ERASED, EspChip
from tinyaudio.bench.transport import LoopbackTransport, Transport
from tinyaudio.cli.app import app
from tinyaudio.core.artifacts import BuildArtifact, DeviceIdentity, OutputFile
from tinyaudio.core.board import Board
from tinyaudio.core.canonical import sha256_bytes
from tinyaudio.pipeline import FirmwareRequest, flashing

MERGED = b"\xe9" + bytes(range(256)) * 100


def built_in(directory: Path) -> BuildArtifact:
    files = {"elf": directory / "firmware.elf", "merged": directory / "merged.bin"}
    files["elf"].write_bytes(b"elf")
    files["merged"].write_bytes(MERGED)
    return BuildArtifact(
        board="esp32s3",
        runtime="aot",
        elf=str(files["elf"]),
        elf_sha256=sha256_bytes(b"elf"),
        firmware_fingerprint=FINGERPRINT,
        flash_bytes=len(MERGED),
        ram_bytes=1_000,
        regions={},
        budget_problems=(),
        toolchain="",
        seconds=1.0,
        files={name: OutputFile(path=str(path), bytes=1, sha256="") for name, path in files.items()},
    )


def answers_as(chip: EspChip) -> Callable[[str, Board], Transport]:
    """Open the port of a chip that runs what it holds."""

    def open_port(_: str, board: Board) -> Transport:
        fingerprint = bytes.fromhex(FINGERPRINT) if chip.flash[: len(MERGED)] == MERGED else bytes(32)
        hello = dataclasses.replace(HELLO, board_id=board.id, chip_id=bytes.fromhex(chip.mac), firmware_fingerprint=fingerprint)
        return LoopbackTransport(FakeDevice(hello, HopComputer()))

    return open_port


@pytest.fixture
def chip(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> EspChip:
    """A project in the current folder, its firmware built."""
    monkeypatch.chdir(make_project(tmp_path))
    skip_building(monkeypatch, built_in(tmp_path))
    on_the_desk = EspChip()
    monkeypatch.setattr(flashing, "_open_serial", answers_as(on_the_desk))
    return on_the_desk


def run(port: FakeEspPort, *arguments: str) -> tuple[int, dict[str, Any], list[str]]:
    result = CliRunner().invoke(app, ["flash", "--board", "esp32s3", "--port", str(port.path), "--json", *arguments])
    return result.exit_code, json.loads(result.stdout), result.stderr.splitlines()


def test_a_board_is_flashed_and_says_what_it_runs(chip: EspChip, tmp_path: Path) -> None:
    with FakeEspPort(tmp_path / "port", chip) as port:
        code, facts, stderr = run(port)
    assert code == 0, stderr
    assert (facts["board"], facts["programmer"], facts["unique_id"], facts["verified"]) == ("esp32s3", "esptool", chip.mac, True)
    assert facts["hello"]["chip_id"] == chip.mac
    assert facts["hello"]["firmware_fingerprint"] == FINGERPRINT
    assert facts["image_sha256"] == sha256_bytes(MERGED)
    assert any("MAC 7cdfa1e0c0de" in line for line in stderr)


def test_a_wrong_chip_is_refused(tmp_path: Path, chip: EspChip) -> None:
    other = EspChip(chip_id=5)
    with FakeEspPort(tmp_path / "port", other) as port:
        code, answer, _ = run(port)
    assert code == 1
    assert answer["error"]["type"] == "WrongChipError"
    assert set(other.flash) == {ERASED}
    assert set(chip.flash) == {ERASED}


def test_the_mac_in_the_slot_is_the_chip_that_is_meant(tmp_path: Path, chip: EspChip) -> None:
    slot = f'[slots.left]\nboard = "esp32s3"\nserial_number = "0001"\nport = "{tmp_path / "port"}"\nunique_id = "7cdfa1e0c0df"\n'
    (tmp_path / "bench.toml").write_text(slot, encoding="utf-8")
    with FakeEspPort(tmp_path / "port", chip) as port:
        code, answer, _ = run(port, "--slot", "left")
    assert code == 1
    assert "its MAC is 7cdfa1e0c0de instead of 7cdfa1e0c0df" in answer["error"]["message"]


def test_another_programmer_is_refused(tmp_path: Path, chip: EspChip) -> None:
    with FakeEspPort(tmp_path / "port", chip) as port:
        code, answer, _ = run(port, "--programmer", "pyocd")
    assert code == 1
    assert "esptool" in answer["error"]["hint"]


def test_a_device_that_has_measured_its_arena_is_flashed_once_more(tmp_path: Path, chip: EspChip, monkeypatch: pytest.MonkeyPatch) -> None:
    measured: list[str] = []

    def keep(_line: object, build: BuildArtifact, identity: DeviceIdentity, *, request: FirmwareRequest) -> bool:
        measured.append(identity.chip_id)
        assert build.runtime == "tflm"
        assert request.runtime == "tflm"
        return True

    built = skip_building(monkeypatch, dataclasses.replace(built_in(tmp_path), runtime="tflm"))
    monkeypatch.setattr(flashing, "keep_arena", keep)
    with FakeEspPort(tmp_path / "port", chip) as port:
        code, _, stderr = run(port, "--runtime", "tflm")
    assert code == 0, stderr
    assert measured == [chip.mac]
    assert built == ["esp32s3", "esp32s3"]
    assert any("building and flashing once more" in line for line in stderr)
