"""The same line on real recordings: ESC-10, by its official folds, without rewriting its manifest."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tinyaudio.core.project import Project, parse_project
from tinyaudio.dsp.frontend import design_frontend
from tinyaudio.learn.dataset import check_data, clip_reader, compute_features, patch_features

ROOT = Path(os.environ.get("TINYAUDIO_DATA", Path(__file__).resolve().parents[3] / "shared" / "data")).resolve()
MANIFEST = ROOT / "esc10" / "manifest.csv"

pytestmark = pytest.mark.skipif(not MANIFEST.is_file(), reason=f"ESC-10 is not there: {MANIFEST}; set TINYAUDIO_DATA")


def esc10(group: str) -> Project:
    text = f"""
[project]
name = "esc10"
[data]
manifest = "{MANIFEST.as_posix()}"
[data.columns]
group = "{group}"
split = "fold"
[data.split]
train = ["1", "2", "3"]
test = ["4"]
"""
    return parse_project(text, directory=Path())


@pytest.mark.parametrize(("group", "validation_clips"), [("fold", 80), ("freesound_url", 47)])
def test_folds_serve_as_splits(group: str, validation_clips: int) -> None:
    check = check_data(esc10(group))
    assert check.errors == ()
    assert (check.clips, len(check.labels)) == (318, 10)
    assert set(check.clips_by_split["test"].values()) == {8}
    assert sum(check.clips_by_split["validation"].values()) == pytest.approx(validation_clips, abs=3)
    assert min(check.clips_by_split["validation"].values()) >= 4


def test_flac_becomes_features() -> None:
    project = esc10("freesound_url")
    dataset = check_data(project).dataset
    assert dataset is not None
    features = compute_features(dataset, clip_reader(project), design_frontend(project.frontend, kernel="cmsis_q31"))
    patch_set = patch_features(features, "test")
    assert len(patch_set.clips) == 80
    assert len(patch_set.log_mel) == 80 * project.frontend.patches_of(project.frontend.frames_of(80_000))
