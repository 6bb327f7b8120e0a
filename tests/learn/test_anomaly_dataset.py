"""Data for anomaly detection: what is trained on is normal, and what is wrong is named."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.learn.conftest import write_sound
from tinyaudio.core.project import SplitTable, load_project
from tinyaudio.dsp.audio import write_wav
from tinyaudio.learn.dataset import Row, check_data
from tinyaudio.learn.dataset.anomaly import assign_anomaly_splits

ANOMALY = '[anomaly]\nnormal = ["normal", "idle"]\nminimum_seconds = 1.0\n'
HEADER = "filename,label,group,split\n"
GOOD = HEADER + "".join(
    f"good_{index}.wav,{label},g{index},{split}\n"
    for index, (label, split) in enumerate(
        [("normal", "train"), ("idle", "train"), ("normal", "validation"), ("normal", "test"), ("bearing", "test"), ("idle", "train")]
    )
)


def check(make_project: Any, manifest: str, anomaly: str = ANOMALY) -> Any:
    project = make_project(manifest, anomaly)
    write_sound(project.directory / "good_2.wav", seed=2, samples=16_000)  # of the validation split, as long as minimum_seconds
    toml = project.directory / "tinyaudio.toml"
    toml.write_text(toml.read_text(encoding="utf-8").replace('name = "x"', 'name = "x"\ntask = "anomaly"'), encoding="utf-8")
    return check_data(load_project(project.directory))


def kinds(result: Any) -> list[tuple[str, str]]:
    return [(problem.severity, problem.kind) for problem in result.problems]


def test_good_data_has_no_problems(make_project: Any) -> None:
    result = check(make_project, GOOD)
    assert result.problems == ()
    assert [clip.split for clip in result.dataset.clips] == ["train", "train", "validation", "test", "test", "train"]


def test_a_fault_marked_for_training_is_left_out_and_told(make_project: Any) -> None:
    result = check(make_project, GOOD + "good_6.wav,bearing,g6,train\n")
    assert kinds(result) == [("warning", "abnormal_in_training")]
    assert result.problems[0].row == 8
    assert all(clip.filename != "good_6.wav" for clip in result.dataset.clips)


def test_one_clip_only_is_refused(make_project: Any) -> None:
    result = check(make_project, HEADER + "good_0.wav,normal,g0,train\n")
    assert ("error", "few_clips") in kinds(result)
    assert "1 normal clips of 1 groups" in result.errors[0].message


def test_too_little_sound_to_set_a_threshold_by_is_told_before_the_training(make_project: Any) -> None:
    result = check(make_project, GOOD, ANOMALY.replace("1.0", "30.0"))
    assert kinds(result) == [("warning", "little_sound")]
    assert "1.0 s of normal sound in the validation split, 30 s are needed" in result.problems[0].message
    assert "record 29.0 s more" in result.problems[0].message


def test_no_normal_clip_names_the_labels_there_are(make_project: Any) -> None:
    result = check(make_project, GOOD.replace("normal", "ok").replace("idle", "fine"))
    assert "no clip is normal: anomaly.normal is normal, idle, the labels are bearing, fine, ok" in [item.message for item in result.errors]


def test_a_split_without_normal_sound_is_an_error(make_project: Any) -> None:
    result = check(make_project, GOOD.replace("normal,g3,test", "bearing,g3,test"))
    assert any("no normal clip is in the split 'test'" in item.message for item in result.errors)


def test_without_faults_it_warns(make_project: Any) -> None:
    result = check(make_project, GOOD.replace("bearing", "normal"))
    assert kinds(result) == [("warning", "label_never_occurs")]


def test_silence_and_a_clipped_microphone_are_named(make_project: Any) -> None:
    project = make_project(GOOD, ANOMALY)
    loud = np.clip(np.random.default_rng(1).normal(0, 60_000, 8_000), -32_768, 32_767).astype(np.int16)
    write_wav(project.directory / "hot.wav", loud, sample_rate_hz=16_000)
    manifest = GOOD + "silent.wav,normal,g6,train\nhot.wav,normal,g7,train\n"
    write_wav(project.directory / "silent.wav", np.zeros(8_000, np.int16), sample_rate_hz=16_000)
    result = check(make_project, manifest)
    assert {("error", "silent"), ("warning", "clipped")} <= set(kinds(result))


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_without_a_split_column_faulty_groups_are_for_testing(seed: int) -> None:
    rows = [
        Row(number=index + 2, filename=f"{index}.wav", label="rattle" if index % 5 == 0 else "normal", group=f"g{index // 2}", split_value=None)
        for index in range(40)
    ]
    splits = assign_anomaly_splits(rows, SplitTable(seed=seed), ("normal",))
    faulty_groups = {row.group for row in rows if row.label == "rattle"}
    assert all(split == "test" for row, split in zip(rows, splits, strict=True) if row.group in faulty_groups)
    assert {split for row, split in zip(rows, splits, strict=True) if row.group not in faulty_groups} == {"train", "validation", "test"}
    by_group: dict[str, set[Any]] = {row.group: set() for row in rows}
    for row, split in zip(rows, splits, strict=True):
        by_group[row.group].add(split)
    assert all(len(found) == 1 for found in by_group.values())
