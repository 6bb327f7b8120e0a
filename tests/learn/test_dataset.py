"""Every fault of the data is found, by its row; splits do not leak; features are the twin's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from tinyaudio.core.errors import ManifestError, StageError
from tinyaudio.core.project import Project, SplitTable
from tinyaudio.core.spec import FrontendSpec
from tinyaudio.dsp.audio import read_pcm
from tinyaudio.dsp.frontend import compute_log_mel, design_frontend
from tinyaudio.learn.dataset import (
    DataCheck,
    Problem,
    Row,
    assign_splits,
    check_data,
    clip_features,
    clip_reader,
    compute_features,
    load_dataset,
    patch_features,
)
from tinyaudio.learn.dataset.splits import stratified_group_folds

HEADER = "filename,label,group,split\n"
# Rows 2 to 11: five clips a label, four to train, two to validate, four to test.
SPLIT_OF_CLIP = ("train",) * 4 + ("validation",) * 2 + ("test",) * 4
GOOD = HEADER + "".join(f"good_{index}.wav,{'ab'[index % 2]},g{index},{split}\n" for index, split in enumerate(SPLIT_OF_CLIP))


def only(check: DataCheck, kind: str) -> Problem:
    found = [problem for problem in check.problems if problem.kind == kind]
    assert len(found) == 1, check.problems
    return found[0]


def test_good_data_has_no_problems(make_project: Any) -> None:
    progress: list[tuple[int, int]] = []
    check = check_data(make_project(GOOD), on_progress=lambda done, total: progress.append((done, total)))
    assert check.problems == ()
    assert (check.clips, check.labels, check.groups) == (10, ("a", "b"), 10)
    assert check.clips_by_split == {"train": {"a": 2, "b": 2}, "validation": {"a": 1, "b": 1}, "test": {"a": 2, "b": 2}}
    assert progress[-1] == (10, 10)
    assert check.dataset is not None
    assert [clip.split for clip in check.dataset.clips].count("train") == 4


def test_the_same_data_gives_the_same_dataset(make_project: Any) -> None:
    project = make_project(GOOD)
    assert load_dataset(project) == load_dataset(project)


def write_silence(path: Path) -> None:
    soundfile.write(path, np.full(8_000, 2, np.int16), 16_000)


def write_short(path: Path) -> None:
    soundfile.write(path, np.ones(3_000, np.int16) * 500, 16_000)


def write_nothing(path: Path) -> None:
    soundfile.write(path, np.zeros(0, np.int16), 16_000)


def write_clipped(path: Path) -> None:
    soundfile.write(path, np.clip(3 * np.sin(np.arange(8_000) / 30), -1, 1), 16_000)


def write_other_rate(path: Path) -> None:
    soundfile.write(path, np.sin(np.arange(44_100) / 30) * 0.3, 44_100)


def write_stereo(path: Path) -> None:
    soundfile.write(path, np.random.default_rng(99).normal(0, 0.05, size=(8_000, 2)), 16_000)


def write_nan(path: Path) -> None:
    soundfile.write(path, np.where(np.arange(8_000) == 50, np.nan, 0.1).astype(np.float32), 16_000, subtype="FLOAT")


def write_beyond(path: Path) -> None:
    soundfile.write(path, np.where(np.arange(8_000) == 50, 1.7, 0.1).astype(np.float32), 16_000, subtype="FLOAT")


def write_cut_off(path: Path) -> None:
    soundfile.write(path, np.random.default_rng(98).normal(0, 0.05, size=8_000), 16_000)
    path.write_bytes(path.read_bytes()[:-2_000])


def write_garbage(path: Path) -> None:
    path.write_bytes(b"RIFF this is no sound")


@pytest.mark.parametrize(
    ("write", "kind", "severity", "message"),
    [
        (write_garbage, "unreadable", "error", "not readable as audio"),
        (write_nothing, "empty", "error", "0 samples, shorter than one patch"),
        (write_short, "empty", "error", "3000 samples, shorter than one patch (5360 samples, 0.34 s)"),
        (write_silence, "silent", "error", "nothing but silence"),
        (write_cut_off, "cut_off", "warning", "2,000 bytes of sound that its header promises are missing"),
        (write_clipped, "clipped", "warning", "% of the samples stand at full scale"),
        (write_other_rate, "wrong_rate", "warning", "sampled at 44100 Hz; it is resampled to 16000 Hz"),
        (write_stereo, "stereo", "warning", "2 channels; they are averaged"),
        (write_nan, "nan_or_beyond_full_scale", "error", "1 samples are not finite"),
        (write_beyond, "nan_or_beyond_full_scale", "warning", "1 samples lie beyond full scale"),
    ],
)
def test_a_faulty_file_is_named_with_its_row(make_project: Any, write: Any, kind: str, severity: str, message: str) -> None:
    project = make_project(GOOD)
    write(project.directory / "good_3.wav")
    check = check_data(project)
    problem = only(check, kind)
    assert (problem.row, problem.file, problem.severity) == (5, "good_3.wav", severity)
    assert message in problem.message
    assert (check.dataset is None) == (severity == "error")
    if severity == "error":
        with pytest.raises(ManifestError, match=r"row 5: good_3\.wav"):
            load_dataset(project)
    else:
        assert load_dataset(project).clips[3].filename == "good_3.wav"


def test_a_missing_file_is_named_with_its_row(make_project: Any) -> None:
    project = make_project(GOOD)
    (project.directory / "good_0.wav").unlink()
    problem = only(check_data(project), "missing")
    assert (problem.row, problem.file, problem.severity) == (2, "good_0.wav", "error")


@pytest.mark.parametrize(
    ("write", "toml", "kind"),
    [(write_stereo, '[data]\nchannels = "refuse"\n', "stereo"), (write_other_rate, "[data]\nresample = false\n", "wrong_rate")],
)
def test_the_project_may_refuse_stereo_and_other_rates(make_project: Any, write: Any, toml: str, kind: str) -> None:
    project = make_project(GOOD, toml)
    write(project.directory / "good_3.wav")
    assert only(check_data(project), kind).severity == "error"


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("good_9.wav,b,g9", "has 3 fields, but the header has 4"),
        ("good_9.wav,b,g9,test,x", "has 5 fields, but the header has 4"),
        ("good_9.wav,,g9,test", "the column 'label' is empty"),
        (",b,,test", "the column 'filename' and 'group' is empty"),
        ("good_8.wav,b,g9,test", "the file is listed in row 10 already"),
    ],
)
def test_a_bad_row_is_named(make_project: Any, line: str, message: str) -> None:
    check = check_data(make_project(GOOD.replace("good_9.wav,b,g9,test", line)))
    problem = only(check, "bad_row")
    assert (problem.row, problem.severity) == (11, "error")
    assert message in problem.message


def test_row_numbers_are_those_of_a_spreadsheet(make_project: Any) -> None:
    lines = GOOD.splitlines()
    lines[1] = '"good_0.wav",a,"g\n0",train'  # a line break within a field
    lines.insert(1, "")  # an empty row 2
    problem = only(check_data(make_project("\n".join([*lines, "x.wav,a"]))), "bad_row")
    assert (problem.row, problem.file) == (13, "x.wav")


def test_labels_that_are_not_listed_are_bad_rows_and_listed_ones_must_occur(make_project: Any) -> None:
    check = check_data(make_project(GOOD.replace("good_9.wav,b", "good_9.wav,bell"), '[data]\nlabels = ["a", "b", "belt"]\n'))
    assert "the label 'bell' is not in data.labels; did you mean 'belt'?" in only(check, "bad_row").message
    assert "the label 'belt' of data.labels never occurs" in only(check, "label_never_occurs").message


def copy_sound(project: Project, source: int, target: int) -> None:
    (project.directory / f"good_{target}.wav").write_bytes((project.directory / f"good_{source}.wav").read_bytes())


@pytest.mark.parametrize(
    ("source", "target", "severity", "message"),
    [
        (0, 8, "error", "the same sound as row 2 (good_0.wav), but in the split 'test' while that is in 'train'"),
        (0, 1, "error", "the same sound as row 2 (good_0.wav), but labelled 'b' while that is 'a'"),
        (0, 2, "warning", "the same sound as row 2 (good_0.wav); one of them is enough"),
    ],
)
def test_duplicate_content_is_found(make_project: Any, source: int, target: int, severity: str, message: str) -> None:
    project = make_project(GOOD)
    copy_sound(project, source, target)
    problem = only(check_data(project), "duplicate")
    assert (problem.severity, problem.row) == (severity, target + 2)
    assert message in problem.message


def test_the_same_samples_in_another_container_are_a_duplicate(make_project: Any) -> None:
    project = make_project(GOOD.replace("good_8.wav", "good_8.flac"))
    soundfile.write(project.directory / "good_8.flac", read_pcm(project.directory / "good_0.wav", sample_rate_hz=16_000), 16_000)
    assert only(check_data(project), "duplicate").row == 10


def test_a_group_in_two_splits_is_found(make_project: Any) -> None:
    problem = only(check_data(make_project(GOOD.replace(",g8,", ",g0,"))), "group_in_two_splits")
    assert (problem.row, problem.severity) == (10, "error")
    assert "'g0' is in the split 'test' here and in 'train' in row 2" in problem.message


def test_classes_with_too_few_clips_are_found(make_project: Any) -> None:
    check = check_data(make_project(GOOD, "[data]\nminimum_clips_per_class = 6\n"))
    assert [problem.message.split(",")[0] for problem in check.errors] == ["the label 'a' has 5 clips", "the label 'b' has 5 clips"]


def test_a_single_label_is_refused(make_project: Any) -> None:
    check = check_data(make_project(GOOD.replace(",b,", ",a,")))
    assert "there is only one label" in only(check, "few_clips").message


@pytest.mark.parametrize(("split", "severity"), [("test", "error"), ("train", "error"), ("validation", "warning")])
def test_a_label_that_never_occurs_in_a_split_is_found(make_project: Any, split: str, severity: str) -> None:
    lines = [line for line in GOOD.splitlines() if not line.endswith(f",{split}") or ",a," in line]
    check = check_data(make_project("\n".join(lines), "[data]\nminimum_clips_per_class = 1\n"))
    problem = only(check, "label_never_occurs")
    assert problem.severity == severity
    assert f"the label 'b' never occurs in the split '{split}'" in problem.message


def test_a_split_value_that_means_nothing_is_reported(make_project: Any) -> None:
    problem = only(check_data(make_project(GOOD.replace("g9,test", "g9,tset"))), "unused_split")
    assert problem.severity == "warning"
    assert "1 clips are not used: their split 'tset'" in problem.message


@pytest.mark.parametrize(
    ("manifest", "message"),
    [
        ("", "there is no column 'filename'"),
        ("file,label,group\n", "there is no column 'filename'; did you mean 'file'? (data.columns.filename)"),
        ("filename,label,group,label\nx,y,z,y\n", "the column 'label' occurs twice"),
        (HEADER, "it lists no clips"),
        (HEADER + 'good_0.wav,"a,g0,train\n', "not CSV near line"),
        (HEADER.encode() + b"\xff\xfe.wav,a,g,train\n", "not UTF-8 in line 2"),
    ],
)
def test_a_manifest_that_cannot_be_read_says_why(make_project: Any, manifest: str | bytes, message: str) -> None:
    with pytest.raises(ManifestError) as caught:
        check_data(make_project(manifest))
    assert message in caught.value.message
    assert caught.value.hint


def test_a_missing_manifest_is_named(make_project: Any) -> None:
    project = make_project(GOOD)
    project.manifest_path.unlink()
    with pytest.raises(ManifestError, match="no such manifest"):
        check_data(project)


def test_a_manifest_with_a_byte_order_mark_is_read(make_project: Any) -> None:
    assert check_data(make_project(b"\xef\xbb\xbf" + GOOD.encode())).problems == ()


def test_many_errors_are_shortened(make_project: Any) -> None:
    project = make_project(GOOD)
    for index in range(5):
        (project.directory / f"good_{index}.wav").unlink()
    with pytest.raises(ManifestError, match="and 2 more"):
        load_dataset(project)


def rows_of(groups: int, clips_per_group: int, labels: int, split_value: str | None = None) -> list[Row]:
    return [
        Row(number=2, filename=f"{group}_{clip}", label=f"l{group % labels}", group=f"g{group}", split_value=split_value)
        for group in range(groups)
        for clip in range(clips_per_group)
    ]


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("split_value", [None, "train"])
def test_drawn_splits_keep_groups_whole_and_classes_in_proportion(seed: int, split_value: str | None) -> None:
    rows = rows_of(groups=60, clips_per_group=3, labels=4, split_value=split_value)
    splits = assign_splits(rows, SplitTable(seed=seed))
    assert splits == assign_splits(rows, SplitTable(seed=seed))
    by_group: dict[str, set[str | None]] = {}
    for row, split in zip(rows, splits, strict=True):
        by_group.setdefault(row.group, set()).add(split)
    assert all(len(found) == 1 for found in by_group.values())
    drawn = ["validation"] if split_value else ["validation", "test"]
    for name in drawn:
        counts = [sum(split == name and row.label == f"l{label}" for row, split in zip(rows, splits, strict=True)) for label in range(4)]
        assert max(counts) - min(counts) <= 3
        assert 6 <= min(counts) <= max(counts) <= 12
    if split_value:
        assert "test" not in splits


def test_another_seed_draws_other_groups() -> None:
    rows = rows_of(groups=60, clips_per_group=1, labels=3)
    assert assign_splits(rows, SplitTable(seed=1)) != assign_splits(rows, SplitTable(seed=2))


def test_the_last_group_of_a_class_stays_in_training() -> None:
    rows = rows_of(groups=2, clips_per_group=10, labels=2, split_value="train")
    assert set(assign_splits(rows, SplitTable(validation_fraction=0.8))) == {"train"}


def test_folds_serve_as_groups_and_splits() -> None:
    rows = [Row(number=2, filename=f"{fold}{index}", label=f"l{index % 3}", group=fold, split_value=fold) for fold in "1234" for index in range(12)]
    splits = assign_splits(rows, SplitTable(train=("1", "2", "3"), test=("4",)))
    assert [split for row, split in zip(rows, splits, strict=True) if row.group == "4"] == ["test"] * 12
    assert sum(split == "validation" for split in splits) == 12  # one whole fold


def test_features_are_the_twins(small_project: Project, small_features: Any) -> None:
    tables = design_frontend(small_project.frontend, kernel="cmsis_q31")
    assert small_features.frontend_fingerprint == tables.fingerprint
    for index in (0, 7, len(small_features.dataset.clips) - 1):
        clip = small_features.dataset.clips[index]
        pcm = read_pcm(small_project.directory / clip.filename, sample_rate_hz=16_000)
        assert np.array_equal(clip_features(small_features, index), compute_log_mel(tables, pcm))
    with pytest.raises(ValueError, match="read-only"):
        small_features.log_mel[0, 0] = 1


def test_patches_are_cut_as_on_the_device(small_features: Any) -> None:
    patch_set = patch_features(small_features, "test")
    index = next(i for i, clip in enumerate(small_features.dataset.clips) if clip.split == "test")
    frames = clip_features(small_features, index)
    count = small_features.spec.patches_of(len(frames))
    assert patch_set.patch_offsets[1] == count
    for patch in range(count):
        assert np.array_equal(patch_set.log_mel[patch], frames[patch * 16 : patch * 16 + 32])
    assert len(patch_set.log_mel) == patch_set.patch_offsets[-1] == patch_set.label_indices.size


def test_a_file_that_changed_after_the_check_is_refused(make_project: Any) -> None:
    project = make_project(GOOD)
    dataset = load_dataset(project)
    copy_sound(project, 1, 0)
    with pytest.raises(ManifestError, match="changed since"):
        clip_reader(project)(dataset.clips[0])


def test_features_refuse_another_sample_rate(small_project: Project, small_features: Any) -> None:
    tables = design_frontend(FrontendSpec(sample_rate_hz=22_050), kernel="cmsis_q31")
    with pytest.raises(StageError, match="16000 Hz, the front end at 22050 Hz"):
        compute_features(small_features.dataset, clip_reader(small_project), tables)


def test_folds_share_no_group_and_spread_the_classes() -> None:
    rows = rows_of(groups=47, clips_per_group=3, labels=4)
    folds = stratified_group_folds(rows, folds=5, seed=1)
    assert folds == stratified_group_folds(rows, folds=5, seed=1) != stratified_group_folds(rows, folds=5, seed=2)
    assert set(folds) == {1, 2, 3, 4, 5}
    by_group: dict[str, set[int]] = {}
    for row, fold in zip(rows, folds, strict=True):
        by_group.setdefault(row.group, set()).add(fold)
    assert all(len(found) == 1 for found in by_group.values())
    for label in {row.label for row in rows}:
        held = [sum(row.label == label and fold == number for row, fold in zip(rows, folds, strict=True)) for number in range(1, 6)]
        assert max(held) - min(held) <= 3  # one group
    totals = [folds.count(number) for number in range(1, 6)]
    assert max(totals) - min(totals) <= 6


def test_groups_of_several_labels_are_spread_as_well() -> None:
    rows = [
        Row(number=2, filename=f"{group}_{clip}", label=f"l{(group + clip) % 3}", group=f"g{group}", split_value=None)
        for group in range(20)
        for clip in range(1 + group % 4)
    ]
    folds = stratified_group_folds(rows, folds=3, seed=1)
    held = [
        [sum(row.label == f"l{label}" and fold == number for row, fold in zip(rows, folds, strict=True)) for number in (1, 2, 3)]
        for label in range(3)
    ]
    assert all(max(counts) - min(counts) <= 2 for counts in held)


def test_every_fold_is_tested_once() -> None:
    rows = rows_of(groups=24, clips_per_group=2, labels=3)
    tested = [[split == "test" for split in assign_splits(rows, SplitTable(folds=4, test_fold=fold))] for fold in (1, 2, 3, 4)]
    assert [sum(column) for column in zip(*tested, strict=True)] == [1] * len(rows)
    assert "validation" in assign_splits(rows, SplitTable(folds=4, test_fold=2))
