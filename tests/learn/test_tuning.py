"""A search keeps to its limits before it trains, goes on where it stopped, and draws nothing twice."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from tinyaudio.core.errors import ProjectError, StageError, ToolError
from tinyaudio.core.project import ModelTable, TrainTable, TuneTable, parse_project
from tinyaudio.learn.tuning import PredictedCost, Trial, TrialSettings, best_trial, cost_problems, pareto_front, run_study

BASE = TrialSettings(model=ModelTable(), train=TrainTable())
TABLE = TuneTable(trials=12, architectures=("mobilenet_v1", "ds_cnn"), maximum_instructions=4_000_000)
needs_optuna = pytest.mark.skipif(importlib.util.find_spec("optuna") is None, reason='a search needs Optuna: pip install "tinyaudio[tune]"')


class Workshop:
    """In place of compiler and training: what is wide and deep is dear and good."""

    def __init__(self) -> None:
        self.trained: list[TrialSettings] = []

    def predict(self, settings: TrialSettings) -> PredictedCost:
        work = int(10_000_000 * settings.model.width_multiplier * settings.model.blocks / 13)
        return PredictedCost(ram_bytes=work // 100, flash_bytes=work // 50, instructions=work)

    def assess(self, settings: TrialSettings) -> float:
        assert self.predict(settings).instructions <= TABLE.maximum_instructions
        self.trained.append(settings)
        if settings.model.architecture == "ds_cnn":
            raise StageError("the loss is nan in batch 3 of epoch 1", hint="lower train.learning_rate", where="train")
        return min(1.0, settings.model.width_multiplier * settings.model.blocks / 5)


def search(storage: Path | str, workshop: Workshop, *, trials: int = 12, name: str = "one") -> tuple[Trial, ...]:
    table = TABLE.model_copy(update={"trials": trials})
    return run_study(BASE, table, name=name, storage=storage, predict=workshop.predict, assess=workshop.assess)


@needs_optuna
def test_what_breaks_a_limit_is_not_trained(tmp_path: Path) -> None:
    workshop = Workshop()
    trials = search(tmp_path / "tune.journal", workshop)
    assert len(trials) == 12
    dear = [trial for trial in trials if trial.cost is not None and trial.cost.instructions > TABLE.maximum_instructions]
    assert all(trial.quality is None and "more than 4,000,000" in trial.problem for trial in dear)
    failed = [trial for trial in trials if "the loss is nan" in trial.problem]
    assert all(trial.changes["model.architecture"] == "ds_cnn" and trial.quality is None for trial in failed)
    assert len(workshop.trained) == 12 - len(dear)
    best = best_trial(trials)
    assert best.problem == ""
    assert best.quality == max(trial.quality for trial in trials if trial.quality is not None)


@needs_optuna
def test_an_interrupted_search_goes_on(tmp_path: Path) -> None:
    class Interrupted(Workshop):
        def assess(self, settings: TrialSettings) -> float:
            if len(self.trained) == 3:
                raise KeyboardInterrupt
            return super().assess(settings)

    with pytest.raises(KeyboardInterrupt):
        search(tmp_path / "tune.journal", Interrupted())
    workshop = Workshop()
    trials = search(tmp_path / "tune.journal", workshop)
    assert len(trials) == 12
    assert len(workshop.trained) <= 12 - 3
    points = [tuple(trial.changes.values()) for trial in trials]
    assert len(set(points)) == len(points)
    nothing = Workshop()
    assert search(tmp_path / "tune.journal", nothing) == trials
    assert nothing.trained == []
    assert len(search(tmp_path / "tune.journal", Workshop(), trials=14)) == 14
    assert len(search(tmp_path / "tune.journal", Workshop(), trials=1, name="other settings")) == 1


@needs_optuna
def test_the_same_seed_draws_the_same_points(tmp_path: Path) -> None:
    first, second = (search(tmp_path / name, Workshop(), trials=5) for name in ("a", "b"))
    assert first == second


@needs_optuna
def test_a_storage_that_cannot_be_used_is_said(tmp_path: Path) -> None:
    with pytest.raises(StageError, match="the storage of the study cannot be used"):
        search("nosuchdatabase://here", Workshop())
    (tmp_path / "tune.journal").mkdir()
    with pytest.raises(StageError, match="the storage of the study cannot be used"):
        search(tmp_path / "tune.journal", Workshop())


def test_without_optuna_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(ToolError, match="Optuna is not installed") as caught:
        search(tmp_path / "tune.journal", Workshop())
    assert caught.value.hint == 'pip install "tinyaudio[tune]"'


def trial(number: int, quality: float | None, instructions: int, problem: str = "") -> Trial:
    cost = PredictedCost(ram_bytes=1, flash_bytes=1, instructions=instructions)
    return Trial(number=number, changes={}, cost=cost, quality=quality, problem=problem)


def test_the_front_is_what_nothing_beats() -> None:
    trials = (trial(0, 0.8, 500), trial(1, 0.7, 300), trial(2, 0.7, 400), trial(3, 0.9, 900), trial(4, 0.95, 100, "too much RAM"), trial(5, 0.9, 901))
    assert [item.number for item in pareto_front(trials)] == [1, 0, 3]
    assert best_trial(trials).number == 3
    with pytest.raises(StageError, match="none of 1 trials keeps to the limits: too much RAM"):
        best_trial(trials[4:5])


def test_every_broken_limit_is_named() -> None:
    cost = PredictedCost(ram_bytes=2_000, flash_bytes=3_000, instructions=4_000)
    assert list(cost_problems(cost, TuneTable())) == []
    table = TuneTable(maximum_ram_bytes=1_999, maximum_flash_bytes=3_000, maximum_instructions=10)
    assert list(cost_problems(cost, table)) == ["2,000 bytes of RAM, more than 1,999", "4,000 instructions, more than 10"]


@pytest.mark.parametrize(
    ("toml", "message"),
    [
        ("blocks = [5, 3]\n", r"tune\.blocks: \[5, 3\] begins above its end"),
        ("width_multiplier = [0.01, 0.5]\n", r"tune\.width_multiplier: \[0\.01, 0\.5\] leaves 0\.05 to 1\.0"),
        ("architectures = []\n", r"tune\.architectures: "),
        ('architectures = ["tcn", "tcn"]\n', r"tune\.architectures: 'tcn' is listed twice"),
        ("trials = 0\n", r"tune\.trials: input should be greater than or equal to 1"),
        ("trialz = 3\n", r"tune\.trialz: unknown key; did you mean 'trials'\?"),
    ],
)
def test_mistaken_settings_are_named(tmp_path: Path, toml: str, message: str) -> None:
    with pytest.raises(ProjectError, match=message):
        parse_project(f'[project]\nname = "x"\n[tune]\n{toml}', directory=tmp_path)
