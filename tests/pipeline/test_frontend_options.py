"""Options on real firmware: state over a clip, patches of several frames in both layouts, the seventh stage."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.dsp.frontend_options import OPTIONS, PRESETS
from tests.dsp.frontend_signals import speech_like, white_noise
from tinyaudio.bench.device import Device
from tinyaudio.bench.hil import FrontendRun, run_frontend
from tinyaudio.core.board import load_board
from tinyaudio.core.spec import STAGES, FrontendSpec
from tinyaudio.deploy.build import build_project
from tinyaudio.deploy.render import FrontendRenderInputs, render_frontend_project, write_project
from tinyaudio.dsp.frontend import FrontendTables, design_feature_quantization, design_frontend
from tinyaudio.pipeline.device_line import open_virtual_line

#: The running level goes over all patches; patches overlap; the model reads bands first.
EVERYTHING = replace(OPTIONS["everything"], patch_frames=8, patch_hop_frames=3)
SPECS = {"everything": EVERYTHING, "mfcc": PRESETS["mfcc"], "stm32_yamnet": PRESETS["stm32_yamnet"], "ad01": PRESETS["ad01"]}
QUANTIZATION = design_feature_quantization(0.3, 12, log_fraction_bits=16)


def signals(spec: FrontendSpec) -> list[tuple[str, NDArray[np.int16]]]:
    samples = spec.patch_samples + 2 * spec.patch_hop_frames * spec.hop_samples
    quiet_then_loud = np.concatenate([white_noise(samples // 2, dbfs=-60), white_noise(samples - samples // 2, dbfs=-6)])
    return [("speech", speech_like(samples, dbfs=-6)), ("steps", quiet_then_loud), ("silence", np.zeros(samples, np.int16))]


def as_it_is(tables: FrontendTables) -> FrontendTables:
    return tables


def run_on_board(board_id: str, spec: FrontendSpec, work_dir: Path, change: Callable[[FrontendTables], FrontendTables] = as_it_is) -> FrontendRun:
    """Run `spec` on an emulated board whose tables went through `change`."""
    board = load_board(board_id)
    tables = design_frontend(spec, kernel=board.fft_kernel)
    project = render_frontend_project(FrontendRenderInputs(board=board, tables=change(tables), quantization=QUANTIZATION))
    write_project(project, work_dir / "firmware")
    build = build_project(work_dir / "firmware", board, project=project, offline=True)
    with open_virtual_line(board, Path(build.elf), work_dir=work_dir) as line:
        device = Device(line.transport, name=board.id, clock=line.clock)
        return run_frontend(
            device,
            signals(spec),
            firmware_fingerprint=project.fingerprint,
            tables=tables,
            quantization=QUANTIZATION,
            counter=board.counter_scale("virtual"),
        )


def assert_whole(run: FrontendRun, spec: FrontendSpec) -> None:
    assert run.first_mismatches == ()
    elements = {stage.stage: stage.elements for stage in run.stages}
    assert tuple(elements) == STAGES
    assert elements["post"] == run.frames * spec.feature_bands
    clips = signals(spec)
    assert elements["features"] == sum(spec.patches_of(spec.frames_of(len(pcm))) for _, pcm in clips) * spec.patch_frames * spec.feature_bands


@pytest.mark.parametrize("name", SPECS)
def test_the_emulated_board_computes_the_options_exactly(name: str, tmp_path: Path) -> None:
    assert_whole(run_on_board("mps2_an500", SPECS[name], tmp_path), SPECS[name])


def test_the_host_computes_all_options_exactly(tmp_path: Path) -> None:
    assert_whole(run_on_board("native", EVERYTHING, tmp_path), EVERYTHING)


def with_a_wrong_cosine(tables: FrontendTables) -> FrontendTables:
    cosines = tables.cosines_q30.copy()
    cosines[3, 5] += 1 << 28
    return replace(tables, cosines_q30=cosines)


def test_a_wrong_cosine_is_found_in_its_stage_and_in_patches_of_bands_first(tmp_path: Path) -> None:
    run = run_on_board("native", EVERYTHING, tmp_path, with_a_wrong_cosine)
    wrong = {stage.stage: stage.mismatches for stage in run.stages}
    assert all(wrong[stage] == 0 for stage in STAGES[:5])
    assert 0 < wrong["post"] <= run.frames  # one coefficient a frame
    assert wrong["features"] > 0
    by_stage = {mismatch.stage: mismatch for mismatch in run.first_mismatches if mismatch.filename == "speech"}
    assert by_stage["post"].element_index == 3
    assert by_stage["features"].element_index // EVERYTHING.patch_frames == 3
