"""Hours without events, taken through the model: what thresholds are chosen by, and what they are tested with."""

from __future__ import annotations

from tinyaudio.core.artifacts import ExpectedOutputs, QuantizedModel
from tinyaudio.core.canonical import sha256_bytes
from tinyaudio.dsp.audio import sound_files
from tinyaudio.dsp.frontend import FrontendTables
from tinyaudio.learn.calibrate import BackgroundPurpose, background_outputs
from tinyaudio.learn.oracle import oracle_version
from tinyaudio.pipeline.line import Line, StageResult, reuse_or_make

_STAGES: dict[BackgroundPurpose, str] = {"calibrate": "background_calibrate", "test": "background_test"}


def background_stage(
    line: Line, quantized: StageResult[QuantizedModel], tables: FrontendTables, purpose: BackgroundPurpose
) -> StageResult[ExpectedOutputs]:
    """Run the model over ``background.hours`` of sound; only asked for where these are not 0."""
    stage, project = _STAGES[purpose], line.project
    if stage not in line.seen:
        table = project.background
        folder = project.directory / table.folder
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
            make=lambda advance: background_outputs(
                quantized.value, tables, table, purpose=purpose, directory=project.directory, on_progress=advance
            ),
        )
    return line.seen[stage]
