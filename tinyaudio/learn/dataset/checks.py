"""Find every fault of the data, by row, before anything is trained on it."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tinyaudio.core.artifacts import SPLITS, Clip, Dataset, Split
from tinyaudio.core.canonical import sha256_bytes
from tinyaudio.core.errors import AudioError, ManifestError
from tinyaudio.core.project import Project
from tinyaudio.dsp.audio import Audio, read_audio
from tinyaudio.learn.dataset.anomaly import anomaly_problems, assign_anomaly_splits, is_misplaced, little_sound, without_training
from tinyaudio.learn.dataset.manifest import Problem, Row, read_manifest
from tinyaudio.learn.dataset.several_labels import several_label_problems
from tinyaudio.learn.dataset.splits import assign_splits, test_splits

Progress = Callable[[int, int], None]

_SILENT_PEAK = 3  # int16 steps: -80 dBFS, what dither leaves
_CLIPPED_RUN_SAMPLES = 3  # neighbouring samples at full scale
_CLIPPED_SHARE = 0.001  # of all samples, in such runs


@dataclass(frozen=True, slots=True, kw_only=True)
class DataCheck:
    """What the manifest lists and what is wrong with it."""

    clips: int  # usable rows
    labels: tuple[str, ...]  # sorted
    groups: int
    clips_of_split: dict[str, int]  # split -> clips
    clips_by_split: dict[str, dict[str, int]]  # split -> label -> clips that have it
    problems: tuple[Problem, ...]  # by row, those of no row last
    dataset: Dataset | None  # None if there are errors

    @property
    def errors(self) -> tuple[Problem, ...]:
        """The problems that stop a training."""
        return tuple(problem for problem in self.problems if problem.severity == "error")

    @property
    def warnings(self) -> tuple[Problem, ...]:
        """The problems that do not."""
        return tuple(problem for problem in self.problems if problem.severity == "warning")


def check_data(project: Project, *, on_progress: Progress | None = None) -> DataCheck:
    """Read the manifest and every file it lists.

    Parameters
    ----------
    project
        Names the manifest.
    on_progress
        Called with (files read, files in all).

    Returns
    -------
    DataCheck
        Faulty data is a result, not an exception.

    Raises
    ------
    ManifestError
        If the manifest as a whole cannot be read.
    """
    rows, problems_of_rows = read_manifest(project.manifest_path, project.data)
    splits = _splits(rows, project)
    problems = list(problems_of_rows)
    clips: list[tuple[Row, Clip]] = []
    folder = project.manifest_path.parent
    for done, (row, split) in enumerate(zip(rows, splits, strict=True), start=1):
        if split is not None:
            clip, found = inspect_clip(folder, row, split, project)
            problems += found
            if clip is not None:
                clips.append((row, clip))
        if on_progress is not None:
            on_progress(done, len(rows))
    used = [(row, split) for row, split in zip(rows, splits, strict=True) if split is not None]
    problems += _duplicates(clips)
    problems += _groups_in_two_splits(used)
    if project.is_anomaly:
        problems += anomaly_problems(rows, splits, project)
        problems += little_sound((clip for _, clip in clips), project)
    else:
        problems += _class_problems(used, project)
    problems += _unused_splits(rows, splits, project)
    return _result(clips, used, problems, project)


def _splits(rows: Sequence[Row], project: Project) -> tuple[Split | None, ...]:
    if project.is_anomaly:
        splits = assign_anomaly_splits(rows, project.data.split, project.anomaly.normal)
        return splits if project.model_path is None else without_training(splits)
    return assign_splits(rows, project.data.split) if project.model_path is None else test_splits(rows, project.data.split)


def load_dataset(project: Project, *, on_progress: Progress | None = None) -> Dataset:
    """Return the data set of `project`, or raise if its data has errors; see `check_data` and `faultless_dataset`."""
    return faultless_dataset(check_data(project, on_progress=on_progress), project)


def faultless_dataset(check: DataCheck, project: Project) -> Dataset:
    """Return the data set that `check` found.

    Raises
    ------
    ManifestError
        If it has errors, naming the first.
    """
    if check.dataset is None:
        shown = "; ".join(str(problem) for problem in check.errors[:3])
        more = f"; and {len(check.errors) - 3} more" if len(check.errors) > 3 else ""
        raise ManifestError(f"{shown}{more}", hint="`tinyaudio data check` lists every problem", where=str(project.manifest_path))
    return check.dataset


def _result(clips: list[tuple[Row, Clip]], used: list[tuple[Row, Split]], problems: list[Problem], project: Project) -> DataCheck:
    ordered = tuple(sorted(problems, key=lambda problem: (problem.row is None, problem.row or 0)))
    labels = project.model.labels or tuple(sorted({label for row, _ in used for label in row.labels}))
    counts: dict[str, dict[str, int]] = {split: dict.fromkeys(labels, 0) for split in SPLITS}
    for row, split in used:
        for label in row.labels:
            counts[split][label] = counts[split].get(label, 0) + 1
    is_good = bool(clips) and not any(problem.severity == "error" for problem in ordered)
    dataset = Dataset(
        labels=labels,
        sample_rate_hz=project.frontend.sample_rate_hz,
        clips=tuple(clip for _, clip in clips),
        label_separator=project.data.label_separator,
    )
    return DataCheck(
        clips=len(used),
        labels=labels,
        groups=len({row.group for row, _ in used}),
        clips_of_split={split: sum(other == split for _, other in used) for split in SPLITS},
        clips_by_split=counts,
        problems=ordered,
        dataset=dataset if is_good else None,
    )


def inspect_clip(folder: Path, row: Row, split: Split, project: Project) -> tuple[Clip | None, list[Problem]]:
    """Read one file; return its clip, or None if it cannot be used, and its problems."""
    path = folder / row.filename
    try:
        audio = read_audio(path, sample_rate_hz=project.frontend.sample_rate_hz)
    except AudioError as error:
        kind = "missing" if isinstance(error.__cause__, FileNotFoundError) else "unreadable"
        return None, [_problem(row, "error", kind, f"{error.message}; {error.hint}")]
    problems = list(_sound_problems(row, audio, project))
    clip = Clip(
        filename=row.filename,
        label=row.label,
        group=row.group,
        split=split,
        samples=audio.pcm.size,
        pcm_sha256=sha256_bytes(np.ascontiguousarray(audio.pcm, dtype="<i2").tobytes()),
    )
    return clip, problems


def _sound_problems(row: Row, audio: Audio, project: Project) -> Iterator[Problem]:
    rate_hz, patch = project.frontend.sample_rate_hz, project.frontend.patch_samples
    if audio.pcm.size < patch:
        yield _problem(
            row,
            "error",
            "empty",
            f"{audio.pcm.size} samples, shorter than one patch ({patch} samples, {patch / rate_hz:.2f} s); drop the row or use a longer recording",
        )
    elif int(np.abs(audio.pcm.astype(np.int32)).max()) <= _SILENT_PEAK:
        yield _problem(row, "error", "silent", "nothing but silence (peak below -80 dBFS); drop the row or record it again")
    share = _clipped_share(audio)
    if share > _CLIPPED_SHARE:
        yield _problem(row, "warning", "clipped", f"{100 * share:.1f} % of the samples stand at full scale; record it with less gain")
    if audio.file_rate_hz != rate_hz:
        done = f"; it is resampled to {rate_hz} Hz" if project.data.resample else f", but the project wants {rate_hz} Hz and data.resample is false"
        yield _problem(row, "warning" if project.data.resample else "error", "wrong_rate", f"sampled at {audio.file_rate_hz} Hz{done}")
    if audio.file_channels > 1:
        is_mixed = project.data.channels == "mix"
        done = "; they are averaged to mono" if is_mixed else ' and data.channels = "refuse"; mix it to mono'
        yield _problem(row, "warning" if is_mixed else "error", "stereo", f"{audio.file_channels} channels{done}")
    if audio.nan_samples:
        yield _problem(row, "error", "nan_or_beyond_full_scale", f"{audio.nan_samples} samples are not finite numbers; export the file again")
    elif audio.beyond_full_scale_samples:
        message = f"{audio.beyond_full_scale_samples} samples lie beyond full scale and are clipped; lower the level of this file"
        yield _problem(row, "warning", "nan_or_beyond_full_scale", message)


def _clipped_share(audio: Audio) -> float:
    """Return the share of samples that stand at full scale in runs of at least three."""
    if not audio.pcm.size:
        return 0.0
    at_limit = (audio.pcm >= 32_767) | (audio.pcm <= -32_767)
    edges = np.flatnonzero(np.diff(at_limit.astype(np.int8), prepend=0, append=0))
    runs = edges[1::2] - edges[::2]
    return float(runs[runs >= _CLIPPED_RUN_SAMPLES].sum()) / audio.pcm.size


def _duplicates(clips: Iterable[tuple[Row, Clip]]) -> Iterator[Problem]:
    """Yield the clips whose samples are those of an earlier one: an error across splits or labels, else a warning."""
    first: dict[str, tuple[Row, Clip]] = {}
    for row, clip in clips:
        earlier_row, earlier = first.setdefault(clip.pcm_sha256, (row, clip))
        if earlier is clip or earlier.filename == clip.filename:
            continue
        same = f"the same sound as row {earlier_row.number} ({earlier.filename})"
        if earlier.split != clip.split:
            yield _problem(row, "error", "duplicate", f"{same}, but in the split {clip.split!r} while that is in {earlier.split!r}; drop one of them")
        elif earlier.label != clip.label:
            yield _problem(row, "error", "duplicate", f"{same}, but labelled {clip.label!r} while that is {earlier.label!r}; drop one of them")
        else:
            yield _problem(row, "warning", "duplicate", f"{same}; one of them is enough")


def _groups_in_two_splits(used: list[tuple[Row, Split]]) -> Iterator[Problem]:
    first: dict[str, tuple[Row, Split]] = {}
    for row, split in used:
        earlier, earlier_split = first.setdefault(row.group, (row, split))
        if earlier_split != split:
            message = (
                f"the group {row.group!r} is in the split {split!r} here and in {earlier_split!r} in row {earlier.number}; put it into one split"
            )
            yield _problem(row, "error", "group_in_two_splits", message)


def _class_problems(used: list[tuple[Row, Split]], project: Project) -> Iterator[Problem]:
    total = Counter(label for row, _ in used for label in row.labels)
    if project.model_path is not None:
        yield from _finished_model_problems(used, project)
        return
    for label in sorted(set(project.data.labels) - set(total)):
        yield _general("error", "label_never_occurs", f"the label {label!r} of data.labels never occurs; add clips of it or take it out")
    for label, count in sorted(total.items()):
        if count < project.data.minimum_clips_per_class:
            minimum = project.data.minimum_clips_per_class
            yield _general(
                "error", "few_clips", f"the label {label!r} has {count} clips, fewer than data.minimum_clips_per_class ({minimum}); add some"
            )
    if len(total) == 1:
        yield _general("error", "few_clips", f"there is only one label, {next(iter(total))!r}; a classifier needs two")
    by_split: dict[str, set[str]] = defaultdict(set)
    for row, split in used:
        by_split[split].update(row.labels)
    for split in SPLITS:
        missing = [label for label in sorted(total) if label not in by_split[split]]
        if len(missing) == len(total):
            message = f"no clip is in the split {split!r}; check the split column, or use more groups so that some can be drawn"
            yield _general("error", "label_never_occurs", message)
        else:
            severity = "warning" if split == "validation" else "error"
            for label in missing:
                yield _general(severity, "label_never_occurs", f"the label {label!r} never occurs in the split {split!r}; move a group of it there")
    yield from several_label_problems(used, project.data.label_separator)


def _finished_model_problems(used: list[tuple[Row, Split]], project: Project) -> Iterator[Problem]:
    """A finished model needs clips to test it with, of the labels it knows."""
    known = project.model.labels
    if not any(split == "test" for _, split in used):
        yield _general("error", "label_never_occurs", "no clip is in the split 'test'; check the split column, or leave it out: then all are")
    for row, _ in used:
        for label in row.labels:
            if known and label not in known:
                yield _problem(row, "error", "unknown_label", f"the label {label!r} is none of model.labels ({', '.join(known)})")


def _unused_splits(rows: Iterable[Row], splits: Iterable[Split | None], project: Project) -> Iterator[Problem]:
    pairs = [(row, split) for row, split in zip(rows, splits, strict=True) if not (project.is_anomaly and is_misplaced(row, project))]
    unused = Counter(row.split_value for row, split in pairs if split is None)
    for value, count in sorted(unused.items(), key=str):
        message = f"{count} clips are not used: their split {value!r} is in no list of [data.split]"
        yield _general("warning", "unused_split", message)


def _problem(row: Row, severity: str, kind: str, message: str) -> Problem:
    return Problem(severity=severity, row=row.number, file=row.filename, kind=kind, message=message)  # type: ignore[arg-type]


def _general(severity: str, kind: str, message: str) -> Problem:
    return Problem(severity=severity, row=None, file="", kind=kind, message=message)  # type: ignore[arg-type]
