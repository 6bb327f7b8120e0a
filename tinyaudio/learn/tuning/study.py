"""An Optuna study with two aims, quality up and instructions down, and limits that are known before anything is trained.

References
----------
S. Watanabe, F. Hutter, "c-TPE: Tree-structured Parzen Estimator with Inequality Constraints", IJCAI 2023.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tinyaudio.core.errors import StageError, TinyaudioError, ToolError
from tinyaudio.core.project import ModelTable, TrainTable, TuneTable


@dataclass(frozen=True, slots=True, kw_only=True)
class PredictedCost:
    """What a model takes on the device, told before it is trained."""

    ram_bytes: int  # of its arena
    flash_bytes: int  # of its constants and code
    instructions: int  # of one inference


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialSettings:
    """One point of the search."""

    model: ModelTable
    train: TrainTable


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """What one point came to."""

    number: int
    changes: dict[str, Any]  # "model.blocks" -> 5
    cost: PredictedCost | None  # None: it could not be built
    quality: float | None  # on the validation split; None: not trained, since it breaks a limit
    problem: str  # why it does not count; "": it does


Predict = Callable[[TrialSettings], PredictedCost]
Assess = Callable[[TrialSettings], float]


def run_study(
    base: TrialSettings,
    table: TuneTable,
    *,
    name: str,
    storage: Path | str,
    predict: Predict,
    assess: Assess,
    on_trial: Callable[[int, int], None] | None = None,
) -> tuple[Trial, ...]:
    """Try points until there are ``tune.trials`` in the storage, and return all of them.

    A point that breaks a limit by its predicted cost is not trained. What other processes with the same storage tried counts
    and is learned from; a study that was interrupted goes on.

    Parameters
    ----------
    base
        Settings that the search changes.
    table
        ``[tune]`` of the project.
    name
        Of the study; another name is another study.
    storage
        A file, or the address of a database as Optuna takes it.
    predict
        Tells the cost of a point.
    assess
        Trains a point and tells its quality, 0 to 1.
    on_trial
        Called with (points tried, points in all).

    Raises
    ------
    ToolError
        If Optuna is not installed.
    StageError
        If the storage cannot be used.
    """
    optuna = _import_optuna()
    study = _open_study(optuna, table, name=name, storage=storage)
    finished = (optuna.trial.TrialState.COMPLETE,)

    def objective(trial: Any) -> tuple[float, float]:
        return _try(trial, base, table, predict, assess)

    while (done := len(study.get_trials(deepcopy=False, states=finished))) < table.trials:
        if on_trial is not None:
            on_trial(done, table.trials)
        study.optimize(objective, n_trials=1)
    if on_trial is not None:
        on_trial(done, table.trials)
    return tuple(_trial(item) for item in study.get_trials(deepcopy=False, states=finished))


def cost_problems(cost: PredictedCost, table: TuneTable) -> Iterator[str]:
    """Yield every limit of `table` that `cost` breaks."""
    for name, value, limit in _limits(cost, table):
        if limit and value > limit:
            yield f"{value:,} {name}, more than {limit:,}"


def _limits(cost: PredictedCost, table: TuneTable) -> tuple[tuple[str, int, int], ...]:
    """Return (what, how much, at most; 0: any)."""
    return (
        ("bytes of RAM", cost.ram_bytes, table.maximum_ram_bytes),
        ("bytes of flash", cost.flash_bytes, table.maximum_flash_bytes),
        ("instructions", cost.instructions, table.maximum_instructions),
    )


def pareto_front(trials: Sequence[Trial]) -> tuple[Trial, ...]:
    """Return the trials that no other one beats in quality and instructions at once, cheapest first."""
    front: list[Trial] = []
    for trial in sorted(_counting(trials), key=lambda item: (_instructions(item), -_quality(item), item.number)):
        if not front or _quality(trial) > _quality(front[-1]):
            front.append(trial)
    return tuple(front)


def best_trial(trials: Sequence[Trial]) -> Trial:
    """Return the trial of the highest quality; among equals the cheapest.

    Raises
    ------
    StageError
        If none keeps to the limits.
    """
    counting = _counting(trials)
    if not counting:
        problems = sorted({trial.problem for trial in trials})
        raise StageError(
            f"none of {len(trials)} trials keeps to the limits: {'; '.join(problems[:3])}",
            hint="raise the limits of [tune], or let it try smaller networks",
            where="tune",
        )
    return max(counting, key=lambda item: (_quality(item), -_instructions(item), -item.number))


def _counting(trials: Sequence[Trial]) -> list[Trial]:
    return [trial for trial in trials if not trial.problem]


def _quality(trial: Trial) -> float:
    return trial.quality if trial.quality is not None else 0.0


def _instructions(trial: Trial) -> int:
    return trial.cost.instructions if trial.cost is not None else 0


def _import_optuna() -> Any:
    try:
        import optuna
    except ImportError as error:
        raise ToolError("Optuna is not installed, and a search needs it", hint='pip install "tinyaudio[tune]"', where="tune") from error
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return optuna


def _open_study(optuna: Any, table: TuneTable, *, name: str, storage: Path | str) -> Any:
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend

    try:
        if isinstance(storage, Path):
            storage.parent.mkdir(parents=True, exist_ok=True)
            kept: Any = JournalStorage(JournalFileBackend(str(storage)))
        else:
            kept = storage
        study = optuna.create_study(storage=kept, study_name=name, directions=("maximize", "minimize"), load_if_exists=True)
    except _storage_errors() as error:
        raise StageError(
            f"the storage of the study cannot be used: {error}", hint="move it away to begin anew, or mend its address", where=str(storage)
        ) from error
    # Each run draws on its own: a sampler's state is not kept, and points must not be drawn twice.
    seed = [table.seed, len(study.get_trials(deepcopy=False))]
    study.sampler = optuna.samplers.TPESampler(seed=_mixed(seed))
    return study


def _storage_errors() -> tuple[type[Exception], ...]:
    """Return what Optuna, and SQLAlchemy below it, raise over a storage that is damaged, refused or not there."""
    from sqlalchemy.exc import SQLAlchemyError

    return (OSError, ValueError, KeyError, ImportError, SQLAlchemyError)


def _mixed(numbers: Sequence[int]) -> int:
    import numpy as np

    return int(np.random.SeedSequence(list(numbers)).generate_state(1)[0])


def _try(trial: Any, base: TrialSettings, table: TuneTable, predict: Predict, assess: Assess) -> tuple[float, float]:
    """Return (quality, instructions) of one point; what does not count has quality 0."""
    changes = _draw(trial, table)
    settings = _changed(base, changes)
    trial.set_user_attr("changes", changes)
    cost, problems, quality = PredictedCost(ram_bytes=0, flash_bytes=0, instructions=0), [], 0.0
    try:
        cost = predict(settings)
        trial.set_user_attr("cost", dataclasses.asdict(cost))
        problems = list(cost_problems(cost, table))
        if not problems:
            quality = assess(settings)
            trial.set_user_attr("quality", quality)
    except ToolError:
        raise
    except TinyaudioError as error:  # a network that cannot be, a loss that is not a number: the search goes on elsewhere
        problems = [str(error)]
    trial.set_user_attr("problem", "; ".join(problems))
    for name, value, limit in _limits(cost, table):
        trial.set_constraint(name, value / limit - 1.0 if limit else -1.0)
    trial.set_constraint("works", 1.0 if problems else -1.0)
    return quality, float(cost.instructions)


def _draw(trial: Any, table: TuneTable) -> dict[str, Any]:
    """Return the changes of one point, rounded to what a person would write."""
    return {
        "model.architecture": trial.suggest_categorical("architecture", table.architectures),
        "model.width_multiplier": round(trial.suggest_float("width_multiplier", *table.width_multiplier), 3),
        "model.blocks": trial.suggest_int("blocks", *table.blocks),
        "model.dropout": round(trial.suggest_float("dropout", *table.dropout), 3),
        "train.learning_rate": float(f"{trial.suggest_float('learning_rate', *table.learning_rate, log=True):.3g}"),
        "train.augmentation.mixup": round(trial.suggest_float("mixup", *table.mixup), 3),
    }


def _changed(base: TrialSettings, changes: dict[str, Any]) -> TrialSettings:
    model = {key.removeprefix("model."): value for key, value in changes.items() if key.startswith("model.")}
    augmentation = base.train.augmentation.model_copy(update={"mixup": changes["train.augmentation.mixup"]})
    return TrialSettings(
        model=base.model.model_copy(update=model),
        train=base.train.model_copy(update={"learning_rate": changes["train.learning_rate"], "augmentation": augmentation}),
    )


def _trial(item: Any) -> Trial:
    attributes = item.user_attrs
    return Trial(
        number=item.number,
        changes=dict(attributes["changes"]),
        cost=PredictedCost(**attributes["cost"]) if "cost" in attributes else None,
        quality=attributes.get("quality"),
        problem=str(attributes.get("problem", "")),
    )
