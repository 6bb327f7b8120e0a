"""Clips with several labels, one or none, made from clips with one: plan who is mixed with whom, then mix.

Recordings (groups) of one split value are dealt into pools, classes in turn, and only clips of one pool are mixed. A pool is
the group of all that is made from it, so that no split and no fold can ever separate two clips that share a recording.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest

import numpy as np
import numpy.typing as npt

from tinyaudio.core.artifacts import Int16Array
from tinyaudio.core.errors import ManifestError
from tinyaudio.dsp.audio import synthesize_background
from tinyaudio.learn.dataset.manifest import Row

MIXED_SEPARATOR = "|"
_SILENT_PEAK = 3  # int16 steps: what is softer counts as silence, which has no loudness
_LOUDEST = 32_000.0  # int16 steps; a sum that is louder is turned down
_BACKGROUND_SEED = 7_919  # added: other scenes than false alarms are counted by


@dataclass(frozen=True, slots=True, kw_only=True)
class MixSettings:
    """How many clips of which kind to make; as many with one label as there were."""

    pairs: float = 1.0  # clips with two labels, for each clip there is
    empty: float = 0.1  # clips without a label, for each clip there is
    snr_db: float = 6.0  # one of two is at most this much louder or softer than the other
    pool_recordings: int = 8  # that may be mixed with each other
    seed: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class MixedClip:
    """One clip to make."""

    labels: tuple[str, ...]  # sorted
    group: str
    split_value: str | None  # that of its sources; None: they have none
    sources: tuple[Row, ...]  # two, one, or none: background
    snr_db: float = 0.0  # of the first over the second
    scene: int = 0  # of the background


def plan_mixtures(rows: Sequence[Row], settings: MixSettings) -> tuple[MixedClip, ...]:
    """Return the clips to make from `rows`: the same for the same rows and settings.

    Raises
    ------
    ManifestError
        If no two clips can be mixed: they have the same label, or come from the same recording.
    """
    rng = np.random.default_rng(settings.seed)
    planned: list[MixedClip] = []
    for value in dict.fromkeys(row.split_value for row in rows):
        own = [row for row in rows if row.split_value == value]
        for number, pool in enumerate(_pools(own, settings, rng)):
            group = f"pool {number}" if value is None else f"{value}, pool {number}"
            planned += [MixedClip(labels=row.labels, group=group, split_value=value, sources=(row,)) for row in pool]
            planned += _pairs(pool, group, settings, rng)
        planned += [
            MixedClip(labels=(), group=f"scene {scene}", split_value=value, sources=(), scene=scene)
            for scene in range(len(planned), len(planned) + round(settings.empty * len(own)))
        ]
    if settings.pairs and not any(len(clip.sources) > 1 for clip in planned):
        raise ManifestError(
            "no two clips can be mixed", hint="two labels are needed, each in a recording of its own, in the same split", where="data.manifest"
        )
    return tuple(planned)


def mix(first: Int16Array, second: Int16Array, *, snr_db: float, rng: np.random.Generator) -> Int16Array:
    """Return both at once, `snr_db` between their loudness; the shorter one begins where it is drawn to.

    Parameters
    ----------
    first, second
        int16 [samples]. Loudness is the RMS of what is not silent.
    snr_db
        By how much the first is louder.
    rng
        Draws where the shorter one begins.
    """
    longest = max(first.size, second.size)
    parts = [np.zeros(longest), np.zeros(longest)]
    for part, pcm in zip(parts, (first, second), strict=True):
        start = int(rng.integers(0, longest - pcm.size + 1))
        part[start : start + pcm.size] = pcm
    gain = _loudness(first) / _loudness(second) * 10.0 ** (-snr_db / 20.0)
    mixed = parts[0] + gain * parts[1]
    return np.asarray(np.round(mixed * min(1.0, _LOUDEST / max(float(np.abs(mixed).max()), 1.0))), np.int16)


def empty_clip(clip: MixedClip, *, seed: int, samples: int, sample_rate_hz: int) -> Int16Array:
    """Return synthetic background, int16 [samples], for a clip without labels."""
    scene = synthesize_background(clip.scene, seed=seed + _BACKGROUND_SEED, sample_rate_hz=sample_rate_hz, seconds=samples / sample_rate_hz)
    return np.asarray(scene[:samples])


def _pools(rows: Sequence[Row], settings: MixSettings, rng: np.random.Generator) -> Iterator[list[Row]]:
    """Deal the recordings into pools, those of one class as far from each other as it goes."""
    by_group: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        by_group[row.group].append(row)
    by_class: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for group in sorted(by_group):
        by_class[by_group[group][0].labels].append(group)
    shuffled = [[groups[index] for index in rng.permutation(len(groups))] for _, groups in sorted(by_class.items())]
    dealt = [group for turn in zip_longest(*shuffled) for group in turn if group is not None]
    starts = range(0, len(dealt), settings.pool_recordings)
    pools = [dealt[start : start + settings.pool_recordings] for start in starts]
    if len(pools) > 1 and len(pools[-1]) < settings.pool_recordings // 2:
        pools[-2:] = [pools[-2] + pools[-1]]
    for pool in pools:
        yield [row for group in pool for row in by_group[group]]


def _pairs(pool: Sequence[Row], group: str, settings: MixSettings, rng: np.random.Generator) -> Iterator[MixedClip]:
    """Draw pairs of different labels and recordings: each clip comes first as often as any other."""
    order = rng.permutation(len(pool))
    for number in range(round(settings.pairs * len(pool))):
        first = pool[order[number % len(pool)]]
        others = [row for row in pool if row.group != first.group and not set(row.labels) & set(first.labels)]
        if others:
            second = others[int(rng.integers(len(others)))]
            labels = tuple(sorted({*first.labels, *second.labels}))
            snr_db = round(float(rng.uniform(-settings.snr_db, settings.snr_db)), 2)
            yield MixedClip(labels=labels, group=group, split_value=first.split_value, sources=(first, second), snr_db=snr_db)


def _loudness(pcm: npt.NDArray[np.int16]) -> float:
    heard = pcm[np.abs(pcm.astype(np.int32)) > _SILENT_PEAK].astype(np.float64)
    return float(np.sqrt(np.mean(heard**2))) if heard.size else 1.0
