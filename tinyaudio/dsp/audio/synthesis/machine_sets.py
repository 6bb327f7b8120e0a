"""Write the synthetic machine set: WAV files and their manifest."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tinyaudio.core.artifacts import SPLITS, Split
from tinyaudio.core.errors import InputError
from tinyaudio.dsp.audio.files import write_wav
from tinyaudio.dsp.audio.synthesis.machines import DEFAULT_MACHINE_DIFFICULTY, FAULTS, NORMAL_LABEL, MachineDifficulty, synthesize_machine_clip
from tinyaudio.dsp.audio.synthesis.sets import Progress, write_set

MACHINE_COLUMNS = ("filename", "label", "group", "split", "machine")


@dataclass(frozen=True, slots=True, kw_only=True)
class MachineSet:
    """What to synthesize. A session is one load of the machine; all its takes are in one group and one split."""

    faults: tuple[str, ...] = tuple(FAULTS)
    seed: int = 1
    train_sessions: int = 40  # of normal sound; faults are in the test split alone
    validation_sessions: int = 20
    test_sessions: int = 16
    fault_sessions: int = 6  # of each fault
    takes: int = 2  # clips a session
    machines: int = 1
    fault_db: float = 0.0  # RMS of a fault over that of the hum
    clip_samples: int = 80_000
    sample_rate_hz: int = 16_000
    difficulty: MachineDifficulty = DEFAULT_MACHINE_DIFFICULTY

    def normal_sessions_of(self, split: Split) -> range:
        """Return the numbers of the normal sessions of `split`."""
        counts = {"train": self.train_sessions, "validation": self.validation_sessions, "test": self.test_sessions}
        first = sum(counts[earlier] for earlier in SPLITS[: SPLITS.index(split)])
        return range(first, first + counts[split])


def synthesize_machine_set(directory: Path, plan: MachineSet | None = None, *, on_progress: Progress | None = None) -> Path:
    """Write ``audio/*.wav`` and ``manifest.csv`` (filename, label, group, split, machine) into `directory`.

    The manifest is written last and nothing is written twice; see `synthesize_set`.

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
        If the plan has an unknown fault or no clips.
    StorageError
        If the disk refuses.
    """
    plan = plan or MachineSet()
    rows = _rows(plan)
    if not rows:
        raise InputError("the synthetic machine set would be empty", hint="ask for at least one machine, session and take")
    return write_set(directory, MACHINE_COLUMNS, rows, plan=plan, write_clip=lambda row: _write_clip(directory, plan, row), on_progress=on_progress)


def _write_clip(directory: Path, plan: MachineSet, row: tuple[str, ...]) -> None:
    filename, label, group, _, machine = row
    pcm = synthesize_machine_clip(
        label,
        seed=plan.seed,
        machine=int(machine.rpartition("_")[2]),
        session=int(group.rpartition("_")[2]),
        take=int(Path(filename).stem.rpartition("_")[2]),
        samples=plan.clip_samples,
        fault_db=plan.fault_db,
        sample_rate_hz=plan.sample_rate_hz,
        difficulty=plan.difficulty,
    )
    write_wav(directory / filename, pcm, sample_rate_hz=plan.sample_rate_hz)


def _rows(plan: MachineSet) -> list[tuple[str, ...]]:
    sessions = [(NORMAL_LABEL, session, split) for split in SPLITS for session in plan.normal_sessions_of(split)]
    sessions += [(fault, session, "test") for fault in plan.faults for session in range(plan.fault_sessions)]
    return [
        (f"audio/machine_{machine}_{label}_{session:03d}_{take}.wav", label, f"machine_{machine}_{label}_{session:03d}", split, f"machine_{machine}")
        for machine in range(plan.machines)
        for label, session, split in sessions
        for take in range(plan.takes)
    ]
