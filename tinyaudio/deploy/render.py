"""(tables, model, board) -> a self-contained firmware project as text. `render_project` is pure; `write_project` writes it.

A project holds copies of firmware/lib, of the board family's port and of the local PlatformIO platform, beside what is
generated for this one model::

    platformio.ini              the environment, named as the board
    linker.ld                   from the board's memory map; embedded boards only
    platforms/tinyaudio/        the local PlatformIO platform
    lib/<library>/              hand-written C++, as it is
    src/port/                   the port of the board's family, as it is
    src/main.cc                 memory and start
    src/generated/              tables, model, configuration, fingerprint

The firmware fingerprint is the fingerprint (`core.canonical`) of {path: text} over all files but the one that carries it,
``src/generated/firmware_fingerprint.h``. It is compiled in, and the device reports it in ``Hello``.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path, PurePosixPath
from typing import Any

from tinyaudio.core.artifacts import NO_MODEL_SHA256, Calibration, FirmwareProject, QuantizedModel
from tinyaudio.core.board import Board, require_sample_rate
from tinyaudio.core.canonical import fingerprint
from tinyaudio.core.errors import BoardError, ModelError, StorageError
from tinyaudio.core.files import storage_error, write_text_if_changed
from tinyaudio.core.resources import read_text_tree, resource_root
from tinyaudio.core.spec import KernelId
from tinyaudio.core.templating import render_template
from tinyaudio.deploy.compiler import CompiledModel, compile_model
from tinyaudio.dsp.frontend import (
    KERNELS,
    FeatureQuantization,
    FrontendTables,
    design_feature_quantization,
    template_context,
    template_context_quantization,
)

FINGERPRINT_FILE = "src/generated/firmware_fingerprint.h"
#: Lists the files that `write_project` wrote, so that it removes what is no longer part of the project and nothing else.
MANIFEST_FILE = ".tinyaudio-project.json"

_SOURCE_SUFFIXES = (".h", ".cc", ".c", ".json", ".py", ".S")
_MAX_LABELS = 64  # firmware/lib/tinyaudio_app: kMaxLabels; wire/protocol.toml: PatchResult.scores
_MAX_SMOOTHING_PATCHES = 255  # firmware/lib/tinyaudio_app: kMaxSmoothingPatches
_PATCH_LAYOUT_CONSTANTS = {"frames_first": "kFramesFirst", "bands_first": "kBandsFirst"}
_COUNTER_UNIT_CONSTANTS = {"instructions": "kInstructions", "cycles": "kCycles", "nanoseconds": "kNanoseconds"}


@dataclass(frozen=True, slots=True, kw_only=True)
class RenderInputs:
    """Everything a firmware project is made from, besides the sources in firmware/ and templates/."""

    board: Board
    tables: FrontendTables  # of the board's FFT kernel
    quantized: QuantizedModel
    calibration: Calibration


@dataclass(frozen=True, slots=True, kw_only=True)
class FrontendRenderInputs:
    """Everything a firmware project without a model is made from: it computes features and nothing of them."""

    board: Board
    tables: FrontendTables  # of the board's FFT kernel
    quantization: FeatureQuantization


@dataclass(frozen=True, slots=True, kw_only=True)
class _Parts:
    """What differs between projects with and without a model."""

    board: Board
    tables: FrontendTables
    quantization: FeatureQuantization
    model_files: Mapping[str, str]  # path below src/ -> text
    model_sha256: str
    labels: tuple[str, ...]
    calibration: Calibration


def render_project(inputs: RenderInputs) -> FirmwareProject:
    """Return the firmware project for a model on a board: the same bytes for the same inputs.

    Raises
    ------
    ModelError
        If the model cannot be compiled, or does not fit the front end or the protocol.
    BoardError
        If the tables are not of the board's FFT kernel.
    SpecError
        If the board's microphone cannot give the front end's sample rate.
    """
    _check_board(inputs.board, inputs.tables)
    compiled = compile_model(inputs.quantized.tflite, name="model")
    _check_model(inputs, compiled)
    quantization = design_feature_quantization(
        compiled.input_.scale,
        compiled.input_.zero_point,
        log_fraction_bits=inputs.tables.log_fraction_bits,
        log_scale=inputs.tables.spec.log_scale,
    )
    return _render(
        _Parts(
            board=inputs.board,
            tables=inputs.tables,
            quantization=quantization,
            model_files=compiled.files,
            model_sha256=inputs.quantized.sha256,
            labels=inputs.quantized.labels,
            calibration=inputs.calibration,
        )
    )


def render_frontend_project(inputs: FrontendRenderInputs) -> FirmwareProject:
    """Return the firmware project for a front end alone: the same application, with a model that has no outputs.

    The device traces every stage of every frame and the features of every patch; its results hold no scores.

    Raises
    ------
    BoardError
        If the tables are not of the board's FFT kernel.
    SpecError
        If the board's microphone cannot give the front end's sample rate.
    """
    _check_board(inputs.board, inputs.tables)
    spec = inputs.tables.spec
    context = {"input_elements": spec.patch_frames * spec.feature_bands}
    return _render(
        _Parts(
            board=inputs.board,
            tables=inputs.tables,
            quantization=inputs.quantization,
            model_files={f"generated/{name}": render_template(f"app/no_{name}.j2", context) for name in ("model.h", "model.cc")},
            model_sha256=NO_MODEL_SHA256,
            labels=(),
            calibration=Calibration(smoothing_patches=1, detection_threshold=0),
        )
    )


def _render(parts: _Parts) -> FirmwareProject:
    board = parts.board
    files = {**_copied_files(board, parts.tables.kernel), **_generated_files(parts)}
    ordered = {path: files[path] for path in sorted(files)}
    own_fingerprint = fingerprint(ordered)
    ordered[FINGERPRINT_FILE] = render_template("app/firmware_fingerprint.h.j2", {"fingerprint": own_fingerprint})
    return FirmwareProject(
        board=board.id,
        runtime=board.default_runtime,
        files=dict(sorted(ordered.items())),
        fingerprint=own_fingerprint,
        frontend_fingerprint=parts.tables.fingerprint,
        model_sha256=parts.model_sha256,
    )


def write_project(project: FirmwareProject, directory: Path) -> tuple[str, ...]:
    """Write `project` to `directory`, touching only files whose text changed; return the paths written or removed, sorted.

    Files that an earlier call wrote and that are no longer part of the project are removed. Everything else there, such
    as PlatformIO's ``.pio``, stays.

    Raises
    ------
    StorageError
        If the disk refuses, or if `directory` has content and was not written by this function.
    """
    earlier = _earlier_files(directory)
    _write_manifest(directory, earlier | set(project.files))  # first: a project written in part is known as ours
    written = [path for path, text in project.files.items() if write_text_if_changed(directory / path, text)]
    stale = sorted(earlier - set(project.files))
    for path in stale:
        _remove(directory, path)
    _write_manifest(directory, project.files)
    return tuple(sorted([*written, *stale]))


def _check_board(board: Board, tables: FrontendTables) -> None:
    if tables.kernel != board.fft_kernel:
        raise BoardError(
            f"{board.id} computes with FFT kernel {board.fft_kernel}, the tables are of {tables.kernel}",
            hint="design the front end with the board's kernel",
            where="fft_kernel",
        )
    require_sample_rate(board, tables.spec.sample_rate_hz)


def _check_model(inputs: RenderInputs, compiled: CompiledModel) -> None:
    spec, labels = inputs.tables.spec, inputs.quantized.labels
    if compiled.input_.elements != spec.patch_frames * spec.feature_bands:
        raise ModelError(
            f"takes {compiled.input_.elements} values, but a patch has {spec.patch_frames} frames of {spec.feature_bands} features",
            hint="train a model on this front end, or give [frontend] the patch of this model",
            where="input",
        )
    if compiled.output_.elements != len(labels):
        raise ModelError(
            f"has {compiled.output_.elements} outputs for {len(labels)} labels", hint="train the model again with these labels", where="output"
        )
    if max(len(labels), compiled.logits.elements) > _MAX_LABELS:
        raise ModelError(f"has {len(labels)} labels; {_MAX_LABELS} are supported", hint="merge or drop some labels", where="labels")
    if not 1 <= inputs.calibration.smoothing_patches <= _MAX_SMOOTHING_PATCHES:
        raise ModelError(
            f"smoothing_patches is {inputs.calibration.smoothing_patches}; 1 to {_MAX_SMOOTHING_PATCHES} are supported",
            hint="mend [detection] in tinyaudio.toml",
            where="smoothing_patches",
        )


def _copied_files(board: Board, kernel: KernelId) -> dict[str, str]:
    """Return the sources in firmware/ that a board and a kernel need: no library of another kernel."""
    firmware = resource_root("firmware")
    of_kernels = {library for other in KERNELS.values() for library in other.libraries}
    others = tuple(f"lib/{library}/" for library in sorted(of_kernels - set(KERNELS[kernel].libraries)))
    libraries = _below("lib", firmware / "lib")
    return {
        **{path: text for path, text in libraries.items() if not path.startswith(others)},
        **_below(f"platforms/{board.platformio.platform}", firmware / "platform"),
        **_below("src/port", firmware / "ports" / board.family),
    }


@cache
def _tree(root: Path) -> Mapping[str, str]:
    return read_text_tree(root, suffixes=_SOURCE_SUFFIXES)


def _below(prefix: str, root: Path) -> dict[str, str]:
    return {f"{prefix}/{path}": text for path, text in _tree(root).items()}


def _generated_files(parts: _Parts) -> dict[str, str]:
    frontend = {**template_context(parts.tables), **template_context_quantization(parts.quantization)}
    application = _application_context(parts)
    files = {f"src/{path}": text for path, text in parts.model_files.items()}
    for name in ("frontend_tables.h", "frontend_tables.cc"):
        files[f"src/generated/{name}"] = render_template(f"frontend/{name}.j2", frontend)
    for name in ("application_config.h", "application_config.cc"):
        files[f"src/generated/{name}"] = render_template(f"app/{name}.j2", application)
    files["src/main.cc"] = render_template("app/main.cc.j2", {})
    files["platformio.ini"] = render_template("platformio.ini.j2", _platformio_context(parts.board))
    if parts.board.memory.regions:
        files["linker.ld"] = render_template("app/linker.ld.j2", _linker_context(parts.board))
    return files


def _application_context(parts: _Parts) -> dict[str, Any]:
    board = parts.board
    return {
        "board_id": board.id,
        "runtime": board.default_runtime,
        "kernel": parts.tables.kernel,
        "patch_layout_constant": _PATCH_LAYOUT_CONSTANTS[parts.tables.spec.patch_layout],
        "model_sha256": parts.model_sha256,
        "labels": list(parts.labels),
        "smoothing_patches": parts.calibration.smoothing_patches,
        "detection_threshold": parts.calibration.detection_threshold,
        "counter_frequency_hz": board.counter_frequency_hz,
        "counter_unit_constant": _COUNTER_UNIT_CONSTANTS[board.counter_unit],
    }


def _platformio_context(board: Board) -> dict[str, Any]:
    return {
        "board_id": board.id,
        "platform": board.platformio.platform,
        "platformio_board": board.platformio.board,
        "build_flags": list(board.platformio.build_flags),
    }


def _linker_context(board: Board) -> dict[str, Any]:
    memory = board.memory
    regions = [
        {"name": name, "attributes": region.attributes, "origin": f"0x{region.origin:08x}", "length_bytes": region.length_bytes}
        for name, region in memory.regions.items()
    ]
    return {"regions": regions, "code_region": memory.code, "data_region": memory.data, "stack_bytes": memory.stack_bytes}


def _earlier_files(directory: Path) -> frozenset[str]:
    """Return the files that an earlier `write_project` left; refuse a folder that is somebody else's."""
    manifest = directory / MANIFEST_FILE
    try:
        if not manifest.is_file():
            if directory.is_dir() and any(directory.iterdir()):
                raise StorageError(
                    "the folder is not empty and holds no firmware project of tinyaudio", hint="choose another --out folder", where=str(directory)
                )
            return frozenset()
        listed = json.loads(manifest.read_text(encoding="utf-8"))["files"]
        return frozenset(path for path in listed if _is_inside(path))
    except OSError as error:
        raise storage_error(directory, error) from error
    except (ValueError, KeyError, TypeError) as error:
        raise StorageError("its list of files is damaged", hint="remove the folder, or choose another one", where=str(manifest)) from error


def _write_manifest(directory: Path, paths: Iterable[str]) -> None:
    write_text_if_changed(directory / MANIFEST_FILE, json.dumps({"files": sorted(paths)}, indent=2) + "\n")


def _is_inside(path: str) -> bool:
    """Whether a listed path stays inside the project, so that a doctored list removes nothing outside."""
    pure = PurePosixPath(path)
    return not pure.is_absolute() and ".." not in pure.parts


def _remove(directory: Path, path: str) -> None:
    target = directory / path
    try:
        target.unlink(missing_ok=True)
        for parent in target.relative_to(directory).parents:
            if parent != Path() and not any((directory / parent).iterdir()):
                (directory / parent).rmdir()
    except OSError as error:
        raise storage_error(target, error) from error
