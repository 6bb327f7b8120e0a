"""What a model makes of hours without events: background from the synthetic generator, and recordings of one's own."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Literal, get_args

import numpy as np

from tinyaudio.core.artifacts import ExpectedOutputs, Int8Array, Int16Array, QuantizedModel
from tinyaudio.core.errors import InputError, StageError
from tinyaudio.core.project import BackgroundTable
from tinyaudio.dsp.audio import SCENE_SECONDS, read_pcm, sound_files, synthesize_background
from tinyaudio.dsp.frontend import FrontendTables, compute_feature_rows, patches, quantize_features
from tinyaudio.learn.dataset import quantization_of
from tinyaudio.learn.oracle import Oracle, oracle_version
from tinyaudio.learn.quantize import BulkInterpreter

Progress = Callable[[int, int], None]

#: Thresholds are chosen by other background than they are tested with.
BackgroundPurpose = Literal["calibrate", "test"]
BACKGROUND_PURPOSES: tuple[BackgroundPurpose, ...] = get_args(BackgroundPurpose)

SECONDS_AN_HOUR = 3_600.0
_CHECKED_PATCHES = 16


def background_outputs(
    quantized: QuantizedModel,
    tables: FrontendTables,
    table: BackgroundTable,
    *,
    purpose: BackgroundPurpose,
    directory: Path,
    run: Callable[[Int8Array], Int8Array] | None = None,
    on_progress: Progress | None = None,
) -> ExpectedOutputs:
    """Take ``background.hours`` of sound through the integer front end and the model.

    Recordings of ``background.folder`` come first, every second one for each purpose; synthetic scenes fill the rest.

    Parameters
    ----------
    quantized
        The model.
    tables
        The front end that it was made for.
    table
        ``[background]`` of the project.
    purpose
        Which half of the recordings, and which scenes.
    directory
        What the folder is relative to.
    run
        Computes the outputs of a scene's patches as the oracle would; None: TensorFlow Lite's kernels where they do, else the oracle.
    on_progress
        Called with (seconds done, seconds in all).

    Returns
    -------
    ExpectedOutputs
        A scene in place of a clip.

    Raises
    ------
    StageError
        If model and front end do not belong together.
    InputError
        If the folder has too few recordings, or one of them is shorter than a patch.
    """
    scenes = _scenes(tables, table, purpose=purpose, directory=directory)
    return recorded_outputs(quantized, tables, scenes, hours=table.hours, run=run, on_progress=on_progress)


def recorded_outputs(
    quantized: QuantizedModel,
    tables: FrontendTables,
    recordings: Iterable[tuple[str, Int16Array]],
    *,
    hours: float,
    run: Callable[[Int8Array], Int8Array] | None = None,
    on_progress: Progress | None = None,
) -> ExpectedOutputs:
    """Take recordings, (name, int16 [samples]) of at least a patch, through the integer front end and the model; `hours` are theirs in all.

    The other parameters, what is returned and what is raised are as of `background_outputs`.
    """
    if quantized.frontend_fingerprint != tables.fingerprint:
        raise StageError("the model was made for another front end", hint="train again with `tinyaudio train`", where="background")
    quantization = quantization_of(quantized, log_fraction_bits=tables.log_fraction_bits, log_scale=tables.spec.log_scale)
    names: list[str] = []
    parts: list[Int8Array] = []
    done, total = 0.0, hours * SECONDS_AN_HOUR
    for name, pcm in recordings:
        inputs = quantize_features(patches(compute_feature_rows(tables, pcm), tables.spec), quantization)
        run = run or _quickest(quantized, inputs[:_CHECKED_PATCHES])
        names.append(name)
        parts.append(run(inputs))
        done += pcm.size / tables.spec.sample_rate_hz
        if on_progress is not None:
            on_progress(round(min(done, total)), round(total))
    outputs, offsets = np.concatenate(parts), np.concatenate([[0], np.cumsum([len(part) for part in parts])]).astype(np.int64)
    outputs.flags.writeable = offsets.flags.writeable = False
    return ExpectedOutputs(
        model_sha256=quantized.sha256, oracle=oracle_version(), filenames=tuple(names), logits=outputs, outputs=outputs, patch_offsets=offsets
    )


def _scenes(tables: FrontendTables, table: BackgroundTable, *, purpose: BackgroundPurpose, directory: Path) -> Iterator[tuple[str, Int16Array]]:
    """Yield name and samples until the hours are full; the last one is cut."""
    rate_hz = tables.spec.sample_rate_hz
    left = round(table.hours * SECONDS_AN_HOUR * rate_hz)
    turn = BACKGROUND_PURPOSES.index(purpose)
    for path in _recordings(table, directory)[turn :: len(BACKGROUND_PURPOSES)]:
        pcm = read_pcm(path, sample_rate_hz=rate_hz)[:left]
        if pcm.size < min(left, tables.spec.patch_samples):
            raise InputError("is shorter than one patch", hint="take it out of background.folder", where=str(path))
        if pcm.size >= tables.spec.patch_samples:
            yield path.name, pcm
        left -= pcm.size
    scene = turn
    while left >= tables.spec.patch_samples:
        pcm = synthesize_background(scene, seed=table.seed, sample_rate_hz=rate_hz, seconds=min(SCENE_SECONDS, left / rate_hz))
        yield f"synthetic scene {scene}", pcm
        left -= pcm.size
        scene += len(BACKGROUND_PURPOSES)


def _recordings(table: BackgroundTable, directory: Path) -> list[Path]:
    if not table.folder:
        return []
    found = sound_files(directory / table.folder)
    if len(found) < len(BACKGROUND_PURPOSES):
        raise InputError(
            f"has {len(found)} recordings; one to calibrate by and one to test with are the least",
            hint="cut a long recording in pieces",
            where=str(directory / table.folder),
        )
    return list(found)


def _quickest(quantized: QuantizedModel, checked: Int8Array) -> Callable[[Int8Array], Int8Array]:
    """Return TensorFlow Lite's kernels if they compute the same as the oracle for the `checked` patches, else the oracle."""
    oracle = Oracle(quantized.tflite)

    def slowly(inputs: Int8Array) -> Int8Array:
        return np.array([oracle.run(patch)[1] for patch in inputs], np.int8)

    bulk = BulkInterpreter(quantized.tflite)
    return bulk.run if np.array_equal(bulk.run(checked), slowly(checked)) else slowly
