"""tinyaudio.toml: what is read, and that every mistake is named by its path, all at once."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import pytest

from tinyaudio.core.canonical import fingerprint
from tinyaudio.core.errors import ProjectError
from tinyaudio.core.new_project import new_project_files
from tinyaudio.core.project import AnomalyTable, FrontendTable, load_project, parse_project
from tinyaudio.core.spec import FrontendSpec

MINIMAL = '[project]\nname = "doorbell"\n'


def problems_of(text: str) -> list[str]:
    with pytest.raises(ProjectError) as caught:
        parse_project(text, directory=Path())
    assert caught.value.hint
    return caught.value.message.split("; ")


def test_a_minimal_project_has_all_defaults(tmp_path: Path) -> None:
    project = parse_project(MINIMAL, directory=tmp_path)
    assert (project.name, project.task, project.board) == ("doorbell", "events", "mps2_an500")
    assert project.frontend == FrontendSpec()
    assert project.manifest_path == tmp_path / "manifest.csv"
    assert project.model.width_multiplier == 0.25
    assert not project.is_anomaly


def test_sections_are_frozen_and_have_a_fingerprint(tmp_path: Path) -> None:
    project = parse_project(MINIMAL, directory=tmp_path)
    with pytest.raises(Exception, match="frozen"):
        project.train.epochs = 3
    other = parse_project(MINIMAL + "[train]\nepochs = 3\n", directory=tmp_path)
    assert fingerprint(project.train.model_dump()) != fingerprint(other.train.model_dump())


def test_esc10_columns_are_mapped(tmp_path: Path) -> None:
    text = (
        MINIMAL
        + '[data]\nmanifest = "esc10/manifest.csv"\n[data.columns]\ngroup = "fold"\nsplit = "fold"\n[data.split]\ntrain = [1, "2", 3]\ntest = ["4"]\n'
    )
    data = parse_project(text, directory=tmp_path).data
    assert (data.columns.group, data.columns.split) == ("fold", "fold")
    assert (data.split.train, data.split.test) == (("1", "2", "3"), ("4",))


def test_all_mistakes_are_reported_at_once_each_with_its_path() -> None:
    problems = problems_of(
        '[project]\ntask = "events"\n[data]\nmanifset = "x.csv"\n[data.columns]\nlabel = 3\n'
        '[train]\nepochs = 0\nbatch_size = "32"\n[train.augmentation]\ngain = 3.0\n[modell]\nx = 1\n[frontend]\nfft_samples = 500\nmel_bands = 0\n'
    )
    text = "\n".join(problems)
    assert "project.name: is missing" in text
    assert "data.manifset: unknown key\ndid you mean 'manifest'?" in text
    assert "data.columns.label: input should be a valid string (it is 3)" in text
    assert "train.epochs: input should be greater than or equal to 1 (it is 0)" in text
    assert "train.batch_size: input should be a valid integer (it is '32')" in text
    assert "train.augmentation.gain: unknown key\ndid you mean 'gain_db'?" in text
    assert "modell: unknown section\ndid you mean 'model'?" in text
    assert "frontend.fft_samples: is 500" in text
    assert "frontend.mel_bands: is 0" in text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('[project]\nname = "a b"\n', "project.name: string should match pattern"),
        ('[project]\nname = "a"\ntask = "speech"\n', "project.task: input should be 'events' or 'anomaly' (it is 'speech')"),
        (MINIMAL + "[data]\ncolumns = 3\n", "data.columns: must be a table"),
        (MINIMAL + '[data.columns]\ngroup = "label"\n', "data.columns.group: is the label's column, too"),
        (MINIMAL + '[data.split]\ntrain = ["1"]\ntest = ["1"]\n', "data.split.test: '1' is in split.train, too"),
        (MINIMAL + "[data.split]\ntest = []\n", "data.split.test: is empty"),
        (MINIMAL + "[data.split]\ntrain = []\n", "data.split.train: is empty"),
        (MINIMAL + "[data.split]\nvalidation_fraction = 1.5\n", "data.split.validation_fraction: input should be less than 0.9"),
        (MINIMAL + "[data.split]\nfolds = 1\n", "data.split.folds: is 1, so nothing would be left to train on"),
        (MINIMAL + "[data.split]\nfolds = 4\ntest_fold = 5\n", "data.split.test_fold: is 5, but there are 4 folds"),
        (MINIMAL + '[train.transfer.frontend]\npreset = "stm32"\n', "train.transfer.frontend.preset: there is no preset 'stm32'"),
        (MINIMAL + '[data]\nlabels = ["a", "b", "a"]\n', "data.labels: 'a' is listed twice"),
        (MINIMAL + '[data]\nchannels = "left"\n', "data.channels: input should be 'mix' or 'refuse'"),
        (MINIMAL + '[model]\narchitecture = "resnet"\n', "model.architecture: input should be 'mobilenet_v1', 'mobilenet_v2'"),
        (MINIMAL + "[train]\nlearning_rate = nan\n", "train.learning_rate"),
        (MINIMAL + '[frontend]\nspectrum = "phase"\n', "frontend.spectrum: input should be 'magnitude' or 'power'"),
        (MINIMAL + "[frontend]\nhop_samples = 500\n", "frontend.hop_samples: is 500"),
        ("train = 3\n" + MINIMAL, "train: must be a table"),
        (MINIMAL + "[firmware]\nsmoothing_patches = 0\n", "firmware.smoothing_patches: input should be greater than or equal to 1"),
        (MINIMAL + "[firmware]\nclass_thresholds = {siren = nan}\n", "firmware.class_thresholds.siren: input should be a finite number"),
        (MINIMAL + "[firmware]\nclass_thresholds = {siren = 1.2}\n", "firmware.class_thresholds.siren: input should be less than or equal to 1"),
        (MINIMAL + "[firmware]\nclass_thresholds = {siren = 0}\n", "firmware.class_thresholds.siren: input should be greater than 0"),
        (MINIMAL + "[firmware]\nclass_thresholds = [0.5, 0.5]\n", "firmware.class_thresholds: input should be a valid dictionary"),
        (MINIMAL + "[tune]\ndropout = [[0.1], 0.2]\n", "tune.dropout.0: input should be a valid number"),
        (MINIMAL + "[tune]\nmixup = [nan, nan]\n", "tune.mixup.0: input should be a finite number"),
        (MINIMAL + "[anomaly]\nminimum_seconds = inf\n", "anomaly.minimum_seconds: input should be a finite number"),
        (MINIMAL + "[quantize]\nrepresentative_clips = true\n", "quantize.representative_clips: input should be a valid integer"),
    ],
)
def test_each_mistake_names_its_path(text: str, expected: str) -> None:
    assert expected in "; ".join(problems_of(text))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('name = "x"\n', "name: unknown section; it belongs into [project]"),
        (MINIMAL + "[train]\nmixup = 0.2\n", "train.mixup: unknown key; it belongs into [train.augmentation] or [tune]"),
        (MINIMAL + "[data]\nsample_rate_hz = 8000\n", "data.sample_rate_hz: unknown key; it belongs into [frontend]"),
        (MINIMAL + "[model]\nseed = 1\nhed = 1\n", "model.hed: unknown key; did you mean 'head'?"),
        ('[project]\nname = "Tür"\n', "that is letters (a to z), digits, '_', '.' and '-', a letter or digit first (it is 'Tür')"),
    ],
)
def test_a_key_is_sent_where_it_belongs_and_a_pattern_is_told_in_words(text: str, expected: str) -> None:
    assert expected in "; ".join(problems_of(text))


def test_the_file_is_named_with_its_folder(tmp_path: Path) -> None:
    with pytest.raises(ProjectError) as caught:
        parse_project('[project]\nname = ""\n', directory=tmp_path)
    assert caught.value.where == str(tmp_path / "tinyaudio.toml")


def test_bad_toml_names_the_line() -> None:
    assert "line 2" in "; ".join(problems_of('[project]\nname = "x\n'))


def test_a_missing_file_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(ProjectError, match=r"there is no tinyaudio\.toml") as caught:
        load_project(tmp_path)
    assert "tinyaudio new" in caught.value.hint


def test_a_file_that_is_not_utf8_is_refused(tmp_path: Path) -> None:
    (tmp_path / "tinyaudio.toml").write_bytes(b'[project]\nname = "\xff"\n')
    with pytest.raises(ProjectError, match="not UTF-8"):
        load_project(tmp_path)


def test_the_frontend_table_has_the_fields_and_defaults_of_the_spec() -> None:
    defaults = {field.name: field.default for field in dataclasses.fields(FrontendSpec)}
    assert {name: field.default for name, field in FrontendTable.model_fields.items()} == {"preset": "yamnet", **defaults}


def test_a_new_anomaly_project_loads_and_its_comments_hold_the_defaults(tmp_path: Path) -> None:
    files = new_project_files("anomaly", "pump")
    assert sorted(files) == ["README.md", "manifest.csv", "tinyaudio.toml"]
    project = parse_project(files["tinyaudio.toml"], directory=tmp_path)
    assert project.is_anomaly
    assert project.anomaly == AnomalyTable()
    uncommented = re.sub(r"(?m)^# (\w+ = )", r"\1", files["tinyaudio.toml"])
    assert parse_project(uncommented, directory=tmp_path) == project


def test_the_sections_of_a_backbone_in_a_new_anomaly_project_hold(tmp_path: Path) -> None:
    text = new_project_files("anomaly", "pump")["tinyaudio.toml"].replace('# architecture = "conv_ae"', 'architecture = "mahalanobis"')
    project = parse_project(re.sub(r"(?m)^#   ", "", text), directory=tmp_path)
    assert project.anomaly.is_one_class
    assert (project.model.blocks, project.model.width_multiplier, project.model.activation) == (5, 1.0, "relu")
    assert project.train.transfer.backbone == "yamnet.tflite"
    assert project.train.transfer.frontend is not None


@pytest.mark.parametrize("section", ["transfer", "distillation"])
def test_an_unknown_key_of_another_front_end_is_named_with_its_nearest(section: str) -> None:
    problems = "; ".join(problems_of(MINIMAL + f"[train.{section}.frontend]\nmel_bandz = 64\n"))
    assert problems == f"train.{section}.frontend.mel_bandz: unknown key; did you mean 'mel_bands'?"


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("normal = []", "anomaly.normal"),
        ("bottleneck = 100", "anomaly.bottleneck"),
        ('architecture = "vae"', "anomaly.architecture"),
        ("sigmas = 3", "anomaly.sigmas: unknown key; did you mean 'sigma'?"),
    ],
)
def test_mistakes_in_the_anomaly_section_are_named(line: str, message: str) -> None:
    with pytest.raises(ProjectError, match=re.escape(message)):
        parse_project(f'[project]\nname = "pump"\ntask = "anomaly"\n[anomaly]\n{line}\n', directory=Path())


def test_a_new_project_loads_with_the_defaults(tmp_path: Path) -> None:
    files = new_project_files("events", "my door bell")
    assert sorted(files) == ["README.md", "manifest.csv", "tinyaudio.toml"]
    assert parse_project(files["tinyaudio.toml"], directory=tmp_path) == parse_project('[project]\nname = "my_door_bell"\n', directory=tmp_path)


def test_the_comments_of_a_new_project_are_valid_and_hold_the_defaults(tmp_path: Path) -> None:
    text = new_project_files("events", "x")["tinyaudio.toml"]
    uncommented = re.sub(r"(?m)^# (?=[a-z_]+ = )", "", text).replace('labels = ["dog", "rain"]', "labels = []")
    assert parse_project(uncommented, directory=tmp_path) == parse_project('[project]\nname = "x"\n', directory=tmp_path)


def test_a_new_project_can_point_at_an_existing_manifest(tmp_path: Path) -> None:
    files = new_project_files("events", "x", manifest="../data/clips.csv")
    assert sorted(files) == ["README.md", "tinyaudio.toml"]
    assert parse_project(files["tinyaudio.toml"], directory=tmp_path).data.manifest == "../data/clips.csv"


@pytest.mark.parametrize(("folder", "name"), [("Tür & Säge", "Tur_Sage"), ("straße", "strasse"), ("ä", "a"), ("a b", "a_b")])
def test_a_project_in_a_folder_with_accents_keeps_its_letters(tmp_path: Path, folder: str, name: str) -> None:
    assert parse_project(new_project_files("events", folder)["tinyaudio.toml"], directory=tmp_path).name == name


@pytest.mark.parametrize(("name", "manifest"), [("///", ""), ("x", 'a".csv')])
def test_names_that_cannot_be_written_are_refused(name: str, manifest: str) -> None:
    with pytest.raises(ProjectError):
        new_project_files("events", name, manifest=manifest)
