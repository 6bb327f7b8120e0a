"""A project whose firmware is built already, and a board on the desk that runs what is flashed."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.bench.elf_files import elf_file
from tests.bench.flash_desks import FLASH, random_bytes
from tests.bench.hop_device import HELLO, HopComputer
from tinyaudio.bench.fake_device import FakeDevice
from tinyaudio.bench.flash.fakes import FakeDesk
from tinyaudio.bench.transport import LoopbackTransport, Transport
from tinyaudio.core.artifacts import BuildArtifact
from tinyaudio.core.board import Board
from tinyaudio.core.canonical import sha256_bytes
from tinyaudio.core.errors import TransportError
from tinyaudio.pipeline import FirmwareRequest, flashing
from tinyaudio.wire.messages import Hello

FINGERPRINT = "ab" * 32
CONTENT = random_bytes(50_000)


def make_project(directory: Path) -> Path:
    (directory / "tinyaudio.toml").write_text('[project]\nname = "doorbell"\nboard = "stm32h7"\n', encoding="utf-8")
    return directory


def build_in(directory: Path, *, budget_problems: tuple[str, ...] = ()) -> BuildArtifact:
    elf = directory / "firmware.elf"
    elf.write_bytes(elf_file((FLASH, FLASH, CONTENT), (0x2000_0000, FLASH + 50_016, b"initial values")))
    return BuildArtifact(
        board="stm32h7",
        runtime="aot",
        elf=str(elf),
        elf_sha256=sha256_bytes(elf.read_bytes()),
        firmware_fingerprint=FINGERPRINT,
        flash_bytes=50_030,
        ram_bytes=1_000,
        regions={},
        budget_problems=budget_problems,
        toolchain="",
        seconds=1.0,
    )


def skip_building(monkeypatch: pytest.MonkeyPatch, artifact: BuildArtifact) -> list[str]:
    """Let the pipeline find `artifact` built; return the list of boards that are built for from here on."""
    built: list[str] = []

    def build(_line: object, board_id: str, *, offline: bool, request: FirmwareRequest) -> BuildArtifact:
        built.append(board_id)
        return artifact

    monkeypatch.setattr(flashing, "build_stage", build)
    return built


def open_port_on(
    desk: FakeDesk, *, spoil: Callable[[Hello], Hello] = lambda hello: hello, device: type[FakeDevice] = FakeDevice
) -> Callable[[str, Board], Transport]:
    """Open the serial port of a probe; its chip says what the image flashed into it would, made worse by `spoil` or by `device`."""

    def open_port(port: str, board: Board) -> Transport:
        probe = next((probe for probe in desk.plugged() if probe.port == port), None)
        if probe is None:
            raise TransportError("there is no such port", hint="plug the board in", where=port)
        runs = not probe.chip.halted and probe.chip.read(FLASH, len(CONTENT)) == CONTENT
        hello = dataclasses.replace(
            HELLO,
            board_id=board.id,
            chip_id=probe.chip.unique_id,
            firmware_fingerprint=bytes.fromhex(FINGERPRINT) if runs else bytes(32),
        )
        return LoopbackTransport(device(spoil(hello), HopComputer()))

    return open_port
