"""Write the synthetic set: WAV files and their manifest."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tinyaudio.core.artifacts import SPLITS, Split
from tinyaudio.core.errors import InputError
from tinyaudio.core.files import write_bytes_atomically
from tinyaudio.dsp.audio.files import write_wav
from tinyaudio.dsp.audio.synthesis.scenes import DEFAULT_DIFFICULTY, SYNTHETIC_LABELS, Difficulty, synthesize_clip

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class SyntheticSet:
    """What to synthesize. A recording is one source in one room; all its takes are in one group and one split."""

    labels: tuple[str, ...] = SYNTHETIC_LABELS
    seed: int = 1
    train_recordings: int = 40  # per class
    validation_recordings: int = 8
    test_recordings: int = 8
    takes: int = 2  # clips per recording
    clip_samples: int = 40_000
    sample_rate_hz: int = 16_000
    difficulty: Difficulty = DEFAULT_DIFFICULTY

    def recordings_of(self, split: Split) -> range:
        """Return the numbers of the recordings of `split`."""
        counts = {"train": self.train_recordings, "validation": self.validation_recordings, "test": self.test_recordings}
        first = sum(counts[earlier] for earlier in SPLITS[: SPLITS.index(split)])
        return range(first, first + counts[split])


def synthesize_set(directory: Path, plan: SyntheticSet | None = None, *, on_progress: Progress | None = None) -> Path:
    """Write ``audio/*.wav`` and ``manifest.csv`` (filename, label, group, split) into `directory`.

    The manifest is written last and nothing is written twice: a second call with the same plan finds its own manifest and returns.

    Parameters
    ----------
    directory
        Created if need be.
    plan
        What to synthesize; the demo's set by default.
    on_progress
        Called with (clips done, clips in all).

    Returns
    -------
    Path
        The manifest.

    Raises
    ------
    InputError
        If the plan has an unknown label or no clips.
    StorageError
        If the disk refuses.
    """
    plan = plan or SyntheticSet()
    rows = _rows(plan)
    if not rows:
        raise InputError("the synthetic set would be empty", hint="ask for at least one label, recording and take")
    return write_set(
        directory,
        ("filename", "label", "group", "split"),
        rows,
        plan=plan,
        write_clip=lambda row: _write_clip(directory / row[0], plan, label=row[1], recording=int(row[2].rpartition("_")[2])),
        on_progress=on_progress,
    )


def write_set(
    directory: Path,
    columns: Sequence[str],
    rows: Sequence[tuple[str, ...]],
    *,
    plan: object,
    write_clip: Callable[[tuple[str, ...]], None],
    on_progress: Progress | None = None,
) -> Path:
    """Write a clip for each row, the file name first, then the manifest; nothing if all is there and of the same `plan`."""
    manifest, text = directory / "manifest.csv", _manifest_text(columns, rows)
    stamp, stamp_text = directory / "synthetic.txt", f"{plan!r}\n"
    if _holds(manifest, text) and _holds(stamp, stamp_text) and all((directory / row[0]).is_file() for row in rows):
        return manifest
    for done, row in enumerate(rows, start=1):
        write_clip(row)
        if on_progress is not None:
            on_progress(done, len(rows))
    write_bytes_atomically(manifest, text.encode("utf-8"))
    write_bytes_atomically(stamp, stamp_text.encode("utf-8"))
    return manifest


def _write_clip(path: Path, plan: SyntheticSet, *, label: str, recording: int) -> None:
    take = int(path.stem.rpartition("_")[2])
    pcm = synthesize_clip(
        label,
        seed=plan.seed,
        recording=recording,
        take=take,
        samples=plan.clip_samples,
        sample_rate_hz=plan.sample_rate_hz,
        difficulty=plan.difficulty,
    )
    write_wav(path, pcm, sample_rate_hz=plan.sample_rate_hz)


def _rows(plan: SyntheticSet) -> list[tuple[str, str, str, Split]]:
    return [
        (f"audio/{label}_{recording:03d}_{take}.wav", label, f"{label}_{recording:03d}", split)
        for split in SPLITS
        for recording in plan.recordings_of(split)
        for label in plan.labels
        for take in range(plan.takes)
    ]


def _manifest_text(columns: Sequence[str], rows: Sequence[tuple[str, ...]]) -> str:
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(rows)
    return buffer.getvalue()


def _holds(path: Path, text: str) -> bool:
    try:
        return path.read_text(encoding="utf-8") == text
    except (OSError, UnicodeDecodeError):
        return False
