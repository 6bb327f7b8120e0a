"""When a stage runs again: other inputs, other code; and what an upgrade does not throw away."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.pipeline.small_project import PROJECT, Silent
from tinyaudio.core.artifacts import Calibration
from tinyaudio.pipeline import line as line_module
from tinyaudio.pipeline import open_line
from tinyaudio.pipeline.line import Advance, StageResult, reuse_or_make

Make = Callable[..., StageResult[Calibration]]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    (tmp_path / "tinyaudio.toml").write_text(PROJECT)

    def run(model: str, *, outlives_code: bool = False) -> StageResult[Calibration]:
        def value(_: Advance) -> Calibration:
            return Calibration(smoothing_patches=3, detection_threshold=7)

        line = open_line(tmp_path, Silent())
        return reuse_or_make(
            line, "calibrate", Calibration, inputs={"model": model}, description="calibrating", make=value, outlives_code=outlives_code
        )

    return run


def test_a_stage_runs_again_for_other_inputs(make: Make) -> None:
    assert [make(model).reused for model in ("a", "a", "b", "b")] == [False, True, False, True]


def test_a_stage_runs_again_by_other_code_and_comes_to_the_same_value(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    before = make("a")
    monkeypatch.setattr(line_module, "code_version", lambda: "of another day")
    after = make("a")
    assert not after.reused
    assert after.inputs["code"] == "of another day"
    assert after.stored.fingerprint == before.stored.fingerprint, "so what follows is reused"
    assert make("a").reused


def test_what_took_hours_outlives_an_upgrade(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    make("a", outlives_code=True)
    monkeypatch.setattr(line_module, "code_version", lambda: "of another day")
    assert make("a", outlives_code=True).reused
