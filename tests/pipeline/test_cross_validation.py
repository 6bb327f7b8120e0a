"""Every fold is tested once by every seed, from splits that do not leak."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.pipeline.small_project import SMALL_SET, Silent
from tinyaudio.core.artifacts import Evaluation
from tinyaudio.core.errors import InputError
from tinyaudio.core.evaluation import headline_value
from tinyaudio.dsp.audio import synthesize_set
from tinyaudio.learn.dataset import load_dataset
from tinyaudio.learn.evaluate import evaluation_of
from tinyaudio.pipeline import cross_validate, cross_validation, cross_validation_facts, open_line
from tinyaudio.pipeline.line import Line

SETTINGS = '[project]\nname = "small"\n[data.split]\n'


@pytest.fixture
def project(tmp_path: Path) -> Path:
    synthesize_set(tmp_path, dataclasses.replace(SMALL_SET, clip_samples=16_000))
    manifest = tmp_path / "manifest.csv"
    rows = [line.rsplit(",", 1)[0] for line in manifest.read_text().splitlines()]
    manifest.write_text("\n".join(rows) + "\n")
    (tmp_path / "tinyaudio.toml").write_text(SETTINGS + "folds = 4\n")
    return tmp_path


@pytest.fixture
def trainings(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Line]]:
    """In place of trainings: a model that is right the more often the higher the seed."""
    done: list[Line] = []

    def result(line: Line, fold: str, seed: int) -> cross_validation.FoldResult:
        done.append(line)
        clips = load_dataset(line.project).of_split("test")
        labels = ("alarm", "engine", "siren")
        truth = np.array([labels.index(clip.label) for clip in clips])
        scores = np.eye(3)[truth] * (0.3 + 0.2 * seed) + np.random.default_rng([seed, len(done)]).dirichlet((1, 1, 1), size=len(clips))
        both = {
            name: evaluation_of(
                name, split="test", labels=labels, filenames=tuple(clip.filename for clip in clips), label_indices=truth, scores=scores.copy()
            )
            for name in ("float", "int8")
        }
        return cross_validation.FoldResult(fold=fold, seed=seed, groups=tuple(clip.group for clip in clips), evaluations=both)

    monkeypatch.setattr(cross_validation, "_result", result)
    yield done


def test_every_clip_is_tested_once_by_every_seed(project: Path, trainings: list[Line]) -> None:
    outcome = cross_validate(open_line(project, Silent()), seeds=(1, 2, 3))
    assert [(item.fold, item.seed) for item in outcome.results] == [(str(fold), seed) for fold in range(1, 5) for seed in (1, 2, 3)]
    tested = [name for item in outcome.results for name in item.evaluations["int8"].filenames]
    assert sorted(tested) == sorted(3 * [path.relative_to(project).as_posix() for path in (project / "audio").glob("*.wav")])
    assert {line.project.train.seed for line in trainings} == {1, 2, 3}
    assert len({line.store.directory for line in trainings}) == 12


def test_figures_are_over_all_clips_and_the_spread_over_the_seeds(project: Path, trainings: list[Line]) -> None:
    outcome = cross_validate(open_line(project, Silent()), seeds=(1, 2))
    facts = cross_validation_facts(outcome)
    rows = [item for item in facts["folds"] if item["seed"] == 1]
    pooled = sum(item["int8"] * item["clips"] for item in rows) / sum(item["clips"] for item in rows)
    assert facts["seeds"]["int8"]["values"]["1"] == pytest.approx(pooled)
    assert facts["seeds"]["int8"]["mean"] == pytest.approx(facts["headlines"]["int8"]["accuracy"]["value"])
    assert facts["seeds"]["int8"]["standard_deviation"] == pytest.approx(np.std([*facts["seeds"]["int8"]["values"].values()], ddof=1))
    accuracy = facts["headlines"]["int8"]["accuracy"]
    assert accuracy["lower"] < accuracy["value"] < accuracy["upper"]
    alone = cross_validation_facts(cross_validate(open_line(project, Silent()), seeds=(1,)))
    assert alone["seeds"]["int8"]["standard_deviation"] is None


def test_values_of_the_split_column_are_folds(project: Path, trainings: list[Line]) -> None:
    manifest = project / "manifest.csv"
    header, *rows = manifest.read_text().splitlines()
    groups = list(dict.fromkeys(row.split(",")[2] for row in rows))
    numbered = [f"{row},{1 + groups.index(row.split(',')[2]) // 3 % 3}" for row in rows]
    manifest.write_text("\n".join([f"{header},split", *numbered]) + "\n")
    (project / "tinyaudio.toml").write_text(SETTINGS + "train = [1, 2]\nvalidation = []\ntest = [3]\n")
    outcome = cross_validate(open_line(project, Silent()), seeds=(1,))
    assert [item.fold for item in outcome.results] == ["1", "2", "3"]
    for line, item in zip(trainings, outcome.results, strict=True):
        dataset = load_dataset(line.project)
        assert not {clip.group for clip in dataset.of_split("train")} & set(item.groups)
        assert not {clip.group for clip in dataset.of_split("validation")} & set(item.groups)


def test_each_fold_may_be_prepared_by_its_own_training_clips(project: Path, trainings: list[Line]) -> None:
    prepared: list[Line] = []

    def prepare(line: Line) -> Line:
        prepared.append(line)
        changed = dataclasses.replace(line.project, model=line.project.model.model_copy(update={"blocks": len(prepared)}))
        return Line(project=changed, store=line.store, progress=line.progress)

    outcome = cross_validate(open_line(project, Silent()), seeds=(1,), prepare=prepare)
    assert [line.project.model.blocks for line in trainings] == [1, 2, 3, 4]
    for line, item in zip(prepared, outcome.results, strict=True):
        dataset = load_dataset(line.project)
        assert {clip.group for clip in dataset.of_split("test")} == set(item.groups)
        assert not {clip.group for clip in dataset.clips if clip.split != "test"} & set(item.groups)


def test_what_cannot_be_folded_is_said(project: Path) -> None:
    toml = project / "tinyaudio.toml"
    with pytest.raises(InputError, match="name each seed once"):
        cross_validate(open_line(project, Silent()), seeds=(1, 1))
    toml.write_text('[project]\nname = "small"\n')
    with pytest.raises(InputError, match="the project has no folds"):
        cross_validate(open_line(project, Silent()), seeds=(1,))
    synthesize_set(project, SMALL_SET)
    manifest = project / "manifest.csv"
    manifest.write_text(manifest.read_text().replace("validation", "train"))
    with pytest.raises(InputError, match="has 2 values in use; folds are at least three"):
        cross_validate(open_line(project, Silent()), seeds=(1,))
    toml.write_text('[project]\nname = "small"\n[model]\nfile = "x.tflite"\nlabels = ["a", "b"]\n')
    with pytest.raises(InputError, match="the model is finished"):
        cross_validate(open_line(project, Silent()), seeds=(1,))


def test_results_of_one_seed_are_those_of_its_folds() -> None:
    def result(fold: str, right: list[bool]) -> cross_validation.FoldResult:
        truth = np.zeros(len(right), np.int64)
        scores = np.array([[0.9, 0.1] if item else [0.2, 0.8] for item in right])
        names = tuple(f"{fold}{index}" for index in range(len(right)))
        found: Evaluation = evaluation_of("int8", split="test", labels=("a", "b"), filenames=names, label_indices=truth, scores=scores)
        return cross_validation.FoldResult(fold=fold, seed=1, groups=names, evaluations={"int8": found})

    pooled = cross_validation._pooled([result("x", [True, True, False]), result("y", [True])], "int8")
    assert headline_value(pooled) == 0.75
    assert pooled.filenames == ("x0", "x1", "x2", "y0")
