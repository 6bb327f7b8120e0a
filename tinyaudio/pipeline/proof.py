"""From an image to a proof: open a device at the wanted depth, stream the test split, write the report."""

from __future__ import annotations

import dataclasses
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tinyaudio.bench.device import ClipRun, Device
from tinyaudio.bench.emulation import Mode
from tinyaudio.bench.hil import HilClip, HilExpectation, run_hil
from tinyaudio.core.artifacts import BuildArtifact, Evaluation, FirmwareProject, HilReport
from tinyaudio.core.board import Board, Depth
from tinyaudio.core.evaluation import decisions_of, is_right, named
from tinyaudio.core.kernel_checks import KernelComparison
from tinyaudio.deploy.compiler import compile_model
from tinyaudio.deploy.render import vendor_library
from tinyaudio.dsp.frontend import KERNELS, compute_feature_rows, design_frontend, int8_step_histogram, quantize_features
from tinyaudio.learn.dataset import clip_features, clip_reader
from tinyaudio.pipeline.anomaly import anomaly_evaluate_stage, anomaly_page_inputs
from tinyaudio.pipeline.data import dataset_stage, features_stage, project_board
from tinyaudio.pipeline.decided import clip_decisions
from tinyaudio.pipeline.device_line import DeviceLine, choose_depth, choose_mode, open_fake_line, open_serial_line, open_virtual_line, require_port
from tinyaudio.pipeline.firmware import USUAL_FIRMWARE, FirmwareRequest, board_directory, board_frontend, build_stage, keep_arena, render_stage
from tinyaudio.pipeline.foreign import parameters_of
from tinyaudio.pipeline.judging import calibrate_stage, evaluate_stage, expected_stage
from tinyaudio.pipeline.learning import quantize_stage, train_stage
from tinyaudio.pipeline.line import Line
from tinyaudio.pipeline.model import arena_timeline
from tinyaudio.report import (
    ArenaTimeline,
    ExampleClip,
    KernelDistance,
    ReportInputs,
    anomaly_facts,
    report_facts,
    write_anomaly_page,
    write_report,
)

_BLOB_GRACE_SECONDS = 3_600.0  # longer than any stage takes to write its record
_DISTANCE_CLIPS = 64  # enough for a histogram, and a matter of seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """The outcome of a HIL run."""

    report: HilReport
    facts: dict[str, Any]  # as the command line's JSON shows it
    page: Path
    passed: bool  # nothing differs, no fault was told, and the image fits its board


@dataclass(frozen=True, slots=True, kw_only=True)
class Streamed:
    """What one firmware made of the test split."""

    board: Board
    request: FirmwareRequest
    build: BuildArtifact | None  # None at depth "fake"
    expected: HilExpectation
    clips: tuple[HilClip, ...]
    report: HilReport
    runs: tuple[ClipRun, ...]  # by clip


def run_line(line: Line, board_id: str, *, depth: str | None = None, port: str | None = None, request: FirmwareRequest = USUAL_FIRMWARE) -> Proof:
    """Run every stage for `board_id`; stages whose inputs did not change are reused."""
    choose_depth(project_board(line.project, board_id), depth=depth, port=port)  # what cannot end well should not train for minutes first
    require_port(port)
    if line.project.is_anomaly:
        anomaly_evaluate_stage(line)
    else:
        evaluate_stage(line)
    proof = hil_stage(line, board_id, depth=depth, port=port, request=request)
    line.store.remove_unused_blobs(older_than_seconds=_BLOB_GRACE_SECONDS)
    return proof


def hil_stage(
    line: Line,
    board_id: str,
    *,
    depth: str | None = None,
    port: str | None = None,
    mode: str | None = None,
    request: FirmwareRequest = USUAL_FIRMWARE,
) -> Proof:
    """Compare the device with the twin over the test split and write ``report.html`` and ``report.json``.

    Raises
    ------
    InputError
        If depth or mode does not exist or does not go with the board or the port.
    IdentityError
        If the device runs another firmware.
    DeviceError
        If the device dies, hangs or breaks the protocol.
    """
    board = project_board(line.project, board_id)
    chosen = choose_depth(board, depth=depth, port=port)
    require_port(port)
    counting = choose_mode(board, mode=mode, depth=chosen)
    return write_proof(line, stream_clips(line, board, depth=chosen, port=port, mode=counting, request=request))


def stream_clips(line: Line, board: Board, *, depth: Depth, port: str | None, request: FirmwareRequest, mode: Mode = "counting") -> Streamed:
    """Build the firmware, stream the test split to it and compare; errors are those of `hil_stage`.

    Where the emulator does not count, the report says nothing of cost.
    """
    build = None if depth == "fake" else build_stage(line, board.id, request=request)
    expected = _expectation(line, board, render_stage(line, board.id, request=request)[0])
    clips, runs = _hil_clips(line), list[ClipRun]()
    with (
        line.progress.task(f"streaming {len(clips)} clips through {board.id}") as advance,
        _open_line(line, board, expected, request=request, build=build, port=port, mode=mode) as device_line,
    ):

        def take(run: ClipRun) -> None:
            runs.append(run)
            advance(len(runs), len(clips))

        report = run_hil(
            lambda on_log: Device(
                device_line.transport, name=board.id, clock=device_line.clock, silence_seconds=device_line.silence_seconds, on_log=on_log
            ),
            clips,
            expected=expected,
            depth=depth,
            link=device_line.description,
            on_clip=take,
        )
    if mode == "fast":
        report = dataclasses.replace(report, cost=None)
    if build is not None:
        keep_arena(line, build, report.identity, request=request)
    return Streamed(board=board, request=request, build=build, expected=expected, clips=clips, report=report, runs=tuple(runs))


def write_proof(line: Line, streamed: Streamed, *, kernel_comparison: KernelComparison | None = None) -> Proof:
    """Write ``report.html`` and ``report.json`` about `streamed`, with a comparison of its kernels to others where there is one."""
    board, build = streamed.board, streamed.build
    if line.project.is_anomaly:
        return _anomaly_proof(line, streamed, kernel_comparison)
    distances = _kernel_distances(line, streamed.expected, streamed.clips)
    inputs = _report_inputs(line, streamed, kernel_distances=distances, kernel_comparison=kernel_comparison)
    page = write_report(inputs, board_directory(line, board.id) / streamed.request.report_folder)
    is_equal = kernel_comparison is None or kernel_comparison.mismatches == kernel_comparison.reference.mismatches == 0
    passed = streamed.report.mismatches == 0 and not streamed.report.faults and is_equal and (build is None or build.budget_ok)
    return Proof(report=streamed.report, facts={**report_facts(inputs), "report": str(page)}, page=page, passed=passed)


def _anomaly_proof(line: Line, streamed: Streamed, kernel_comparison: KernelComparison | None) -> Proof:
    inputs = anomaly_page_inputs(line, streamed.board, streamed.report, build=streamed.build, runs=streamed.runs)
    inputs = dataclasses.replace(inputs, kernel_comparison=kernel_comparison)
    page = write_anomaly_page(inputs, board_directory(line, streamed.board.id) / streamed.request.report_folder)
    facts = {**anomaly_facts(inputs), "report": str(page)}
    is_equal = kernel_comparison is None or kernel_comparison.mismatches == kernel_comparison.reference.mismatches == 0
    passed = (
        streamed.report.mismatches == 0
        and not streamed.report.faults
        and is_equal
        and inputs.gate["ok"]
        and (streamed.build is None or streamed.build.budget_ok)
    )
    return Proof(report=streamed.report, facts=facts, page=page, passed=passed)


def _expectation(line: Line, board: Board, project: FirmwareProject) -> HilExpectation:
    return HilExpectation(
        board=board,
        firmware_fingerprint=project.fingerprint,
        tables=board_frontend(line, board),
        quantized=quantize_stage(line).value,
        calibration=calibrate_stage(line).value,
        outputs=expected_stage(line).value,
    )


def _open_line(
    line: Line, board: Board, expected: HilExpectation, *, request: FirmwareRequest, build: BuildArtifact | None, port: str | None, mode: Mode
) -> AbstractContextManager[DeviceLine]:
    if build is None:
        return open_fake_line(board, expected, calibrate_stage(line).value, runtime=request.runtime or board.default_runtime)
    if port is not None:
        return open_serial_line(board, port)
    return open_virtual_line(board, Path(build.elf), work_dir=board_directory(line, board.id), mode=mode)


def _hil_clips(line: Line) -> tuple[HilClip, ...]:
    dataset, read = features_stage(line).value.dataset, clip_reader(line.project)
    clips = dataset.of_split("test")
    if line.project.is_anomaly:  # a detector has one output
        return tuple(HilClip(filename=clip.filename, label_index=0, pcm=read(clip)) for clip in clips)
    truths = dataset.truth_of(clips) if dataset.is_multi_label else [None] * len(clips)
    return tuple(
        HilClip(filename=clip.filename, label_index=int(index), pcm=read(clip), truth=truth)
        for clip, index, truth in zip(clips, dataset.label_indices_of(clips), truths, strict=True)
    )


def _report_inputs(
    line: Line, streamed: Streamed, *, kernel_distances: tuple[KernelDistance, ...], kernel_comparison: KernelComparison | None
) -> ReportInputs:
    report, build = streamed.report, streamed.build
    features, quantized, evaluations = features_stage(line), quantize_stage(line), evaluate_stage(line)
    return ReportInputs(
        project_name=line.project.name,
        board=streamed.board,
        dataset=features.value.dataset,
        quantized=quantized.value,
        parameters=_parameters(line),
        float_evaluation=evaluations.value.float,
        int8_evaluation=evaluations.value.int8,
        hil=report,
        build=build,
        kernel_distances=kernel_distances,
        kernel_comparison=kernel_comparison,
        examples=_examples(line, report.evaluation),
        arena=_arena(line, streamed, quantized.value.tflite),
        decisions=clip_decisions(line, report),
        calibration=calibrate_stage(line).value,
        fingerprints=_fingerprints(line, report, build),
    )


def _arena(line: Line, streamed: Streamed, tflite: bytes) -> ArenaTimeline | None:
    """Return how the compiler laid out the arena of the image that ran; None of TFLite Micro, which lays out its own."""
    if streamed.report.identity.runtime != "aot":
        return None
    vendor = vendor_library(streamed.board, "aot") if streamed.request.kernels == "vendor" else None
    compiled = compile_model(tflite, name="model", optimize=streamed.request.optimize, int8_ends=True, vendor=vendor)
    return arena_timeline(tflite, compiled, title=line.project.name)


def _parameters(line: Line) -> int:
    """Return the number of the float model's parameters; of a finished model the number of its constants."""
    if line.project.model_path is None:
        return train_stage(line).value.parameters
    return parameters_of(quantize_stage(line).value.tflite)


def _kernel_distances(line: Line, expected: HilExpectation, clips: tuple[HilClip, ...]) -> tuple[KernelDistance, ...]:
    """Return how far the INT8 features of the other FFT kernels are from those of this one, over some clips of the test split."""
    some = clips[:: -(-len(clips) // _DISTANCE_CLIPS)]
    kernels = [kernel for kernel, record in KERNELS.items() if expected.tables.spec.fft_samples in record.fft_samples]
    features = {}
    with line.progress.task("comparing the FFT kernels") as advance:
        for done, kernel in enumerate(kernels, start=1):
            tables = design_frontend(expected.tables.spec, kernel=kernel)
            rows = [quantize_features(compute_feature_rows(tables, clip.pcm), expected.quantization) for clip in some]
            features[kernel] = np.concatenate(rows)
            advance(done, len(kernels))
    own = features.pop(expected.tables.kernel)
    return tuple(KernelDistance(kernel=kernel, clips=len(some), steps=int8_step_histogram(own, others)) for kernel, others in features.items())


def _fingerprints(line: Line, report: HilReport, build: BuildArtifact | None) -> dict[str, str]:
    """Return the fingerprints of the values along the line; the device's own three are those it reported."""
    training = (train_stage,) if line.project.model_path is None else ()
    stages = (dataset_stage, features_stage, *training, quantize_stage, calibrate_stage, expected_stage, evaluate_stage)
    along = {result.stage: result.stored.fingerprint for result in (stage(line) for stage in stages)}
    device = {
        "front end (reported by the device)": report.identity.frontend_fingerprint,
        "model file (reported by the device)": report.identity.model_sha256,
        "firmware (reported by the device)": report.identity.firmware_fingerprint,
    }
    return along | device | ({} if build is None else {"image (ELF)": build.elf_sha256})


def _examples(line: Line, evaluation: Evaluation) -> tuple[ExampleClip, ...]:
    """Return the clip that the device was surest of and right, and the one it was surest of and wrong, if there is one."""
    surest_first = np.argsort(-evaluation.scores.max(axis=1), kind="stable")
    right = is_right(evaluation)
    chosen = []
    for title, wanted in (("classified right", True), ("classified wrong", False)):
        index = next((int(index) for index in surest_first if right[index] == wanted), None)
        if index is not None:
            chosen.append(_example(line, evaluation, index, title))
    return tuple(chosen)


def _example(line: Line, evaluation: Evaluation, index: int, title: str) -> ExampleClip:
    features = features_stage(line).value
    clip = features.dataset.of_split("test")[index]
    log_mel = clip_features(features, features.dataset.clips.index(clip))
    return ExampleClip(
        title=title,
        filename=clip.filename,
        label=clip.label,
        predicted=named(evaluation, decisions_of(evaluation)[index]),
        pcm=clip_reader(line.project)(clip),
        log_mel=log_mel / (2.0**features.log_fraction_bits / features.spec.log_scale),
        scores=evaluation.scores[index],
    )
