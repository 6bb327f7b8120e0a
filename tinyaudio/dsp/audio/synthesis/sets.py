"""Write the synthetic set: WAV files and their manifest."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
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
    manifest, text = directory / "manifest.csv", _manifest_text(rows)
    stamp, stamp_text = directory / "synthetic.txt", f"{plan!r}\n"
    if _holds(manifest, text) and _holds(stamp, stamp_text) and all((directory / row[0]).is_file() for row in rows):
        return manifest
    for done, (filename, label, group, _) in enumerate(rows, start=1):
        _write_clip(directory / filename, plan, label=label, recording=int(group.rpartition("_")[2]))
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


def _manifest_text(rows: list[tuple[str, str, str, Split]]) -> str:
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(("filename", "label", "group", "split"))
    writer.writerows(rows)
    return buffer.getvalue()


def _holds(path: Path, text: str) -> bool:
    try:
        return path.read_text(encoding="utf-8") == text
    except (OSError, UnicodeDecodeError):
        return False
