"""The proof of a front end alone: firmware without a model computes signals, every stage of every frame is compared."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from tinyaudio.bench.device import Device, check_identity
from tinyaudio.bench.hil.comparison import Comparison, median_frame_ticks
from tinyaudio.core.artifacts import NO_MODEL_SHA256, Mismatch, StageComparison
from tinyaudio.core.board import CounterScale
from tinyaudio.core.errors import StageError
from tinyaudio.dsp.frontend import FeatureQuantization, FrontendTables


@dataclass(frozen=True, slots=True, kw_only=True)
class FrontendRun:
    """What a device's front end made of some signals."""

    frames: int
    stages: tuple[StageComparison, ...]  # window to features
    first_mismatches: tuple[Mismatch, ...]  # at most one for each signal and stage
    unit: Literal["instructions", "cycles", "nanoseconds"]
    per_frame: int  # median over frames, in `unit`: window to int8 features
    most_per_frame: int  # of the dearest frame
    log: tuple[str, ...]

    @property
    def mismatches(self) -> int:
        """Elements that differ, of all stages."""
        return sum(stage.mismatches for stage in self.stages)


def run_frontend(
    device: Device,
    signals: Sequence[tuple[str, NDArray[np.int16]]],
    *,
    firmware_fingerprint: str,
    tables: FrontendTables,
    quantization: FeatureQuantization,
    counter: CounterScale,
    on_signal: Callable[[int], None] | None = None,
) -> FrontendRun:
    """Stream `signals` to firmware without a model and compare every stage of every frame with the twin.

    Parameters
    ----------
    device
        It runs what ``deploy.render.render_frontend_project`` made; it is closed here.
    signals
        (name, int16 [samples]), each at least a window long.
    firmware_fingerprint, tables, quantization
        What the device should be and compute.
    counter
        What a tick of the device's counter stands for.
    on_signal
        Called with the number of signals done.

    Raises
    ------
    IdentityError
        If another firmware answers; nothing is streamed to it.
    StageError
        If no signal has a whole frame.
    DeviceError
        If the device dies, hangs or breaks the protocol (`TransportError`, `ProtocolError`).
    """
    if not any(tables.spec.frames_of(len(pcm)) for _, pcm in signals):
        raise StageError("no signal has a whole frame", hint="ask for more frames", where="frontend bench")
    log: list[str] = []
    with device:
        check_identity(
            device.connect(), frontend_fingerprint=tables.fingerprint, model_sha256=NO_MODEL_SHA256, firmware_fingerprint=firmware_fingerprint
        )
        comparison = Comparison(device=device, tables=tables, quantization=quantization, log=log)
        for index, (name, pcm) in enumerate(signals):
            comparison.stream(name, pcm)
            if on_signal is not None:
                on_signal(index + 1)
    return FrontendRun(
        frames=sum(run.result.frames for run in comparison.runs),
        stages=comparison.stage_comparisons(),
        first_mismatches=tuple(comparison.mismatches),
        unit=counter.unit,
        per_frame=counter.units(median_frame_ticks(comparison.runs)),
        most_per_frame=counter.units(max(float(run.frontend_ticks.max(initial=0)) for run in comparison.runs)),
        log=tuple(log),
    )
