"""The application on the host under ASan and UBSan: its parts by cases, the whole firmware against the twin."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from hil_tests.rigs import Rig, golden_tables
from tests.golden_fixture import golden_vectors
from tests.host_cpp.toolchain import FIRMWARE_LIB, compile_host, run_host, sanitized_program
from tinyaudio.bench.device import Capture, Device
from tinyaudio.bench.emulation import start_virtual
from tinyaudio.bench.hil import run_frontend
from tinyaudio.core.board import load_board
from tinyaudio.core.errors import DeviceError
from tinyaudio.deploy.render import FrontendRenderInputs, render_frontend_project
from tinyaudio.dsp.frontend import bench_signals, nominal_input
from tinyaudio.wire.messages import CalibrationSource, ClipBegin, Pcm, Stage, TraceMode

APP = FIRMWARE_LIB / "tinyaudio_app"
CASES = Path(__file__).parent / "app_cases.cc"


def test_ring_patches_and_scores(tmp_path: Path) -> None:
    sources = [CASES, *(APP / "src" / name for name in ("pcm_ring.cc", "microphone_ring.cc", "patch_assembler.cc", "scores.cc"))]
    assert run_host(compile_host(tmp_path / "cases", sources, include_dirs=[APP / "include"])) == b"ok\n"


@pytest.fixture
def device(rig: Rig) -> Iterator[Device]:
    assert rig.elf is not None
    with (
        start_virtual(rig.board, rig.elf, work_dir=rig.work_dir) as board,
        Device(board.transport, poll_seconds=0.1, silence_seconds=60.0) as connected,
    ):
        connected.connect()
        yield connected


def test_the_whole_firmware_is_exact_and_clean(rig: Rig) -> None:
    report = rig.run()
    assert (report.frontend_mismatches, report.model_mismatches, report.overruns) == (0, 0, 0)
    assert report.cost is not None
    assert report.cost.unit == "nanoseconds"
    assert report.cost.frontend_per_frame > 0


def test_a_front_end_without_a_model_is_exact_and_clean(tmp_path: Path) -> None:
    board, spec = load_board("native"), golden_tables().spec
    tables, nominal = golden_tables(), nominal_input(spec)
    quantization = nominal.quantization(log_fraction_bits=tables.log_fraction_bits)
    project = render_frontend_project(FrontendRenderInputs(board=board, tables=tables, quantization=quantization))
    program = sanitized_program(project, tmp_path)
    signals = list(bench_signals(spec, frames=spec.patch_frames + spec.patch_hop_frames).items())
    with start_virtual(board, program, work_dir=tmp_path) as virtual:
        run = run_frontend(
            Device(virtual.transport, poll_seconds=0.1, silence_seconds=60.0),
            signals,
            firmware_fingerprint=project.fingerprint,
            tables=tables,
            quantization=quantization,
            counter=board.counter_scale("virtual"),
        )
    assert run.mismatches == 0
    assert {stage.stage: stage.elements for stage in run.stages}["features"] == len(signals) * 2 * spec.patch_frames * spec.mel_bands
    with start_virtual(board, program, work_dir=tmp_path) as virtual, Device(virtual.transport, poll_seconds=0.1, silence_seconds=60.0) as device:
        result = device.stream_clip(0, signals[0][1]).result
    assert (result.patches, result.label_index, result.score_sums) == (2, -1, ())


def test_a_clip_shorter_than_a_window_has_a_result(device: Device) -> None:
    for samples, frames in ((0, 0), (1, 0), (399, 0), (400, 1)):
        run = device.stream_clip(samples, np.ones(samples, np.int16))
        assert (run.result.frames, run.result.patches, run.result.label_index) == (frames, 0, -1)


def test_captured_arrays_are_those_of_the_frames_asked_for(device: Device) -> None:
    pcm = golden_vectors().pcm["noise"]
    run = device.stream_clip(0, pcm, capture=Capture(stages=frozenset({Stage.FEATURES, Stage.LOG}), first_frame=50, frame_count=99))
    assert sorted(run.stage_data) == [(frame, stage) for frame in range(50, 54) for stage in (Stage.LOG, Stage.FEATURES)]


def test_without_a_trace_results_are_the_same(device: Device) -> None:
    pcm = golden_vectors().pcm["clicks"]
    traced, silent = device.stream_clip(0, pcm), device.stream_clip(0, pcm, trace_mode=TraceMode.NONE)
    assert len(traced.stage_crc32) == 54
    assert len(silent.stage_crc32) == 0
    assert traced.result == silent.result
    assert [(patch.logits, patch.features_crc32) for patch in traced.patches] == [(patch.logits, patch.features_crc32) for patch in silent.patches]


BEGIN = ClipBegin(
    clip_id=1,
    total_samples=4,
    trace_mode=TraceMode.NONE,
    capture_stages=0,
    capture_first_frame=0,
    capture_frame_count=0,
    decide_by=CalibrationSource.BUILT_IN,
)


@pytest.mark.parametrize(
    ("messages", "complaint"),
    [
        ((Pcm(clip_id=1, offset_samples=0, samples=(1,)),), "without a clip"),
        ((BEGIN, Pcm(clip_id=2, offset_samples=0, samples=(1,))), "does not continue"),
        ((BEGIN, Pcm(clip_id=1, offset_samples=1, samples=(1,))), "does not continue"),
        ((BEGIN, Pcm(clip_id=1, offset_samples=0, samples=(1, 2, 3, 4, 5))), "beyond the end"),
    ],
)
def test_samples_out_of_place_are_refused_and_the_next_clip_works(device: Device, messages: tuple[ClipBegin | Pcm, ...], complaint: str) -> None:
    for message in messages:
        device._session.send(message, device._session.deadline(60.0), None)  # behind an answer to a poll, if one is still to come
    pcm = golden_vectors().pcm["tone"]
    with pytest.raises(DeviceError, match=f"bad_request: Pcm .*{complaint}"):
        device.stream_clip(0, pcm)
    device.connect()
    assert device.stream_clip(0, pcm).result.patches == 2
