"""How faint a fault is found among clips that are called normal, and how often usual sound is named: writes docs/anomaly_suspects.md.

Trains once on the synthetic machine, scores many of its clips, and draws sets of them with a few faulty ones among them.
"""

from __future__ import annotations

import argparse
import contextlib
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinyaudio.core.files import write_text_atomically
from tinyaudio.core.new_project import new_project_files
from tinyaudio.core.project import PROJECT_FILE
from tinyaudio.core.residual import residual_mean_squares, residual_scores
from tinyaudio.dsp.audio import MachineSet, synthesize_machine_clip, synthesize_machine_set
from tinyaudio.dsp.frontend import compute_feature_rows, design_feature_quantization, patches, quantize_features
from tinyaudio.learn.anomaly import NormalScores, residual_scale_of, suspects_by_score
from tinyaudio.learn.anomaly.suspects import BY_SOUND, LEAST_CLIPS_BY_SOUND, held_out_distances, outliers
from tinyaudio.learn.quantize import BulkInterpreter
from tinyaudio.pipeline import open_line, quantize_stage
from tinyaudio.pipeline.data import project_frontend

ROOT = Path(__file__).resolve().parents[1]
FAULTS = ("bearing", "cavitation", "imbalance", "tone")
LEVELS_DB = (0.0, -6.0, -12.0, -18.0, -24.0)
SESSIONS, FAULTY_SESSIONS, FIRST_SESSION = 200, 40, 5_000
SAMPLES = 80_000
SMOOTHING = 4
QUIET_SETS = ((6, 300), (12, 300), (40, 200), (80, 100))  # clips, draws
PLANTED_SETS = ((12, 1, 60), (12, 3, 40), (40, 1, 60), (40, 4, 40))  # clips, faulty ones among them, draws


class _Quiet:
    """Tells nothing of the stages."""

    def note(self, text: str) -> None:
        """Say nothing."""

    detail = warning = note

    def task(self, description: str) -> Any:  # noqa: ARG002 - the protocol's
        """Announce nothing."""
        return contextlib.nullcontext(lambda _done, _of: None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """Clips of one kind."""

    scores: NDArray[np.float64]  # [clips, patches], int8 steps
    bands: NDArray[np.float64]  # [clips, patches, bands], log-mel averaged over the time of the patch


def listen(directory: Path) -> dict[str, Heard]:
    """Train on the synthetic machine, and return what is heard of clips that the model has no part in, by kind."""
    synthesize_machine_set(directory, MachineSet())
    (directory / PROJECT_FILE).write_text(new_project_files("anomaly", "bench")[PROJECT_FILE], encoding="utf-8")
    line = open_line(directory, _Quiet())
    quantized, tables = quantize_stage(line).value, project_frontend(line.project)
    to_int8 = design_feature_quantization(quantized.input_scale, quantized.input_zero_point, log_fraction_bits=tables.log_fraction_bits)
    network, scale = BulkInterpreter(quantized.tflite), residual_scale_of(quantized)

    def clip(label: str, session: int, take: int, fault_db: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        pcm = synthesize_machine_clip(label, seed=1, session=FIRST_SESSION + session, take=take, samples=SAMPLES, fault_db=fault_db)
        rows = compute_feature_rows(tables, pcm)
        features = patches(quantize_features(rows, to_int8), tables.spec)
        scores = residual_scores(residual_mean_squares(features.reshape(len(features), -1), network.run(features), scale))
        return scores.astype(np.float64), patches(rows, tables.spec).mean(axis=1) / 2.0**tables.log_fraction_bits

    def kind(found: Iterator[tuple[NDArray[np.float64], NDArray[np.float64]]]) -> Heard:
        scores, bands = zip(*found, strict=True)
        return Heard(scores=np.array(scores), bands=np.array(bands))

    heard = {"normal": kind(clip("normal", session, take, 0.0) for session in range(SESSIONS) for take in range(2))}
    for fault in FAULTS:
        for level_db in LEVELS_DB:
            heard[f"{fault} {level_db:g}"] = kind(clip(fault, session, 0, level_db) for session in range(FAULTY_SESSIONS))
            print(fault, level_db, file=sys.stderr, flush=True)
    return heard


def named(heard: dict[str, Heard], rng: np.random.Generator, *, clips: int, planted: str, faulty: int) -> tuple[set[int], set[int]]:
    """Draw a set, the first `faulty` of its clips of the kind `planted`; return the places named by score and by sound."""
    sessions = rng.choice(SESSIONS, size=-(-clips // 2), replace=False)
    places = np.stack([2 * sessions, 2 * sessions + 1], axis=1).ravel()[:clips]
    scores, bands = heard["normal"].scores[places], heard["normal"].bands[places]
    groups = [str(session) for session in np.repeat(sessions, 2)[:clips]]
    for place in range(faulty):
        drawn = rng.integers(FAULTY_SESSIONS)
        scores[place], bands[place], groups[place] = heard[planted].scores[drawn], heard[planted].bands[drawn], f"faulty {place}"
    found = NormalScores(
        filenames=tuple(map(str, range(clips))),
        patch_offsets=np.arange(clips + 1) * scores.shape[1],
        scores=scores.ravel(),
        seconds=clips * SAMPLES / 16_000,
        hop_seconds=0.512,
    )
    by_score = {int(suspect.filename) for suspect in suspects_by_score(found, smoothing_patches=SMOOTHING, sigma=5.0)}
    if clips < LEAST_CLIPS_BY_SOUND:
        return by_score, set()
    return by_score, set(outliers(held_out_distances(list(bands), groups), chance=BY_SOUND))


def quiet_rows(heard: dict[str, Heard], rng: np.random.Generator) -> list[str]:
    """Return the table of what is named where nothing is wrong."""
    rows = ["| clips | sets with one named: by score | by sound | clips named of 1,000 |", "|---|---|---|---|"]
    for clips, draws in QUIET_SETS:
        found = [named(heard, rng, clips=clips, planted="", faulty=0) for _ in range(draws)]
        shares = [sum(bool(one[way]) for one in found) / draws for way in (0, 1)]
        wrong = 1_000 * sum(len(score | sound) for score, sound in found) / draws / clips
        rows.append(f"| {clips} | {shares[0]:.1%} | {shares[1]:.1%} | {wrong:.1f} |")
    return rows


def planted_rows(heard: dict[str, Heard], rng: np.random.Generator) -> list[str]:
    """Return the table of how many of the faulty clips are named: by score, by sound, by either."""
    columns = " | ".join(f"{level_db:g} dB" for level_db in LEVELS_DB)
    rows = [f"| faulty of all | fault | {columns} |", f"|---|---|{'---|' * len(LEVELS_DB)}"]
    for clips, faulty, draws in PLANTED_SETS:
        for fault in FAULTS:
            cells = []
            for level_db in LEVELS_DB:
                found = [named(heard, rng, clips=clips, planted=f"{fault} {level_db:g}", faulty=faulty) for _ in range(draws)]
                sets = [(score, sound, score | sound) for score, sound in found]
                shares = [sum(len(one[way] & set(range(faulty))) for one in sets) / draws / faulty for way in range(3)]
                cells.append(" / ".join(f"{share:.2f}" for share in shares))
            rows.append(f"| {faulty} of {clips} | {fault} | {' | '.join(cells)} |")
    return rows


def page(heard: dict[str, Heard]) -> str:
    """Return the page."""
    rng = np.random.default_rng(11)
    head = [
        "# Faulty clips among those that are called normal",
        "",
        "What `tinyaudio calibrate` names, measured on the synthetic machine: clips of 5 s that the model has no part in, drawn into sets of two",
        "takes a session, levels of the fault against the hum. By sound, sets of twenty clips and more are searched. Written by",
        "`python scripts/bench_anomaly_suspects.py`; what is compared is told in [the guide](guide/anomaly.md#is-the-normal-sound-normal).",
        "",
        "## Nothing is wrong",
        "",
        *quiet_rows(heard, rng),
        "",
        "## Faulty clips that are found",
        "",
        "Share of them, by score / by sound / by either.",
        "",
        *planted_rows(heard, rng),
        "",
    ]
    return "\n".join(head)


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, default=ROOT / "docs" / "anomaly_suspects.md")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        text = page(listen(Path(folder)))
    write_text_atomically(arguments.output, text)
    print(text)


if __name__ == "__main__":
    main()
