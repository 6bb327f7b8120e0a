"""Hours without events, taken through the model: what thresholds are chosen by, and what they are tested with."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from tinyaudio.core.artifacts import ExpectedOutputs, Int8Array, QuantizedModel
from tinyaudio.core.canonical import sha256_bytes
from tinyaudio.core.errors import ToolError
from tinyaudio.dsp.audio import sound_files
from tinyaudio.dsp.frontend import FrontendTables
from tinyaudio.learn.calibrate import BackgroundPurpose, background_outputs
from tinyaudio.learn.oracle import oracle_version
from tinyaudio.pipeline.line import Advance, Line, StageResult, reuse_or_make
from tinyaudio.pipeline.native_model import native_predictor

_STAGES: dict[BackgroundPurpose, str] = {"calibrate": "background_calibrate", "test": "background_test"}


def background_stage(
    line: Line, quantized: StageResult[QuantizedModel], tables: FrontendTables, purpose: BackgroundPurpose
) -> StageResult[ExpectedOutputs]:
    """Run the model over ``background.hours`` of sound; only asked for where these are not 0."""
    stage, project = _STAGES[purpose], line.project
    if stage not in line.seen:
        table = project.background
        folder = project.directory / table.folder

        def make(advance: Advance) -> ExpectedOutputs:
            run = scene_runner(line, quantized.value)
            return background_outputs(quantized.value, tables, table, purpose=purpose, directory=project.directory, run=run, on_progress=advance)

        line.seen[stage] = reuse_or_make(
            line,
            stage,
            ExpectedOutputs,
            inputs={
                "model": quantized.value.sha256,
                "frontend": tables.fingerprint,
                "background": table.model_dump(),
                "sounds": [sha256_bytes(path.read_bytes()) for path in sound_files(folder)] if table.folder else [],
                "oracle": oracle_version(),
            },
            description=f"listening to {table.hours:g} h of background, to {purpose}",
            make=make,
        )
    return line.seen[stage]


def scene_runner(line: Line, quantized: QuantizedModel) -> Callable[[Int8Array], Int8Array] | None:
    """Return what computes the outputs of a scene: the compiled C++, compared with the interpreter on the first scene; None without a compiler."""
    predictor = native_predictor(quantized, line.store.directory / "native")
    if isinstance(predictor, ToolError):
        return None

    def run(patches: Int8Array) -> Int8Array:
        begins = np.zeros(len(patches), np.bool_)
        begins[:1] = True
        return predictor.run(patches, begins=begins, compare=not predictor.compared).outputs

    return run
