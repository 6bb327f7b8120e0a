"""Synthetic clips in which several labels, one, or none are heard."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tinyaudio.dsp.audio import synthesize_clip, write_wav

LABELS = ("alarm", "engine", "knocking")
#: What is heard in the clips, in turn: nothing, each label alone, and every two of them.
COMBINATIONS = ((), ("alarm",), ("engine",), ("knocking",), ("alarm", "engine"), ("alarm", "knocking"), ("engine", "knocking"))


def write_mixtures(directory: Path, *, recordings: dict[str, int], samples: int = 12_000) -> None:
    """Write clips and ``manifest.csv``; `recordings`: split -> how often each combination is drawn."""
    rows = ["filename,label,group,split"]
    number = 0
    for split, count in recordings.items():
        for _ in range(count):
            for heard in COMBINATIONS:
                name = f"{number:03d}.wav"
                write_wav(directory / name, _mixture(heard, number, samples), sample_rate_hz=16_000)
                rows.append(f"{name},{'|'.join(reversed(heard))},g{number},{split}")
                number += 1
    (directory / "manifest.csv").write_text("\n".join(rows) + "\n")


def _mixture(heard: tuple[str, ...], number: int, samples: int) -> np.ndarray:
    noise = np.random.default_rng([7, number]).normal(0.0, 60.0, size=samples)
    parts = [synthesize_clip(label, seed=5, recording=number, take=0, samples=samples).astype(np.float64) for label in heard]
    loudest = [part * 9_000.0 / np.abs(part).max() for part in parts]
    return np.clip(noise + sum(loudest, np.zeros(samples)), -32_768, 32_767).astype(np.int16)
