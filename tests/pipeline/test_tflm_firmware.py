"""Whole firmware under the runtime `tflm`: as exact as the compiled one, in the arena that the target asked for.

Needs sources of TFLite Micro: ``TINYAUDIO_TFLM_ROOT`` names a folder with the trees ``cmsis_nn`` and ``reference``.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.deploy.tflm_program import tree
from tests.pipeline.small_project import Silent, line_of
from tinyaudio.bench.device import Device
from tinyaudio.bench.emulation import start_virtual
from tinyaudio.core.board import load_board
from tinyaudio.core.errors import BuildError
from tinyaudio.deploy.tflm import tight_arena_bytes
from tinyaudio.pipeline import build_stage, hil_stage, parse_request, render_stage
from tinyaudio.pipeline.line import Line

TFLM = parse_request(runtime="tflm")


def notes_of(line: Line) -> list[str]:
    assert isinstance(line.progress, Silent)
    return line.progress.notes


@pytest.mark.parametrize(("board_id", "kernel_library"), [("mps2_an500", "cmsis_nn"), ("stm32h7", "cmsis_nn"), ("native", "")])
def test_what_was_trained_is_what_runs(board_id: str, kernel_library: str, project: Path) -> None:
    tree(kernel_library)
    line = line_of(project)
    proof = hil_stage(line, board_id, request=TFLM)
    assert proof.passed
    report = proof.report
    assert (report.frontend_mismatches, report.model_mismatches, report.decision_mismatches) == (0, 0, 0)
    assert report.patches > 0
    identity, facts = report.identity, proof.facts
    assert (identity.runtime, facts["runtime"]) == ("tflm", "tflm")
    assert identity.model_kernels.startswith("tflite-micro tree ")
    assert ("CMSIS-NN" in identity.model_kernels) == (kernel_library == "cmsis_nn")
    assert identity.arena_bytes == tight_arena_bytes(identity.arena_used_bytes)
    assert set(facts["accuracy"]) == set(hil_stage(line, board_id, depth="fake").facts["accuracy"])  # as under aot


def test_the_arena_is_measured_once(project: Path) -> None:
    tree("cmsis_nn")
    line = line_of(project)
    first = build_stage(line, "mps2_an500", request=TFLM)
    assert any("bytes of its arena" in note for note in notes_of(line))
    assert first.arena_measured
    assert first.arena_bytes == tight_arena_bytes(first.arena_used_bytes or 0)
    stored = json.loads((Path(first.elf).parent / "build.json").read_text(encoding="utf-8"))
    assert (stored["arena_measured"], stored["arena_used_bytes"]) == (True, first.arena_used_bytes)
    assert stored["model_kernels"] == first.model_kernels

    again = line_of(project)
    second = build_stage(again, "mps2_an500", request=TFLM)
    assert second.elf_sha256 == first.elf_sha256
    assert not any("bytes of its arena" in note for note in notes_of(again))
    other, _ = render_stage(again, "stm32h7", request=TFLM)  # the same core
    assert other.arena_used_bytes == first.arena_used_bytes


def test_an_arena_that_is_too_small_names_the_missing_bytes(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tree("cmsis_nn")
    with monkeypatch.context() as patched:
        patched.setattr("tinyaudio.deploy.render.model.generous_arena_bytes", lambda _: 4_096)
        patched.setattr("tinyaudio.pipeline.arena._largest_arena_bytes", lambda *_: 4_096)  # as if the board had no more
        with pytest.raises(
            BuildError, match=r"does not start: .*the model's arena of 4096 bytes is too small: at least \d+ bytes are missing"
        ) as caught:
            build_stage(line_of(project), "mps2_an500", request=TFLM)
    assert "a smaller model, or a board with more memory" in caught.value.hint
    assert build_stage(line_of(project), "mps2_an500", request=TFLM).arena_measured  # nothing wrong was kept


def test_the_self_test_watches_every_operator(project: Path) -> None:
    tree("cmsis_nn")
    artifact = build_stage(line_of(project), "mps2_an500", request=parse_request(runtime="tflm", self_test=True))
    board = load_board("mps2_an500")
    with start_virtual(board, Path(artifact.elf), work_dir=project) as virtual, Device(virtual.transport) as device:
        run = device.run_self_test()
    assert run.first_difference is None
    assert {operator.operator_name.split(" ")[0] for operator in run.operators} >= {"CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED"}
    assert all(operator.counter_ticks > 0 for operator in run.operators)  # the profile
