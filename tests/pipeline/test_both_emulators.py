"""QEMU and the emulated STM32H743 teach each other: one catches a missing FPU enable and unaligned device access, the other
runs the image that is flashed. The same project must come out the same on both.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from tests.pipeline.small_project import line_of
from tinyaudio.core.artifacts import HilReport
from tinyaudio.pipeline import build_stage, hil_stage

#: Calls between ITCM and flash go through a veneer, and the emulated chip's counter ticks with each instruction instead of each 40th.
COUNT_TOLERANCE = 0.01


@pytest.fixture(scope="module")
def reports(finished: Path) -> dict[str, HilReport]:
    return {board: hil_stage(line_of(finished), board).report for board in ("mps2_an500", "stm32h7")}


def test_the_same_project_comes_out_the_same(reports: dict[str, HilReport]) -> None:
    qemu, chip = reports["mps2_an500"], reports["stm32h7"]
    assert qemu.stages == chip.stages
    assert all(stage.mismatches == 0 and stage.elements > 0 for stage in chip.stages)
    assert (qemu.clips, qemu.frames, qemu.patches) == (chip.clips, chip.frames, chip.patches)
    np.testing.assert_array_equal(qemu.evaluation.scores, chip.evaluation.scores)
    assert (chip.overruns, chip.resumed, chip.dropped_frames, chip.log) == (0, 0, 0, ())


def test_both_count_the_same_instructions(reports: dict[str, HilReport]) -> None:
    costs = [reports[board].cost for board in ("mps2_an500", "stm32h7")]
    assert costs[0] is not None
    assert costs[1] is not None
    assert costs[0].unit == costs[1].unit == "instructions"
    for field in ("frontend_per_frame", "model_per_inference"):
        assert getattr(costs[1], field) == pytest.approx(getattr(costs[0], field), rel=COUNT_TOLERANCE)


def test_the_report_names_the_image_that_would_be_flashed(finished: Path, reports: dict[str, HilReport]) -> None:
    proof = hil_stage(line_of(finished), "stm32h7")
    build = build_stage(line_of(finished), "stm32h7")
    assert proof.facts["elf_sha256"] == build.elf_sha256
    assert proof.facts["device"]["chip_id"]
    assert dataclasses.asdict(proof.report.identity) == dataclasses.asdict(reports["stm32h7"].identity)
