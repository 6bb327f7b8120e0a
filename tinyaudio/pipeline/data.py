"""From a manifest to features: the stages that only listen."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tinyaudio.core.artifacts import (
    AugmentedFeatures,
    Dataset,
    FeatureSet,
    Split,
)
from tinyaudio.core.board import PROJECT_BOARDS, Board, load_board, require_sample_rate
from tinyaudio.core.canonical import sha256_bytes
from tinyaudio.core.project import Project
from tinyaudio.dsp.audio import AudioAugmenter, sound_files
from tinyaudio.dsp.frontend import FrontendTables, design_frontend
from tinyaudio.learn.dataset import DataCheck, augment_features, clip_reader, compute_features, faultless_dataset, read_manifest
from tinyaudio.learn.dataset import check_data as check_project_data
from tinyaudio.pipeline.line import Advance, Line, StageResult, once, reuse_or_make


def project_board(project: Project, board_id: str) -> Board:
    """Return the board type as `project` uses it: shipped or of its own, with the project's FFT kernel where it names one."""
    board = load_board(board_id, folder=project.directory / PROJECT_BOARDS)
    return board if project.fft_kernel is None else board.model_copy(update={"fft_kernel": project.fft_kernel})


def project_frontend(project: Project) -> FrontendTables:
    """Return the front end that the project's features are computed with: its spec, its target board's FFT kernel."""
    board = project_board(project, project.board)
    require_sample_rate(board, project.frontend.sample_rate_hz)
    return design_frontend(project.frontend, kernel=board.fft_kernel)


def check_data(line: Line) -> DataCheck:
    """Read every file of the manifest and return what is wrong with the data."""
    with line.progress.task("checking the recordings") as advance:
        return check_project_data(line.project, on_progress=advance)


def data_facts(check: DataCheck) -> dict[str, Any]:
    """Return the outcome of a data check as the command line's JSON shows it."""
    splits = check.clips_by_split
    return {
        "clips": check.clips,
        "labels": {label: sum(counts[label] for counts in splits.values()) for label in check.labels},
        "groups": check.groups,
        "splits": check.clips_of_split,
        "errors": sum(problem.severity == "error" for problem in check.problems),
        "warnings": sum(problem.severity == "warning" for problem in check.problems),
        "problems": [
            {"row": problem.row, "file": problem.file, "severity": problem.severity, "kind": problem.kind, "message": problem.message}
            for problem in check.problems
        ],
    }


@once
def dataset_stage(line: Line) -> StageResult[Dataset]:
    """Check the manifest and split it; looked at again if the manifest, its settings or a file's size or time changed."""
    project = line.project

    def make(advance: Advance) -> Dataset:
        check = check_project_data(project, on_progress=advance)
        _warn_by_kind(line, check)
        return faultless_dataset(check, project)

    rows, _ = read_manifest(project.manifest_path, project.data)
    inputs = {
        "manifest": sha256_bytes(project.manifest_path.read_bytes()),
        "data": project.data.model_dump(),
        "frontend": project.frontend,
        "files": [_file_state(project.manifest_path.parent / row.filename) for row in rows],
    }
    return reuse_or_make(
        line,
        "dataset",
        Dataset,
        inputs=inputs,
        description="checking the recordings",
        make=make,
    )


@once
def features_stage(line: Line) -> StageResult[FeatureSet]:
    """Run the integer twin over all clips."""
    dataset = dataset_stage(line)
    tables = project_frontend(line.project)
    return reuse_or_make(
        line,
        "features",
        FeatureSet,
        inputs={"dataset": dataset.stored.fingerprint, "frontend": tables.fingerprint},
        description="computing features with the integer twin",
        make=lambda advance: compute_features(dataset.value, clip_reader(line.project), tables, on_progress=advance),
    )


@once
def augmented_stage(line: Line) -> StageResult[AugmentedFeatures]:
    """Add changed copies of the training recordings; only asked for where ``train.audio.versions`` is not 0."""
    features, project = features_stage(line), line.project
    table, tables = project.train.audio, project_frontend(project)
    folders = [project.directory / name for name in (table.backgrounds, table.rooms) if name]
    splits: tuple[Split, ...] = ("train", "validation") if project.train.validation == "include" else ("train",)

    def make(advance: Advance) -> AugmentedFeatures:
        augmenter = AudioAugmenter(table, directory=project.directory, sample_rate_hz=project.frontend.sample_rate_hz)
        return augment_features(
            features.value,
            clip_reader(project),
            tables,
            lambda pcm, seed: augmenter.augment(pcm, seed=seed),
            versions=table.versions,
            seed=project.train.seed,
            splits=splits,
            on_progress=advance,
        )

    return reuse_or_make(
        line,
        "augmented",
        AugmentedFeatures,
        inputs={
            "features": features.stored.fingerprint,
            "audio": table.model_dump(),
            "seed": project.train.seed,
            "splits": splits,
            "sounds": [sha256_bytes(path.read_bytes()) for folder in folders for path in sound_files(folder)],
        },
        description="changing copies of the training recordings",
        make=make,
        outlives_code=True,
    )


def _warn_by_kind(line: Line, check: DataCheck) -> None:
    """Say once for each kind of warning how often it occurs, with its first case."""
    kinds = dict.fromkeys(problem.kind for problem in check.warnings)
    for kind in kinds:
        cases = [problem for problem in check.warnings if problem.kind == kind]
        more = f" ({len(cases)} such; `tinyaudio data check` lists them)" if len(cases) > 1 else ""
        line.progress.warning(f"{cases[0]}{more}")


def _file_state(path: Path) -> list[int]:
    """Return size and time of a file, nothing if it is missing: the check itself then names it."""
    try:
        state = path.stat()
    except OSError:
        return []
    return [state.st_size, state.st_mtime_ns]
