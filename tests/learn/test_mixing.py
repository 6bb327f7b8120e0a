"""Clips with several labels from clips with one: no recording on both sides of a split, levels as asked for, the same every time."""

from __future__ import annotations

import numpy as np
import pytest

from tinyaudio.core.errors import ManifestError
from tinyaudio.learn.dataset.manifest import Row
from tinyaudio.learn.dataset.mixing import MixSettings, empty_clip, mix, plan_mixtures

LABELS = ("dog", "rain", "siren")


def rows(*, folds: tuple[str | None, ...] = ("1", "2"), recordings: int = 6, takes: int = 2) -> list[Row]:
    listed = [
        (f"{fold}/{label}{recording}-{take}.wav", label, f"{label} {recording} of {fold}", fold)
        for fold in folds
        for label in LABELS
        for recording in range(recordings)
        for take in range(takes)
    ]
    return [
        Row(number=number, filename=filename, label=label, group=group, split_value=fold)
        for number, (filename, label, group, fold) in enumerate(listed, start=2)
    ]


def test_no_recording_is_in_two_groups_and_folds_stay() -> None:
    planned = plan_mixtures(rows(), MixSettings(pairs=2.0, empty=0.25, pool_recordings=4))
    group_of: dict[str, str] = {}
    for clip in planned:
        for source in clip.sources:
            assert source.split_value == clip.split_value
            assert group_of.setdefault(source.group, clip.group) == clip.group
    assert len({clip.group for clip in planned if clip.sources}) == 2 * 5  # 18 recordings a fold in fours, the last two with the four before
    assert [sum(len(clip.labels) == count for clip in planned) for count in (0, 1, 2)] == [18, 72, 144]
    assert {clip.split_value for clip in planned if not clip.sources} == {"1", "2"}
    scenes = [clip.scene for clip in planned if not clip.sources]
    assert len(set(scenes)) == len(scenes) == len({clip.group for clip in planned if not clip.sources})


def test_two_are_of_different_labels_and_recordings_and_each_clip_comes_first_as_often() -> None:
    pairs = [clip for clip in plan_mixtures(rows(), MixSettings(snr_db=6.0)) if len(clip.sources) == 2]
    for clip in pairs:
        first, second = clip.sources
        assert clip.labels == tuple(sorted((first.label, second.label)))
        assert first.label != second.label
        assert first.group != second.group
        assert -6.0 <= clip.snr_db <= 6.0
    assert sorted(clip.sources[0].filename for clip in pairs) == sorted(row.filename for row in rows())
    assert max(clip.snr_db for clip in pairs) > 4.0 > -4.0 > min(clip.snr_db for clip in pairs)


def test_the_plan_is_that_of_its_seed() -> None:
    assert plan_mixtures(rows(), MixSettings()) == plan_mixtures(rows(), MixSettings())
    assert plan_mixtures(rows(), MixSettings()) != plan_mixtures(rows(), MixSettings(seed=2))


def test_without_two_labels_there_is_nothing_to_mix() -> None:
    alone = [row for row in rows(folds=(None,)) if row.label == "dog"]
    with pytest.raises(ManifestError, match="no two clips can be mixed"):
        plan_mixtures(alone, MixSettings())


@pytest.mark.parametrize("snr_db", [-6.0, 0.0, 6.0])
def test_levels_are_those_of_what_is_heard(snr_db: float) -> None:
    rng = np.random.default_rng(1)
    first = np.zeros(16_000, np.int16)
    first[4_000:8_000] = rng.normal(0.0, 300.0, 4_000)  # mostly silence, which has no say
    second = rng.normal(0.0, 2_000.0, 9_000).astype(np.int16)
    mixed = mix(first, second, snr_db=snr_db, rng=np.random.default_rng(7))
    rest = mixed.astype(np.float64) - first
    heard = rest[np.abs(rest) > 0.5]
    assert heard.size == pytest.approx(9_000, rel=0.05)
    found = 20.0 * np.log10(300.0 / np.sqrt(np.mean(heard**2)))
    assert found == pytest.approx(snr_db, abs=0.4)


def test_a_sum_that_is_too_loud_is_turned_down_not_clipped() -> None:
    loud = (30_000 * np.sign(np.sin(np.arange(8_000) / 9))).astype(np.int16)
    mixed = mix(loud, loud, snr_db=0.0, rng=np.random.default_rng(1))
    assert np.abs(mixed.astype(int)).max() <= 32_000
    np.testing.assert_array_equal(np.sign(mixed), np.sign(loud))


def test_an_empty_clip_is_background_of_the_length_asked_for() -> None:
    (clip, *_) = [clip for clip in plan_mixtures(rows(), MixSettings()) if not clip.labels]
    pcm = empty_clip(clip, seed=1, samples=12_000, sample_rate_hz=16_000)
    assert (pcm.dtype, pcm.size) == (np.int16, 12_000)
    assert pcm.std() > 0
