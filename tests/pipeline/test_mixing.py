"""``tinyaudio data mix``: from clips with one label to a project whose clips have several."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from tests.pipeline.small_project import Silent
from tinyaudio.cli.app import app
from tinyaudio.core.errors import InputError
from tinyaudio.dsp.audio import SyntheticSet, read_pcm, synthesize_set
from tinyaudio.pipeline import MixSettings, check_data, mix_data, open_line

PLAN = SyntheticSet(labels=("alarm", "engine", "siren"), train_recordings=5, validation_recordings=2, test_recordings=2, takes=1, clip_samples=16_000)
MIXED = '[project]\nname = "mixed"\n[data]\nlabel_separator = "|"\n[model]\nhead = "sigmoid"\n'


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("source")
    synthesize_set(directory, PLAN)
    (directory / "tinyaudio.toml").write_text('[project]\nname = "source"\n')
    return directory


def test_the_new_set_is_a_faultless_project_with_the_splits_of_the_old(source: Path, tmp_path: Path) -> None:
    facts = mix_data(open_line(source, Silent()), tmp_path, MixSettings(empty=0.2))
    (tmp_path / "tinyaudio.toml").write_text(MIXED)
    check = check_data(open_line(tmp_path, Silent()))
    assert check.problems == ()
    assert check.dataset is not None
    assert facts["clips"] == check.clips == sum(facts["labels"].values())
    assert facts["labels"][1] == facts["labels"][2] == 27
    assert facts["labels"][0] == 3 + 1 + 1
    truth = check.dataset.truth_of(check.dataset.of_split("test"))
    assert sorted(set(truth.sum(axis=1))) == [0, 1, 2]
    groups: dict[str, set[str]] = {}
    for clip in check.dataset.clips:
        groups.setdefault(clip.group, set()).add(clip.split)
    assert all(len(splits) == 1 for splits in groups.values())


def test_what_is_there_is_left_and_another_set_is_not_overwritten(source: Path, tmp_path: Path) -> None:
    first = mix_data(open_line(source, Silent()), tmp_path, MixSettings())
    clip = next((tmp_path / "audio").iterdir())
    written = clip.stat().st_mtime_ns
    assert mix_data(open_line(source, Silent()), tmp_path, MixSettings()) == {**first, "reused": True}
    assert clip.stat().st_mtime_ns == written
    with pytest.raises(InputError, match="holds another data set"):
        mix_data(open_line(source, Silent()), tmp_path, MixSettings(seed=2))
    other = tmp_path / "again"
    mix_data(open_line(source, Silent()), other, MixSettings())
    assert (other / "manifest.csv").read_bytes() == (tmp_path / "manifest.csv").read_bytes()
    for path in (tmp_path / "audio").iterdir():
        assert (other / "audio" / path.name).read_bytes() == path.read_bytes()
    assert read_pcm(clip, sample_rate_hz=16_000).size == 16_000


@pytest.mark.parametrize(
    ("settings", "where"),
    [
        (MixSettings(pairs=-1.0), "--pairs"),
        (MixSettings(empty=float("nan")), "--empty"),
        (MixSettings(snr_db=90.0), "--snr-db"),
        (MixSettings(pool_recordings=1), "--pool"),
    ],
)
def test_settings_out_of_range_are_refused(source: Path, tmp_path: Path, settings: MixSettings, where: str) -> None:
    with pytest.raises(InputError) as caught:
        mix_data(open_line(source, Silent()), tmp_path / "out", settings)
    assert caught.value.where == where
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        ('[data]\nlabel_separator = "|"\n[model]\nhead = "sigmoid"\n', "has clips of several labels already"),
        ('task = "anomaly"\n', "detects anomalies"),
    ],
)
def test_only_clips_of_one_label_are_mixed(tmp_path: Path, more: str, sentence: str) -> None:
    (tmp_path / "tinyaudio.toml").write_text('[project]\nname = "other"\n' + more)
    with pytest.raises(InputError, match=sentence):
        mix_data(open_line(tmp_path, Silent()), tmp_path / "out", MixSettings())


def test_the_command_tells_what_it_made(source: Path, tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["data", "mix", str(tmp_path), "--project", str(source), "--pairs", "0.5", "--json"])
    assert result.exit_code == 0, result.output
    facts: dict[str, Any] = json.loads(result.stdout.splitlines()[-1])
    assert facts["manifest"] == str(tmp_path / "manifest.csv")
    assert facts["labels"]["1"] == 27
    assert 12 <= facts["labels"]["2"] <= 15
