"""The firmware of an ESP32-S3 but for its port, on an emulated Xtensa core, against the twins: bit for bit, every stage.

What runs is the rendered project: front end (`esp_sc16`), compiled model, application, protocol. It is spoken to as any device is.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.esp32s3_fixture import Case, demo_case, golden_case
from tests.xtensa_sim.toolchain import COMPILER, MACHINE, SIMULATOR, build_simulator_image, require
from tinyaudio.bench.device import Device
from tinyaudio.bench.hil import run_hil
from tinyaudio.bench.transport.fifo import FifoTransport
from tinyaudio.core.tools import find_tool, start_tool
from tinyaudio.deploy.render import write_project


@pytest.mark.parametrize(("case", "frames"), [(golden_case, 416), (demo_case, 1_104)], ids=["golden", "demo"])
def test_front_end_model_and_protocol_on_an_xtensa_core_equal_the_twins(case: Callable[[], Case], frames: int, tmp_path: Path) -> None:
    require(COMPILER, SIMULATOR)
    pytest.importorskip("tflite_micro", reason="the reference interpreter is not installed: pip install tinyaudio[train]")
    which = case()
    project, streamed = which.project, which.clips()
    write_project(project, tmp_path / "project")
    image = build_simulator_image(tmp_path / "project", tmp_path)
    with start_tool([find_tool(SIMULATOR).path, *MACHINE, "-kernel", image], cwd=tmp_path) as process:
        line = FifoTransport(to_device=tmp_path / "to_device", from_device=tmp_path / "from_device", cause_of_death=process.cause_of_death)
        report = run_hil(lambda log: Device(line, on_log=log), streamed, expected=which.expectation(streamed), depth="virtual", link="FIFOs")
    assert (report.frames, report.patches) == (frames, 20)
    assert (report.frontend_mismatches, report.model_mismatches, report.decision_mismatches) == (0, 0, 0), report.first_mismatches
    assert report.identity.kernel == "esp_sc16"
