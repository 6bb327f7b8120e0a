"""What a front end costs on a board, and how exact it is there: `bench_frontend`."""

from __future__ import annotations

import csv
import os
import tempfile
import time
from collections import Counter
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinyaudio.bench.device import Device
from tinyaudio.bench.hil import FrontendRun, run_frontend
from tinyaudio.core.artifacts import BuildArtifact
from tinyaudio.core.board import Board, load_board
from tinyaudio.core.errors import InputError
from tinyaudio.core.spec import FrontendSpec
from tinyaudio.deploy.build import build_project
from tinyaudio.deploy.render import FrontendRenderInputs, render_frontend_project, write_project
from tinyaudio.dsp.audio import read_pcm
from tinyaudio.dsp.frontend import (
    FrontendTables,
    NominalInput,
    bench_signals,
    compute_feature_rows,
    compute_log_mel,
    design_frontend,
    int8_step_histogram,
    log_mel_snr_db,
    nominal_input,
    quantize_features,
)
from tinyaudio.dsp.frontend.reference import reference_stages
from tinyaudio.dsp.frontend.signals import speech_like
from tinyaudio.pipeline.device_line import open_virtual_line, require_emulator
from tinyaudio.pipeline.frontend_spec import known_kernel
from tinyaudio.pipeline.line import Progress

DEFAULT_FRAMES = 1_000
_TIMED_SECONDS = 20.0  # of audio, for the speed of the twin
_TIMED_RUNS = 3  # the best one counts: the others were disturbed

Signals = dict[str, NDArray[np.int16]]


@dataclass(frozen=True, slots=True, kw_only=True)
class FrontendBenchRequest:
    """What to measure."""

    board_id: str
    spec: FrontendSpec
    spec_name: str  # a preset's, or a project's
    kernel: str | None = None  # None: the board's own
    against: str | None = None  # another kernel to compare the features with
    frames: int = DEFAULT_FRAMES  # of all signals together, about
    offline: bool = False
    boards: Path | None = None  # folder of board files, beside the shipped ones


@dataclass(frozen=True, slots=True, kw_only=True)
class FrontendBench:
    """The outcome of a bench."""

    run: FrontendRun
    facts: dict[str, Any]  # as the command line's JSON shows it
    passed: bool  # nothing differs


def bench_frontend(request: FrontendBenchRequest, progress: Progress) -> FrontendBench:
    """Build firmware with the front end alone, stream signals to it, compare every stage of every frame with the twin.

    The firmware's patches are one frame long, so that the features of every frame have a CRC of their own.

    Raises
    ------
    BoardError, InputError
        If there is no such board or it has no emulator.
    SpecError
        If there is no such kernel, or it cannot compute the spec.
    DeviceError
        If the emulated board dies, hangs or breaks the protocol.
    """
    if request.frames < 1:
        raise InputError(f"cannot stream {request.frames} frames", hint="ask for 1 or more; the default is 1000", where="--frames")
    board = load_board(request.board_id, folder=request.boards)
    require_emulator(board)
    board = board if request.kernel is None else board.model_copy(update={"fft_kernel": known_kernel(request.kernel, where="--kernel")})
    spec = replace(request.spec, patch_frames=1, patch_hop_frames=1)
    tables = design_frontend(spec, kernel=board.fft_kernel)
    other = None if request.against is None else design_frontend(spec, kernel=known_kernel(request.against, where="--against"))
    signals = _signals(spec, request.frames)
    nominal = nominal_input(spec)
    with tempfile.TemporaryDirectory(prefix="tinyaudio-frontend-") as folder:
        run, build = _run_on_board(board, tables, nominal, signals=signals, work_dir=Path(folder), offline=request.offline, progress=progress)
    with progress.task("comparing with the float64 reference"):
        facts = {
            "board": board.id,
            "kernel": tables.kernel,
            "preset": request.spec_name,
            "frames": run.frames,
            **_cost_facts(run, tables, build),
            **_difference_facts(run),
            **_exactness_facts(tables, nominal, signals, other=other),
            **_speed_facts(run, tables),
        }
    return FrontendBench(run=run, facts=facts, passed=run.mismatches == 0)


def _signals(spec: FrontendSpec, frames: int) -> Signals:
    """Return synthetic signals and, where the data are, one ESC-10 clip a class; about `frames` frames in all."""
    clips = _esc10_clips()
    names = len(bench_signals(spec, frames=1)) + len(clips)
    frames_each = -(-frames // names)
    samples = spec.window_samples + (frames_each - 1) * spec.hop_samples
    recordings = {f"esc10_{label}": _around_peak(read_pcm(path, sample_rate_hz=spec.sample_rate_hz), samples) for label, path in clips.items()}
    return bench_signals(spec, frames=frames_each) | recordings


def _esc10_clips() -> dict[str, Path]:
    """Return {label: the first clip of it} of ``$TINYAUDIO_DATA/esc10``; nothing where that is not."""
    folder = Path(os.environ.get("TINYAUDIO_DATA", "")) / "esc10"
    if "TINYAUDIO_DATA" not in os.environ or not (folder / "manifest.csv").is_file():
        return {}
    with (folder / "manifest.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    return {row["label"]: folder / row["filename"] for row in reversed(rows)}


def _around_peak(pcm: NDArray[np.int16], samples: int) -> NDArray[np.int16]:
    """Return `samples` samples around the loudest one: many recordings begin with silence."""
    start = max(0, min(int(np.abs(pcm.astype(np.int32)).argmax()) - samples // 2, len(pcm) - samples))
    return pcm[start : start + samples]


def _run_on_board(
    board: Board,
    tables: FrontendTables,
    nominal: NominalInput,
    *,
    signals: Signals,
    work_dir: Path,
    offline: bool,
    progress: Progress,
) -> tuple[FrontendRun, BuildArtifact]:
    quantization = nominal.quantization(log_fraction_bits=tables.log_fraction_bits)
    project = render_frontend_project(FrontendRenderInputs(board=board, tables=tables, quantization=quantization))
    directory = work_dir / "firmware"
    write_project(project, directory)
    with progress.task(f"building the front end for {board.id} with PlatformIO"):
        build = build_project(directory, board, project=project, offline=offline, on_line=progress.detail)
    with (
        progress.task(f"streaming {len(signals)} signals through {board.id}") as advance,
        open_virtual_line(board, Path(build.elf), work_dir=work_dir) as line,
    ):
        run = run_frontend(
            Device(line.transport, name=board.id, clock=line.clock, silence_seconds=line.silence_seconds),
            list(signals.items()),
            firmware_fingerprint=project.fingerprint,
            tables=tables,
            quantization=quantization,
            counter=board.counter_scale("virtual"),
            on_signal=lambda done: advance(done, len(signals)),
        )
    return run, build


def _cost_facts(run: FrontendRun, tables: FrontendTables, build: BuildArtifact) -> dict[str, Any]:
    return {
        f"{run.unit}_per_frame": run.per_frame,
        f"most_{run.unit}_per_frame": run.most_per_frame,
        "table_bytes": tables.table_bytes,
        "ram_bytes": tables.scratch_bytes,
        "image": {"flash_bytes": build.flash_bytes, "ram_bytes": build.ram_bytes, "toolchain": build.toolchain},
    }


def _difference_facts(run: FrontendRun) -> dict[str, Any]:
    return {
        "mismatches": run.mismatches,
        "stages": [asdict(stage) for stage in run.stages],
        "first_mismatches": [asdict(mismatch) for mismatch in run.first_mismatches],
        "log": list(run.log),
    }


def _exactness_facts(tables: FrontendTables, nominal: NominalInput, signals: Signals, *, other: FrontendTables | None) -> dict[str, Any]:
    """Compare the twin with the float64 reference, and with the twin of another kernel."""
    quantization = nominal.quantization(log_fraction_bits=tables.log_fraction_bits)
    snr_db: dict[str, float | None] = {}
    steps: Counter[int] = Counter()
    kernel_steps: Counter[int] = Counter()
    for name, pcm in signals.items():
        reference = reference_stages(tables.spec, pcm)
        features = quantize_features(compute_feature_rows(tables, pcm), quantization)
        snr = log_mel_snr_db(tables.spec, compute_log_mel(tables, pcm) / 2.0**tables.log_fraction_bits, reference.log_mel)
        snr_db[name] = round(snr, 2) if np.isfinite(snr) else None
        steps.update(int8_step_histogram(features, nominal.quantize(reference.feature_rows)))
        if other is not None:
            kernel_steps.update(int8_step_histogram(features, quantize_features(compute_feature_rows(other, pcm), quantization)))
    facts: dict[str, Any] = {
        "log_mel_snr_db": snr_db,
        "nominal_input": {"scale": nominal.scale, "zero_point": nominal.zero_point},
        "int8_step_histogram": _by_step(steps),
        "int8_within_one_step": _share_within_one_step(steps),
    }
    if other is not None:
        facts["against"] = {
            "kernel": other.kernel,
            "int8_step_histogram": _by_step(kernel_steps),
            "int8_within_one_step": _share_within_one_step(kernel_steps),
        }
    return facts


def _by_step(steps: Counter[int]) -> dict[str, int]:
    return {str(step): steps[step] for step in sorted(steps)}


def _share_within_one_step(steps: Counter[int]) -> float:
    return (steps[0] + steps[1]) / steps.total()


def _speed_facts(run: FrontendRun, tables: FrontendTables) -> dict[str, Any]:
    """Return seconds of audio a second of this computer computes: in the NumPy twin, and in C++ where that is what ran."""
    spec = tables.spec
    pcm = speech_like(round(_TIMED_SECONDS * spec.sample_rate_hz), dbfs=-20.0, sample_rate_hz=spec.sample_rate_hz)
    seconds = min(_twin_seconds(tables, pcm) for _ in range(_TIMED_RUNS))
    facts: dict[str, Any] = {"host_realtime_factor": round(_TIMED_SECONDS / seconds, 1)}
    if run.unit == "nanoseconds":
        facts["host_cpp_realtime_factor"] = round(1e9 * spec.hop_samples / spec.sample_rate_hz / run.per_frame, 1)
    return facts


def _twin_seconds(tables: FrontendTables, pcm: NDArray[np.int16]) -> float:
    started = time.perf_counter()
    compute_feature_rows(tables, pcm)
    return time.perf_counter() - started
