"""Every fold tested once, by as many seeds as wanted: how good the recipe is, and how much of that is luck.

A fold is a part of whole groups (``data.split.folds``), or a value of the manifest's split column. Its project is the
user's with another split and seed, its values lie under ``runs/<name>/folds``: an interrupted run goes on where it stopped.
"""

from __future__ import annotations

import dataclasses
import statistics
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tinyaudio.core.artifacts import Evaluation
from tinyaudio.core.errors import InputError
from tinyaudio.core.evaluation import Headline, headline_figures, headline_value, multi_label_evaluation
from tinyaudio.core.project import Project, SplitTable
from tinyaudio.core.store import RunStore
from tinyaudio.learn.dataset import read_manifest
from tinyaudio.learn.evaluate import evaluation_of
from tinyaudio.pipeline.judging import evaluate_stage, test_groups
from tinyaudio.pipeline.line import Line

#: Changes the project of one fold before anything of it is computed, such as by a search among its training clips.
Prepare = Callable[[Line], Line]


@dataclass(frozen=True, slots=True, kw_only=True)
class FoldResult:
    """One training, tested on one fold."""

    fold: str
    seed: int
    groups: tuple[str, ...]  # of the test clips, in their order
    evaluations: dict[str, Evaluation]  # "float", "int8"


@dataclass(frozen=True, slots=True, kw_only=True)
class CrossValidation:
    """All folds by all seeds."""

    results: tuple[FoldResult, ...]
    headlines: dict[str, tuple[Headline, ...]]  # "float", "int8" -> figures over all test clips, intervals over whole groups
    seed_values: dict[str, dict[int, float]]  # "float", "int8" -> seed -> the figure that it is judged by, over all folds


def cross_validate(line: Line, *, seeds: Sequence[int], prepare: Prepare | None = None) -> CrossValidation:
    """Train and test every fold with every seed.

    Parameters
    ----------
    line
        The project.
    seeds
        In place of ``train.seed``. The folds are the same for all.
    prepare
        Called with the line of each fold first.

    Raises
    ------
    InputError
        If the project has a finished model, names no folds, or a seed is named twice.
    """
    if line.project.model_path is not None:
        raise InputError("there is nothing to train: the model is finished", hint="take file out of [model] to train one", where="model.file")
    if not seeds or len(set(seeds)) != len(seeds):
        raise InputError("name each seed once, and at least one", hint="as --seeds 3, or leave it out", where="--seeds")
    results = []
    for fold, split in _folds(line.project):
        for seed in seeds:
            line.progress.note(f"fold {fold}, seed {seed}")
            one = _line_of(line, fold, split, seed)
            results.append(_result(prepare(one) if prepare is not None else one, fold, seed))
    return _summary(tuple(results))


def cross_validation_facts(outcome: CrossValidation) -> dict[str, Any]:
    """Return the outcome as the command line's JSON shows it."""
    return {
        "folds": [
            {
                "fold": result.fold,
                "seed": result.seed,
                "clips": len(result.groups),
                **{name: headline_value(evaluation) for name, evaluation in result.evaluations.items()},
            }
            for result in outcome.results
        ],
        "headlines": {
            name: {item.name: {"value": item.value, "lower": item.lower, "upper": item.upper} for item in figures}
            for name, figures in outcome.headlines.items()
        },
        "seeds": {
            name: {
                "values": {str(seed): value for seed, value in values.items()},
                "mean": statistics.fmean(values.values()),
                "standard_deviation": statistics.stdev(values.values()) if len(values) > 1 else None,
            }
            for name, values in outcome.seed_values.items()
        },
    }


def _folds(project: Project) -> Iterator[tuple[str, SplitTable]]:
    """Yield each fold's name and the split that tests it."""
    split = project.data.split
    rows, _ = read_manifest(project.manifest_path, project.data)
    if all(row.split_value is None for row in rows):
        if not split.folds:
            raise InputError("the project has no folds", hint="set data.split.folds = 5", where="data.split.folds")
        for fold in range(1, split.folds + 1):
            yield str(fold), split.model_copy(update={"test_fold": fold})
        return
    used = {row.split_value for row in rows}
    values = [value for value in (*split.train, *split.validation, *split.test) if value in used]
    if len(values) < 3:
        raise InputError(
            f"the manifest's split column has {len(values)} values in use; folds are at least three",
            hint="number the folds there and name them in data.split, or drop the column and set data.split.folds",
            where="data.split",
        )
    for value in values:
        yield value, split.model_copy(update={"train": tuple(other for other in values if other != value), "validation": (), "test": (value,)})


def _line_of(line: Line, fold: str, split: SplitTable, seed: int) -> Line:
    project = dataclasses.replace(
        line.project,
        data=line.project.data.model_copy(update={"split": split}),
        train=line.project.train.model_copy(update={"seed": seed}),
    )
    place = "".join(character if character.isalnum() else "_" for character in fold)
    return Line(project=project, store=RunStore(line.store.directory / "folds" / f"{place}_seed_{seed}"), progress=line.progress)


def _result(line: Line, fold: str, seed: int) -> FoldResult:
    evaluations = evaluate_stage(line).value
    both = {name: item for name, item in (("float", evaluations.float), ("int8", evaluations.int8)) if item is not None}
    return FoldResult(fold=fold, seed=seed, groups=tuple(test_groups(line)), evaluations=both)


def _summary(results: tuple[FoldResult, ...]) -> CrossValidation:
    names, seeds = list(results[0].evaluations), list(dict.fromkeys(result.seed for result in results))
    return CrossValidation(
        results=results,
        headlines={name: headline_figures(_pooled(results, name), [group for result in results for group in result.groups]) for name in names},
        seed_values={
            name: {seed: headline_value(_pooled([result for result in results if result.seed == seed], name)) for seed in seeds} for name in names
        },
    )


def _pooled(results: Sequence[FoldResult], name: str) -> Evaluation:
    """Return one evaluation of all clips of all results; a clip that several seeds scored is there once for each."""
    parts = [result.evaluations[name] for result in results]
    first, filenames = parts[0], tuple(filename for part in parts for filename in part.filenames)
    scores, truths = np.concatenate([part.scores for part in parts]), [part.truth for part in parts if part.truth is not None]
    if truths:
        return multi_label_evaluation(
            first.predictor, split="test", labels=first.labels, filenames=filenames, truth=np.concatenate(truths), scores=scores
        )
    label_indices = np.concatenate([part.label_indices for part in parts])
    return evaluation_of(first.predictor, split="test", labels=first.labels, filenames=filenames, label_indices=label_indices, scores=scores)
