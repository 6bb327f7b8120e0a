"""The synthetic machine: deterministic, its faults are what they say and as strong as asked for."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from tinyaudio.core.errors import InputError
from tinyaudio.dsp.audio import FAULTS, MACHINE_LABELS, MachineSet, read_pcm, synthesize_machine_clip, synthesize_machine_set

RATE = 16_000
SMALL = MachineSet(faults=("bearing",), train_sessions=2, validation_sessions=1, test_sessions=1, fault_sessions=1, takes=2, clip_samples=8_000)


def clip(label: str, **changes: float) -> NDArray[np.int16]:
    arguments = {"seed": 1, "session": 2, "take": 0, "samples": 16_000, **changes}
    return synthesize_machine_clip(label, **arguments)  # type: ignore[arg-type]


def band_share(pcm: NDArray[np.int16], low_hz: float, high_hz: float) -> float:
    power = np.abs(np.fft.rfft(pcm.astype(np.float64))) ** 2
    frequency = np.fft.rfftfreq(pcm.size, 1 / RATE)
    return float(power[(frequency >= low_hz) & (frequency < high_hz)].sum() / power.sum())


@pytest.mark.parametrize("label", MACHINE_LABELS)
def test_a_clip_is_a_pure_function_of_its_numbers(label: str) -> None:
    assert clip(label).dtype == np.int16
    assert np.array_equal(clip(label), clip(label))
    for other in ({"seed": 2}, {"session": 3}, {"take": 1}, {"machine": 1}):
        assert not np.array_equal(clip(label), clip(label, **other))


@pytest.mark.parametrize("label", FAULTS)
def test_a_fault_is_as_strong_as_asked_for(label: str) -> None:
    """The same clip with a fault that nobody could hear gives the hum; what the fault adds is the difference."""
    hum = clip(label, fault_db=-200.0).astype(np.float64)
    for fault_db in (0.0, -6.0):
        fault = clip(label, fault_db=fault_db) - hum
        measured = 20 * np.log10(np.std(fault) / np.std(hum))
        assert measured == pytest.approx(fault_db, abs=0.5)  # the background counts to the hum here; rounding to int16


def test_faults_sound_as_they_are_called() -> None:
    faults = {label: clip(label, samples=48_000) - clip(label, samples=48_000, fault_db=-200.0).astype(np.float64) for label in FAULTS}
    assert band_share(faults["imbalance"], 20.0, 250.0) > 0.6
    assert band_share(faults["bearing"], 1_800.0, 5_000.0) > 0.7
    assert band_share(faults["cavitation"], 1_500.0, 8_000.0) > 0.8
    spectrum = np.sort(np.abs(np.fft.rfft(faults["tone"])) ** 2)[::-1]
    assert spectrum[:400].sum() / spectrum.sum() > 0.9
    crest = {label: float(np.abs(fault).max() / fault.std()) for label, fault in faults.items()}
    assert min(crest["bearing"], crest["cavitation"]) > 1.5 * max(crest["imbalance"], crest["tone"])


@pytest.mark.parametrize("label", MACHINE_LABELS)
def test_nothing_clips(label: str) -> None:
    for session in range(6):
        assert int(np.abs(clip(label, session=session).astype(np.int32)).max()) < 32_000


def test_an_unknown_fault_is_refused() -> None:
    with pytest.raises(InputError, match="no synthetic machine sound 'rust'"):
        clip("rust")
    with pytest.raises(InputError, match="would be empty"):
        synthesize_machine_set(Path(), MachineSet(machines=0))


def test_the_set_keeps_faults_out_of_training(tmp_path: Path) -> None:
    manifest = synthesize_machine_set(tmp_path, SMALL)
    rows = list(csv.DictReader(manifest.open()))
    assert len(rows) == 10
    assert {row["split"] for row in rows if row["label"] != "normal"} == {"test"}
    assert {row["split"] for row in rows if row["label"] == "normal"} == {"train", "validation", "test"}
    by_group = {row["group"]: {other["split"] for other in rows if other["group"] == row["group"]} for row in rows}
    assert all(len(splits) == 1 for splits in by_group.values())
    assert read_pcm(tmp_path / rows[0]["filename"], sample_rate_hz=RATE).shape == (8_000,)
    before = manifest.stat().st_mtime_ns
    synthesize_machine_set(tmp_path, SMALL)
    assert manifest.stat().st_mtime_ns == before
