"""An arena in PSRAM is told by every build, whether it succeeds or not."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.bench.flash_desks import Recorder
from tests.golden_fixture import golden_vectors
from tinyaudio.core.artifacts import Calibration, FirmwareProject
from tinyaudio.core.board import load_board
from tinyaudio.core.errors import ToolError
from tinyaudio.deploy.render import RenderInputs, RuntimeChoice, render_project
from tinyaudio.dsp.frontend import design_frontend
from tinyaudio.pipeline import firmware

BOX = load_board("esp32s3_box_3")


def rendered(arena_bytes: int) -> FirmwareProject:
    model = golden_vectors().model
    return render_project(
        RenderInputs(
            board=BOX,
            tables=design_frontend(model.spec, kernel="esp_sc16"),
            quantized=model,
            calibration=Calibration(smoothing_patches=3, detection_threshold=64),
            choice=RuntimeChoice(runtime="tflm", arena_bytes=arena_bytes),
        )
    )


@pytest.mark.parametrize(("arena_bytes", "warnings"), [(50_000, 0), (200_000, 1)])
def test_a_build_warns_of_an_arena_in_psram(arena_bytes: int, warnings: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_toolchain(*_: object, **__: object) -> None:
        raise ToolError("ESP-IDF is not here", hint="", where="")

    monkeypatch.setattr(firmware, "_own_frontend", lambda *_: None)
    monkeypatch.setattr(firmware, "require_build_tools", lambda *_, **__: None)
    monkeypatch.setattr(firmware, "board_directory", lambda *_: tmp_path)
    monkeypatch.setattr(firmware, "render_stage", lambda *_, **__: (rendered(arena_bytes), tmp_path))
    monkeypatch.setattr(firmware, "build_project", no_toolchain)
    monkeypatch.setattr(firmware, "project_board", lambda *_: BOX)
    progress = Recorder()
    line: Any = SimpleNamespace(progress=progress, project=None)
    with pytest.raises(ToolError):
        firmware.build_stage(line, BOX.id)
    assert len(progress.warnings) == warnings
    assert all("arena of the model, 200,000 bytes, lies in psram: dram lacks" in text for text in progress.warnings)
