"""A fault that the device tells of fails a HIL run, whatever the figures say; and what is not counted is not told."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from tests.pipeline.small_project import line_of
from tinyaudio.bench import emulation
from tinyaudio.bench.emulation import VirtualBoard
from tinyaudio.bench.hil import run_hil
from tinyaudio.cli.app import app
from tinyaudio.core.artifacts import HilReport
from tinyaudio.core.board import Board
from tinyaudio.pipeline.data import project_board
from tinyaudio.pipeline.firmware import USUAL_FIRMWARE
from tinyaudio.pipeline.proof import stream_clips

FAULT = "fault at pc=0x08001234 lr=0x08005679"


def test_the_command_shows_it_and_ends_with_3(finished: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def after_a_fault(*arguments: Any, **options: Any) -> HilReport:
        return dataclasses.replace(run_hil(*arguments, **options), log=("warning: the supply is low", f"error: {FAULT}"))

    monkeypatch.setattr("tinyaudio.pipeline.proof.run_hil", after_a_fault)
    result = CliRunner().invoke(app, ["hil", "--board", "native", "--depth", "fake", "--project", str(finished), "--json"])
    assert result.exit_code == 3, result.stderr
    facts = json.loads(result.stdout)
    assert facts["faults"] == [FAULT]
    assert set(facts["mismatches"].values()) == {0}
    assert f"the device: error: {FAULT}" in result.stderr
    assert f"The device faulted: {FAULT}" in Path(facts["report"]).read_text()


def test_what_an_emulator_does_not_count_is_not_told(finished: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The image and the conversation are the host's; the mode arrives where the emulator is started, and cost leaves the report."""
    modes = []
    start = emulation.start_virtual

    def start_virtual(board: Board, elf: Path, *, mode: str, **options: Any) -> VirtualBoard:
        modes.append(mode)
        return start(board, elf, **options)

    monkeypatch.setattr("tinyaudio.pipeline.device_line.start_virtual", start_virtual)
    line = line_of(finished)
    board = project_board(line.project, "native")
    streamed = stream_clips(line, board, depth="virtual", port=None, mode="fast", request=USUAL_FIRMWARE)
    assert modes == ["fast"]
    assert (streamed.report.mismatches, streamed.report.cost) == (0, None)
