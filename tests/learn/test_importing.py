"""Folders of recordings become rows of a manifest; nothing that looks like a sound is left out silently."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest

from tinyaudio.core.errors import InputError
from tinyaudio.learn.dataset import append_rows, find_recordings
from tinyaudio.learn.dataset.importing import Recording

COLUMNS = {"filename": "filename", "label": "label", "group": "group", "split": "split"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    files = (
        "Hund/bellt 1.wav",
        "Hund/bellt 2.WAV",
        "Säge/monday/1.flac",
        "Säge/monday/2.flac",
        "Säge/tuesday/1.flac",
        "Säge/.hidden.wav",
        "notes.txt",
    )
    for name in files:
        path = tmp_path / "sounds" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return tmp_path / "sounds"


def test_folders_are_labels_and_folders_below_are_groups(folder: Path) -> None:
    found, skipped = find_recordings(folder)
    assert skipped == ()
    assert [(item.path.name, item.label, item.group) for item in found] == [
        ("bellt 1.wav", "Hund", "Hund/bellt 1.wav"),
        ("bellt 2.WAV", "Hund", "Hund/bellt 2.WAV"),
        ("1.flac", "Säge", "monday"),
        ("2.flac", "Säge", "monday"),
        ("1.flac", "Säge", "tuesday"),
    ]


def test_a_label_is_the_same_however_the_file_system_codes_its_accents(tmp_path: Path) -> None:
    (tmp_path / "Sa\u0308ge").mkdir()
    (tmp_path / "Sa\u0308ge" / "1.wav").touch()
    assert find_recordings(tmp_path)[0][0].label == "S\u00e4ge"


def test_the_source_is_found_in_the_name(folder: Path) -> None:
    found, _ = find_recordings(folder / "Hund", label="dog", group_by=r"^(\w+) \d")
    assert {(item.label, item.group) for item in found} == {("dog", "bellt")}


@pytest.mark.parametrize(
    ("group_by", "message"), [("(", "no regular expression"), (r"\d{9}", "finds nothing in 'bellt 1'"), ("x*", "finds nothing in 'bellt 1'")]
)
def test_an_expression_that_finds_no_source_is_refused(folder: Path, group_by: str, message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        find_recordings(folder, group_by=group_by)
    assert caught.value.where == "--group-by"


def test_what_is_passed_over_is_told(folder: Path) -> None:
    (folder / "lies here.wav").touch()
    (folder / "Hund" / "a.mp3").touch()
    (folder / "Hund" / "link.wav").symlink_to("nowhere.wav")
    (folder / "Hund" / "end .wav ").touch()
    (folder / "Hund" / "line\nbreak.wav").touch()
    (folder / "Hund" / "around").symlink_to(folder)
    found, skipped = find_recordings(folder)
    assert len(found) == 5
    reasons = {item.path.name: item.reason for item in skipped}
    assert "no folder of a label" in reasons["lies here.wav"]
    assert "neither WAV nor FLAC" in reasons["a.mp3"]
    assert "a link to a file that is not there" in reasons["link.wav"]
    assert "rename it" in reasons["line\nbreak.wav"]


def test_a_link_that_leads_back_is_no_label(folder: Path) -> None:
    (folder / "all").symlink_to(folder)
    (folder / "above").symlink_to(folder.parent)
    found, skipped = find_recordings(folder)
    assert {item.label for item in found} == {"Hund", "Säge"}
    assert [(item.path.name, "a link to a folder that it lies in" in item.reason) for item in skipped] == [("above", True), ("all", True)]


def test_spaces_of_any_kind_may_be_within_a_name(tmp_path: Path) -> None:
    names = ("at 3.15\u202fPM.wav", "no\u00a0break.wav", "wide\u3000.wav")
    (tmp_path / "dog").mkdir()
    for name in names:
        (tmp_path / "dog" / name).touch()
    found, skipped = find_recordings(tmp_path)
    assert ({item.path.name for item in found}, skipped) == (set(names), ())


@pytest.mark.parametrize("label", ["", "  ", "a\nb", "\udcff"])
def test_what_cannot_be_a_label_is_refused(folder: Path, label: str) -> None:
    with pytest.raises(InputError, match="cannot be a label"):
        find_recordings(folder / "Hund", label=label)


def test_a_label_has_no_spaces_at_its_ends(folder: Path) -> None:
    found, _ = find_recordings(folder / "Hund", label=" dog ")
    assert {(item.label, item.group.partition("/")[0]) for item in found} == {("dog", "dog")}


def test_a_path_that_no_manifest_holds_is_refused(tmp_path: Path) -> None:
    item = Recording(path=tmp_path / "b\udcffd" / "dog" / "a.wav", label="dog", group="a")
    with pytest.raises(InputError, match="cannot hold this path"):
        append_rows("", [item], columns=COLUMNS, folder=tmp_path / "project", split=None)


@pytest.mark.parametrize(("name", "message"), [("nowhere", "no such folder"), ("empty", "no recordings were found")])
def test_a_folder_without_recordings_is_refused(tmp_path: Path, name: str, message: str) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match=message):
        find_recordings(tmp_path / name)


def test_only_loose_files_say_where_they_should_lie(tmp_path: Path) -> None:
    (tmp_path / "a.wav").touch()
    with pytest.raises(InputError, match=r"a\.wav lies in no folder of a label"):
        find_recordings(tmp_path)


def test_rows_are_relative_below_the_manifest_and_go_under_their_columns(folder: Path) -> None:
    found, _ = find_recordings(folder)
    old = "\ufeffgroup,note,class,file"
    columns = {**COLUMNS, "filename": "file", "label": "class"}
    text = append_rows(old, found[:1], columns=columns, folder=folder.parent, split=None)
    assert text == f"{old}\nHund/bellt 1.wav,,Hund,sounds/Hund/bellt 1.wav\n"
    fresh = append_rows("", found[2:3], columns=COLUMNS, folder=folder / "Hund", split="test")
    (row,) = csv.DictReader(io.StringIO(fresh))
    assert row == {"filename": str(folder / "Säge/monday/1.flac"), "label": "Säge", "group": "monday", "split": "test"}
