"""A fault that the device tells of fails a HIL run, whatever the figures say."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from tinyaudio.bench.hil import run_hil
from tinyaudio.cli.app import app
from tinyaudio.core.artifacts import HilReport

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
